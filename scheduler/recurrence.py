"""Rule texts → days: a part of RFC 5545, and days of the moon. Pure: no zone, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from functools import lru_cache
from itertools import islice

from dateutil.rrule import rrulestr

from scheduler.errors import RuleInvalid, said
from scheduler.lunar import months_between

LUNAR = "LUNAR"
MAX_LETTERS = 200
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# With "every second …" the other parts may never fall together with it, so few are allowed.
_BY_WITH_INTERVAL: Mapping[str, tuple[str, ...]] = {
    "DAILY": (),
    "WEEKLY": ("BYDAY",),
    "MONTHLY": ("BYDAY", "BYMONTHDAY"),
    "YEARLY": ("BYDAY", "BYMONTHDAY", "BYMONTH"),
}

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NTH, _DAY = "(-1|[1-5])?", "(MO|TU|WE|TH|FR|SA|SU)"
_MONTHDAY, _MONTH = "(-1|[1-9]|[12][0-9]|3[01])", "([1-9]|1[0-2])"
_MOONDAY = "(-1|[1-9]|[12][0-9]|30)"
_COUNT, _UNTIL = re.compile(r"[1-9]\d{0,3}"), re.compile(r"\d{8}")  # UNTIL: a local date, included
_PARTS = {
    "FREQ": re.compile("DAILY|WEEKLY|MONTHLY|YEARLY"),
    "INTERVAL": re.compile(r"[1-9]\d{0,2}"),
    "COUNT": _COUNT,
    "UNTIL": _UNTIL,
    # From the end only the last one: "the second Friday from the end" is nobody's timetable.
    "BYDAY": re.compile(rf"{_NTH}{_DAY}(,{_NTH}{_DAY})*"),
    "BYMONTHDAY": re.compile(rf"{_MONTHDAY}(,{_MONTHDAY})*"),
    "BYMONTH": re.compile(rf"{_MONTH}(,{_MONTH})*"),
}
_LUNAR_PARTS = {
    LUNAR: re.compile(""),
    "DAY": re.compile(rf"{_MOONDAY}(,{_MOONDAY})*"),
    "MONTH": re.compile(rf"{_MONTH}(,{_MONTH})*"),
    "COUNT": _COUNT,
    "UNTIL": _UNTIL,
}


def is_lunar(text: str) -> bool:
    """Whether a rule follows the moon: ``LUNAR;DAY=15`` is every full moon."""
    return text.partition(";")[0] == LUNAR


def parts_of(text: str) -> dict[str, str]:
    """The parts of a rule by name; ``LUNAR`` stands alone."""
    return {name: value for name, _, value in (part.partition("=") for part in text.split(";"))}


def check_rule(text: str) -> None:
    """
    Refuse a rule that we cannot keep: another part of RFC 5545, or one that never airs.

    Raises:
        RuleInvalid: says which part is wrong.
    """
    if len(text) > MAX_LETTERS:
        detail = said("it is longer than {limit} letters", limit=MAX_LETTERS)
        raise RuleInvalid(rule=text[:40] + "…", detail=detail)
    _check_parts(text, _LUNAR_PARTS if is_lunar(text) else _PARTS)
    parts = parts_of(text)
    if "UNTIL" in parts:
        _check_until(text, parts["UNTIL"])
    if is_lunar(text):
        if "DAY" not in parts:
            raise RuleInvalid(rule=text, detail=said("a lunar rule needs a DAY, like DAY=15"))
    else:
        _check_together(text, parts)


def days_of(text: str, begin: date, first: date, last: date) -> Iterator[date]:
    """
    The days of a rule from the first to the last, both included, in order.

    ``begin`` is the day from which INTERVAL and COUNT are counted; nothing lies before it.
    """
    if last < max(begin, first):
        return
    if is_lunar(text):
        yield from _moon_days(text, begin, first, last)
        return
    after, before = datetime.combine(first, time.min), datetime.combine(last, time.min)
    series = rrulestr(_timed(text), dtstart=datetime.combine(begin, time.min))
    for at in series.xafter(after, inc=True):  # one by one: many want only the first of them
        if at > before:
            return
        yield at.date()


# ── Checks ─────────────────────────────────────────────────────────────────────────────────────


def _check_parts(text: str, known: Mapping[str, re.Pattern[str]]) -> None:
    names = []
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        names.append(name)
        is_bare = name == LUNAR and not equals
        if name not in known or not known[name].fullmatch(value) or (not equals and not is_bare):
            raise RuleInvalid(rule=text, detail=said('"{part}" is not understood', part=part))
    if names[0] not in ("FREQ", LUNAR) or len(set(names)) != len(names):
        detail = said("FREQ comes first and nothing stands twice")
        raise RuleInvalid(rule=text, detail=detail)
    if {"COUNT", "UNTIL"} <= set(names):
        raise RuleInvalid(rule=text, detail=said("COUNT and UNTIL exclude each other"))


def _check_until(text: str, until: str) -> None:
    try:
        datetime.strptime(until, "%Y%m%d")  # noqa: DTZ007 - a local date
    except ValueError:
        detail = said('"{part}" is not understood', part=f"UNTIL={until}")
        raise RuleInvalid(rule=text, detail=detail) from None


def _check_together(text: str, parts: Mapping[str, str]) -> None:
    """What single parts do not show."""
    if parts["FREQ"] in ("DAILY", "WEEKLY") and re.search(r"\d", parts.get("BYDAY", "")):
        # dateutil would pass over the number and air every Monday.
        detail = said("a numbered weekday needs MONTHLY or YEARLY")
        raise RuleInvalid(rule=text, detail=detail)
    if parts["FREQ"] == "YEARLY" and "BYDAY" in parts and "BYMONTH" not in parts:
        raise RuleInvalid(rule=text, detail=said("a weekday of a year needs BYMONTH"))
    if not _can_air(parts):
        raise RuleInvalid(rule=text, detail=said("it never airs"))
    try:
        rrulestr(_timed(text), dtstart=datetime(2020, 1, 1))  # noqa: DTZ001 - local
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


def _timed(text: str) -> str:
    """UNTIL is a local date, included: dateutil wants the last moment itself."""
    return re.sub(r"UNTIL=(\d{8})", r"UNTIL=\1T000000", text)


# ── The moon ───────────────────────────────────────────────────────────────────────────────────


def _moon_days(text: str, begin: date, first: date, last: date) -> Iterator[date]:
    parts = parts_of(text)
    if "UNTIL" in parts:
        last = min(last, datetime.strptime(parts["UNTIL"], "%Y%m%d").date())  # noqa: DTZ007
    # COUNT is counted from the beginning, however late we look.
    found = _moon_days_from(text, begin, last)
    if "COUNT" in parts:
        found = islice(found, int(parts["COUNT"]))
    else:
        found = _moon_days_from(text, max(begin, first), last)
    yield from (day for day in found if day >= first)


def _moon_days_from(text: str, begin: date, last: date) -> Iterator[date]:
    """
    Days of the moon: in every month, leap months too; where months are named, in those alone.

    A feast is kept in the month itself and not again in its leap month.
    """
    days, months = _moon_parts(text)
    for month in months_between(begin, last):
        if months and (month.is_leap or month.number not in months):
            continue
        found = {month.day(number) for number in days}
        yield from sorted(day for day in found if day is not None and begin <= day <= last)


@lru_cache(maxsize=256)
def _moon_parts(text: str) -> tuple[tuple[int, ...], frozenset[int]]:
    parts = parts_of(text)
    months = frozenset(int(n) for n in parts.get("MONTH", "").split(",") if n)
    return tuple(int(n) for n in parts["DAY"].split(",")), months
