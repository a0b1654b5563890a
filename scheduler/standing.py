"""How the stations of a part of the map stand tonight: counted, and those named that fail.

The board reads every row of every station; a nation has 10,600. Here only columns are read, and
only of those that may be in trouble.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, case, func, or_, select
from sqlalchemy.orm import Session

from scheduler.board import is_still_true, problem_of
from scheduler.store.db import in_batches
from scheduler.store.models import Airing, Delivery, Forecast, Station, StationUnit, Unit
from scheduler.store.states import OPEN_AIRINGS, OPEN_DELIVERIES, DeliveryState
from scheduler.units import valid_on


@dataclass(frozen=True)
class Failing:
    """A station for which somebody should act."""

    station_id: int
    name: str
    unit_id: int | None
    airs_at: datetime | None  # what comes next there


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
    stations = {row.id: row for row in session.execute(_active(on, unit_ids))}
    wrong = {i for i, row in stations.items() if problem_of(row, row.unit_id) is not None}
    wrong |= _undelivered(session, now) & stations.keys()
    airs_at = _next_airings(session, now, wrong)
    return Standing(
        by_unit=Counter(row.unit_id for row in stations.values()),
        failing=tuple(
            Failing(i, stations[i].name, stations[i].unit_id, airs_at.get(i)) for i in sorted(wrong)
        ),
        soon=_soon(session, now, on, unit_ids),
    )


def _active(on: date, unit_ids: Collection[int] | None) -> Select[Any]:
    serving = (
        select(StationUnit.station_id, Unit.id.label("unit_id"))
        .join(Unit, Unit.id == StationUnit.unit_id)
        .where(*valid_on(StationUnit, on), *valid_on(Unit, on))
        .subquery()
    )
    statement = (
        select(
            Station.id, Station.name, Station.kind, Station.host_key, Station.clock_skew_s,
            serving.c.unit_id,
        )
        .outerjoin(serving, serving.c.station_id == Station.id)
        .where(Station.active)
    )  # fmt: skip
    return statement if unit_ids is None else statement.where(serving.c.unit_id.in_(unit_ids))


# ── Whose next day does not get there ──────────────────────────────────────────────────────────


def _undelivered(session: Session, now: datetime) -> set[int]:
    """Stations whose next day failed, met an error, or will be late."""
    late = {
        row.station_id: row
        for row in session.scalars(
            select(Forecast).where(
                or_(Forecast.ready_at.is_(None), Forecast.ready_at > Forecast.needed_at)
            )
        )
    }
    suspects = late.keys() | set(
        session.scalars(
            select(Delivery.station_id).where(
                Delivery.state.in_((DeliveryState.FAILED, *OPEN_DELIVERIES)),
                Delivery.last_air_at > now,
                or_(Delivery.state == DeliveryState.FAILED, Delivery.error_code.is_not(None)),
            )
        )
    )
    return {
        station_id
        for station_id, delivery in _next_days(session, now, suspects).items()
        if _is_in_trouble(delivery) or is_still_true(late.get(station_id), delivery)
    }


def _is_in_trouble(delivery: Row[Any]) -> bool:
    return delivery.state is DeliveryState.FAILED or delivery.error_code is not None


def _next_days(session: Session, now: datetime, station_ids: set[int]) -> dict[int, Row[Any]]:
    """For each station the earliest day that is not over, in its newest version."""
    found: dict[int, Row[Any]] = {}
    for batch in in_batches(sorted(station_ids)):
        rows = session.execute(
            select(Delivery.station_id, Delivery.state, Delivery.error_code, Delivery.for_date)
            .where(
                Delivery.station_id.in_(batch),
                Delivery.state != DeliveryState.SUPERSEDED,
                Delivery.last_air_at > now,
            )
            .order_by(Delivery.for_date.desc(), Delivery.seq)
        )
        found.update({row.station_id: row for row in rows})
    return found


# ── What airs next ─────────────────────────────────────────────────────────────────────────────


def _next_airings(session: Session, now: datetime, station_ids: set[int]) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for batch in in_batches(sorted(station_ids)):
        rows = session.execute(
            select(Airing.station_id, func.min(Airing.planned_at).label("at"))
            .where(
                Airing.station_id.in_(batch),
                Airing.planned_at > now,
                Airing.state.in_(OPEN_AIRINGS),
            )
            .group_by(Airing.station_id)
        )
        found.update({row.station_id: row.at for row in rows})
    return found


def _soon(
    session: Session, now: datetime, on: date, unit_ids: Collection[int] | None
) -> Soon | None:
    # One state at a time: each is walked in the order of its index and left at the first row.
    firsts = [
        session.scalar(
            _inside(select(Airing.planned_at), on, unit_ids)
            .where(Airing.state == state, Airing.planned_at > now)
            .order_by(Airing.planned_at)
            .limit(1)
        )
        for state in OPEN_AIRINGS
    ]
    at = min((one for one in firsts if one is not None), default=None)
    if at is None:
        return None
    is_there = (
        select(Delivery.id)
        .where(
            Delivery.station_id == Airing.station_id,
            Delivery.for_date == Airing.broadcast_date,
            Delivery.state == DeliveryState.VERIFIED,
        )
        .exists()
    )
    verified = case((is_there, Airing.station_id))
    counts = select(func.count(Airing.station_id.distinct()), func.count(verified.distinct()))
    due = _inside(counts, on, unit_ids).where(
        Airing.planned_at == at, Airing.state.in_(OPEN_AIRINGS)
    )
    return Soon(at, *session.execute(due).one())


def _inside(
    statement: Select[*tuple[Any, ...]], on: date, unit_ids: Collection[int] | None
) -> Select[*tuple[Any, ...]]:
    """Only airings of active stations of these units."""
    statement = statement.join(Station, Station.id == Airing.station_id).where(Station.active)
    if unit_ids is None:
        return statement
    serving = select(StationUnit.station_id).where(
        StationUnit.unit_id.in_(unit_ids), *valid_on(StationUnit, on)
    )
    return statement.where(Airing.station_id.in_(serving))
