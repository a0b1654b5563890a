"""Which part of the map a person looks at, and where a station stands on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session, aliased

from api.vietnamese import sort_key
from scheduler.errors import OutsideUnit
from scheduler.logrows import StationName
from scheduler.registry import find_station
from scheduler.store.among import among
from scheduler.store.models import Person, Station, StationUnit, Unit
from scheduler.units import find_unit, unit_ids_below, unit_path, valid_on, with_followers

# A list of ten thousand communes is 800 kB and no help; the page of units leads to each of them.
MOST_CHOICES = 300


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


class _Named(NamedTuple):
    """What is shown of a unit; a country's 10,600 as objects of the session take a second."""

    id: int
    parent_id: int | None
    code: str
    name: str


@dataclass(frozen=True)
class Scope:
    """What a person may choose from, what was chosen, and the units that this covers."""

    choices: tuple[UnitChoice, ...]
    chosen: Unit | None
    unit_ids: frozenset[int] | None  # None: everywhere
    places: Mapping[int, Place]  # of the stations in these units, by their id

    def where(self, station: Station | StationName) -> str:
        """Where a station stands, as far as its name does not say it."""
        place = self.places.get(station.id)
        return place.beside(station.name) if place else ""

    def covers(self, station_id: int) -> bool:
        """Whether the station serves one of the units."""
        if self.unit_ids is None:
            return True
        place = self.places.get(station_id)
        return place is not None and place.unit_id in self.unit_ids


def scope_of(
    session: Session,
    person: Person,
    on: date,
    unit_code: str | None,
    *,
    most_choices: int | None = None,
    with_places: bool = True,
) -> Scope:
    """
    The part of a day's map that a person sees, narrowed to one unit when a code is given.

    Where there would be more than ``most_choices``, the deeper units stand below the chosen one
    only: a country's communes make a list of a megabyte. Who shows a few stations of many asks for
    no places, and for those few later (``places_of``).

    Raises:
        NotFound: no unit has this code on that day.
        OutsideUnit: it lies outside the person's own unit.
    """
    mine = unit_ids_below(session, person.unit_id, on)
    chosen = find_unit(session, unit_code, on) if unit_code else None
    if chosen is not None and mine is not None and chosen.id not in mine:
        raise OutsideUnit(who=person.full_name, unit=person.unit.name if person.unit else "")
    seen = unit_ids_below(session, chosen.id, on) if chosen else mine
    opened = {unit.id for unit in unit_path(session, chosen)} if chosen else set()
    return Scope(
        choices=tuple(_tree(_units(session, person.unit_id, on, opened, most_choices))),
        chosen=chosen,
        unit_ids=None if seen is None else frozenset(seen),
        places=_places(session, seen, on) if with_places else {},
    )


def places_of(session: Session, scope: Scope, on: date, station_ids: Collection[int]) -> Scope:
    """The same scope with the places of these stations only."""
    return replace(scope, places=_places(session, scope.unit_ids, on, station_ids))


def _units(
    session: Session, top: int | None, on: date, opened: Collection[int], most: int | None
) -> list[_Named]:
    """The units that a person may choose, level by level."""
    columns = (Unit.id, Unit.parent_id, Unit.code, Unit.name)
    above = aliased(Unit)
    has_none_above = ~exists().where(above.id == Unit.parent_id, *valid_on(above, on))
    if top is None:
        highest = has_none_above
    else:
        own = with_followers(session, top, on)
        is_below_another = and_(Unit.parent_id.is_not(None), among(Unit.parent_id, own))
        highest = and_(among(Unit.id, own), ~is_below_another)
    level = session.execute(select(*columns).where(highest, *valid_on(Unit, on))).all()
    found: list[_Named] = []
    while level:
        found += [_Named(*row) for row in level]
        ids = {row.id for row in level}
        below = select(*columns).where(*valid_on(Unit, on))
        room = None if most is None else max(most - len(found), 0)
        one_too_many = None if room is None else room + 1
        level = session.execute(below.where(among(Unit.parent_id, ids)).limit(one_too_many)).all()
        if room is not None and len(level) > room:
            level = session.execute(below.where(among(Unit.parent_id, ids & set(opened)))).all()
    return found


def station_in(session: Session, person: Person, scope: Scope, code: str) -> Station:
    """
    A station that the person may look at.

    Raises:
        NotFound: there is none with this code.
        OutsideUnit: it stands outside the part of the map that is looked at.
    """
    station = find_station(session, code)
    if not scope.covers(station.id):
        raise OutsideUnit(who=person.full_name, unit=person.unit.name if person.unit else "")
    return station


def _tree(units: Sequence[_Named]) -> Iterator[UnitChoice]:
    """Each unit before those below it, in Vietnamese order."""
    shown = {unit.id for unit in units}
    below: dict[int | None, list[_Named]] = defaultdict(list)
    for unit in units:
        below[unit.parent_id if unit.parent_id in shown else None].append(unit)
    pending = [(unit, 0) for unit in _sorted_down(below[None])]
    while pending:
        unit, depth = pending.pop()
        yield UnitChoice(unit.code, unit.name, depth)
        pending += [(child, depth + 1) for child in _sorted_down(below[unit.id])]


def _sorted_down(units: Sequence[_Named]) -> list[_Named]:
    return sorted(units, key=lambda unit: sort_key(unit.name), reverse=True)


def _places(
    session: Session,
    unit_ids: Collection[int] | None,
    on: date,
    station_ids: Collection[int] | None = None,
) -> dict[int, Place]:
    above = aliased(Unit)
    statement = (
        select(StationUnit.station_id, Unit.id, Unit.name, above.name)
        .join(Unit, Unit.id == StationUnit.unit_id)
        .outerjoin(above, and_(above.id == Unit.parent_id, *valid_on(above, on)))
        .where(*valid_on(StationUnit, on), *valid_on(Unit, on))
    )
    if unit_ids is not None:
        statement = statement.where(among(StationUnit.unit_id, unit_ids))
    if station_ids is not None:
        statement = statement.where(among(StationUnit.station_id, station_ids))
    rows = session.execute(statement)
    return {row[0]: Place(row[1], row[2], row[3]) for row in rows}
