"""Slots and their rules → occurrences. Pure functions: no database, no clock.

A rule is an RFC 5545 RRULE text in naive local time. Occurrences are found in local time first,
then given their zone, then turned into UTC: "05:00" stays 05:00 through every change of offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from scheduler.errors import RuleInvalid

MAX_OCCURRENCES = 1_000  # in one expansion: far above 366 days of any daily rule
_A_DAY = timedelta(days=1)
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# With "every second …" the other parts may never fall together with it, so few are allowed.
_BY_WITH_INTERVAL: Mapping[str, tuple[str, ...]] = {
    "DAILY": (),
    "WEEKLY": ("BYDAY",),
    "MONTHLY": ("BYDAY", "BYMONTHDAY"),
    "YEARLY": ("BYDAY", "BYMONTHDAY", "BYMONTH"),
}

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_NTH, _DAY = "(-1|[1-5])?", "(MO|TU|WE|TH|FR|SA|SU)"
_MONTHDAY, _MONTH = "(-1|[1-9]|[12][0-9]|3[01])", "([1-9]|1[0-2])"
_PARTS = {
    "FREQ": re.compile("|".join(_FREQUENCIES)),
    "INTERVAL": re.compile(r"[1-9]\d{0,2}"),
    "COUNT": re.compile(r"[1-9]\d{0,3}"),
    "UNTIL": re.compile(r"\d{8}"),  # a local date, included
    # From the end only the last one: "the second Friday from the end" is nobody's timetable.
    "BYDAY": re.compile(rf"{_NTH}{_DAY}(,{_NTH}{_DAY})*"),
    "BYMONTHDAY": re.compile(rf"{_MONTHDAY}(,{_MONTHDAY})*"),
    "BYMONTH": re.compile(rf"{_MONTH}(,{_MONTH})*"),
}


@dataclass(frozen=True)
class Rule:
    """When a slot airs, in local time."""

    starts_at: time
    seconds: int
    rrule: str
    valid_from: date
    valid_to: date | None  # the last day, included


@dataclass(frozen=True)
class Occurrence:
    on: date  # the broadcast date: the local date of its start
    starts_at: datetime  # aware, UTC
    ends_at: datetime


def check_rule(text: str) -> None:
    """
    Refuse a rule that we cannot keep: another part of RFC 5545, or one that never airs.

    Raises:
        RuleInvalid: says which part is wrong.
    """
    if len(text) > 200:
        raise RuleInvalid(rule=text[:40] + "…", detail="it is longer than 200 letters")
    names = []
    for part in text.split(";"):
        name, _, value = part.partition("=")
        names.append(name)
        if name not in _PARTS or not _PARTS[name].fullmatch(value):
            raise RuleInvalid(rule=text, detail=f'"{part}" is not understood')
    if names[0] != "FREQ" or len(set(names)) != len(names):
        raise RuleInvalid(rule=text, detail="FREQ comes first and nothing stands twice")
    if {"COUNT", "UNTIL"} <= set(names):
        raise RuleInvalid(rule=text, detail="COUNT and UNTIL exclude each other")
    parts = _parts_of(text)
    if parts["FREQ"] in ("DAILY", "WEEKLY") and re.search(r"\d", parts.get("BYDAY", "")):
        # dateutil would pass over the number and air every Monday.
        raise RuleInvalid(rule=text, detail="a numbered weekday needs MONTHLY or YEARLY")
    if parts["FREQ"] == "YEARLY" and "BYDAY" in parts and "BYMONTH" not in parts:
        raise RuleInvalid(rule=text, detail="a weekday of a year needs BYMONTH")
    if not _can_air(parts):
        raise RuleInvalid(rule=text, detail="it never airs")
    try:
        rrulestr(_timed(text, time(0)), dtstart=datetime(2020, 1, 1))  # noqa: DTZ001 - local
    except ValueError as error:
        raise RuleInvalid(rule=text, detail=str(error)) from error


def _can_air(parts: Mapping[str, str]) -> bool:
    """
    Whether the parts leave any day at all.

    dateutil searches a rule without days to the year 9999 (measured: 30 February, daily: 47 s), so
    what only some years or some first days could save is refused too.
    """
    months = [int(n) for n in parts.get("BYMONTH", "1").split(",")]
    days = [int(n) for n in parts.get("BYMONTHDAY", "1").split(",")]
    if parts.get("INTERVAL", "1") == "1":
        return any(day <= _LONGEST[month - 1] for day in days for month in months)
    too_rare = any(day > 28 for day in days) or "5" in parts.get("BYDAY", "")
    return not too_rare and parts.keys() <= {"FREQ", "INTERVAL", "COUNT", "UNTIL"} | set(
        _BY_WITH_INTERVAL[parts["FREQ"]]
    )


def occurrences(rule: Rule, first: date, last: date, zone: ZoneInfo) -> Iterator[Occurrence]:
    """
    What airs from the first day to the last, both included, earliest first.

    A start that the clocks skip (spring) moves to the first valid minute after the gap; one that
    comes twice (autumn) airs once, at its first coming.
    """
    # A day more at either end: a gap at midnight moves a start to the next date.
    until = min(last + _A_DAY, rule.valid_to) if rule.valid_to else last + _A_DAY
    begin = datetime.combine(rule.valid_from, rule.starts_at)
    series = rrulestr(_timed(rule.rrule, rule.starts_at), dtstart=begin)
    after, before = datetime.combine(first - _A_DAY, time.min), datetime.combine(until, time.max)
    count = 0
    for local in series.between(after, before, inc=True):
        starts_at = to_utc(local, zone)
        on = starts_at.astimezone(zone).date()
        if not first <= on <= last:
            continue
        count += 1
        if count > MAX_OCCURRENCES:
            raise RuleInvalid(rule=rule.rrule, detail=f"more than {MAX_OCCURRENCES} airings")
        yield Occurrence(on, starts_at, starts_at + timedelta(seconds=rule.seconds))


def _parts_of(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(";"))


def _timed(text: str, starts_at: time) -> str:
    """UNTIL is a local date, included: dateutil wants the last moment itself."""
    return re.sub(r"UNTIL=(\d{8})", lambda m: f"UNTIL={m[1]}T{starts_at:%H%M%S}", text)


def to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """A naive local time as an instant; one that does not exist moves behind the gap."""
    instant = local.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    # In a gap, fold=0 reads the clock as before the change: the result lies behind the gap by as
    # much as the wish lay inside it. The first valid minute is where the offset changes.
    return _offset_change(local, zone)


def _offset_change(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which the zone jumps over this local time."""
    low = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    high = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


