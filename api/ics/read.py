"""A calendar → events of ours, or why one cannot be one. Hostile until read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar

from api.errors import EventProblem, NoCalendar
from scheduler.errors import CoreError, FileRefused, InputInvalid, RowProblem, said, said_of
from scheduler.recurrence import WEEKDAYS, check_rule

MAX_BYTES, MAX_EVENTS = 5 << 20, 2_000
ONCE = "FREQ=DAILY;COUNT=1"
Day = tuple[date, str]  # with the place at which alone it differs; empty: everywhere
Event = Any  # the library's own types say that every property may be any of thirty kinds
_DECISION = re.compile(
    r"(\d{8}) (-|(?:unit|station):[A-Za-z0-9._-]{1,40}) "
    r"(?:skip|length:(\d{1,5})"
    r"|move(?::(\d{1,5}))? (\d{8}T\d{4})"
    r"|replace(?::(\d{1,5}))? ([0-9a-f]{64})) ?(.*)"
)
_ORDER = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY")


@dataclass(frozen=True)
class OtherDay:
    """A day that differs from the rule, for all or at one place."""

    moved_to: datetime | None = None  # local, without a zone
    programme_sha256: str | None = None
    reason: str = ""
    seconds: int | None = None  # another length than on other days


@dataclass(frozen=True)
class CalendarLine:
    """One line of a calendar in our words; what it does not say is missing from ``facts``."""

    uid: str
    title: str
    first: date
    starts_at: time
    seconds: int
    rrule: str
    is_cancelled: bool = False
    other_days: Mapping[Day, OtherDay] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)  # x-loa-…, by the rest of the name
    items: tuple[str, ...] = ()  # a list, one after the other: kind:NAME or programme:SHA-256


def read_calendar(content: bytes, name: str, zone: ZoneInfo) -> list[CalendarLine]:
    """
    The lines of a calendar, in its order.

    Raises:
        NoCalendar: it is none.
        FileRefused: with every event that cannot be a line, and why.
    """
    if len(content) > MAX_BYTES:
        raise NoCalendar(name=name, detail=said("it is larger than {n} MB", n=MAX_BYTES >> 20))
    try:
        calendar = Calendar.from_ical(content)
        events = list(calendar.walk("VEVENT"))
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        detail = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise NoCalendar(name=name, detail=detail) from error
    except RecursionError as error:
        too_deep = said("its parts lie too deep in each other")
        raise NoCalendar(name=name, detail=too_deep) from error
    if not events or len(events) > MAX_EVENTS:
        raise NoCalendar(name=name, detail=said("1 to {n} events are wanted", n=MAX_EVENTS))
    return _lines(events, name, zone)


def _lines(events: list[Event], name: str, zone: ZoneInfo) -> list[CalendarLine]:
    lines: dict[str, CalendarLine] = {}
    problems: list[RowProblem] = []
    # What we write for people alone: what some places of a line hear on a day of their own.
    events = [one for one in events if "X-LOA-PART-OF" not in one]
    mains = [one for one in events if "RECURRENCE-ID" not in one]
    others = [one for one in events if "RECURRENCE-ID" in one and "X-LOA-PLACE" not in one]
    for event in (*mains, *others):
        try:
            uid = _uid(event)
            if "RECURRENCE-ID" in event:
                lines[uid] = _with_other_day(event, lines.get(uid), zone)
            elif uid in lines:
                raise InputInvalid(problem="another event has the same UID")
            else:
                lines[uid] = _line(event, uid, zone)
        except CoreError as error:
            problems.append(EventProblem(event=_called(event), reason=said_of(error)))
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError):
            reason = said("it cannot be read")
            problems.append(EventProblem(event=_called(event), reason=reason))
    if problems:
        raise FileRefused(name=name, problems=problems)
    return list(lines.values())


def _line(event: Event, uid: str, zone: ZoneInfo) -> CalendarLine:
    starts_at = _local(event, "DTSTART", zone)
    facts = {
        key.lower().removeprefix("x-loa-"): _plain(value)
        for key, value in event.items()
        if key.startswith("X-LOA-") and not isinstance(value, list)
    }
    rule = facts.pop("rule", None)
    rrule = rule if rule is not None else _rrule(event, zone, starts_at.time())
    check_rule(rrule)
    for name in ("skipped", "decision", "item"):
        facts.pop(name, None)
    return CalendarLine(
        uid=uid, title=_text(event, "SUMMARY"), first=starts_at.date(),
        starts_at=starts_at.time(), seconds=_seconds(event, starts_at, zone), rrule=rrule,
        is_cancelled=str(event.get("STATUS", "")).upper() == "CANCELLED",
        other_days=_single_days(event, zone, starts_at), facts=facts,
        items=tuple(_plain(one) for one in _all(event, "X-LOA-ITEM")),
    )  # fmt: skip


def _single_days(event: Event, zone: ZoneInfo, starts_at: datetime) -> dict[Day, OtherDay]:
    """The days that are skipped, and what was decided for one place alone."""
    reasons, places = dict(_skipped(event)), dict(_decisions(event))
    elsewhere = {day for day, _ in places} - reasons.keys()
    skipped = {
        (day, ""): OtherDay(reason=reasons.get(day, ""))
        for day in _exdates(event, zone, starts_at)
        if day not in elsewhere  # shown so to that place, for whom the calendar was made
    }
    return {**skipped, **places}


def _with_other_day(event: Event, line: CalendarLine | None, zone: ZoneInfo) -> CalendarLine:
    if line is None:
        raise InputInvalid(problem="it changes an event that is not in this calendar")
    if str(event["RECURRENCE-ID"].params.get("RANGE", "")):
        raise InputInvalid(problem="it changes all later days at once: make it a line of its own")
    on = _naive(event["RECURRENCE-ID"].dt, zone).date()
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        other = OtherDay(reason=_text(event, "COMMENT"))
    else:
        starts_at = _local(event, "DTSTART", zone)
        is_moved = starts_at != datetime.combine(on, line.starts_at)
        sha256 = str(event.get("X-LOA-PROGRAMME", "")) or None
        seconds = _other_length(event, line, starts_at, zone)
        if not is_moved and sha256 is None and seconds is None:
            return line  # another colour or note: nothing that we air
        other = OtherDay(starts_at if is_moved else None, None if is_moved else sha256,
                         _text(event, "COMMENT"), seconds)  # fmt: skip
    days = {**line.other_days, (on, ""): other}
    return CalendarLine(**{**vars(line), "other_days": days})


def _other_length(
    event: Event, line: CalendarLine, starts_at: datetime, zone: ZoneInfo
) -> int | None:
    """How long this day lasts, where that is not what the line says."""
    if "DURATION" not in event and "DTEND" not in event:
        return None
    seconds = _seconds(event, starts_at, zone)
    return None if seconds == line.seconds else seconds


# ── Single properties ──────────────────────────────────────────────────────────────────────────


def _uid(event: Event) -> str:
    uid = str(event.get("UID", "")).strip()
    if not 1 <= len(uid) <= 255 or not uid.isprintable():
        raise InputInvalid(problem="it has no usable UID")
    return uid


def _called(event: Event) -> str:
    return (_text(event, "SUMMARY") or str(event.get("UID", "?")))[:80]


def _plain(value: object) -> str:
    """A property that the library does not know comes with its backslashes."""
    return re.sub(r"\\([\\;,])", r"\1", str(value))


def _text(event: Event, name: str) -> str:
    value = event.get(name, "")
    return " ".join(str(value[0] if isinstance(value, list) else value).split())[:300]


def _local(event: Event, name: str, zone: ZoneInfo) -> datetime:
    if name not in event:
        raise InputInvalid(problem="it has no beginning")
    value = event[name].dt
    if not isinstance(value, datetime):
        raise InputInvalid(problem="it lasts whole days: a slot needs a time")
    repeats = "RRULE" in event or "RDATE" in event
    local = _naive(value, zone)
    is_elsewhere = value.tzinfo is not None and value.replace(tzinfo=None) != local
    if repeats and is_elsewhere:
        raise InputInvalid(
            problem=said("it repeats in another zone: write its times in {zone}", zone=str(zone))
        )
    return local


def _naive(value: date, zone: ZoneInfo) -> datetime:
    """Local, to the minute; a time without a zone is a local one."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time())
    local = value if value.tzinfo is None else value.astimezone(zone)
    return local.replace(tzinfo=None, second=0, microsecond=0)


