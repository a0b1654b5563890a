"""The stations: which there are, whom they serve, and what a person decides about one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from scheduler.errors import NotFound
from scheduler.retries import retry
from scheduler.store import ledger
from scheduler.store.among import among
from scheduler.store.models import Station, StationUnit, Unit
from scheduler.units import valid_on


def find_station(session: Session, code: str) -> Station:
    station = session.scalar(select(Station).where(Station.code == code))
    if station is None:
        raise NotFound(what="station", key=code)
    return station


def list_stations(
    session: Session, *, only: Collection[int] | None = None, most: int | None = None
) -> list[Station]:
    """By their code; ``only`` of these, and no more than ``most``."""
    statement = select(Station).options(selectinload(Station.units)).order_by(Station.code)
    if only is not None:
        statement = statement.where(among(Station.id, only))
    return list(session.scalars(statement.limit(most)))


def unit_of(session: Session, station: Station, on: date) -> Unit | None:
    """The unit that a station serves on that day."""
    statement = (
        select(Unit)
        .join(StationUnit, StationUnit.unit_id == Unit.id)
        .where(StationUnit.station_id == station.id, *valid_on(StationUnit, on))
    )
    return session.scalar(statement)


def accept_host_key(
    session: Session, station: Station, host_key: str, *, by: str, now: datetime
) -> None:
    """Pin the key that a person compared; what waited for this decision is due again."""
    before, station.host_key = station.host_key, host_key
    ledger.record(
        session, at=now, who=by, what="host_key_accepted", subject=station.code,
        before=before, after=host_key,
    )  # fmt: skip
    retry(session, station, by=by, now=now)


def serve(session: Session, station: Station, unit: Unit, on: date) -> None:
    """From this day the station serves another unit."""
    for served in station.units:
        if served.valid_to is not None and served.valid_to <= on:
            continue
        if served.valid_from == on:
            session.delete(served)
        else:
            served.valid_to = on
    session.flush()
    session.add(StationUnit(station_id=station.id, unit_id=unit.id, valid_from=on))
