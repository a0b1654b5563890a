"""Which part of the map a person looks at, and where a station stands on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Date, Integer, Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from api.vietnamese import sort_key
from scheduler.errors import NotFound, OutsideUnit
from scheduler.logrows import StationName
from scheduler.registry import find_station
from scheduler.store.among import among_param
from scheduler.store.models import Person, Station, StationUnit, Unit
from scheduler.units import below_param, unit_ids_below, with_followers

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


class UnitName(NamedTuple):
    """What is shown of a unit; a country's 10,600 as objects of the session take a second."""

    id: int
    parent_id: int | None
    code: str
    name: str


@dataclass(frozen=True)
class Scope:
    """What a person may choose from, what was chosen, and the units that this covers."""

    choices: tuple[UnitChoice, ...]
    chosen: UnitName | None
    unit_ids: frozenset[int] | None  # None: everywhere
    places: Mapping[int, Place]  # of the stations in these units, by their id

    def where(self, station: Station | StationName) -> str:
        """Where a station stands, as far as its name does not say it."""
        return self.where_of(station.id, station.name)

    def where_of(self, station_id: int, name: str) -> str:
        """The same by the id and the name."""
        place = self.places.get(station_id)
        return place.beside(name) if place else ""

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
    top = person.unit_id
    tops = set() if top is None else with_followers(session, top, on)
    own = _own_units(session, tops, on) if tops else None
    mine = None if own is None else own.keys()
    chosen = _unit_of(session, unit_code, on) if unit_code else None
    if chosen is not None and mine is not None and chosen.id not in mine:
        raise OutsideUnit(who=person.full_name, unit=person.unit.name if person.unit else "")
    seen = unit_ids_below(session, chosen.id, on) if chosen else mine
    if own is not None and (most_choices is None or len(own) <= most_choices):
        choices = _on_map(own, tops)
    else:
        opened = _path_of(session, chosen) if chosen else set()
        choices = _units(session, tops, on, opened, most_choices)
    return Scope(
        choices=tuple(_tree(choices)),
        chosen=chosen,
        unit_ids=None if seen is None else frozenset(seen),
        places=_places(session, seen, on) if with_places else {},
    )


def places_of(session: Session, scope: Scope, on: date, station_ids: Collection[int]) -> Scope:
    """The same scope with the places of these stations only."""
    return replace(scope, places=_places(session, scope.unit_ids, on, station_ids))


def _units(
    session: Session, tops: Collection[int], on: date, opened: Collection[int], most: int | None
) -> list[UnitName]:
    """The units that a person may choose, level by level."""
    asked: dict[str, object] = {"on": on, "tops": sorted(tops)}
    level = session.execute(_TOPS if tops else _HIGHEST, asked).all()
    found: list[UnitName] = []
    while level:
        found += [UnitName._make(row) for row in level]
        ids = {row.id for row in level}
        # Who asks for all of a country has room for it.
        room = _ANY_NUMBER if most is None else max(most - len(found), 0)
        level = session.execute(_LEVEL, {"on": on, "ids": sorted(ids), "most": room + 1}).all()
        if len(level) > room:
            shown = sorted(ids & set(opened))
            asked = {"on": on, "ids": shown, "most": _ANY_NUMBER}
            level = session.execute(_LEVEL, asked).all() if shown else []
    return found


def _own_units(session: Session, tops: Collection[int], on: date) -> dict[int, UnitName | None]:
    """These units and all below, by their id; without a name what is not on that day's map."""
    rows = session.execute(_OWN, {"unit_ids": sorted(tops), "on": on}).all()
    return {row[0]: UnitName._make(row[:4]) if row[4] else None for row in rows}


def _on_map(own: Mapping[int, UnitName | None], tops: Collection[int]) -> list[UnitName]:
    """The same as ``_units`` where they are few: those of that day's map, from the top down."""
    below: dict[int | None, list[UnitName]] = defaultdict(list)
    for unit in own.values():
        if unit is not None:
            below[unit.parent_id].append(unit)
    highest = (own[one] for one in sorted(tops))
    level = [unit for unit in highest if unit is not None and unit.parent_id not in tops]
    found: list[UnitName] = []
    while level:
        found += level
        level = [unit for above in level for unit in below[above.id]]
    return found


