"""Slots and their rules → occurrences. Pure functions: no database, no clock.

Days are found first (``scheduler.recurrence``), in local time; then each start is given its zone
and turned into UTC: "05:00" stays 05:00 through every change of offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from scheduler.errors import RuleInvalid, said
from scheduler.recurrence import days_of

MAX_OCCURRENCES = 1_000  # in one expansion: far above 366 days of any daily rule
_A_DAY = timedelta(days=1)
_A_YEAR = timedelta(days=366)
_LOOKED_AHEAD_YEARS = 12  # a slot on 29 February may wait eight of them (1896 to 1904, and 2100)


@dataclass(frozen=True)
class Rule:
    """When a slot airs, in local time."""

    starts_at: time
    seconds: int
    rrule: str  # RFC 5545, or LUNAR;…
    valid_from: date
    valid_to: date | None  # the last day, included


@dataclass(frozen=True)
class Change:
    """What a person decided about one day of a rule."""

    kind: str  # skip, move, replace, length
    to: datetime | None = None  # of a move: the new local start, without a zone
    programme_id: int | None = None  # of a replacement
    seconds: int | None = None  # how long it lasts on that day; none: as the rule says


Changes = Mapping[date, Change]  # by the day on which the rule itself would air
_NONE: Changes = {}


@dataclass(frozen=True)
class Occurrence:
    on: date  # the broadcast date: the local date of its start
    starts_at: datetime  # aware, UTC
    ends_at: datetime
    rule_day: date  # the day that the rule names: not the one that a move or a gap led to
    change: Change | None = None  # what made it differ from the rule


def occurrences(
    rule: Rule, first: date, last: date, zone: ZoneInfo, changes: Changes = _NONE
) -> Iterator[Occurrence]:
    """
    What airs from the first day to the last, both included, earliest first.

    A start that the clocks skip (spring) moves to the first valid minute after the gap; one that
    comes twice (autumn) airs once, at its first coming. A day that was moved airs on its new day
    and not on its old one, also when only one of the two lies in this time.
    """
    found = []
    for day, local, change in _starts(rule, first, last, changes):
        one = _occurrence(rule, day, local, zone, change)
        if first <= one.on <= last:
            found.append(one)
        if len(found) > MAX_OCCURRENCES:
            detail = said("more than {limit} airings", limit=MAX_OCCURRENCES)
            raise RuleInvalid(rule=rule.rrule, detail=detail)
    yield from sorted(found, key=lambda one: one.starts_at)


def occurrence_on(rule: Rule, day: date, zone: ZoneInfo, change: Change) -> Occurrence | None:
    """What becomes of one day of a rule by this change; none: it is skipped, or names no day."""
    if change.kind == "skip" or not airs_on(rule, day):
        return None
    local = change.to or datetime.combine(day, rule.starts_at)
    return _occurrence(rule, day, local, zone, change)


def _occurrence(
    rule: Rule, day: date, local: datetime, zone: ZoneInfo, change: Change | None
) -> Occurrence:
    starts_at = to_utc(local, zone)
    seconds = rule.seconds if change is None or change.seconds is None else change.seconds
    ends_at = starts_at + timedelta(seconds=seconds)
    return Occurrence(starts_at.astimezone(zone).date(), starts_at, ends_at, day, change)


def coming(
    rule: Rule, first: date, count: int, zone: ZoneInfo, changes: Changes = _NONE
) -> list[Occurrence]:
    """The next so many from that day on; fewer where the rule ends or airs too rarely."""
    return list(islice(_year_by_year(rule, first, zone, changes), count))


def _year_by_year(
    rule: Rule, first: date, zone: ZoneInfo, changes: Changes
) -> Iterator[Occurrence]:
    first = max(first, rule.valid_from)
    for _ in range(_LOOKED_AHEAD_YEARS):
        yield from occurrences(rule, first, first + _A_YEAR - _A_DAY, zone, changes)
        first += _A_YEAR


def _starts(
    rule: Rule, first: date, last: date, changes: Changes
) -> Iterator[tuple[date, datetime, Change | None]]:
    """Local starts, a day more at either end: a gap at midnight moves one to the next date."""
    first, last = first - _A_DAY, last + _A_DAY
    for day in _days(rule, first, last):
        change = changes.get(day)
        if change is None or change.kind in ("replace", "length"):
            yield day, datetime.combine(day, rule.starts_at), change
    for day, change in changes.items():
        is_near = change.to is not None and first <= change.to.date() <= last
        if change.to is not None and is_near and day in _days(rule, day, day):
            yield day, change.to, change


def _days(rule: Rule, first: date, last: date) -> Iterator[date]:
    until = min(last, rule.valid_to) if rule.valid_to else last
    return days_of(rule.rrule, rule.valid_from, first, until)


def airs_on(rule: Rule, day: date) -> bool:
    """Whether the rule itself names that day."""
    return day in _days(rule, day, day)


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