# ── In words ───────────────────────────────────────────────────────────────────────────────────

_DAY_WORDS = {
    "vi": ("Thứ 2", "Thứ 3", "Thứ 4", "Thứ 5", "Thứ 6", "Thứ 7", "Chủ nhật"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_FREQUENCY_WORDS = {
    "vi": {"DAILY": "hằng ngày", "WEEKLY": "hằng tuần", "MONTHLY": "hằng tháng",
           "YEARLY": "hằng năm"},
    "en": {"DAILY": "every day", "WEEKLY": "every week", "MONTHLY": "every month",
           "YEARLY": "every year"},
}  # fmt: skip
_STEP_WORDS = {
    "vi": {"DAILY": "cách {n} ngày một lần", "WEEKLY": "{n} tuần một lần",
           "MONTHLY": "{n} tháng một lần", "YEARLY": "{n} năm một lần"},
    "en": {"DAILY": "every {n} days", "WEEKLY": "every {n} weeks", "MONTHLY": "every {n} months",
           "YEARLY": "every {n} years"},
}  # fmt: skip
_WORDS = {
    "vi": {"at": "lúc {time}", "until": "đến {day}", "count": "{n} buổi", "on_day": "ngày {n}",
           "nth": "{day} lần thứ {n} của tháng", "last": "{day} cuối cùng của tháng",
           "last_day": "ngày cuối tháng", "month": "tháng {n}"},
    "en": {"at": "at {time}", "until": "until {day}", "count": "{n} times", "on_day": "day {n}",
           "nth": "{day} number {n} of the month", "last": "the last {day} of the month",
           "last_day": "the last day of the month", "month": "in month {n}"},
}  # fmt: skip


def describe(rule: Rule, language: str = "vi") -> str:
    """The rule as a sentence: ``Thứ 2, Thứ 4 hằng tuần lúc 05:00, đến 31/03/2022``."""
    parts = _parts_of(rule.rrule)
    words = _WORDS[language]
    interval = int(parts.get("INTERVAL", "1"))
    how_often = (
        _FREQUENCY_WORDS[language][parts["FREQ"]]
        if interval == 1
        else _STEP_WORDS[language][parts["FREQ"]].format(n=interval)
    )
    days = [_day_in_words(day, language) for day in parts.get("BYDAY", "").split(",") if day]
    days += [
        words["last_day"] if n == "-1" else words["on_day"].format(n=n)
        for n in parts.get("BYMONTHDAY", "").split(",")
        if n
    ]
    months = [words["month"].format(n=n) for n in parts.get("BYMONTH", "").split(",") if n]
    at = words["at"].format(time=f"{rule.starts_at:%H:%M}")
    text = " ".join(filter(None, [", ".join(days), ", ".join(months), how_often, at]))
    if "COUNT" in parts:
        text += f", {words['count'].format(n=parts['COUNT'])}"
    until = rule.valid_to
    if "UNTIL" in parts:
        named = datetime.strptime(parts["UNTIL"], "%Y%m%d").date()  # noqa: DTZ007 - local
        until = min(named, until) if until else named
    if until:
        text += f", {words['until'].format(day=f'{until:%d/%m/%Y}')}"
    return text[0].upper() + text[1:]


def _day_in_words(day: str, language: str) -> str:
    nth, name = day[:-2], day[-2:]
    word = _DAY_WORDS[language][_WEEKDAYS.index(name)]
    if not nth:
        return word
    if nth.startswith("-"):
        return _WORDS[language]["last"].format(day=word)
    return _WORDS[language]["nth"].format(day=word, n=nth)
