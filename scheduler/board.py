"""The station board: how each station stands for its next day, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.store.models import Airing, Delivery, Station, StationUnit, Unit
from scheduler.store.states import CURRENT_DELIVERIES, OPEN_AIRINGS
from scheduler.units import valid_on

# Somebody should set it; beyond 300 s the times in its log are not trusted either.
_CLOCK_WRONG_S = 30

NO_HOST_KEY = "Its host key was never compared and accepted; nothing is sent until then."
CLOCK_WRONG = "Its clock is wrong by more than half a minute. Set it."
NO_UNIT = "Its commune is no more on today's map. Say which unit it serves now."


@dataclass(frozen=True)
class StationLine:
    """One station on the board."""

    station: Station
    unit: Unit | None
    delivery: Delivery | None  # of the next day that something airs, or may still air
    next_airing: Airing | None
    problem: str | None  # an English sentence of the catalogue


def station_board(
    session: Session, now: datetime, *, on: date, unit_ids: Collection[int] | None = None
) -> list[StationLine]:
    """Every active station of these units (``None``: all), by name; ``on`` is the local date."""
    units = _units(session, on)
    deliveries = _next_deliveries(session, now)
    airings = _next_airings(session, now)
    lines = []
    for station in session.scalars(select(Station).where(Station.active).order_by(Station.name)):
        unit = units.get(station.id)
        if unit_ids is not None and (unit is None or unit.id not in unit_ids):
            continue
        lines.append(
            StationLine(
                station=station,
                unit=unit,
                delivery=deliveries.get(station.id),
                next_airing=airings.get(station.id),
                problem=_problem(station, unit),
            )
        )
    return lines


def _problem(station: Station, unit: Unit | None) -> str | None:
    if station.kind == "player" and station.host_key is None:
        return NO_HOST_KEY
    if station.clock_skew_s is not None and abs(station.clock_skew_s) > _CLOCK_WRONG_S:
        return CLOCK_WRONG
    return NO_UNIT if unit is None else None


def _units(session: Session, on: date) -> dict[int, Unit]:
    rows = session.execute(
        select(StationUnit.station_id, Unit)
        .join(Unit)
        .where(*valid_on(StationUnit, on), *valid_on(Unit, on))
    )
    return {row.station_id: row.Unit for row in rows}


def _next_deliveries(session: Session, now: datetime) -> dict[int, Delivery]:
    """For each station the earliest day that is not over, in its newest version."""
    rows = session.scalars(
        select(Delivery)
        .where(Delivery.state.in_(CURRENT_DELIVERIES), Delivery.last_air_at > now)
        .order_by(Delivery.for_date.desc(), Delivery.seq)
    )
    return {delivery.station_id: delivery for delivery in rows}


def _next_airings(session: Session, now: datetime) -> dict[int, Airing]:
    first = (
        select(Airing.station_id, func.min(Airing.planned_at).label("at"))
        .where(Airing.planned_at > now, Airing.state.in_(OPEN_AIRINGS))
        .group_by(Airing.station_id)
        .subquery()
    )
    rows = session.scalars(
        select(Airing).join(
            first, (Airing.station_id == first.c.station_id) & (Airing.planned_at == first.c.at)
        )
    )
    return {airing.station_id: airing for airing in rows}