def _seconds(event: Event, starts_at: datetime, zone: ZoneInfo) -> int:
    if "DURATION" in event:
        length = event["DURATION"].dt
    elif "DTEND" in event:
        length = _naive(event["DTEND"].dt, zone) - starts_at
    else:
        raise InputInvalid(problem="it has neither a length nor an end")
    if not isinstance(length, timedelta) or not 0 < length.total_seconds() <= 86_400:
        raise InputInvalid(problem="a slot lasts 1 second to 24 hours")
    return int(length.total_seconds())


def _rrule(event: Event, zone: ZoneInfo, starts_at: time) -> str:
    if "RDATE" in event or "EXRULE" in event:
        raise InputInvalid(problem="single days (RDATE) need a rule: make them lines of their own")
    rule = event.get("RRULE")
    if rule is None:
        return ONCE
    if isinstance(rule, list):
        raise InputInvalid(problem="it has more than one rule: make them lines of their own")
    parts = {str(name).upper(): list(values) for name, values in rule.items()}
    _without_defaults(parts)
    texts = {name: _values(name, values, zone, starts_at) for name, values in parts.items()}
    ordered = sorted(texts, key=lambda name: (_rank(name), name))
    return ";".join(f"{name}={texts[name]}" for name in ordered)


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _without_defaults(parts: dict[str, list[Any]]) -> None:
    """Weeks begin on Monday here; where every week airs it makes no difference."""
    if parts.get("INTERVAL") == [1]:
        del parts["INTERVAL"]
    is_monday = [str(one).upper() for one in parts.get("WKST", ["MO"])] == ["MO"]
    if is_monday or "INTERVAL" not in parts:
        parts.pop("WKST", None)


