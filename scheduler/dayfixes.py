"""What would help where one day of a line cannot be as somebody wants it; all of it was tried.

Each is a whole other decision about the same day, held against the same lines and rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from scheduler.errors import SlotRefused, said
from scheduler.slotfixes import LEAST, Fix, apart, by_distance, last_resort, shortest_minute

_DAYS_LOOKED_AT = 7
_TIMES_LOOKED_AT = 144  # every five minutes, six hours before and after


@dataclass(frozen=True)
class Wanted:
    """What somebody wants of a day: where it begins and how long it lasts."""

    begins: datetime  # local
    seconds: int
    by_rule_s: int  # what it lasts on every other day
    shortest_s: int  # what its programme needs
    is_moved: bool


IsFree = Callable[[Wanted], bool]


def day_fixes(
    wanted: Wanted, problems: Sequence[SlotRefused], is_free: IsFree,
    is_quiet: Callable[[time], bool],
) -> tuple[Fix, ...]:  # fmt: skip
    """
    Proposals for one day, the least change first; two at the least.

    Args:
        is_free: whether the day may be so.
        is_quiet: whether what begins at that time sounds in quiet hours.
    """
    found = [*_shorter(wanted, is_free), *_other_times(wanted, is_free, is_quiet),
             *islice(_other_days(wanted, is_free), 1)]  # fmt: skip
    if len(found) < LEAST:
        found += last_resort(problems)
    return tuple(found)


def _shorter(wanted: Wanted, is_free: IsFree) -> Iterator[Fix]:
    """The longest whole minute that fits; of a day that is to last longer still longer than all."""
    low, high = shortest_minute(wanted.shortest_s), (wanted.seconds - 1) // 60
    if wanted.seconds > wanted.by_rule_s and not wanted.is_moved:
        low = max(low, wanted.by_rule_s // 60 + 1)
    if low > high or not is_free(_with(wanted, seconds=low * 60)):
        return
    while low < high:
        middle = (low + high + 1) // 2
        if is_free(_with(wanted, seconds=middle * 60)):
            low = middle
        else:
            high = middle - 1
    yield Fix("day_shorter", said("last {n} minutes", n=low), {"seconds": low * 60})


def _other_times(
    wanted: Wanted, is_free: IsFree, is_quiet: Callable[[time], bool]
) -> Sequence[Fix]:
    """The nearest free times of the same day; out of the quiet hours where there are such."""
    wish = wanted.begins.time()
    times = list(islice(by_distance(wish), _TIMES_LOOKED_AT))
    quiet = [] if is_quiet(wish) else [at for at in times if is_quiet(at)]
    others = [at for at in times if at not in quiet]
    return apart(_free(wanted, others, is_free)) or apart(_free(wanted, quiet, is_free))


def _free(wanted: Wanted, times: Sequence[time], is_free: IsFree) -> Iterator[Fix]:
    on = wanted.begins.date()
    for at in times:
        if is_free(_with(wanted, begins=datetime.combine(on, at))):
            changes = {"moved_on": on, "moved_at": at}
            yield Fix("day_other_time", said("begin at {time}", time=f"{at:%H:%M}"), changes)


def _other_days(wanted: Wanted, is_free: IsFree) -> Iterator[Fix]:
    """The next days on which the same time is free."""
    for ahead in range(1, _DAYS_LOOKED_AT + 1):
        begins = wanted.begins + timedelta(days=ahead)
        if is_free(_with(wanted, begins=begins)):
            day, at = f"{begins:%d/%m/%Y}", f"{begins:%H:%M}"
            changes: dict[str, date | time] = {"moved_on": begins.date(), "moved_at": begins.time()}
            yield Fix("day_other_day", said("air it on {day} at {time}", day=day, time=at), changes)


def _with(wanted: Wanted, *, begins: datetime | None = None, seconds: int = 0) -> Wanted:
    return Wanted(
        begins or wanted.begins, seconds or wanted.seconds, wanted.by_rule_s, wanted.shortest_s,
        wanted.is_moved or begins is not None,
    )  # fmt: skip
