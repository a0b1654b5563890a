"""A person's word on what waits for a station: send it again, or let it in peace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from scheduler.readyrows import ReadyStation
from scheduler.store import ledger
from scheduler.store.models import Delivery, Station
from scheduler.store.states import DeliveryState, moving


def retry(session: Session, station: Station | ReadyStation, *, by: str, now: datetime) -> int:
    """A person says "send again": what failed or waits for its back-off is due now."""
    failed = moving(Delivery, DeliveryState.DUE).where(
        Delivery.station_id == station.id,
        Delivery.state == DeliveryState.FAILED,
        Delivery.last_air_at > now,
    )
    ids = set(session.scalars(failed.values(next_try_at=now).returning(Delivery.id)))
    waiting = update(Delivery).where(
        Delivery.station_id == station.id,
        Delivery.state == DeliveryState.DUE,
        Delivery.next_try_at > now,
    )
    ids |= set(session.scalars(waiting.values(next_try_at=now).returning(Delivery.id)))
    if ids:
        ledger.record(
            session, at=now, who=by, what="delivery_retried", subject=station.code, count=len(ids)
        )
    return len(ids)


@dataclass(frozen=True)
class Postponed:
    postponed: int  # days that wait
    late: int  # of them, those that air before


def postpone(
    session: Session, station: Station, *, until: datetime, by: str, now: datetime
) -> Postponed:
    """A person says "not now": what waits for this station is not tried before ``until``."""
    waiting = moving(Delivery, DeliveryState.DUE).where(
        Delivery.station_id == station.id, Delivery.state == DeliveryState.QUEUED
    )
    session.execute(waiting.values(lease_until=None))  # its message finds a day that is not due
    rows = session.execute(
        update(Delivery)
        .where(Delivery.station_id == station.id, Delivery.state == DeliveryState.DUE)
        .values(next_try_at=until)
        .returning(Delivery.id, Delivery.first_air_at)
    ).all()
    late = sum(row.first_air_at < until for row in rows)
    if rows:
        ledger.record(
            session, at=now, who=by, what="delivery_postponed", subject=station.code,
            count=len(rows), until=f"{until:%Y-%m-%dT%H:%M%z}",
        )  # fmt: skip
    return Postponed(len(rows), late)