def _values(name: str, values: list[Any], zone: ZoneInfo, starts_at: time) -> str:
    if name == "UNTIL":
        return f"{_until(values[0], zone, starts_at):%Y%m%d}"
    texts = [str(value).upper().removeprefix("+") for value in values]
    if name == "BYDAY":
        texts.sort(key=lambda day: (day[:-2], WEEKDAYS.index(day[-2:])))
    return ",".join(texts)


def _until(value: date, zone: ZoneInfo, starts_at: time) -> date:
    """The last local day that airs: UNTIL is the last instant at which a start may lie."""
    if not isinstance(value, datetime):
        return value
    local = _naive(value, zone)
    return local.date() if starts_at <= local.time() else local.date() - timedelta(days=1)


def _exdates(event: Event, zone: ZoneInfo, starts_at: datetime) -> Iterator[date]:
    found = event.get("EXDATE", [])
    for many in found if isinstance(found, list) else [found]:
        for one in many.dts:
            local = _naive(one.dt, zone)
            if not isinstance(one.dt, datetime) or local.time() == starts_at.time():
                yield local.date()


def _skipped(event: Event) -> Iterator[tuple[date, str]]:
    for one in _all(event, "X-LOA-SKIPPED"):
        day, _, reason = _plain(one).partition(" ")
        try:
            yield datetime.strptime(day, "%Y%m%d").date(), reason[:300]  # noqa: DTZ007 - local
        except ValueError:
            continue


def _decisions(event: Event) -> Iterator[tuple[Day, OtherDay]]:
    """
    What ``write`` says beside what the calendar shows: day, place, and skip, move or replace.

    Mostly what was decided for one place; "-" is what was decided for all, in the calendar of a
    place for which something else counts.

    Raises:
        InputInvalid: one of them is not of that form.
    """
    for one in _all(event, "X-LOA-DECISION"):
        parts = _DECISION.fullmatch(_plain(one))
        if parts is None:
            raise InputInvalid(problem=said('"{text}" is no decision', text=_plain(one)[:60]))
        day, place, alone, of_move, moved_to, of_replacement, sha256, reason = parts.groups()
        seconds = alone or of_move or of_replacement
        on = datetime.strptime(day, "%Y%m%d").date()  # noqa: DTZ007 - local
        to = datetime.strptime(moved_to, "%Y%m%dT%H%M") if moved_to else None  # noqa: DTZ007
        length = int(seconds) if seconds else None
        yield (on, place.removeprefix("-")), OtherDay(to, sha256, reason[:300], length)


def _all(event: Event, name: str) -> list[Any]:
    """A property that may come several times, in its order."""
    found = event.get(name, [])
    return found if isinstance(found, list) else [found]
