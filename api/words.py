"""States as an icon and a word, never as colour alone; and the words for what else has a code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from api.i18n import Translator, mark
from audio.findings import SENTENCES, Finding
from scheduler.logrows import AnyAiring, DayRow
from scheduler.readyrows import ComingDelivery
from scheduler.standing import NextDay
from scheduler.store.models import Attempt, Delivery, Objection
from scheduler.store.states import (
    OPEN_AIRINGS,
    AiringState,
    DeliveryState,
    Grade,
    NoticeState,
    ProgrammeState,
    RenditionState,
)


@dataclass(frozen=True)
class Word:
    """How a state looks: the word to translate, a symbol of icons.svg, and good/bad/wait/calm."""

    text: str
    icon: str
    tone: str


_A, _D, _P, _R = AiringState, DeliveryState, ProgrammeState, RenditionState

# By kind first: a due delivery and a due rendition are equal as text and would share a word.
_WORDS: Mapping[type[StrEnum], Mapping[StrEnum, Word]] = {
    AiringState: {
        _A.PLANNED: Word(mark("planned"), "clock", "calm"),
        _A.ON_STATION: Word(mark("at the station, ready"), "inbox", "calm"),
        _A.AIRED: Word(mark("aired"), "check", "good"),
        _A.LATE: Word(mark("aired late"), "late", "wait"),
        _A.PARTIAL: Word(mark("cut short"), "half", "wait"),
        _A.MISSED: Word(mark("not aired"), "cross", "bad"),
        _A.UNKNOWN: Word(mark("not confirmed yet"), "question", "wait"),
        _A.CANCELLED: Word(mark("cancelled"), "dash", "calm"),
    },
    DeliveryState: {
        _D.DUE: Word(mark("waiting to be sent"), "clock", "calm"),
        _D.QUEUED: Word(mark("about to be sent"), "clock", "calm"),
        _D.LEASED: Word(mark("being sent"), "send", "calm"),
        _D.DELIVERED: Word(mark("sent, the station has not confirmed it yet"), "inbox", "wait"),
        _D.VERIFIED: Word(mark("the station has everything"), "check", "good"),
        _D.SUPERSEDED: Word(mark("replaced by a newer one"), "dash", "calm"),
        _D.FAILED: Word(mark("could not be sent"), "cross", "bad"),
    },
    ProgrammeState: {
        _P.UPLOADED: Word(mark("uploaded"), "inbox", "calm"),
        _P.MEASURING: Word(mark("being checked"), "clock", "calm"),
        _P.REJECTED: Word(mark("returned to the editor"), "cross", "bad"),
        _P.READY: Word(mark("waiting for approval"), "question", "wait"),
        _P.APPROVED: Word(mark("approved"), "check", "good"),
        _P.WITHDRAWN: Word(mark("withdrawn"), "dash", "calm"),
        _P.EXPIRED: Word(mark("expired"), "dash", "calm"),
    },
    RenditionState: {
        _R.DUE: Word(mark("to be encoded"), "clock", "calm"),
        _R.BUILDING: Word(mark("being encoded"), "clock", "calm"),
        _R.READY: Word(mark("encoded"), "check", "good"),
        _R.FAILED: Word(mark("could not be encoded"), "cross", "bad"),
    },
    NoticeState: {
        NoticeState.DUE: Word(mark("to be sent"), "clock", "calm"),
        NoticeState.SENDING: Word(mark("being sent"), "send", "calm"),
        NoticeState.SENT: Word(mark("sent"), "check", "good"),
        NoticeState.DEAD: Word(mark("given up"), "cross", "bad"),
    },
}


def word_of(state: StrEnum) -> Word:
    """How a state is shown."""
    return _WORDS[type(state)][state]


# An airing whose time is over and of which nobody has told yet: it is not "ready" any more.
AWAITED = Word(mark("waiting for word"), "question", "wait")


def airing_word(airing: AnyAiring | DayRow, now: datetime) -> Word:
    """How an airing is shown, before its time and after it."""
    is_over = airing.planned_at + timedelta(milliseconds=airing.ms) <= now
    return AWAITED if is_over and airing.state in OPEN_AIRINGS else word_of(airing.state)


def airing_counts(
    counts: Iterable[tuple[AiringState, int]], *, is_over: bool
) -> Mapping[Word, int]:
    """How many airings of a moment are shown by each word, in the order of the states."""
    found: dict[Word, int] = {}
    for state, number in counts:
        word = AWAITED if is_over and state in OPEN_AIRINGS else word_of(state)
        found[word] = found.get(word, 0) + number
    return found


GRADES: Mapping[Grade, str] = {
    Grade.A: mark("the player of the station wrote it down"),
    Grade.B: mark("a named person confirmed it"),
    Grade.C: mark("inferred: it was delivered before, and the station was seen during it"),
    Grade.D: mark("no proof yet"),
}

# The same in two words, beside a single airing.
PROOFS: Mapping[Grade, str] = {
    Grade.A: mark("by the player's log"),
    Grade.B: mark("by a person's word"),
    Grade.C: mark("inferred"),
    Grade.D: mark("no proof yet"),
}

TRY_WORDS: Mapping[str, Word] = {
    "opened": Word(mark("signed in"), "check", "good"),
    "password": Word(mark("wrong password"), "cross", "wait"),
    "code": Word(mark("wrong code"), "cross", "bad"),
    "locked": Word(mark("locked: too many tries"), "warn", "bad"),
}

# A person's word against what a player's log has proved.
OBJECTIONS: Mapping[str, str] = {
    "said_heard": mark("{who} says that people heard it: {reason}"),
    "said_not_heard": mark("{who} says that nobody heard it: {reason}"),
}

ROLE_WORDS: Mapping[str, str] = {
    "administrator": mark("administrator"),
    "editor": mark("editor"),
    "approver": mark("approver"),
    "technician": mark("technician"),
    "district": mark("district radio staff"),
    "commune": mark("commune officer"),
}

# What a token may open; a test finds a part of the API without its words.
PART_WORDS: Mapping[str, str] = {
    "*": mark("Everything"),
    "account": mark("The own account"),
    "air": mark("When a unit is on air"),
    "airings": mark("The airing log"),
    "alerts": mark("Alerts of others"),
    "bulletins": mark("Urgent bulletins"),
    "calendar": mark("The timetable as a calendar file"),
    "clashes": mark("Slots that collide"),
    "feeds": mark("Calendars for telephones"),
    "ledger": mark("The audit trail"),
    "links": mark("Lines to the stations"),
    "notices": mark("Notices that were sent"),
    "people": mark("People and their access"),
    "programmes": mark("Programmes and their sound"),
    "ready": mark("Readiness before an airing"),
    "schedule": mark("The schedule of a day"),
    "slots": mark("Slots of the timetable"),
    "stations": mark("Stations and their state"),
    "timetable": mark("Releases of the timetable"),
    "today": mark("Today at a glance"),
    "tokens": mark("Tokens of programs"),
    "units": mark("Administrative units"),
    "uploads": mark("Uploads that stopped"),
}
ACCESS_WORDS: Mapping[str, str] = {"read": mark("only look"), "write": mark("look and change")}

CLASS_WORDS: Mapping[str, str] = {
    "normal": mark("normal"),
    "priority": mark("priority"),
    "urgent": mark("urgent"),
}

KIND_WORDS: Mapping[str, str] = {
    "programme": mark("own programme"),
    "relay_province": mark("relay of the province"),
    "relay_district": mark("relay of the district"),
    "announcement": mark("announcement"),
}

PLAN_GROUP_WORDS: Mapping[str, str] = {
    "communication": mark("communication about poverty reduction"),
    "information": mark("reducing poverty of information"),
}

TECHNOLOGY_WORDS: Mapping[str, str] = {
    "ip": mark("IP loudspeakers"),
    "fm": mark("FM radio"),
    "wired": mark("wired loudspeakers"),
}

# What core errors name in their fields: "There is no {what} …".
THINGS = (
    mark("person"),
    mark("unit"),
    mark("station"),
    mark("programme"),
    mark("slot"),
    mark("series"),
    mark("theme"),
    mark("draft"),
    mark("release"),
    mark("episode"),
    mark("link"),
    mark("jump host"),
    mark("decision"),
    mark("rule of the air"),
    mark("calendar"),
    mark("profile"),
    mark("engine"),
    mark("airing"),
    mark("delivery"),
    mark("rendition"),
    mark("token"),
    mark("upload"),
    mark("sign-in"),
    mark("notice"),
    mark("event"),
)

# States, roles and details as errors name them: "{what} is {state}".
NAMED = (
    mark("commune"),
    mark("district"),
    mark("ready"),
    mark("measuring"),
    mark("rejected"),
    mark("missed"),
    mark("unknown"),
    mark("late"),
    mark("partial"),
    mark("on_station"),
    mark("the disk is full"),
    mark("no such folder"),
)

# Why an airing went as it did: the one word of the player's log, and what the hub concludes.
REASONS: Mapping[str, str] = {
    "busy": mark("another programme was on air"),
    "cannot_resume": mark("the sound could not go on where it had stopped"),
    "device_failed": mark("the amplifier or sound card failed"),
    "file_damaged": mark("the file at the station was damaged"),
    "file_missing": mark("the file was not at the station"),
    "missed": mark("the station says that it did not air"),
    "no_device": mark("the station has no sound card"),
    "no_end": mark("the log breaks off: the power may have failed"),
    "not_delivered": mark("it never reached the station"),
    "no_proof": mark("no log and no person said how it went"),
    "overran": mark("it took longer than planned and was stopped"),
    "partial": mark("there was no time for the rest"),
    "power_cut": mark("the power failed"),
    "stopped": mark("the player was stopped"),
    "too_late": mark("the station was ready too late"),
    "untrusted_time": mark("the clock of the station was wrong"),
    "urgent": mark("an urgent bulletin took its place"),
    "withdrawn": mark("it was withdrawn while it was on air"),
}

# Why a delivery waits or ended, where no error of ours says it.
ALERT_KINDS: Mapping[str, str] = {
    "Alert": mark("Alert"),
    "Update": mark("Update of an alert"),
    "Cancel": mark("Cancellation of an alert"),
}
SEVERITIES: Mapping[str, str] = {
    "Extreme": mark("extreme"),
    "Severe": mark("severe"),
    "Moderate": mark("moderate"),
    "Minor": mark("minor"),
    "Unknown": mark("severity not said"),
}
URGENCIES: Mapping[str, str] = {
    "Immediate": mark("act at once"),
    "Expected": mark("act within the hour"),
    "Future": mark("act soon"),
    "Past": mark("over already"),
    "Unknown": mark("urgency not said"),
}

DELIVERY_REASONS: Mapping[str, str] = {
    "lost_at_station": mark("The files are gone from the station. They are sent again."),
    "window_over": mark("The time in which it still helped is over. Look why it was not sent."),
}


def delivery_error(tr: Translator, delivery: Delivery | NextDay | ComingDelivery) -> str:
    """Why a delivery waits or ended, with what to do next."""
    code = delivery.error_code or ""
    if code in DELIVERY_REASONS:
        return tr.text(DELIVERY_REASONS[code])
    return tr.coded(code, delivery.error_fields)


def outcome(tr: Translator, visit: Attempt) -> str:
    """How a visit ended, as a sentence of its own, also when a later one failed otherwise."""
    if visit.outcome is None:
        delivery = visit.delivery
        holds = delivery.state is DeliveryState.LEASED and delivery.attempts == visit.number
        return tr.text(mark("under way") if holds else mark("cut off: the worker ended"))
    if visit.outcome == DeliveryState.DELIVERED:
        return tr.text(mark("delivered"))
    return tr.coded(visit.outcome, {"": "", **(visit.error_fields or {})})


def finding_sentence(tr: Translator, finding: Finding) -> str:
    """What the quality check found, in words and with figures of the language."""
    return tr.text(SENTENCES[finding.code], **{**finding.fields, "number": finding.number})


def reason(text: str) -> str:
    """The sentence of a reason; what a person wrote stays as it is."""
    return REASONS.get(text, text)


def objection_sentence(tr: Translator, one: Objection) -> str:
    """What a person says against the player's log."""
    said = OBJECTIONS["said_heard" if one.heard else "said_not_heard"]
    return tr.text(said, who=one.person.full_name, reason=one.reason)


# In this order: each of them also claims to be those after it.
_BROWSERS = (
    ("Edg", "Edge"), ("coc_coc", "Cốc Cốc"), ("SamsungBrowser", "Samsung Internet"),
    ("OPR/", "Opera"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"),
    ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
    ("Mac OS", "Mac"), ("Linux", "Linux"),
)  # fmt: skip


def device(agent: str) -> str:
    """What somebody signed in with, as they would call it; of an unknown one its own words."""
    parts = (
        next((name for sign, name in known if sign in agent), None)
        for known in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(part for part in parts if part) or agent
