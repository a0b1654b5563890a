"""How the stations of a part of the map stand tonight: counted, and those named that fail.

The board reads every row of every station; a nation has 10,600. Here only columns are read, and
only of those that may be in trouble; by statements that are prepared once, for every commit asks
them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Date, and_, bindparam, case, func, or_, select, union
from sqlalchemy.orm import Session

from scheduler.board import IS_LATE, has_problem, is_there, problem_of
from scheduler.store.among import among_param
from scheduler.store.db import one_of
from scheduler.store.models import Airing, Delivery, Forecast, Station, StationUnit, Unit
from scheduler.store.states import OPEN_AIRINGS, OPEN_DELIVERIES, DeliveryState
from scheduler.units import serving_param

_MANY_UNITS = 400  # where not even the columns of every station are read
_FEW = 20  # stations: every one's next day is read, instead of looking for those in trouble


class NextDay(NamedTuple):
    """A station's earliest day that is not over, in its newest version."""

    state: DeliveryState
    error_code: str | None
    error_fields: dict[str, Any] | None
    for_date: date
    late_for: date | None  # a forecast says that this day will be late

    @property
    def is_in_trouble(self) -> bool:
        """Whether it failed, met an error, or will be late."""
        if self.state is DeliveryState.FAILED or self.error_code is not None:
            return True
        return self.late_for is not None and not is_there(self.state, self.for_date, self.late_for)


@dataclass(frozen=True)
class Failing:
    """A station for which somebody should act."""

    station_id: int
    code: str
    name: str
    phone: str | None
    unit_id: int | None
    airs_at: datetime | None  # what comes next there
    delivery: NextDay | None
    problem: str | None  # an English sentence of the catalogue


@dataclass(frozen=True)
class Soon:
    """The next moment at which something airs, today or not, and how many stations have it."""

    at: datetime
    stations: int
    verified: int


@dataclass(frozen=True)
class Standing:
    """Of the active stations of some units."""

    by_unit: Mapping[int | None, int]  # how many stations each unit has
    failing: tuple[Failing, ...]
    soon: Soon | None

    @property
    def watched(self) -> int:
        return sum(self.by_unit.values())


def standing_of(
    session: Session, now: datetime, *, on: date, unit_ids: Collection[int] | None = None
) -> Standing:
    """How the active stations of these units stand (``None``: all); ``on`` is the local date."""
    inside = {"on": on} if unit_ids is None else {"on": on, "unit_ids": sorted(unit_ids)}
    if unit_ids is None or len(unit_ids) > _MANY_UNITS:
        by_unit, units, problems = _counted(session, now, inside)
        suspects: Collection[int] = units.keys()
    else:
        units, problems = _looked_at(session, _ACTIVE_INSIDE, inside)
        by_unit = Counter(units.values())
        suspects = units.keys()
        if len(units) > _FEW:
            suspects = problems.keys() | (units.keys() & _suspects(session, now))
    are_few = by_unit.total() <= _FEW
    days = _next_days(session, now, on, suspects)
    wrong = problems.keys() | {i for i, day in days.items() if day.is_in_trouble}
    airs_at = _next_airings(session, now, units if are_few else wrong)
    names = _names(session, wrong)
    at = min(airs_at.values(), default=None) if are_few else _next_of_many(session, now, inside)
    return Standing(
        by_unit=by_unit,
        failing=tuple(
            Failing(i, *names[i], units[i], airs_at.get(i), days.get(i), problems.get(i))
            for i in sorted(wrong)
        ),
        soon=_soon(session, at, inside) if at else None,
    )


_Units = dict[int, int | None]  # station → the unit that it serves
_Problems = dict[int, str]  # station → a sentence of the catalogue


def _looked_at(session: Session, statement: Any, asked: Mapping[str, object]
) -> tuple[_Units, _Problems]:  # fmt: skip
    """Active stations, and what is wrong with themselves."""
    rows: Sequence[Any] = session.execute(statement, asked).all()
    said = ((row.id, problem_of(row, row.unit_id)) for row in rows)
    return (
        {row.id: row.unit_id for row in rows},
        {station_id: problem for station_id, problem in said if problem is not None},
    )


