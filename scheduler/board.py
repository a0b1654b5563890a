"""The station board: how each station stands for its next day, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from scheduler.store.models import Airing, Delivery, Forecast, Station, StationUnit, Unit
from scheduler.store.states import CURRENT_DELIVERIES, OPEN_AIRINGS, DeliveryState
from scheduler.units import serving_param, valid_on

# Somebody should set it; beyond 300 s the times in its log are not trusted either.
_CLOCK_WRONG_S = 30

NO_HOST_KEY = "Its host key was never compared and accepted; nothing is sent until then."
CLOCK_WRONG = "Its clock is wrong by more than half a minute. Set it."
NO_UNIT = "Its commune is no longer on today's map. Say which unit it serves now."


@dataclass(frozen=True)
class StationLine:
    """One station on the board."""

    station: Station
    unit: Unit | None
    delivery: Delivery | None  # of the next day that something airs, or may still air
    next_airing: Airing | None
    problem: str | None  # an English sentence of the catalogue
    forecast: Forecast | None = None  # when its next day will be there, if it waits for one

    @property
    def is_late(self) -> bool:
        """Whether its next day will not be there before its first airing."""
        one = self.forecast
        return one is not None and (one.ready_at is None or one.ready_at > one.needed_at)


def station_board(
    session: Session,
    now: datetime,
    *,
    on: date,
    unit_ids: Collection[int] | None = None,
    station_ids: Collection[int] | None = None,
) -> list[StationLine]:
    """
    Every active station of these units (``None``: all), by name; ``on`` is the local date.

    Args:
        station_ids: only these, closed ones too; nothing is read of the others.
    """
    units = _units(session, on, station_ids)
    deliveries = _next_deliveries(session, now, station_ids)
    airings = _next_airings(session, now, station_ids)
    forecasts = {
        one.station_id: one
        for one in session.scalars(_only(select(Forecast), Forecast.station_id, station_ids))
    }
    statement = select(Station).order_by(Station.name)
    if station_ids is None:
        statement = statement.where(Station.active)
    lines = []
    for station in session.scalars(_only(statement, Station.id, station_ids)):
        unit = units.get(station.id)
        if unit_ids is not None and (unit is None or unit.id not in unit_ids):
            continue
        lines.append(
            StationLine(
                station=station,
                unit=unit,
                delivery=deliveries.get(station.id),
                next_airing=airings.get(station.id),
                problem=problem_of(station, unit),
                forecast=_still_true(forecasts.get(station.id), deliveries.get(station.id)),
            )
        )
    return lines


def _still_true(forecast: Forecast | None, delivery: Delivery | None) -> Forecast | None:
    return forecast if is_still_true(forecast, delivery) else None


def is_still_true(forecast: Forecast | None, delivery: Delivery | Row[Any] | None) -> bool:
    """A forecast is made every few minutes; a day that has come there meanwhile needs none."""
    if forecast is None or delivery is None:
        return False
    return not is_there(delivery.state, delivery.for_date, forecast.for_date)


def is_there(state: DeliveryState, for_date: date, awaited: date) -> bool:
    """Whether the station has its day, and it is the awaited one or a later one."""
    return state in (DeliveryState.DELIVERED, DeliveryState.VERIFIED) and for_date >= awaited


def late_stations(session: Session, unit_ids: Collection[int] | None, on: date) -> int:
    """How many stations of these units will not have their next day in time."""
    asked = {"on": on, "unit_ids": sorted(unit_ids)} if unit_ids is not None else {}
    return session.scalar(_LATE if unit_ids is None else _LATE_INSIDE, asked) or 0


def problem_of(station: Station | Row[Any], unit: object | None) -> str | None:
    """What is wrong with the station itself: an English sentence of the catalogue."""
    if station.kind == "player" and station.host_key is None:
        return NO_HOST_KEY
    if station.clock_skew_s is not None and is_clock_wrong(station.clock_skew_s):
        return CLOCK_WRONG
    return NO_UNIT if unit is None else None


def has_problem(station: Any, unit_id: Any) -> ColumnElement[bool]:
    """The same for the database, of the table: whether ``problem_of`` would say something."""
    return or_(
        and_(station.c.kind == "player", station.c.host_key.is_(None)),
        func.abs(station.c.clock_skew_s) > _CLOCK_WRONG_S,
        unit_id.is_(None),
    )


def is_clock_wrong(skew_s: float) -> bool:
    """Whether somebody should set the clock of a station."""
    return abs(skew_s) > _CLOCK_WRONG_S


def _only(statement: Any, column: InstrumentedAttribute[int], ids: Collection[int] | None) -> Any:
    return statement if ids is None else statement.where(column.in_(ids))


def _units(session: Session, on: date, ids: Collection[int] | None) -> dict[int, Unit]:
    statement = (
        select(StationUnit.station_id, Unit)
        .join(Unit)
        .where(*valid_on(StationUnit, on), *valid_on(Unit, on))
    )
    rows = session.execute(_only(statement, StationUnit.station_id, ids))
    return {row.station_id: row.Unit for row in rows}


def _next_deliveries(
    session: Session, now: datetime, ids: Collection[int] | None
) -> dict[int, Delivery]:
    """For each station the earliest day that is not over, in its newest version."""
    statement = (
        select(Delivery)
        .where(Delivery.state.in_(CURRENT_DELIVERIES), Delivery.last_air_at > now)
        .order_by(Delivery.for_date.desc(), Delivery.seq)
    )
    rows = session.scalars(_only(statement, Delivery.station_id, ids))
    return {delivery.station_id: delivery for delivery in rows}


def _next_airings(
    session: Session, now: datetime, ids: Collection[int] | None
) -> dict[int, Airing]:
    statement = (
        select(Airing.station_id, func.min(Airing.planned_at).label("at"))
        .where(Airing.planned_at > now, Airing.state.in_(OPEN_AIRINGS))
        .group_by(Airing.station_id)
    )
    first = _only(statement, Airing.station_id, ids).subquery()
    rows = session.scalars(
        select(Airing).join(
            first, (Airing.station_id == first.c.station_id) & (Airing.planned_at == first.c.at)
        )
    )
    return {airing.station_id: airing for airing in rows}


_forecast: Any = Forecast.__table__
IS_LATE = or_(_forecast.c.ready_at.is_(None), _forecast.c.ready_at > _forecast.c.needed_at)
_LATE = select(func.count()).select_from(_forecast).where(IS_LATE)  # prepared once
_LATE_INSIDE = _LATE.where(_forecast.c.station_id.in_(serving_param()))
