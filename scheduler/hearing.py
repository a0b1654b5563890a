"""Who hears what of a slot on a day on which some places differ.

A decision about one day holds wherever the slot is heard, or at one unit, or at one station. At a
station only the nearest one counts: its own before that of its unit, a smaller unit before a larger
one. Pure functions: no database, no clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from scheduler.store.models import Slot, SlotException, SlotTarget
from scheduler.timetable import Change, Changes, Occurrence, Rule, occurrence_on, occurrences

Map = Mapping[int, set[int]]  # unit → stations in it: units.stations_by_unit
Maps = Mapping[date, Map]


def rule_of(slot: Slot) -> Rule:
    """When it airs, as the timetable computes with it."""
    return Rule(slot.starts_at, slot.seconds, slot.rrule, slot.valid_from, slot.valid_to)


def changes_of(slot: Slot) -> Changes:
    """What was decided about single days of it for all who hear it."""
    return {one.on: change_of(one) for one in slot.exceptions if one.is_for_all}


def change_of(one: SlotException) -> Change:
    """A decision as the timetable computes with it."""
    to = None
    if one.moved_on is not None and one.moved_at is not None:
        to = datetime.combine(one.moved_on, one.moved_at)
    return Change(one.kind, to, one.programme_id, one.seconds)


def audience_ids(targets: Iterable[SlotTarget], inside: Map) -> set[int]:
    """The stations that a slot reaches on a map (``units.stations_by_unit``)."""
    reached: set[int] = set()
    left_out: set[int] = set()
    for target in targets:
        into = left_out if target.excluded else reached
        if target.station_id is not None:
            into.add(target.station_id)
        elif target.unit_id is not None:
            into.update(inside.get(target.unit_id, ()))
    return reached - left_out


@dataclass(frozen=True)
class Sounding:
    """One occurrence of a slot; ``decision`` made it what it is for a part of the audience."""

    occurrence: Occurrence
    decision: SlotException | None = None  # none: for all others


def soundings(line: Slot, first: date, last: date, zone: ZoneInfo) -> Iterator[Sounding]:
    """All that a slot airs from the first day to the last, wherever it is."""
    rule = rule_of(line)
    for one in occurrences(rule, first, last, zone, changes_of(line)):
        yield Sounding(one)
    for decision in _of_places(line):
        if decision.kind == "skip":
            continue
        other = occurrence_on(rule, decision.on, zone, change_of(decision))
        if other is not None and first <= other.on <= last:
            yield Sounding(other, decision)


def hearers(line: Slot, sounding: Sounding, maps: Maps) -> set[int]:
    """
    The stations that hear it.

    Who belongs to the audience is seen on the map of the day that airs; whom a decision means, on
    the map of the day that it is about.
    """
    one = sounding.occurrence
    reached = audience_ids(line.targets, maps[one.on])
    decided = [decision for decision in _of_places(line) if decision.on == one.rule_day]
    if not decided:
        return reached
    nearest = _nearest(decided, maps.get(one.rule_day, maps[one.on]))
    if sounding.decision is None:
        return reached - nearest.keys()
    return {station for station in reached if nearest.get(station) is sounding.decision}


def is_contested(lines: Iterable[Slot], maps: Maps) -> bool:
    """
    Whether decisions of two units about one day of a line hold at one station of these maps.

    The nearer one is that which reaches fewer stations: a map of some stations cannot tell.
    """
    different = {id(one): one for one in maps.values()}.values()
    for line in lines:
        for on in {one.on for one in line.exceptions if one.on in maps or one.moved_on in maps}:
            units = {one.unit_id for one in line.exceptions if one.on == on and one.unit_id}
            for inside in different:
                reached = [inside.get(unit_id, set()) for unit_id in units]
                if sum(map(len, reached)) > len(set().union(*reached)):
                    return True
    return False


def days_looked_at(lines: Iterable[Slot], days: Sequence[date]) -> list[date]:
    """These days, and those from which a decision for some places leads into them."""
    others = {
        decision.on for line in lines for decision in _of_places(line) if decision.moved_on in days
    }
    return sorted({*days, *others})


def decision_at(
    slot: Slot, station_id: int, on: date, inside: Map, *, moved_here: bool = False
) -> SlotException | None:
    """What counts at a station of what was decided about a day, or about one moved to it."""
    day = [one for one in slot.exceptions if on == (one.moved_on if moved_here else one.on)]
    nearest = _nearest([one for one in day if not one.is_for_all], inside)
    return nearest.get(station_id) or next((one for one in day if one.is_for_all), None)


def parts_of_audience(
    slot: Slot, first: date, inside: Map
) -> Iterator[tuple[frozenset[int], Changes]]:
    """
    The audience in parts that air the same on every day from the first on, each with its changes.

    The part for which nothing differs comes first, also when nobody is left in it.
    """
    everybody, whole = audience_ids(slot.targets, inside), changes_of(slot)
    own: dict[int, dict[date, SlotException]] = defaultdict(dict)
    by_day: dict[date, list[SlotException]] = defaultdict(list)
    for decision in _of_places(slot):
        if decision.on >= first or (decision.moved_on or first) > first:
            by_day[decision.on].append(decision)
    for on, decided in by_day.items():
        for station_id, decision in _nearest(decided, inside).items():
            if station_id in everybody:
                own[station_id][on] = decision
    yield frozenset(everybody - own.keys()), whole
    groups: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for station_id, mine in own.items():
        groups[tuple(sorted(id(one) for one in mine.values()))].add(station_id)
    for stations in groups.values():
        mine = own[min(stations)]
        yield frozenset(stations), {**whole, **{on: change_of(one) for on, one in mine.items()}}


def _of_places(line: Slot) -> list[SlotException]:
    return [one for one in line.exceptions if not one.is_for_all]


def _nearest(decided: Collection[SlotException], inside: Map) -> dict[int, SlotException]:
    """Of the decisions about one day: which counts at which station."""
    found: dict[int, SlotException] = {}
    for one in sorted(decided, key=lambda one: _reach(one, inside), reverse=True):
        stations = {one.station_id} if one.station_id else inside.get(one.unit_id or 0, set())
        found.update(dict.fromkeys((station for station in stations if station), one))
    return found


def _reach(one: SlotException, inside: Map) -> tuple[int, int]:
    """How far a decision reaches; of two that reach as far the younger one is nearer."""
    stations = 0 if one.station_id else max(1, len(inside.get(one.unit_id or 0, ())))
    return stations, -(one.id or 0)