def _counted(
    session: Session, now: datetime, inside: Mapping[str, object]
) -> tuple[Counter[int | None], _Units, _Problems]:
    """Of very many stations: how many each unit has; only what may be in trouble is looked at."""
    is_inside = "unit_ids" in inside
    counts = session.execute(_COUNTS_INSIDE if is_inside else _COUNTS, inside).all()
    by_unit = Counter({row[0]: row[1] for row in counts})
    units, problems = _looked_at(session, _ODD_INSIDE if is_inside else _ODD, inside)
    suspects = sorted(_suspects(session, now) - units.keys())
    if suspects:
        these = _THESE_INSIDE if is_inside else _THESE
        units |= _looked_at(session, these, {**inside, "station_ids": suspects})[0]
    return by_unit, units, problems


def count_stations(session: Session) -> int:
    """How many stations there are, closed ones too."""
    return session.scalar(_COUNT) or 0


def _suspects(session: Session, now: datetime) -> set[int]:
    """Stations of which one coming day failed, met an error, or will be late."""
    return set(session.scalars(_SUSPECTS, {"now": now}))


def _next_days(
    session: Session, now: datetime, on: date, station_ids: Collection[int]
) -> dict[int, NextDay]:
    if not station_ids:
        return {}
    # What still helps is never older; and the days of a year stay unread.
    since = on - timedelta(days=2)
    asked = {"now": now, "since": since, "station_ids": sorted(station_ids)}
    return {one: NextDay(*rest) for one, *rest in session.execute(_NEXT_DAYS, asked).all()}


def _next_airings(
    session: Session, now: datetime, station_ids: Collection[int]
) -> dict[int, datetime]:
    if not station_ids:
        return {}
    asked = {"now": now, "station_ids": sorted(station_ids)}
    return {row[0]: row[1] for row in session.execute(_NEXT_AIRINGS, asked).all()}


def _names(
    session: Session, station_ids: Collection[int]
) -> dict[int, tuple[str, str, str | None]]:
    if not station_ids:
        return {}
    asked = {"station_ids": sorted(station_ids)}
    return {row[0]: (row[1], row[2], row[3]) for row in session.execute(_NAMES, asked).all()}


def _next_of_many(session: Session, now: datetime, inside: Mapping[str, object]) -> datetime | None:
    statement = _FIRSTS_INSIDE if "unit_ids" in inside else _FIRSTS
    firsts = session.execute(statement, {**inside, "now": now}).one()
    return min((one for one in firsts if one is not None), default=None)


def _soon(session: Session, at: datetime, inside: Mapping[str, object]) -> Soon:
    statement = _DUE_INSIDE if "unit_ids" in inside else _DUE
    stations, verified = session.execute(statement, {**inside, "at": at}).one()
    return Soon(at, stations, verified)


# ── Statements ─────────────────────────────────────────────────────────────────────────────────

_station: Any = Station.__table__
_serving: Any = StationUnit.__table__
_unit: Any = Unit.__table__
_delivery: Any = Delivery.__table__
_airing: Any = Airing.__table__
_forecast: Any = Forecast.__table__
_ON: Any = bindparam("on", type_=Date)
_NOW: Any = bindparam("now")


def _valid(table: Any) -> tuple[Any, ...]:
    return table.c.valid_from <= _ON, or_(table.c.valid_to.is_(None), table.c.valid_to > _ON)


def _among(column: Any) -> Any:
    return among_param(column, "station_ids", are_few=True)


