"""What goes wrong in a rehearsal, and how a station with that fault must end to be believed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from api.rehearsal.province import FIRST_DAY
from scheduler.store.states import AiringState
from scheduler.timetable import to_utc
from stations.rehearsed import RehearsedBox

_EPISODE_DAYS = 10  # a station's fault comes once in so many days
_HUB_OFF_FROM = 8  # nights; in fewer it would hide the faults that should be met
_BATTERY_EMPTY = timedelta(days=22 * 365)  # a box without a battery wakes up in the year 2000
_KILLED_AT = ("connected", "side_files", "manifest_part", "manifest_live", "committed")


class Fault(StrEnum):
    NONE = "none"
    LINE_DARK = "line_dark"
    BOX_DARK = "box_dark"
    GONE = "gone"
    LINK_CUT = "link_cut"
    HOST_KEY_CHANGED = "host_key_changed"
    DISK_FULL = "disk_full"
    POWER_CUT = "power_cut"
    POWER_LATE = "power_late"
    CLOCK_BACK = "clock_back"
    CLOCK_AHEAD = "clock_ahead"
    LOG_LOST = "log_lost"
    LOG_DOUBLED = "log_doubled"
    WORKER_KILLED = "worker_killed"


MIXED = tuple(fault for fault in Fault if fault is not Fault.NONE)


class AtHub(Protocol):
    """What a person at the hub does about a fault."""

    def accept_host_key(self, box: RehearsedBox) -> None: ...


Act = Callable[[AtHub, RehearsedBox], None]


@dataclass(frozen=True)
class Event:
    """Something happens at one station at an instant of true time."""

    at: datetime
    happen: Act


@dataclass(frozen=True)
class StationEnd:
    """How one station stood when nothing could become known any more."""

    code: str
    name: str
    fault: Fault
    airings: Mapping[AiringState, int]
    errors: Collection[str]  # codes of what its visits failed with
    false_claims: int  # airings whose state is not what was heard

    @property
    def is_as_expected(self) -> bool:
        """Whether the log tells of this fault what happened, and nothing better or worse."""
        states = {state for state, count in self.airings.items() if count}
        also, error = _EXPECTED[self.fault]
        known = states - {AiringState.CANCELLED, AiringState.AIRED}
        return (
            not self.false_claims
            and known == also
            and (not error or error in self.errors)
            and (self.fault is not Fault.NONE or not self.errors)
        )


# Fault → what its station shows beside "aired", and what its visits fail with.
_EXPECTED: Mapping[Fault, tuple[set[AiringState], str]] = {
    Fault.NONE: (set(), ""),
    Fault.LINE_DARK: (set(), "unreachable"),  # the box played on; its log came later
    Fault.BOX_DARK: ({AiringState.MISSED}, "unreachable"),  # its own log says so
    Fault.GONE: ({AiringState.UNKNOWN}, "unreachable"),  # nobody knows, so nobody says missed
    Fault.LINK_CUT: (set(), "link_down"),
    Fault.HOST_KEY_CHANGED: (set(), "host_key_changed"),
    Fault.DISK_FULL: (set(), "disk_full"),
    Fault.POWER_CUT: ({AiringState.PARTIAL}, ""),
    Fault.POWER_LATE: ({AiringState.LATE}, ""),
    Fault.CLOCK_BACK: ({AiringState.MISSED}, ""),
    Fault.CLOCK_AHEAD: (set(), ""),  # heard, at a time that nobody knows
    Fault.LOG_LOST: ({AiringState.UNKNOWN}, ""),
    Fault.LOG_DOUBLED: (set(), ""),
    Fault.WORKER_KILLED: (set(), "worker_killed"),
}


def faults_of(codes: Sequence[str], wanted: Sequence[Fault], seed: int) -> dict[str, Fault]:
    """Which station gets which fault: about half of them stay sound, at least one always."""
    chance = random.Random(seed)  # noqa: S311 - repeatable is what is wanted
    faults = dict.fromkeys(codes, Fault.NONE)
    if not wanted:
        return faults
    count = min(len(codes) - 1, max(len(wanted), len(codes) // 2))
    for number, code in enumerate(chance.sample(list(codes), count)):
        faults[code] = wanted[number % len(wanted)]
    return faults


class Script:
    """Turns faults into events; the same seed gives the same month."""

    def __init__(self, zone: ZoneInfo, *, nights: int, seed: int, has_faults: bool = True) -> None:
        self._zone, self.nights, self._seed = zone, nights, seed
        self.has_faults = has_faults

    @property
    def retires_on(self) -> date:
        """When a line is taken out of the timetable: with or without faults, that happens."""
        return _date(self.nights // 2)

    def events(self, code: str, fault: Fault) -> list[Event]:
        """What happens at one station, in order."""
        chance = random.Random(f"{self._seed} {code}")  # noqa: S311
        found = [
            Event(self._when(day, moment), act)
            for first in self._episodes(chance, only_one=fault is Fault.GONE)
            for day, moment, act in self._acts(fault, first, chance)
        ]
        return sorted(found, key=lambda event: event.at)

    def hub_off(self) -> list[tuple[datetime, datetime]]:
        """When the hub itself is off: from before an evening's sending until the next morning."""
        if not self.has_faults or self.nights < _HUB_OFF_FROM:
            return []
        days = self._episodes(random.Random(self._seed))  # noqa: S311
        return [(self._when(day, time(17, 30)), self._when(day + 1, time(8))) for day in days]

    def _episodes(self, chance: random.Random, *, only_one: bool = False) -> Iterator[int]:
        """The day on which each episode begins; what lasts some days still ends in its ten."""
        starts = range(0, self.nights, _EPISODE_DAYS)
        for start in list(starts)[:1] if only_one else starts:
            latest = min(start + 5, max(start, self.nights - 3))
            yield chance.randint(start, latest)

    def _acts(
        self, fault: Fault, day: int, chance: random.Random
    ) -> Iterator[tuple[int, time, Act]]:
        lasts = 1 if self.nights < 8 else chance.randint(2, 4)
        match fault:
            case Fault.LINE_DARK:
                yield day, time(12), lambda hub, box: _set(box, has_line=False)
                yield day + lasts, time(6), lambda hub, box: _set(box, has_line=True)
            case Fault.BOX_DARK:
                yield day, time(12, 30), lambda hub, box: box.cut_power()
                yield day + lasts, time(20), lambda hub, box: box.power_on()
            case Fault.GONE:
                yield day, time(12, 30), lambda hub, box: box.cut_power()
            case Fault.LINK_CUT:
                left = chance.randint(0, 1500)
                yield day, time(17, 59), lambda hub, box: _set(box, cuts_after_bytes=left)
            case Fault.HOST_KEY_CHANGED:
                yield day, time(12), lambda hub, box: box.change_host_key()
                yield day + lasts, time(10), lambda hub, box: hub.accept_host_key(box)
            case Fault.DISK_FULL:
                yield day, time(12), lambda hub, box: _set(box, is_full=True)
                yield day + lasts, time(9), lambda hub, box: _set(box, is_full=False)
            case Fault.POWER_CUT:
                cut = time(5, chance.randint(2, 13))
                yield day, cut, lambda hub, box: box.cut_power()
                yield day, time(6), lambda hub, box: box.power_on()
            case Fault.POWER_LATE:
                back = time(5, chance.randint(2, 9))
                yield day, time(4, 30), lambda hub, box: box.cut_power()
                yield day, back, lambda hub, box: box.power_on()
            case Fault.CLOCK_BACK:
                yield day, time(20), lambda hub, box: box.set_clock(-_BATTERY_EMPTY)
                yield day + 1, time(20), lambda hub, box: box.set_clock(timedelta())
            case Fault.CLOCK_AHEAD:
                by = timedelta(minutes=chance.randint(130, 200))
                yield day, time(20), lambda hub, box: box.set_clock(by)
                yield day + 1, time(20), lambda hub, box: box.set_clock(timedelta())
            case Fault.LOG_LOST:
                yield day, time(18, 30), lambda hub, box: box.lose_log(_date(day))
            case Fault.LOG_DOUBLED:
                yield day, time(18, 30), lambda hub, box: box.double_log(_date(day))
            case Fault.WORKER_KILLED:
                step = chance.choice(_KILLED_AT)
                yield day, time(17, 59), lambda hub, box: _set(box, kills_worker_at=step)

    def _when(self, day: int, moment: time) -> datetime:
        return to_utc(datetime.combine(_date(day), moment), self._zone)


def _set(box: RehearsedBox, **fields: object) -> None:
    for name, value in fields.items():
        setattr(box, name, value)


def _date(day: int) -> date:
    return FIRST_DAY + timedelta(days=day)


def sum_of(ends: Collection[StationEnd]) -> Counter[AiringState]:
    total: Counter[AiringState] = Counter()
    for end in ends:
        total.update(end.airings)
    return total