def _unit_of(session: Session, code: str, on: date) -> UnitName:
    row = session.execute(_OF_CODE, {"code": code, "on": on}).first()
    if row is None:
        raise NotFound(what="unit", key=code)
    return UnitName._make(row)


def _path_of(session: Session, unit: UnitName) -> set[int]:
    """The ids of the unit and of those above it."""
    path, above = {unit.id}, unit.parent_id
    while above is not None:
        path.add(above)
        above = session.scalar(_ABOVE, {"id": above})
    return path


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


def _tree(units: Sequence[UnitName]) -> Iterator[UnitChoice]:
    """Each unit before those below it, in Vietnamese order."""
    shown = {unit.id for unit in units}
    below: dict[int | None, list[UnitName]] = defaultdict(list)
    for unit in units:
        below[unit.parent_id if unit.parent_id in shown else None].append(unit)
    pending = [(unit, 0) for unit in _sorted_down(below[None])]
    while pending:
        unit, depth = pending.pop()
        yield UnitChoice(unit.code, unit.name, depth)
        pending += [(child, depth + 1) for child in _sorted_down(below[unit.id])]


def _sorted_down(units: Sequence[UnitName]) -> list[UnitName]:
    return sorted(units, key=lambda unit: (sort_key(unit.name), unit.code), reverse=True)


def _places(
    session: Session,
    unit_ids: Collection[int] | None,
    on: date,
    station_ids: Collection[int] | None = None,
) -> dict[int, Place]:
    asked: dict[str, object] = {"on": on}
    if unit_ids is not None:
        asked["unit_ids"] = sorted(unit_ids)
    if station_ids is not None:
        asked["station_ids"] = sorted(station_ids)
    rows = session.execute(_PLACES[unit_ids is not None, station_ids is not None], asked).all()
    return {row[0]: Place(row[1], row[2], row[3]) for row in rows}


# ── Statements, prepared once: every commit asks them again for each who looks at today ─────────

_ANY_NUMBER = 2**31 - 2
_unit: Any = Unit.__table__
_above: Any = _unit.alias("above")
_serving: Any = StationUnit.__table__
_ON = bindparam("on", type_=Date)


def _valid(table: Any) -> tuple[ColumnElement[bool], ...]:
    return table.c.valid_from <= _ON, or_(table.c.valid_to.is_(None), table.c.valid_to > _ON)


_UNITS = select(_unit.c.id, _unit.c.parent_id, _unit.c.code, _unit.c.name).where(*_valid(_unit))
_below = below_param().subquery()
_OWN = select(
    _below.c.id, _unit.c.parent_id, _unit.c.code, _unit.c.name, and_(*_valid(_unit))
).join(_unit, _unit.c.id == _below.c.id)
_OF_CODE = _UNITS.where(_unit.c.code == bindparam("code"))
_TOPS = _UNITS.where(
    among_param(_unit.c.id, "tops", are_few=True),
    or_(_unit.c.parent_id.is_(None), ~among_param(_unit.c.parent_id, "tops")),
)
_HIGHEST = _UNITS.where(
    ~select(_above.c.id).where(_above.c.id == _unit.c.parent_id, *_valid(_above)).exists()
)
_LEVEL = (
    _UNITS.where(among_param(_unit.c.parent_id, "ids"))
    .order_by(_unit.c.code)
    .limit(bindparam("most", type_=Integer))
)
_ABOVE = select(_unit.c.parent_id).where(_unit.c.id == bindparam("id"))


def _placed(in_units: bool, of_stations: bool) -> Select[Any]:
    statement = (
        select(_serving.c.station_id, _unit.c.id, _unit.c.name, _above.c.name)
        .join(_unit, _unit.c.id == _serving.c.unit_id)
        .outerjoin(_above, and_(_above.c.id == _unit.c.parent_id, *_valid(_above)))
        .where(*_valid(_serving), *_valid(_unit))
        .order_by(_serving.c.station_id, _unit.c.id)
    )
    if in_units:
        statement = statement.where(among_param(_serving.c.unit_id, "unit_ids"))
    if of_stations:
        among = among_param(_serving.c.station_id, "station_ids", are_few=True)
        statement = statement.where(among)
    return statement


_PLACES = {key: _placed(*key) for key in product((False, True), repeat=2)}