_SERVES = (
    select(_serving.c.station_id, _unit.c.id.label("unit_id"))
    .join(_unit, _unit.c.id == _serving.c.unit_id)
    .where(*_valid(_serving), *_valid(_unit))
)
_serves = _SERVES.subquery()
_serves_inside = _SERVES.where(among_param(_serving.c.unit_id, "unit_ids", are_few=True)).subquery()
_LOOKED_AT = (_station.c.id, _station.c.kind, _station.c.host_key, _station.c.clock_skew_s)
_ACTIVE = (
    select(*_LOOKED_AT, _serves.c.unit_id)
    .outerjoin(_serves, _serves.c.station_id == _station.c.id)
    .where(_station.c.active)
    .order_by(_station.c.id, _serves.c.unit_id)
)
_ACTIVE_INSIDE = (
    select(*_LOOKED_AT, _serves_inside.c.unit_id)
    .join(_serves_inside, _serves_inside.c.station_id == _station.c.id)
    .where(_station.c.active)
    .order_by(_station.c.id, _serves_inside.c.unit_id)
)
_COUNTS, _COUNTS_INSIDE = (
    every.with_only_columns(subquery.c.unit_id, func.count())
    .order_by(None)
    .group_by(subquery.c.unit_id)
    for every, subquery in ((_ACTIVE, _serves), (_ACTIVE_INSIDE, _serves_inside))
)
_ODD = _ACTIVE.where(has_problem(_station, _serves.c.unit_id))
_ODD_INSIDE = _ACTIVE_INSIDE.where(has_problem(_station, _serves_inside.c.unit_id))
_THESE, _THESE_INSIDE = (one.where(_among(_station.c.id)) for one in (_ACTIVE, _ACTIVE_INSIDE))
_COUNT = select(func.count()).select_from(_station)
_NAMES = select(_station.c.id, _station.c.code, _station.c.name, _station.c.phone).where(
    _among(_station.c.id)
)
_SUSPECTS = union(
    select(_forecast.c.station_id).where(IS_LATE),
    select(_delivery.c.station_id).where(
        one_of(_delivery.c.state, (DeliveryState.FAILED, *OPEN_DELIVERIES)),
        _delivery.c.last_air_at > _NOW,
        or_(_delivery.c.state == DeliveryState.FAILED, _delivery.c.error_code.is_not(None)),
    ),
)
# The earliest day comes last, and of a day its newest version: it is the one that is remembered.
_NEXT_DAYS = (
    select(
        _delivery.c.station_id, _delivery.c.state, _delivery.c.error_code,
        _delivery.c.error_fields, _delivery.c.for_date, _forecast.c.for_date,
    )
    .outerjoin(_forecast, and_(_forecast.c.station_id == _delivery.c.station_id, IS_LATE))
    .where(
        _among(_delivery.c.station_id),
        _delivery.c.for_date >= bindparam("since", type_=Date),
        _delivery.c.state != DeliveryState.SUPERSEDED,
        _delivery.c.last_air_at > _NOW,
    )
    .order_by(_delivery.c.for_date.desc(), _delivery.c.seq)
)  # fmt: skip
_NEXT_AIRINGS = (
    select(_airing.c.station_id, func.min(_airing.c.planned_at))
    .where(
        _among(_airing.c.station_id),
        _airing.c.planned_at > _NOW,
        one_of(_airing.c.state, OPEN_AIRINGS),
    )
    .group_by(_airing.c.station_id)
)


def _inside(statement: Any) -> Any:
    return statement.where(_airing.c.station_id.in_(serving_param()))


def _of_active(*columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(_airing)
        .join(_station, _station.c.id == _airing.c.station_id)
        .where(_station.c.active)
    )


def _firsts(inside: bool) -> Any:
    # One state at a time: each is walked in the order of its index and left at the first row.
    firsts = []
    for state in OPEN_AIRINGS:
        first = _of_active(_airing.c.planned_at).where(
            _airing.c.state == state, _airing.c.planned_at > _NOW
        )
        first = _inside(first) if inside else first
        firsts.append(first.order_by(_airing.c.planned_at).limit(1).scalar_subquery())
    return select(*firsts)


_FIRSTS, _FIRSTS_INSIDE = _firsts(False), _firsts(True)
_is_verified = (
    select(_delivery.c.id)
    .where(
        _delivery.c.station_id == _airing.c.station_id,
        _delivery.c.for_date == _airing.c.broadcast_date,
        _delivery.c.state == DeliveryState.VERIFIED,
    )
    .exists()
)
_DUE = _of_active(
    func.count(_airing.c.station_id.distinct()),
    func.count(case((_is_verified, _airing.c.station_id)).distinct()),
).where(_airing.c.planned_at == bindparam("at"), one_of(_airing.c.state, OPEN_AIRINGS))
_DUE_INSIDE = _inside(_DUE)
