"""Which part of the map a person looks at, and where a station stands on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.vietnamese import sort_key
from scheduler.errors import OutsideUnit
from scheduler.store.models import Person, Station, StationUnit, Unit
from scheduler.units import find_unit, unit_ids_below, units_on, valid_on

# A list of ten thousand communes is 800 kB and no help; the page of units leads to each of them.
_MOST_CHOICES = 300


@dataclass(frozen=True)
class UnitChoice:
    """A line of the list of units, as deep as it lies below the first."""

    code: str
    name: str
    depth: int


@dataclass(frozen=True)
class Place:
    """Where a station stands: "Trần Hưng Đạo" exists twice, so the unit above is named too."""

    unit_id: int
    unit: str
    above: str | None

    def beside(self, station_name: str) -> str:
        """What the station's own name leaves open: "Huyện Lý Nhân" for "Đài … xã Đạo Lý"."""
        parts = [self.unit] if self.unit.casefold() not in station_name.casefold() else []
        return ", ".join([*parts, self.above] if self.above else parts)


@dataclass(frozen=True)
class Scope:
    """What a person may choose from, what was chosen, and the units that this covers."""

    choices: tuple[UnitChoice, ...]
    chosen: Unit | None
    unit_ids: frozenset[int] | None  # None: everywhere
    places: Mapping[int, Place]  # of all stations, by their id

    def where(self, station: Station) -> str:
        """Where a station stands, as far as its name does not say it."""
        place = self.places.get(station.id)
        return place.beside(station.name) if place else ""

    def covers(self, station_id: int) -> bool:
        """Whether the station serves one of the units."""
        if self.unit_ids is None:
            return True
        place = self.places.get(station_id)
        return place is not None and place.unit_id in self.unit_ids


def scope_of(session: Session, person: Person, on: date, unit_code: str | None) -> Scope:
    """
    The part of a day's map that a person sees, narrowed to one unit when a code is given.

    Raises:
        NotFound: no unit has this code on that day.
        OutsideUnit: it lies outside the person's own unit.
    """
    units = units_on(session, on)
    mine = unit_ids_below(session, person.unit_id, on)
    chosen = find_unit(session, unit_code, on) if unit_code else None
    if chosen is not None and mine is not None and chosen.id not in mine:
        raise OutsideUnit(who=person.full_name, unit=person.unit.name if person.unit else "")
    seen = unit_ids_below(session, chosen.id, on) if chosen else mine
    return Scope(
        choices=tuple(_tree(units, mine)),
        chosen=chosen,
        unit_ids=None if seen is None else frozenset(seen),
        places=_places(session, units, on),
    )


def _tree(units: list[Unit], mine: set[int] | None) -> Iterator[UnitChoice]:
    """Each unit before those below it, in Vietnamese order."""
    shown = {unit.id for unit in units if mine is None or unit.id in mine}
    below: dict[int | None, list[Unit]] = defaultdict(list)
    for unit in units:
        if unit.id in shown:
            below[unit.parent_id if unit.parent_id in shown else None].append(unit)
    pending = [(unit, 0) for unit in _sorted_down(below[None])]
    while pending:
        unit, depth = pending.pop()
        yield UnitChoice(unit.code, unit.name, depth)
        pending += [(child, depth + 1) for child in _sorted_down(below[unit.id])]


def _sorted_down(units: list[Unit]) -> list[Unit]:
    return sorted(units, key=lambda unit: sort_key(unit.name), reverse=True)


def _places(session: Session, units: list[Unit], on: date) -> dict[int, Place]:
    by_id = {unit.id: unit for unit in units}
    places: dict[int, Place] = {}
    for station_id, unit_id in session.execute(
        select(StationUnit.station_id, StationUnit.unit_id).where(*valid_on(StationUnit, on))
    ):
        unit = by_id.get(unit_id)
        if unit is not None:
            above = by_id.get(unit.parent_id) if unit.parent_id else None
            places[station_id] = Place(unit.id, unit.name, above.name if above else None)
    return places


def bounded(scope: Scope) -> list[UnitChoice]:
    """The choices for a list on a page: of a nation only the upper levels, and the chosen one."""
    for depth in (9, 2, 1, 0):
        shown = [one for one in scope.choices if one.depth <= depth]
        if len(shown) <= _MOST_CHOICES:
            break
    chosen = scope.chosen
    if chosen is not None and all(one.code != chosen.code for one in shown):
        shown.append(UnitChoice(chosen.code, chosen.name, 0))
    return shown
