"""The form for a line of the timetable: as it was typed and as the core wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, time
from typing import Annotated, Any

from fastapi import Form

from api.airwords import fix_in_words
from api.fields import MAX_ID
from api.i18n import Translator, mark
from scheduler import slots
from scheduler.errors import InputInvalid, SlotRefused
from scheduler.slotfixes import Fix

WEEKDAYS = (
    ("MO", mark("Mon")),
    ("TU", mark("Tue")),
    ("WE", mark("Wed")),
    ("TH", mark("Thu")),
    ("FR", mark("Fri")),
    ("SA", mark("Sat")),
    ("SU", mark("Sun")),
)
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


@dataclass(frozen=True)
class Typed:
    """What somebody typed into the form for a new slot; kept when it cannot be taken."""

    title: str = ""
    programme_id: str = ""  # a number, or series:NAME, or theme:NAME
    audience: str = ""
    more: str = ""  # further units and stations
    exclude: str = ""
    starts_at: str = ""
    minutes: str = ""  # none: as long as the programme
    late_minutes: str = "10"
    kind: str = "programme"
    programme_class: str = "normal"
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

    def details(self, unit_code: str) -> slots.SlotDetails:
        """
        As the core wants it.

        Raises:
            InputInvalid: a time, a date or a choice is missing or not one.
        """
        audience = [self.audience, *self.more.replace(",", " ").split()]
        return slots.SlotDetails(
            title=self.title,
            unit_code=unit_code,
            audience=tuple(one for one in audience if one),
            exclude=tuple(self.exclude.replace(",", " ").split()),
            **_content(self.programme_id),
            starts_at=typed_time(self.starts_at),
            seconds=_whole(self.minutes, "the length") * 60 if self.minutes.strip() else None,
            late_ok_s=_whole(self.late_minutes or "0", "how late it may begin") * 60,
            kind=self.kind,
            rrule=self.rrule(),
            programme_class=self.programme_class,
            valid_from=typed_date(self.valid_from),
            valid_to=typed_date(self.valid_to),
        )

    def rrule(self) -> str:
        if self.repeats == "nth":
            return f"FREQ=MONTHLY;BYDAY={self.nth}{self.nth_day}"
        if self.repeats == "monthly":
            return f"FREQ=MONTHLY;BYMONTHDAY={self.month_day.strip()}"
        if self.repeats == "moon":
            return f"LUNAR;DAY={','.join(self.moon_days.replace(',', ' ').split())}"
        if self.repeats == "rule":
            return self.rule.strip().upper().removeprefix("RRULE:")
        return self._weekly()

    def _weekly(self) -> str:
        known = [day for day, _ in WEEKDAYS if day in self.days]
        every = _whole(self.every or "1", "every how many weeks")
        if every == 1 and (not known or len(known) == len(WEEKDAYS)):
            return "FREQ=DAILY"
        named = ",".join(known or [day for day, _ in WEEKDAYS])
        interval = f"INTERVAL={every};" if every > 1 else ""
        return f"FREQ=WEEKLY;{interval}BYDAY={named}"

    def taking(self, fix: Fix) -> Typed:
        """As it would stand in the form with a proposal taken."""
        changes: dict[str, str] = {}
        for name, value in fix.changes.items():
            if name == "starts_at" and isinstance(value, time):
                changes["starts_at"] = f"{value:%H:%M}"
            elif name == "seconds" and isinstance(value, int):
                changes["minutes"] = str(value // 60)
            elif name == "rrule":
                changes |= {"repeats": "rule", "rule": str(value)}
            elif name == "exclude" and isinstance(value, tuple):
                changes["exclude"] = " ".join([*self.exclude.split(), *value])
        return replace(self, **changes)

    def fields(self) -> list[tuple[str, str]]:
        """Name and value of every field, for a form that is sent again."""
        pairs: list[tuple[str, str]] = []
        for one in fields(self):
            value = getattr(self, one.name)
            pairs += [(one.name, value)] if isinstance(value, str) else [
                (one.name, part) for part in value
            ]  # fmt: skip
        return pairs


Short = Annotated[str, Form(max_length=20)]
Codes = Annotated[str, Form(max_length=2000)]


def typed_form(
    title: Annotated[str, Form(max_length=400)] = "",
    programme_id: Annotated[str, Form(max_length=140)] = "",
    audience: Annotated[str, Form(max_length=60)] = "",
    more: Codes = "",
    exclude: Codes = "",
    starts_at: Short = "",
    minutes: Short = "",
    late_minutes: Short = "10",
    kind: Short = "programme",
    programme_class: Short = "normal",
    repeats: Short = "weekly",
    every: Short = "1",
    days: Annotated[list[str], Form(max_length=7)] = [],  # noqa: B006 - FastAPI copies it
    nth: Short = "1",
    nth_day: Short = "MO",
    month_day: Short = "",
    moon_days: Annotated[str, Form(max_length=100)] = "",
    rule: Annotated[str, Form(max_length=200)] = "",
    valid_from: Short = "",
    valid_to: Short = "",
) -> Typed:
    """A dependency: the form as it came."""
    return Typed(
        title, programme_id, audience, more, exclude, starts_at, minutes, late_minutes, kind,
        programme_class, repeats, every, days, nth, nth_day, month_day, moon_days, rule,
        valid_from, valid_to,
    )  # fmt: skip


@dataclass(frozen=True)
class Proposal:
    """One thing that would help, as a button: the same form with one thing changed, or a page."""

    sentence: str
    fields: Sequence[tuple[str, str]]
    path: str | None = None


def proposals(error: Exception | None, typed: Typed, tr: Translator) -> list[Proposal]:
    if not isinstance(error, SlotRefused):
        return []
    return [
        Proposal(
            fix_in_words(fix, tr), typed.taking(fix).fields() if fix.changes else (), _page_of(fix)
        )
        for fix in error.fixes
        if fix.changes or _page_of(fix)
    ]


def _page_of(fix: Fix) -> str | None:
    return f"/timetable/{fix.instead[2]}/remove" if fix.kind == "remove_other" else None


def problem_sentences(error: Exception | None, tr: Translator) -> list[str]:
    """All that stands in the way, the first one first."""
    if isinstance(error, SlotRefused) and error.problems:
        return [tr.error(one) for one in error.problems]
    return []


def _content(chosen: str) -> dict[str, Any]:
    """What of the list was chosen: a programme, a series or a theme."""
    kind, _, name = chosen.partition(":")
    if kind in ("series", "theme") and name:
        return {"programme_id": None, kind: name}
    return {"programme_id": programme_number(chosen)}


def programme_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MAX_ID:
        raise InputInvalid(problem="choose a programme")
    return int(text)


def typed_time(text: str) -> time:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
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
}


def _whole(text: str, what: str) -> int:
    text = text.strip()
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise InputInvalid(problem=_NO_NUMBER[what])
    return int(text)
