"""What would help where a line of the timetable cannot stand: proposals that were tried.

Each proposal is checked like the line itself before it is made, so whoever takes one is not refused
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import time
from itertools import islice

from scheduler.errors import Said, SlotRefused, SlotsOverlap, said
from scheduler.recurrence import WEEKDAYS, parts_of
from scheduler.slotcheck import Checker, Line, retimed

LEAST = 2  # proposals at the least
_STEP_MINUTES = 5
_APART_MINUTES, _LOOKED_AT = 15, 6
_SHORTEST_S = 60
_NAMED_STATIONS = 40  # more are no exception any more


@dataclass(frozen=True)
class Fix:
    """One proposal: other values for the line, or (``instead``) another deed before it."""

    kind: str  # other_time, shorter, other_days, exclude, after, remove_other; day_… of one day
    sentence: Said
    changes: Mapping[str, object]  # by the names of SlotDetails; of one day by those of Decision
    instead: tuple[str, ...] = ()  # the words of a command


def fixes_for(
    checker: Checker,
    line: Line,
    problems: Sequence[SlotRefused],
    *,
    shortest_s: int,
    codes: Mapping[int, str],
) -> tuple[Fix, ...]:
    """
    Proposals for a line with these problems, the least change first.

    ``shortest_s`` is what its programme needs; ``codes`` names the stations.
    """
    found = [
        *_shorter(checker, line, shortest_s),
        *(apart(_other_times(checker, line)) or apart(_other_times(checker, line, quiet=True))),
        *_other_days(checker, line),
        *_exclude(checker, line, problems, codes),
    ]
    if len(found) < LEAST:
        found += last_resort(problems)
    return tuple(found)


def _other_times(checker: Checker, line: Line, *, quiet: bool = False) -> Iterator[Fix]:
    """The nearest free times of the same days; out of the quiet hours, unless it was in them."""
    was_quiet = quiet or checker.quiet(line) is not None
    for at in by_distance(line.rule.starts_at):
        trial = retimed(line, starts_at=at)
        if (was_quiet or checker.quiet(trial) is None) and checker.is_free(trial):
            yield Fix("other_time", said("begin at {time}", time=f"{at:%H:%M}"), {"starts_at": at})


def apart(found: Iterator[Fix]) -> list[Fix]:
    """The nearest, and one that is another choice: a quarter of an hour from it where there is."""
    first = next(found, None)
    if first is None:
        return []
    rest = list(islice(found, _LOOKED_AT))
    far = [one for one in rest if abs(_minute(one) - _minute(first)) >= _APART_MINUTES]
    return [first, *(far or rest)[:1]]


def _minute(fix: Fix) -> int:
    at = fix.changes.get("starts_at") or fix.changes["moved_at"]
    assert isinstance(at, time)
    return at.hour * 60 + at.minute


def by_distance(wish: time) -> Iterator[time]:
    """Every five minutes of the day, the nearest to the wish first."""
    minutes = wish.hour * 60 + wish.minute
    others = [n for n in range(0, 24 * 60, _STEP_MINUTES) if n != minutes]
    for n in sorted(others, key=lambda n: (abs(n - minutes), n)):
        yield time(n // 60, n % 60)


def _shorter(checker: Checker, line: Line, shortest_s: int) -> Iterator[Fix]:
    """The longest whole minute that fits and still holds the programme."""
    low = shortest_minute(shortest_s)
    high = (line.rule.seconds - 1) // 60
    if low > high or not checker.is_free(retimed(line, seconds=low * 60)):
        return
    while low < high:
        middle = (low + high + 1) // 2
        if checker.is_free(retimed(line, seconds=middle * 60)):
            low = middle
        else:
            high = middle - 1
    yield Fix("shorter", said("last {n} minutes", n=low), {"seconds": low * 60})


def shortest_minute(seconds: int) -> int:
    """The fewest whole minutes that hold so many seconds; one at the least."""
    return -(-max(seconds, _SHORTEST_S) // 60)


def _other_days(checker: Checker, line: Line) -> Iterator[Fix]:
    """The weekdays on which nothing stands in the way; for rules of days and weeks."""
    parts = parts_of(line.rule.rrule)
    if parts.get("FREQ") not in ("DAILY", "WEEKLY") or "COUNT" in parts or "INTERVAL" in parts:
        return
    named = [day for day in parts.get("BYDAY", "").split(",") if day]
    if parts["FREQ"] == "WEEKLY" and not named:
        return
    ends = f";UNTIL={parts['UNTIL']}" if "UNTIL" in parts else ""
    free = [
        day
        for day in named or WEEKDAYS
        if checker.is_free(retimed(line, rrule=f"FREQ=WEEKLY;BYDAY={day}{ends}"))
    ]
    rule = f"FREQ=WEEKLY;BYDAY={','.join(free)}{ends}"
    if free and checker.is_free(retimed(line, rrule=rule)):
        yield Fix("other_days", said("only on {days}", days=",".join(free)), {"rrule": rule})


def _exclude(
    checker: Checker, line: Line, problems: Sequence[SlotRefused], codes: Mapping[int, str]
) -> Iterator[Fix]:
    """Leave out the stations at which something stands in the way."""
    where = frozenset().union(*(problem.stations for problem in problems))
    rest = line.stations - where
    if not rest or not where or len(where) > _NAMED_STATIONS:
        return
    if checker.is_free(replace(line, stations=rest)):
        names = sorted(codes[station_id] for station_id in where)
        yield Fix(
            "exclude",
            said("without {stations}", stations=", ".join(names)),
            {"exclude": tuple(f"station:{name}" for name in names)},
        )


def last_resort(problems: Sequence[SlotRefused]) -> Iterator[Fix]:
    """Where the line itself cannot give way: the other line does, or the rule does."""
    for problem in problems:
        if isinstance(problem, SlotsOverlap):
            other, number = problem.fields["other"], str(problem.fields["other_id"])
            yield Fix(
                "move_other", said('give "{other}" another time first', other=other), {},
                ("slot", "edit", number, "--at", "HH:MM"),
            )  # fmt: skip
            yield Fix(
                "remove_other", said('take "{other}" out of the timetable first', other=other), {},
                ("slot", "remove", number),
            )  # fmt: skip
        else:
            yield Fix("see_rules", said("look at the rules of the air"), {}, ("air", "list"))
            yield Fix(
                "change_rules", said("agree on other rules of the air"), {}, ("air", "set", "UNIT")
            )
