"""The administrative map, which changes: who is where on which day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Date, Integer, Select, String, bindparam, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from scheduler.errors import NotFound
from scheduler.store.among import among, among_param
from scheduler.store.models import StationUnit, Unit, UnitEvent, UnitEventSide


def units_on(session: Session, on: date) -> list[Unit]:
    """All units of the map of one day."""
    return list(session.scalars(select(Unit).where(*valid_on(Unit, on)).order_by(Unit.code)))


def find_unit(session: Session, code: str, on: date) -> Unit:
    """
    The unit that has this code on this day.

    Raises:
        NotFound: no unit has it on that day.
    """
    unit = session.scalar(select(Unit).where(Unit.code == code, *valid_on(Unit, on)))
    if unit is None:
        raise NotFound(what="unit", key=code)
    return unit


def unit_path(session: Session, unit: Unit) -> list[Unit]:
    """The unit and those above it, the province last."""
    path = [unit]
    while path[-1].parent_id is not None:
        parent = session.get(Unit, path[-1].parent_id)
        assert parent is not None
        path.append(parent)
    return path


def unit_ids_below(session: Session, unit_id: int | None, on: date) -> set[int] | None:
    """
    The unit and all below it on that day; ``None`` (everywhere) stays ``None``.

    A unit that has ended by then stands for what has become of it (``with_followers``): who works
    for it sees the new one from its first day.
    """
    if unit_id is None:
        return None
    unit_ids = sorted(with_followers(session, unit_id, on))
    return set(session.scalars(_BELOW, {"unit_ids": unit_ids, "on": on}))


def with_followers(session: Session, unit_id: int, on: date) -> set[int]:
    """
    The unit, and those that it has become by that day.

    Merged or renamed: the one that came of it; split: all the parts; moved below another unit or
    given another level under its own code and name: that one. What became of a unit is told by the
    events of the map of the day on which it ended. Of a unit that was abolished nothing comes, nor
    of one whose code another place got: a person has to say who follows it.
    """
    found, ended = {unit_id}, [unit_id]
    while ended:
        rows = session.execute(_ENDED, {"unit_ids": ended, "on": on}).all()
        came = {one for row in rows for one in session.scalars(_FOLLOWERS, row._asdict())}
        ended = sorted(came - found)
        found |= came
    return found


def own_units(session: Session, unit_id: int, on: date) -> list[Unit]:
    """The unit while it holds, then those that it has become; none where nothing came of it."""
    statement = select(Unit).where(
        among(Unit.id, with_followers(session, unit_id, on)), *valid_on(Unit, on)
    )
    return list(session.scalars(statement.order_by(Unit.code)))


def answering_for(session: Session, unit_id: int, on: date) -> set[int]:
    """
    Who answers for what a unit owns on that day: itself while it holds, later what it has become.

    What it has become is as ``with_followers`` tells; where nothing came of it, the unit above it
    answers. None where a province ended and nothing came of it.
    """
    found: set[int] = set()
    seen: set[int] = set()
    pending = [unit_id]
    while pending:
        unit = session.get_one(Unit, pending.pop())
        if unit.id in seen:
            continue
        seen.add(unit.id)
        if unit.valid_to is None or unit.valid_to > on:
            found.add(unit.id)
            continue
        told = {name: getattr(unit, name) for name in ("id", "code", "name", "valid_to")}
        came = session.scalars(_FOLLOWERS, told).all()
        pending += came or ([unit.parent_id] if unit.parent_id is not None else [])
    return found


def owns(session: Session, unit_id: int | None, of: Collection[int], on: date) -> bool:
    """
    Whether who works for the first unit (``None``: everywhere) may change what these units own.

    A unit that has ended is owned by who answers for it on that day (``answering_for``): by the
    commune into which it was merged, and after a split only by somebody above all of its parts.
    """
    mine = unit_ids_below(session, unit_id, on)
    if mine is None:
        return True
    return all(
        one in mine or (bool(now := answering_for(session, one, on)) and now <= mine) for one in of
    )


def serves_own(
    session: Session, unit_id: int | None, station_id: int, on: date, *, today: date
) -> bool:
    """
    Whether a station served that unit on a day, or what it owns by now (``owns``).

    So who works for a merged commune answers for what its parts aired before.
    """
    mine = unit_ids_below(session, unit_id, on)
    if mine is None:
        return True
    statement = select(StationUnit.unit_id).where(StationUnit.station_id == station_id)
    served = session.scalars(statement.where(*valid_on(StationUnit, on))).all()
    later = max(on, today)
    return any(one in mine or owns(session, unit_id, [one], later) for one in served)


def stations_by_unit(
    session: Session, on: date, only: Collection[int] | None = None
) -> dict[int, set[int]]:
    """
    For each unit of that day the stations in it and in all that is below it; ``only`` of these.

    A unit that has ended stands for the stations of its last day: when a commune is merged in the
    middle of the week, its stations still hear what was planned for them.
    """
    inside = _stations_on(session, on, only)
    ended: dict[date, set[int]] = defaultdict(set)
    for row in session.execute(select(Unit.id, Unit.valid_to).where(Unit.valid_to <= on)):
        ended[row.valid_to].add(row.id)
    for end, unit_ids in ended.items():
        last_day = _stations_on(session, end - timedelta(days=1), only)
        for unit_id in unit_ids & last_day.keys():
            inside[unit_id] = last_day[unit_id]
    return inside


def maps_of(
    session: Session,
    days: Sequence[date],
    *,
    unit_ids: Collection[int] | None = None,
    station_id: int | None = None,
) -> dict[date, dict[int, set[int]]]:
    """
    ``stations_by_unit`` of several days in a row; read once where nothing changes between.

    Given units or a station, only of stations that are in one of them on one of these days: a
    nation's map takes a hundred times as long as a commune's.
    """
    told = days if _changes(session, min(days), max(days)) else [min(days)]
    only: set[int] | None = None
    if station_id is not None:
        only = {station_id}
    elif unit_ids is not None:
        only = {one for on in told for one in stations_below(session, unit_ids, on)}
    maps = {on: stations_by_unit(session, on, only) for on in told}
    return maps if told is days else dict.fromkeys(days, maps[min(days)])


def _changes(session: Session, first: date, last: date) -> bool:
    """Whether the map is another one on one of these days."""
    for model in (Unit, StationUnit):
        edges = or_(model.valid_from.between(first, last), model.valid_to.between(first, last))
        if session.scalar(select(model.valid_from).where(edges).limit(1)) is not None:
            return True
    return False


def stations_below(session: Session, unit_ids: Collection[int], on: date) -> set[int]:
    """The stations that serve one of these units, or what is below them, on that day."""
    below = session.scalars(_BELOW, {"unit_ids": sorted(unit_ids), "on": on}).all()
    return set(session.scalars(_SERVING, {"unit_ids": sorted(below), "on": on}))


def station_units(session: Session, on: date) -> dict[int, int]:
    """Which unit each station serves on that day."""
    statement = select(StationUnit.station_id, StationUnit.unit_id)
    rows = session.execute(statement.where(*valid_on(StationUnit, on)))
    return {row.station_id: row.unit_id for row in rows}


def serving_param() -> Select[int]:
    """Stations that serve one of the ``unit_ids`` on the day ``on``: for statements made once."""
    serving: Any = StationUnit.__table__
    on = bindparam("on", type_=Date)
    return select(serving.c.station_id).where(
        among_param(serving.c.unit_id, "unit_ids", are_few=True),
        serving.c.valid_from <= on,
        or_(serving.c.valid_to.is_(None), serving.c.valid_to > on),
    )


def _stations_on(
    session: Session, on: date, only: Collection[int] | None = None
) -> dict[int, set[int]]:
    served = select(StationUnit.station_id, StationUnit.unit_id).where(*valid_on(StationUnit, on))
    if only is not None:
        served = served.where(among(StationUnit.station_id, only))
    rows = session.execute(served).all()
    parents = _parents(session, on, None if only is None else {row.unit_id for row in rows})
    inside: dict[int, set[int]] = defaultdict(set)
    for station_id, unit_id in rows:
        above: int | None = unit_id
        while above is not None:
            inside[above].add(station_id)
            above = parents.get(above)
    return inside


def _parents(session: Session, on: date, of: Collection[int] | None) -> dict[int, int | None]:
    """The unit above each, of these and of those above them."""
    statement = select(Unit.id, Unit.parent_id).where(*valid_on(Unit, on))
    if of is None:
        return {row.id: row.parent_id for row in session.execute(statement)}
    found: dict[int, int | None] = {}
    while of:
        rows = session.execute(statement.where(among(Unit.id, of))).all()
        found |= {row.id: row.parent_id for row in rows}
        of = {row.parent_id for row in rows if row.parent_id is not None} - found.keys()
    return found


def valid_on(
    model: type[Unit] | type[StationUnit],
    on: date | ColumnElement[date] | InstrumentedAttribute[date],
) -> tuple[ColumnElement[bool], ...]:
    """Conditions: the row holds on that day, which may be a column of another table."""
    return _valid_on_day(model, on) if isinstance(on, date) else _valid(model, on)


@lru_cache(maxsize=64)  # a page asks twenty times for the same
def _valid_on_day(
    model: type[Unit] | type[StationUnit], on: date
) -> tuple[ColumnElement[bool], ...]:
    return _valid(model, on)


def _valid(
    model: type[Unit] | type[StationUnit],
    on: date | ColumnElement[date] | InstrumentedAttribute[date],
) -> tuple[ColumnElement[bool], ...]:
    return (model.valid_from <= on, or_(model.valid_to.is_(None), model.valid_to > on))


def below_param() -> Select[int]:
    """The ``unit_ids`` and all below them on the day ``on``: for statements made once."""
    # The database goes down: of a country's 10,600 units a province has three hundred.
    unit: Any = Unit.__table__
    on = bindparam("on", type_=Date)
    own = select(unit.c.id).where(among_param(unit.c.id, "unit_ids", are_few=True))
    found = own.cte("found", recursive=True)
    below = select(unit.c.id).join(found, unit.c.parent_id == found.c.id)
    is_valid = (unit.c.valid_from <= on, or_(unit.c.valid_to.is_(None), unit.c.valid_to > on))
    found = found.union(below.where(*is_valid))
    return select(found.c.id)


def _followers() -> Select[int]:
    """Of a unit that has ended, by its ``id``, ``code``, ``name`` and the day of its end."""
    before, after = aliased(UnitEventSide), aliased(UnitEventSide)
    ended_on = bindparam("valid_to", type_=Date)
    told = (
        select(after.unit_id)
        .join(UnitEvent, UnitEvent.id == after.event_id)
        .join(before, before.event_id == after.event_id)
        .where(
            before.unit_id == bindparam("id", type_=Integer),
            before.side == "before",
            after.side == "after",
            UnitEvent.on_day == ended_on,
        )
    )
    same = select(Unit.id).where(
        Unit.code == bindparam("code", type_=String),
        Unit.name == bindparam("name", type_=String),
        Unit.valid_from == ended_on,
    )
    return select(told.union(same).subquery().c[0])


# Prepared once.
_BELOW = below_param()
_SERVING = serving_param()
_FOLLOWERS = _followers()
_unit: Any = Unit.__table__
_ENDED = select(_unit.c.id, _unit.c.code, _unit.c.name, _unit.c.valid_to).where(
    among_param(_unit.c.id, "unit_ids", are_few=True),
    _unit.c.valid_to <= bindparam("on", type_=Date),
)
