"""The chain behind an airing in words: what each link says, and the next step where one broke."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from api.i18n import Translator, mark
from api.ledgerwords import deed, noted
from api.readywords import WHY
from api.rulewords import describe
from api.words import DELIVERY_REASONS, GRADES, OBJECTIONS, Word, reason, word_of
from scheduler.store.models import LedgerEntry
from scheduler.store.states import AiringState, Grade
from scheduler.why import ChainLink, Detail, Story
from scheduler.why import Mark as How

MARKS: Mapping[How, Word] = {
    How.OK: Word(mark("in order"), "check", "good"),
    How.WAITING: Word(mark("not yet"), "clock", "calm"),
    How.UNKNOWN: Word(mark("not known"), "question", "wait"),
    How.BROKEN: Word(mark("broke here"), "cross", "bad"),
}

NAMES: Mapping[str, str] = {
    "slot": mark("Slot"),
    "release": mark("Release of the timetable"),
    "programme": mark("Programme"),
    "rendition": mark("Encoding for the station"),
    "delivery": mark("Sending"),
    "receipt": mark("Check at the station"),
    "log": mark("Log of the player"),
    "result": mark("Result"),
}

# What each link says; the fields are named in ``_fields``.
_SAID: Mapping[str, str] = {
    "slot": mark('"{title}" of {unit}: {rule}. Made by {who} at {at}.'),
    "cancelled": mark('"{title}" of {unit} no longer asks for it: the plan was changed.'),
    "slot_removed": mark('"{title}" of {unit} was taken out of the timetable at {removed_at}.'),
    "slot_skip": mark('"{title}" of {unit} was skipped on this day.'),
    "slot_move": mark('"{title}" of {unit} was moved to another time.'),
    "slot_replace": mark('On this day another programme took the place in "{title}".'),
    "release": mark("Version {version}, released by {who} at {at}."),
    "approved": mark('"{title}": brought by {uploaded_by}, approved by {who} at {at}.'),
    "encoded": mark("Profile {profile}, {size}, {length}, SHA-256 {sha256}."),
    "by_hand": mark("The station has no computer: the programme is brought there by hand."),
    "no_delivery": mark("Nobody planned the delivery of this day."),
    "never_planned": mark("Nobody planned the delivery of this day."),
    "brought_otherwise": mark("We did not send it; the station had it all the same."),
    "delivered": mark("Brought to the station at {at}, manifest {seq}, at try {attempts}."),
    "delivered_late": mark("Brought to the station at {at} only, after its time."),
    "never_delivered": mark("It was never brought to the station: {error}"),
    "not_delivered_yet": mark("Not there yet. {error}"),
    "verified": mark("The station read every file of manifest {seq} and found it right, at {at}."),
    "lost_at_station": mark("The files are gone from the station. They are sent again."),
    "not_verified": mark("The station has not said that it checked manifest {seq}; {seen}"),
    "not_yet": mark("It has not begun yet."),
    "no_log": mark("No log of that day has come from the station; {seen}"),
    "not_in_log": mark("The log of that day came and says nothing about it."),
    "log_started": mark("It began; the log says no end."),
    "log_ended": mark("It began and came to its end."),
    "log_interrupted": mark("It began and was cut off: {reason}."),
    "log_missed": mark("The player did not play it: {reason}."),
}  # fmt: skip

_RESULTS: Mapping[AiringState, str] = {
    AiringState.PLANNED: mark("It is planned."),
    AiringState.ON_STATION: mark("It is planned, and the station has it."),
    AiringState.AIRED: mark("It aired: began {started}, sounded {played} of {length}."),
    AiringState.LATE: mark("It aired late: began {started}, sounded {played} of {length}."),
    AiringState.PARTIAL: mark("It was cut short: began {started}, sounded {played} of {length}."),
    AiringState.MISSED: mark("It did not air."),
    AiringState.UNKNOWN: mark("Nobody knows whether it aired."),
    AiringState.CANCELLED: mark("It was cancelled."),
}

_REPLAN = mark("Put it back into the timetable if it should air.")
_ASK = mark("Call the station and ask; then confirm what was heard.")
_STEPS: Mapping[str, str] = {
    "cancelled": _REPLAN,
    "slot_removed": _REPLAN,
    "slot_skip": mark("Let the day follow its rule again: loa slot restore"),
    "slot_move": mark("Look at the new time."),
    "slot_replace": mark("Look at the programme that took its place."),
    "no_delivery": mark("Plan the days again: loa plan"),
    "never_planned": mark("Look why the days were not planned: loa serve must run at noon."),
    "delivered_late": mark("Look at the tries: was the line down, or the window late?"),
    "never_delivered": mark("Remove what the error names, then send again."),
    "not_delivered_yet": mark("It goes on by itself. Look again in some minutes."),
    "lost_at_station": mark("It goes on by itself. Look again in some minutes."),
    "not_verified": mark("Call the station: is the box switched on?"),
    "no_log": _ASK,
    "not_in_log": _ASK,
    "log_interrupted": mark("Ask at the station what happened: power, amplifier, volume?"),
    "log_missed": mark("Mend what the player names; the next airing needs it too."),
    "missed": _ASK,
    "unknown": _ASK,
}  # fmt: skip

_EVENTS: Mapping[str, str] = {
    "log_started": mark("began"),
    "log_ended": mark("ended"),
    "log_interrupted": mark("was cut off"),
    "log_missed": mark("was not played"),
    "log_refused": mark("was refused"),
}


def verdict(tr: Translator, story: Story) -> str:
    """The first sentence: what became of it."""
    airing = story.airing
    lasted = tr.lasted
    started = tr.time(airing.started_at) if airing.started_at else tr.text(mark("not known"))
    played = tr.text(mark("not known")) if airing.played_ms is None else lasted(airing.played_ms)
    return tr.text(_RESULTS[airing.state], started=started, played=played, length=lasted(airing.ms))


def sentence(tr: Translator, story: Story, link: ChainLink) -> str:
    """What one link says."""
    if link.name == "result":
        return f"{verdict(tr, story)} {proof(tr, story)}".strip()
    if link.code in _SAID:
        return tr.text(_SAID[link.code], **_fields(tr, story, link)).strip()
    return tr.text(WHY[link.code].reason)


def proof(tr: Translator, story: Story) -> str:
    """Why it went so and how we know, without the verdict itself."""
    return " ".join(_proof(tr, story))


def step(tr: Translator, link: ChainLink) -> str:
    """What to do where a link broke; empty where nothing helps any more."""
    if link.code in _STEPS:
        return tr.text(_STEPS[link.code])
    return tr.text(WHY[link.code].step) if link.code in WHY and WHY[link.code].step else ""


def detail(tr: Translator, one: Detail) -> str:
    """One dated line below a link."""
    facts = one.facts
    if one.code == "attempt":
        return _attempt(tr, facts)
    if one.code.startswith("exception_"):
        said = {
            "exception_skip": mark("{who} skipped this day: {reason}"),
            "exception_move": mark("{who} moved it to {to}: {reason}"),
            "exception_replace": mark("{who} put in another programme: {reason}"),
            "exception_length": mark("{who} gave it {length} on this day: {reason}"),
        }[one.code]
        to = " ".join(_plain(tr, part) for part in (facts["moved_at"], facts["moved_on"]) if part)
        length = tr.lasted((facts["seconds"] or 0) * 1000)
        told = tr.text(said, who=facts["who"] or "?", reason=facts["reason"], to=to, length=length)
        return tr.text(mark("Only at {place}: {told}"), place=facts["place"], told=told) if (
            facts["place"]) else told  # fmt: skip
    if one.code in OBJECTIONS:
        return tr.text(OBJECTIONS[one.code], **facts)
    return ", ".join(_line(tr, one))


def written(tr: Translator, entry: LedgerEntry) -> str:
    """What was done, and the note to it."""
    note = noted(entry)
    return f"{deed(tr, entry)}: {note}" if note else deed(tr, entry)


def _fields(tr: Translator, story: Story, link: ChainLink) -> dict[str, Any]:
    facts = link.facts
    fields = {name: _plain(tr, value) for name, value in facts.items()}
    fields["at"] = tr.moment(link.at) if link.at else "…"
    fields["who"] = link.who or "…"
    if link.name == "slot":
        fields["rule"] = describe(story.rule, tr)
    if "size_bytes" in facts:
        fields |= {"size": tr.size(facts["size_bytes"]), "length": tr.lasted(facts["ms"])}
        fields["sha256"] = facts["sha256"][:16] + "…"
    if link.name == "delivery":
        fields["error"] = _error(tr, facts.get("error_code"), facts.get("error_fields"))
    if "last_seen_at" in facts:
        fields["seen"] = _seen(tr, facts["last_seen_at"])
    if link.code in ("log_missed", "log_interrupted") and link.details:
        # The first cause: after a power cut the player ends with "no time for the rest".
        causes = [one.facts["reason"] for one in link.details if one.facts["reason"]]
        fields["reason"] = tr.text(reason(causes[0] if causes else "missed"))
    return fields


def _proof(tr: Translator, story: Story) -> Iterator[str]:
    airing = story.airing
    if airing.reason and airing.state is not AiringState.CANCELLED:
        said = tr.text(reason(airing.reason))
        yield f"{said[:1].upper()}{said[1:]}."
    if airing.grade is not Grade.D or airing.state is AiringState.UNKNOWN:
        by = (airing.evidence or {}).get("who")
        proof = tr.text(GRADES[airing.grade])
        yield tr.text(
            mark("Proof {grade}: {words}."), grade=airing.grade.value,
            words=f"{proof} ({by})" if by else proof,
        )  # fmt: skip


def _attempt(tr: Translator, facts: Mapping[str, Any]) -> str:
    outcome = facts["outcome"]
    if outcome is None:
        said = tr.text(mark("under way, or cut off"))
    elif outcome == "delivered":
        said = tr.text(mark("brought it there"))
    else:
        said = _error(tr, outcome, facts["error_fields"])
    return tr.text(
        mark("try {number} (manifest {seq}), {size} sent: {said}"),
        number=facts["number"], seq=facts["seq"], said=said,
        size=tr.size(facts["bytes_sent"]) if facts["bytes_sent"] else "0 KB",
    )  # fmt: skip


def _line(tr: Translator, one: Detail) -> Iterator[str]:
    facts = one.facts
    event = _EVENTS.get(one.code)
    yield tr.text(event) if event else one.code.removeprefix("log_")
    if facts["played_ms"]:
        yield tr.text(mark("sounded {length}"), length=tr.lasted(facts["played_ms"]))
    if facts["reason"]:
        yield tr.text(reason(facts["reason"]))
    if facts["device"]:
        yield facts["device"]
    if not facts["clock_ok"]:
        yield tr.text(reason("untrusted_time"))
    yield tr.text(mark("line {line}"), line=facts["line"])


def _error(tr: Translator, code: str | None, fields: Mapping[str, Any] | None) -> str:
    if not code:
        return tr.text(mark("It waits to be sent."))
    if code in DELIVERY_REASONS:
        return tr.text(DELIVERY_REASONS[code])
    return tr.coded(code, {"": "", **(fields or {})})  # what an old row lacks shows as "…"


def _seen(tr: Translator, at: datetime | None) -> str:
    if at is None:
        return tr.text(mark("it was never reached."))
    return tr.text(mark("it was reached last at {at}."), at=tr.moment(at))


def _plain(tr: Translator, value: object) -> str:
    if isinstance(value, datetime):
        return tr.moment(value)
    if isinstance(value, date):
        return tr.day(value)
    if isinstance(value, time):
        return tr.time(value)
    return "" if value is None else str(value)


def state_word(tr: Translator, story: Story) -> str:
    return tr.text(word_of(story.airing.state).text)


def story_document(story: Story, tr: Translator) -> dict[str, Any]:
    """The same for programs: codes with their facts, and the sentences."""
    airing, broken = story.airing, story.broken
    return {
        "station": airing.station.code,
        "planned_at": airing.planned_at,
        "broadcast_date": airing.broadcast_date,
        "state": airing.state,
        "grade": airing.grade,
        "verdict": verdict(tr, story),
        "broken": broken.name if broken else None,
        "next_step": (step(tr, broken) or None) if broken else None,
        "links": [_link_document(story, link, tr) for link in story.links],
        "ledger": [
            {"seq": one.seq, "at": one.at, "who": one.who, "what": one.what,
             "sentence": written(tr, one)}
            for one in story.ledger
        ],
    }  # fmt: skip


def _link_document(story: Story, link: ChainLink, tr: Translator) -> dict[str, Any]:
    return {
        "name": link.name,
        "mark": link.mark,
        "code": link.code,
        "at": link.at,
        "who": link.who,
        "sentence": sentence(tr, story, link),
        "facts": dict(link.facts),
        "details": [
            {"at": one.at, "code": one.code, "sentence": detail(tr, one), "facts": dict(one.facts)}
            for one in link.details
        ],
    }
