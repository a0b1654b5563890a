"""A line of the timetable as somebody typed it, and as the core wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, time
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.datastructures import ImmutableMultiDict

from api.fields import MAX_ID
from api.i18n import mark
from scheduler.errors import InputInvalid, said
from scheduler.recurrence import WEEKDAYS, parts_of
from scheduler.slotfixes import Fix
from scheduler.slots import SlotDetails
from scheduler.text import without_tones

REPEATS = (
    ("weekly", mark("on days of the week")),
    ("nth", mark("on a weekday of the month")),
    ("monthly", mark("on a day of the month")),
    ("moon", mark("on days of the moon")),
    ("rule", mark("by a rule of RFC 5545")),
)
NTH = (
    ("1", mark("first")),
    ("2", mark("second")),
    ("3", mark("third")),
    ("4", mark("fourth")),
    ("5", mark("fifth, if there is one")),
    ("-1", mark("last")),
)

LIST = "list"  # instead of a programme: several, one after the other
_LETTERS, _LONG = 20, 2_000
_LIMITS = {"title": 400, "programme_id": 140, "audience": 60, "items": 140, "stream": 600,
           "moon_days": 100, "rule": 200, "more": _LONG, "exclude": _LONG}  # fmt: skip
_MOST = 600  # of what may come several times


@dataclass(frozen=True)
class Typed:
    """What somebody typed into the form of a slot; kept when it cannot be taken."""

    title: str = ""
    programme_id: str = ""  # a number, or series:NAME, or theme:NAME, or "list"
    items: Sequence[str] = field(default=())  # of a list, in order
    no_repeat_days: str = "7"
    ident_id: str = ""
    filler_id: str = ""
    audience: str = ""
    more: Sequence[str] = field(default=())  # further units and stations
    exclude: Sequence[str] = field(default=())
    starts_at: str = ""
    minutes: str = ""  # none: as long as the programme; 12:30 is twelve and a half
    late_minutes: str = "10"
    kind: str = "programme"
    programme_class: str = "normal"
    stream: str = ""
    repeats: str = "weekly"
    every: str = "1"
    days: Sequence[str] = field(default=())  # none: every day
    nth: str = "1"
    nth_day: str = "MO"
    month_day: str = ""
    moon_days: str = ""
    rule: str = ""
    valid_from: str = ""
    valid_to: str = ""

    @classmethod
    def read(cls, sent: ImmutableMultiDict[str, Any]) -> Typed:
        """
        A form, or an address that fills one in.

        Raises:
            InputInvalid: a value is longer than any that is right.
        """
        found: dict[str, Any] = {}
        for one in fields(cls):
            values = [value for value in sent.getlist(one.name) if isinstance(value, str)]
            limit = _LIMITS.get(one.name, _LETTERS)
            if len(values) > _MOST or any(len(value) > limit for value in values):
                raise InputInvalid(problem=said("a field has {limit} letters at most", limit=limit))
            if values and isinstance(one.default, str):
                found[one.name] = values[-1]
            elif values:
                found[one.name] = _entries(values) if one.name == "items" else _codes(values)
        return cls(**found)

    @classmethod
    def of(cls, details: SlotDetails) -> Typed:
        """A line that stands, as it would have to be typed."""
        first, *more = details.audience
        return cls(
            title=details.title,
            programme_id=_content_code(details),
            items=details.items,
            no_repeat_days=str(details.no_repeat_days),
            ident_id=str(details.ident_id or ""),
            filler_id=str(details.filler_id or ""),
            audience=first,
            more=tuple(more),
            exclude=details.exclude,
            starts_at=_clock(details.starts_at),
            minutes=shown_minutes(details.seconds),
            late_minutes=shown_minutes(details.late_ok_s),
            kind=details.kind,
            programme_class=details.programme_class,
            stream=details.stream or "",
            valid_from=details.valid_from.isoformat() if details.valid_from else "",
            valid_to=details.valid_to.isoformat() if details.valid_to else "",
            **rule_fields(details.rrule),
        )

    def details(self, unit_code: str) -> SlotDetails:
        """
        As the core wants it.

        Raises:
            InputInvalid: a time, a date or a choice is missing or not one.
        """
        return SlotDetails(
            title=self.title,
            unit_code=unit_code,
            audience=tuple(one for one in (self.audience, *self.more) if one),
            exclude=tuple(self.exclude),
            **self._content(),
            no_repeat_days=_whole(self.no_repeat_days or "7", "no repeat"),
            ident_id=programme_number(self.ident_id) if self.ident_id else None,
            filler_id=programme_number(self.filler_id) if self.filler_id else None,
            starts_at=typed_time(self.starts_at),
            seconds=seconds_of(self.minutes, "the length") if self.minutes.strip() else None,
            late_ok_s=seconds_of(self.late_minutes or "0", "how late it may begin"),
            kind=self.kind,
            rrule=self.rrule(),
            programme_class=self.programme_class,
            stream=self.stream.strip() or None,
            valid_from=typed_date(self.valid_from),
            valid_to=typed_date(self.valid_to),
        )

    def _content(self) -> dict[str, Any]:
        """What of the choices was chosen: a programme, a series, a theme or a list."""
        if self.programme_id == LIST:
            return {"programme_id": None, "items": tuple(one for one in self.items if one)}
        kind, _, name = self.programme_id.partition(":")
        if kind in ("series", "theme") and name:
            return {"programme_id": None, kind: name}
        return {"programme_id": programme_number(self.programme_id)}

    def rrule(self) -> str:
        if self.repeats == "nth":
            return f"FREQ=MONTHLY;BYDAY={self.nth}{self.nth_day}"
        if self.repeats == "monthly":
            return f"FREQ=MONTHLY;BYMONTHDAY={_days(self.month_day, 31, _NO_DAYS)}"
        if self.repeats == "moon":
            return f"LUNAR;DAY={_days(self.moon_days, 30, _NO_MOON_DAYS)}"
        if self.repeats == "rule":
            return self.rule.strip().upper().removeprefix("RRULE:")
        return self._weekly()

    def _weekly(self) -> str:
        known = [day for day in WEEKDAYS if day in self.days]
        every = _whole(self.every or "1", "every how many weeks")
        if every == 1 and (not known or len(known) == len(WEEKDAYS)):
            return "FREQ=DAILY"
        named = ",".join(known or WEEKDAYS)
        interval = f"INTERVAL={every};" if every > 1 else ""
        return f"FREQ=WEEKLY;{interval}BYDAY={named}"

    def taking(self, fix: Fix) -> Typed:
        """As it would stand in the form with a proposal taken."""
        return replace(self, **_taken(fix, self))

    def filled(self, sent: ImmutableMultiDict[str, Any]) -> Typed:
        """With these fields typed over it."""
        read = Typed.read(sent)
        return replace(self, **{name: getattr(read, name) for name in sent if name in _NAMES})

    def fields(self) -> list[tuple[str, str]]:
        """Name and value of every field, for a form that is sent again."""
        pairs: list[tuple[str, str]] = []
        for one in fields(self):
            value = getattr(self, one.name)
            pairs += [(one.name, value)] if isinstance(value, str) else [
                (one.name, part) for part in value
            ]  # fmt: skip
        return pairs


_NAMES = frozenset(one.name for one in fields(Typed))


async def typed_form(request: Request) -> Typed:
    """A dependency: the form as it came."""
    return Typed.read(await request.form())


def taken_fields(fix: Fix, typed: Typed) -> str:
    """What a proposal changes in the form, as ``starts_at=05%3A30``; a list may be empty."""
    changes = _taken(fix, typed)
    return urlencode({name: value or "" for name, value in changes.items()}, doseq=True)


def _taken(fix: Fix, typed: Typed) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in fix.changes.items():
        if name == "starts_at" and isinstance(value, time):
            changes["starts_at"] = _clock(value)
        elif name == "seconds" and isinstance(value, int):
            changes["minutes"] = shown_minutes(value)
        elif name == "rrule":
            changes |= rule_fields(str(value))
        elif name == "exclude" and isinstance(value, tuple):
            changes["exclude"] = tuple(dict.fromkeys((*typed.exclude, *value)))
    return changes


def rule_fields(rrule: str) -> dict[str, Any]:
    """How a rule is typed: the friendliest way that says exactly the same."""
    parts = parts_of(rrule)
    days = [day for day in parts.get("BYDAY", "").split(",") if day]
    ways: list[dict[str, Any]] = [
        {"repeats": "weekly", "every": parts.get("INTERVAL", "1"), "days": tuple(days)},
        {"repeats": "monthly", "month_day": parts.get("BYMONTHDAY", "")},
        {"repeats": "moon", "moon_days": parts.get("DAY", "").replace(",", " ")},
    ]
    if len(days) == 1 and days[0][:-2] in dict(NTH):
        ways.append({"repeats": "nth", "nth": days[0][:-2], "nth_day": days[0][-2:]})
    for way in ways:
        try:
            if Typed(**way).rrule() == rrule:
                return way
        except InputInvalid:
            continue
    return {"repeats": "rule", "rule": rrule}


def _content_code(details: SlotDetails) -> str:
    if details.series:
        return f"series:{details.series}"
    if details.theme:
        return f"theme:{details.theme}"
    return LIST if details.items else str(details.programme_id or "")


def _entries(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(value.strip() for value in values if value.strip())


def _codes(values: Sequence[str]) -> tuple[str, ...]:
    """Several may stand in one field with spaces or commas between them; each counts once."""
    return tuple(dict.fromkeys(" ".join(values).replace(",", " ").split()))


def shown_minutes(seconds: int | None) -> str:
    """``15``, or ``1:30`` where seconds are left."""
    if seconds is None:
        return ""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}:{rest:02}" if rest else str(minutes)


def _clock(at: time) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def programme_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MAX_ID:
        raise InputInvalid(problem="choose a programme")
    return int(text)


def typed_time(text: str) -> time:
    try:
        return time.fromisoformat(text).replace(microsecond=0, tzinfo=None)
    except ValueError:
        raise InputInvalid(problem="the time is missing: write it as 05:00") from None


def typed_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputInvalid(problem="a day is not a date") from None


_NO_NUMBER: Mapping[str, str] = {
    "the length": mark("the length is a number of minutes"),
    "how late it may begin": mark("how late it may begin is a number of minutes"),
    "every how many weeks": mark("every how many weeks is a number"),
    "no repeat": mark("no repeat is a number of days"),
}


_NO_DAYS = mark(
    "days of the month are numbers from 1 to 31, or -1 for the last: 1 and 15, for example"
)
_NO_MOON_DAYS = mark(
    "days of the moon are numbers from 1 to 30, or -1 for the last: 1 and 15, for example"
)
# As people write them: "rằm và mùng 1", "ngày 1, 15".
_CALLED = {"ram": "15", "cuoi": "-1"}
_BESIDE = frozenset({"ngay", "mung", "mong", "va", "and"})


def _days(text: str, last: int, problem: str) -> str:
    words = without_tones(text).replace(",", " ").replace(";", " ").split()
    days = [_CALLED.get(word, word.lstrip("0")) for word in words if word not in _BESIDE]
    known = {"-1", *(str(n) for n in range(1, last + 1))}
    if not days or not known.issuperset(days):
        raise InputInvalid(problem=problem)
    return ",".join(days)


def seconds_of(text: str, what: str) -> int:
    """Minutes, or minutes and seconds."""
    minutes, colon, rest = text.strip().partition(":")
    if colon and (len(rest) != 2 or _whole(rest, what) > 59):
        raise InputInvalid(problem=_NO_NUMBER[what])
    return _whole(minutes, what) * 60 + (_whole(rest, what) if colon else 0)


def _whole(text: str, what: str) -> int:
    text = text.strip()
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise InputInvalid(problem=_NO_NUMBER[what])
    return int(text)
