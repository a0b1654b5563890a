"""A visit in words: what it was for, and what was done at each of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from api.i18n import Translator, mark
from api.words import Word
from scheduler.store.models import Station, StationVisit
from scheduler.visitlog import last_visits, step_began_at, titles_of_files

PURPOSE_WORDS: Mapping[str, str] = {
    "send": mark("the coming days are brought"),
    "collect": mark("receipt and logs are read"),
    "audit": mark("all that lies there is looked at"),
    "urgent": mark("an urgent bulletin is brought"),
}

STEP_WORDS: Mapping[str, str] = {
    "call": mark("the box is called"),
    "host_key": mark("its host key is compared"),
    "sign_in": mark("it lets us in"),
    "room": mark("it is asked for its room"),
    "file_there": mark("sound that lies there already is looked at"),
    "file": mark("sound is sent"),
    "day": mark("the plan of a day is put in place"),
    "urgent": mark("the urgent plan is put in place"),
    "receipt": mark("its receipt is read"),
    "log": mark("its log is read"),
    "audit": mark("files are looked at"),
    "sweep": mark("old files are looked for"),
    "probe": mark("what its server can do is tried"),
    "close": mark("the line is closed"),
}

# How far a file came that never got its final name.
_REACHED: Mapping[str, str] = {
    "part_opened": mark("begun"),
    "half_sent": mark("more than half of it arrived"),
    "all_sent": mark("all of it was sent, not checked yet"),
    "flushed": mark("all of it was sent, not checked yet"),
    "verified": mark("checked, not in its place yet"),
    "renamed": mark("in its place, not confirmed yet"),
}

_SHORTEST_TOLD_MS = 50

_DONE = Word(mark("done"), "check", "good")
_BROKE_OFF = Word(mark("broke off here"), "cross", "bad")
_UNFINISHED = Word(mark("not finished"), "dash", "wait")


@dataclass(frozen=True)
class ToldStep:
    """One step of a visit, as people read it."""

    step: str
    text: str
    state: str  # done, broke_off, unfinished
    word: Word
    began_at: datetime
    ms: int | None
    facts: Mapping[str, Any]
    error_code: str | None
    problem: str | None  # its sentence


@dataclass(frozen=True)
class ToldVisit:
    """A visit as people read it."""

    row: StationVisit
    purpose: str
    steps: Sequence[ToldStep]
    problem: str | None


def told_visits(tr: Translator, session: Session, station: Station) -> list[ToldVisit]:
    """What is kept of a station's visits, the newest first."""
    visits = last_visits(session, station)
    titles = titles_of_files(session, visits)
    return [_told(tr, visit, titles) for visit in visits]


def _told(tr: Translator, visit: StationVisit, titles: Mapping[str, str]) -> ToldVisit:
    return ToldVisit(
        row=visit,
        purpose=tr.text(PURPOSE_WORDS[visit.purpose]),
        steps=[_told_step(tr, visit, step, titles) for step in visit.steps],
        problem=tr.coded(visit.error_code, visit.error_fields) if visit.error_code else None,
    )


def _told_step(
    tr: Translator, visit: StationVisit, step: Mapping[str, Any], titles: Mapping[str, str]
) -> ToldStep:
    code, ms, facts = step.get("error"), step.get("ms"), step.get("facts", {})
    if code:
        state, word = "broke_off", _BROKE_OFF
    elif ms is None:
        state, word = "unfinished", _UNFINISHED
    else:
        state, word = "done", _DONE
    return ToldStep(
        step=step["step"],
        text=_sentence(tr, step, titles),
        state=state,
        word=word,
        began_at=step_began_at(visit, step),
        ms=ms,
        facts={**facts, "count": step.get("count", 1)},
        error_code=code,
        problem=tr.coded(code, step.get("fields")) if code else None,
    )


def _sentence(tr: Translator, step: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    facts, count = step.get("facts", {}), step.get("count", 1)
    match step["step"]:
        case "file":
            return _file_sentence(tr, step, titles)
        case "file_there":
            return tr.count(
                count, "1 sound file lies there already", "{n} sound files lie there already"
            )
        case "room" if "free_bytes" in facts:
            return tr.text(
                mark("it is asked for its room: {size} free"), size=tr.size(facts["free_bytes"])
            )
        case "day" if count > 1:
            return tr.count(count, "1 more plan", "{n} more plans")
        case "day":
            return tr.text(
                mark("the plan of {day} is put in place"),
                day=tr.day(date.fromisoformat(facts["for_date"])),
            )
        case "receipt" if facts.get("is_there") is False:
            return tr.text(mark("its receipt is looked for: there is none yet"))
        case "log" if count > 1:
            return tr.count(count, "1 more log", "{n} more logs")
        case "log" if "lines" in facts:
            day = tr.day(date.fromisoformat(facts["for_date"]))
            if not facts["lines"]:
                return tr.text(mark("its log of {day} is looked for: nothing there"), day=day)
            return tr.text(
                mark("its log of {day} is read: {n} lines"), day=day, n=tr.number(facts["lines"])
            )
        case "sweep" if facts.get("files"):
            return tr.text(
                mark("old files removed: {n} ({size})"),
                n=tr.number(facts["files"]), size=tr.size(facts["freed_bytes"]),
            )  # fmt: skip
        case "audit" if "files" in facts:
            return tr.text(
                mark("files looked at: {n}, of them lost or damaged: {bad}"),
                n=tr.number(facts["files"]), bad=tr.number(facts["bad"]),
            )  # fmt: skip
        case name:
            return tr.text(STEP_WORDS[name])


def _file_sentence(tr: Translator, step: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    facts, count = step.get("facts", {}), step.get("count", 1)
    size = tr.size(facts.get("bytes", 0))
    if count > 1:
        return tr.text(mark("{n} more files sent ({size})"), n=tr.number(count), size=size)
    name = facts.get("name", "")
    fields = {"title": titles.get(name, name[:12]), "size": size}
    if step.get("ms") is None or step.get("error"):
        reached = tr.text(_REACHED[facts["reached"]]) if facts.get("reached") in _REACHED else ""
        text = tr.text(mark("“{title}” is sent ({size})"), **fields)
        return f"{text}: {reached}" if reached else text
    if facts.get("resumed_bytes"):
        there = tr.size(facts["resumed_bytes"])
        return tr.text(
            mark("“{title}” sent to its end and checked ({size}, of which {there} lay there)"),
            there=there, **fields,
        )  # fmt: skip
    return tr.text(mark("“{title}” sent, checked and put in its place ({size})"), **fields)


def took(tr: Translator, ms: int | None) -> str:
    """How long a step took, to the tenth of a second where that says something."""
    if ms is None:
        return "–"
    if ms < _SHORTEST_TOLD_MS:
        return tr.text(mark("less than {s} s"), s=tr.number(0.1, 1))
    return tr.text(mark("{s} s"), s=tr.number(ms / 1000, 1 if ms < 100_000 else 0))


def step_document(step: ToldStep) -> dict[str, Any]:
    """For programs."""
    return {
        "step": step.step, "text": step.text, "state": step.state, "started_at": step.began_at,
        "ms": step.ms, "facts": dict(step.facts), "error_code": step.error_code,
        "error": step.problem,
    }  # fmt: skip


def visit_document(visit: ToldVisit) -> dict[str, Any]:
    """For programs, with its steps."""
    row = visit.row
    return {
        "purpose": row.purpose, "started_at": row.started_at, "took_ms": row.took_ms,
        "is_broken": row.is_broken, "error_code": row.error_code, "error": visit.problem,
        "steps": [step_document(step) for step in visit.steps],
    }  # fmt: skip
