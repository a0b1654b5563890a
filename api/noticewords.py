"""Notices as letters: what was found, station by station, with the telephone number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from api.i18n import Translator, mark
from api.readywords import WHY
from api.words import DELIVERY_REASONS, reason
from scheduler.hub import Hub
from scheduler.outbox import Wording
from scheduler.post import Letter
from scheduler.store.models import Notice
from scheduler.store.states import NoticeState
from scheduler.text import one_line

Facts = Mapping[str, Any]


def wording_of(tr: Translator) -> Wording:
    """The letters of this language."""
    return lambda kind, facts: letter(tr, kind, facts)


def hub_wording(hub: Hub) -> Wording:
    """In the language that the settings name: a notice has no reader that could choose."""
    from api.i18n import translator

    return wording_of(translator(hub.settings.ui.language, hub.settings.zone))


def letter(tr: Translator, kind: str, facts: Facts) -> Letter:
    subject, lines = _WRITERS[kind](tr, facts)
    return Letter(one_line(f"Loa: {subject}", 200), "\n".join(lines) + "\n")


def notice_document(notice: Notice, tr: Translator) -> dict[str, Any]:
    """What was told to whom, and whether it arrived."""
    code = notice.error_code
    return {
        "id": notice.id,
        "kind": notice.kind,
        "channel": notice.channel,
        "target": notice.target or None,
        "subject": letter(tr, notice.kind, notice.facts).subject,
        "made_at": notice.made_at,
        "state": notice.state,
        "attempts": notice.attempts,
        "next_try_at": notice.next_try_at if notice.state is NoticeState.DUE else None,
        "sent_at": notice.sent_at,
        "error_code": code,
        "error": tr.coded(code, notice.error_fields) if code else None,
    }


Written = tuple[str, list[str]]


def _ready(tr: Translator, facts: Facts) -> Written:
    subject = tr.text(
        mark("{n} stations are not ready for {time}"),
        n=facts["count"], time=tr.moment(_at(facts["planned_at"])),
    )  # fmt: skip
    lines = [
        tr.text(
            mark("In less than {minutes} minutes, at {time}: {ready}/{total} stations are ready."),
            minutes=facts["minutes"], time=tr.moment(_at(facts["planned_at"])),
            ready=facts["ready"], total=facts["total"],
        )
    ]  # fmt: skip
    return subject, [*lines, *_stations(tr, facts, _row_reason)]


def _unconfirmed(tr: Translator, facts: Facts) -> Written:
    at = tr.moment(_at(facts["planned_at"]))
    subject = tr.text(
        mark("{n} stations have not said that they began at {time}"), n=facts["count"], time=at
    )
    first = tr.text(
        mark("It should be on air since {time}. Not confirmed does not mean not aired: call them."),
        time=at,
    )
    return subject, [first, *_stations(tr, facts, _title)]


def _missed(tr: Translator, facts: Facts) -> Written:
    subject = tr.text(mark("not aired: {n}"), n=facts["count"])
    first = tr.text(mark("The stations' own logs say that this did not air:"))
    return subject, [first, *_stations(tr, facts, _missed_reason)]


def _digest(tr: Translator, facts: Facts) -> Written:
    """Three lines if all is well; then one for each station that somebody should call."""
    subject = tr.text(
        mark("{ready}/{total} stations ready; {to_call} to call"),
        ready=facts["ready"], total=facts["total"], to_call=facts["to_call"],
    )  # fmt: skip
    day = date.fromisoformat(facts["on"])
    so_far = tr.text(
        mark("{day} so far: aired {aired}, cut short {partial}, not aired {missed}, "
             "not confirmed {unconfirmed}"),
        day=tr.day(day), aired=facts["aired"], partial=facts["partial"], missed=facts["missed"],
        unconfirmed=facts["unconfirmed"],
    )  # fmt: skip
    coming = tr.text(mark("Nothing more airs today."))
    if facts["next_at"]:
        coming = tr.text(
            mark("Still to come today: {n} airings, the next at {time}"), n=facts["coming"],
            time=tr.time(_at(facts["next_at"])),
        )  # fmt: skip
    if facts["by_hand"]:
        coming += tr.text(mark("; {n} stations without a log: a person confirms"),
                          n=facts["by_hand"])  # fmt: skip
    lines = [subject, so_far, coming]
    return subject, [*lines, *_stations(tr, facts, _call_reason)]


def _night(tr: Translator, facts: Facts) -> Written:
    subject = tr.text(
        mark("the night of {day} is over: {ready}/{total} stations ready"),
        day=tr.day(date.fromisoformat(facts["on"])), ready=facts["ready"], total=facts["total"],
    )  # fmt: skip
    return subject, [subject]


def _test(tr: Translator, facts: Facts) -> Written:
    subject = tr.text(mark("a test, nothing has happened"))
    line = tr.text(
        mark("{by} wanted to know at {time} whether notices arrive. They do."),
        by=facts["by"], time=tr.moment(_at(facts["at"])),
    )  # fmt: skip
    return subject, [line]


_WRITERS: Mapping[str, Callable[[Translator, Facts], Written]] = {
    "ready": _ready,
    "unconfirmed": _unconfirmed,
    "missed": _missed,
    "digest": _digest,
    "night": _night,
    "test": _test,
}


def _stations(
    tr: Translator, facts: Facts, said: Callable[[Translator, Facts], str]
) -> Iterator[str]:
    """``- Đài Đạo Lý, 0912 345 678: why``."""
    named: Sequence[Facts] = facts["stations"]
    for one in named:
        phone = one["phone"] or tr.text(mark("no phone number"))
        yield f"- {one['name']}, {phone}: {said(tr, one)}"
    left = facts.get("count", facts.get("to_call", len(named))) - len(named)
    if left > 0:
        yield tr.text(mark("… and {n} more: loa ready"), n=left)


def _row_reason(tr: Translator, one: Facts) -> str:
    code = one.get("error_code")
    if one["code"] != "failed" or not code:
        return tr.text(WHY[one["code"]].reason)
    if code in DELIVERY_REASONS:
        return tr.text(DELIVERY_REASONS[code])
    return tr.coded(code, one.get("error_fields"))


def _title(tr: Translator, one: Facts) -> str:
    return str(one["title"])


def _missed_reason(tr: Translator, one: Facts) -> str:
    why = tr.text(reason(one["reason"])) if one["reason"] else tr.text(mark("not aired"))
    return f"{tr.moment(_at(one['planned_at']))}, {one['title']}: {why}"


def _call_reason(tr: Translator, one: Facts) -> str:
    at = tr.time(_at(one["planned_at"]))
    if one["code"] in WHY:
        return f"{at}, {_row_reason(tr, one)}"
    if one["code"] == "missed":
        why = tr.text(reason(one["reason"])) if one["reason"] else tr.text(mark("not aired"))
        return f"{at}, {why}"
    return f"{at}, {tr.text(mark('not confirmed yet'))}"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
