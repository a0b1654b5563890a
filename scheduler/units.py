"""The administrative map, which changes: who is where on which day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from sqlalchemy import ColumnElement, Date, Integer, Select, bindparam, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from scheduler.errors import NotFound
from scheduler.store.models import StationUnit, Unit


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
    """The unit and all below it on that day; ``None`` (everywhere) stays ``None``."""
    if unit_id is None:
        return None
    return set(session.scalars(_BELOW, {"unit_id": unit_id, "on": on}))


def stations_by_unit(session: Session, on: date) -> dict[int, set[int]]:
    """
    For each unit of that day the stations in it and in all that is below it.

    A unit that has ended stands for the stations of its last day: when a commune is merged in the
    middle of the week, its stations still hear what was planned for them.
    """
    inside = _stations_on(session, on)
    ended: dict[date, set[int]] = defaultdict(set)
    for row in session.execute(select(Unit.id, Unit.valid_to).where(Unit.valid_to <= on)):
        ended[row.valid_to].add(row.id)
    for end, unit_ids in ended.items():
        last_day = _stations_on(session, end - timedelta(days=1))
        for unit_id in unit_ids & last_day.keys():
            inside[unit_id] = last_day[unit_id]
    return inside


def maps_of(session: Session, days: Sequence[date]) -> dict[date, dict[int, set[int]]]:
    """``stations_by_unit`` of several days in a row; read once where nothing changes between."""
    first, last = min(days), max(days)
    changes = False
    for model in (Unit, StationUnit):
        edges = or_(model.valid_from.between(first, last), model.valid_to.between(first, last))
        changes = (
            changes or session.scalar(select(model.valid_from).where(edges).limit(1)) is not None
        )
    if changes:
        return {on: stations_by_unit(session, on) for on in days}
    return dict.fromkeys(days, stations_by_unit(session, first))


def station_units(session: Session, on: date) -> dict[int, int]:
    """Which unit each station serves on that day."""
    statement = select(StationUnit.station_id, StationUnit.unit_id)
    rows = session.execute(statement.where(*valid_on(StationUnit, on)))
    return {row.station_id: row.unit_id for row in rows}


def _stations_on(session: Session, on: date) -> dict[int, set[int]]:
    parents = {unit.id: unit.parent_id for unit in units_on(session, on)}
    inside: dict[int, set[int]] = defaultdict(set)
    for station_id, unit_id in station_units(session, on).items():
        above: int | None = unit_id
        while above is not None:
            inside[above].add(station_id)
            above = parents.get(above)
    return inside


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


def _below() -> Select[int]:
    # The database goes down: of a country's 10,600 units a province has three hundred.
    found = select(bindparam("unit_id", type_=Integer).label("id")).cte("found", recursive=True)
    on = bindparam("on", type_=Date)
    found = found.union(
        select(Unit.id).join(found, Unit.parent_id == found.c.id).where(*valid_on(Unit, on))
    )
    return select(found.c.id)


_BELOW = _below()  # prepared once
