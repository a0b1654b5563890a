"""Who works on a station's deliveries: claimed in one statement, renewed, fenced, given back.

A worker may die, freeze or lose the network at any step. What it held becomes due again when its
lease ends, and its late writes are refused: every one of them names the worker, the attempt and
the state that it believes in.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Update, func, select, update
from sqlalchemy.orm import Session

from scheduler.config import PushSettings
from scheduler.day import Day, days_from_rows
from scheduler.errors import LeaseLost
from scheduler.hub import Hub
from scheduler.plansend import new_delivery, supersede
from scheduler.store.models import Airing, Attempt, Delivery, Station
from scheduler.store.states import AiringState, DeliveryState, move, moving
from stations.visit import Sent

# Why an airing that nobody proved cannot have been: the station was never reached in time.
NOT_DELIVERED = "not_delivered"


def worker_name() -> str:
    """Who holds a lease: host, process, thread."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{threading.get_ident() % 100_000}"


@dataclass(frozen=True)
class Lease:
    """One worker's claim on one delivery."""

    delivery_id: int
    attempt: int  # the fencing number
    worker: str


@dataclass(frozen=True)
class Claim:
    """What one worker holds at one station, earliest day first."""

    station: Station
    deliveries: tuple[Delivery, ...]
    leases: tuple[Lease, ...]


def claim(hub: Hub, station_id: int, worker: str) -> Claim | None:
    """
    Take all that waits for a station, unless another worker is there.

    A day that changed since it was planned goes out under a new seq: a station that saw the old
    content under the old seq would refuse the new one.
    """
    now = hub.clock.now()
    with hub.database.write() as session:
        # Locks the row on PostgreSQL: two workers cannot both find the station free.
        station = session.get(Station, station_id, with_for_update=True)
        if station is None or _is_visited(session, station_id, now):
            return None
        waiting = session.scalars(
            select(Delivery)
            .where(
                Delivery.station_id == station_id,
                Delivery.state.in_((DeliveryState.DUE, DeliveryState.QUEUED)),
                Delivery.last_air_at >= now,  # what is over has nothing left that is worth a byte
            )
            .order_by(Delivery.for_date)
        ).all()
        if not any(one.state is DeliveryState.QUEUED or one.next_try_at <= now for one in waiting):
            return None  # a doubled message after a failure: the back-off holds for it too
        leave_out_the_late(session, waiting, now)
        days = days_from_rows(session, station, [delivery.for_date for delivery in waiting])
        fresh = [
            _as_of_now(hub, session, station, delivery, days[delivery.for_date])
            for delivery in waiting
        ]
        session.flush()
        leased = _lease(hub, session, fresh, worker, now)
    return Claim(station, *leased) if fresh else None


def renew(hub: Hub, leases: Sequence[Lease]) -> None:
    """
    Say that the worker still lives.

    Raises:
        LeaseLost: another worker has taken over, or a newer day replaced this one. Stop.
    """
    until = hub.clock.now() + timedelta(seconds=hub.settings.push.lease_s)
    with hub.database.write() as session:
        for lease in leases:
            _change_held(session, _held_update(lease).values(lease_until=until))


def finish(hub: Hub, lease: Lease, *, sent: Sequence[Sent], manifest_sha256: str) -> None:
    """
    The station has the day: we wrote it, flushed it, checked it and renamed it.

    Raises:
        LeaseLost: the claim was lost meanwhile; the new holder will find the files there.
    """
    now = hub.clock.now()
    with hub.database.write() as session:
        _change_held(
            session,
            _move_held(lease, DeliveryState.DELIVERED).values(
                delivered_at=now,
                manifest_sha256=manifest_sha256,
                lease_until=None,
                error_code=None,
                error_fields=None,
            ),
        )
        _close_attempt(session, lease, now, DeliveryState.DELIVERED.value, sent)


def give_back(
    hub: Hub, leases: Iterable[Lease], *, code: str, fields: dict[str, Any], retry: bool,
    sent: Sequence[Sent] = (), at_once: bool = False,
) -> None:  # fmt: skip
    """
    A visit that failed: due again after a back-off, or failed until a person decides.

    ``at_once``: nobody failed, so nobody has to wait.

    The bytes that it sent belong to the first of them, which was under way.
    """
    now = hub.clock.now()
    state = DeliveryState.DUE if retry else DeliveryState.FAILED
    kept = {name: str(value) for name, value in fields.items()}
    with hub.database.write() as session:
        for lease in leases:
            wait = timedelta(0) if at_once else back_off(hub.settings.push, lease)
            changed = _affected(
                session,
                _move_held(lease, state).values(
                    next_try_at=now + wait,
                    lease_until=None,
                    error_code=code,
                    error_fields=kept,
                ),
            )
            if changed:
                _close_attempt(session, lease, now, code, sent, kept)
            sent = ()


def keep_queued(session: Session, until: datetime) -> None:
    """Messages still wait to be taken: what they stand for is not lost yet."""
    session.execute(
        update(Delivery).where(Delivery.state == DeliveryState.QUEUED).values(lease_until=until)
    )


def rescue(session: Session, now: datetime) -> int:
    """Make due again what a lost message or a dead worker left behind."""
    return _affected(
        session,
        moving(Delivery, DeliveryState.DUE)
        .where(
            Delivery.state.in_((DeliveryState.QUEUED, DeliveryState.LEASED)),
            Delivery.lease_until < now,
        )
        .values(next_try_at=now, lease_until=None, worker=None),
    )


def end_the_hopeless(session: Session, now: datetime) -> int:
    """A day that is over can no longer be delivered; the error that stood last says why."""
    return _affected(
        session,
        moving(Delivery, DeliveryState.FAILED)
        .where(
            Delivery.state.in_((DeliveryState.DUE, DeliveryState.QUEUED)),
            Delivery.last_air_at < now,
        )
        .values(error_code=func.coalesce(Delivery.error_code, "window_over"), lease_until=None),
    )


def leave_out_the_late(session: Session, waiting: Sequence[Delivery], now: datetime) -> None:
    """
    Let go of what a station that was dark can no longer air, so that the rest is sent first.

    Only where nothing of the day was ever brought there: otherwise the player may have it, and its
    log tells. Nobody proved anything, so the airing is unknown, with its reason, and not missed.
    """
    for delivery in waiting:
        if delivery.first_air_at >= now or _was_ever_brought(session, delivery):
            continue
        airings = session.scalars(
            select(Airing).where(
                Airing.station_id == delivery.station_id,
                Airing.broadcast_date == delivery.for_date,
                Airing.state == AiringState.PLANNED,
                Airing.planned_at < now,
            )
        )
        for airing in airings:
            if airing.planned_at + timedelta(seconds=airing.late_ok_s) < now:
                move(airing, AiringState.UNKNOWN)
                airing.reason = NOT_DELIVERED
    session.flush()


def _was_ever_brought(session: Session, delivery: Delivery) -> bool:
    brought = select(Delivery.id).where(
        Delivery.station_id == delivery.station_id,
        Delivery.for_date == delivery.for_date,
        Delivery.delivered_at.is_not(None),
    )
    return session.scalar(brought.limit(1)) is not None


def back_off(push: PushSettings, lease: Lease) -> timedelta:
    """
    Wait twice as long after each try, up to the cap, give or take a fifth.

    The fifth comes from the delivery itself: a hundred stations behind one broken mast do not all
    come back in the same second, and a test sees the same figure every time.
    """
    seconds = min(push.first_retry_s * 2 ** min(lease.attempt - 1, 20), push.retry_cap_s)
    seed = hashlib.sha256(f"{lease.delivery_id}/{lease.attempt}".encode()).digest()[0]
    return timedelta(seconds=seconds * (0.8 + 0.4 * seed / 255))


def _is_visited(session: Session, station_id: int, now: datetime) -> bool:
    held = select(Delivery.id).where(
        Delivery.station_id == station_id,
        Delivery.state == DeliveryState.LEASED,
        Delivery.lease_until >= now,
    )
    return session.scalar(held.limit(1)) is not None


def _as_of_now(
    hub: Hub, session: Session, station: Station, delivery: Delivery, day: Day
) -> Delivery:
    if day.content_sha256 == delivery.content_sha256:
        return delivery
    newer = new_delivery(hub, station, delivery.for_date, day)
    supersede(session, [delivery.id])
    session.add(newer)
    return newer


def _lease(
    hub: Hub, session: Session, deliveries: Sequence[Delivery], worker: str, now: datetime
) -> tuple[tuple[Delivery, ...], tuple[Lease, ...]]:
    until = now + timedelta(seconds=hub.settings.push.lease_s)
    rows = session.execute(
        moving(Delivery, DeliveryState.LEASED)
        .where(Delivery.id.in_([delivery.id for delivery in deliveries]))
        .values(worker=worker, lease_until=until, attempts=Delivery.attempts + 1)
        .returning(Delivery.id, Delivery.attempts),
        execution_options={"synchronize_session": False},
    ).all()
    attempts = {row.id: row.attempts for row in rows}
    held = [delivery for delivery in deliveries if delivery.id in attempts]
    leases = [Lease(delivery.id, attempts[delivery.id], worker) for delivery in held]
    session.add_all(
        Attempt(delivery_id=lease.delivery_id, number=lease.attempt, worker=worker, started_at=now)
        for lease in leases
    )
    return tuple(held), tuple(leases)


def _held_update(lease: Lease) -> Update:
    return _only_held(update(Delivery), lease)


def _move_held(lease: Lease, state: DeliveryState) -> Update:
    return _only_held(moving(Delivery, state), lease)


def _only_held(statement: Update, lease: Lease) -> Update:
    return statement.where(
        Delivery.id == lease.delivery_id,
        Delivery.state == DeliveryState.LEASED,
        Delivery.attempts == lease.attempt,
        Delivery.worker == lease.worker,
    )


def _change_held(session: Session, statement: Update) -> None:
    if _affected(session, statement) != 1:
        raise LeaseLost()


def _affected(session: Session, statement: Update) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


def _close_attempt(
    session: Session, lease: Lease, now: datetime, outcome: str, sent: Sequence[Sent],
    error_fields: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    changed = _affected(
        session,
        update(Attempt)
        .where(Attempt.delivery_id == lease.delivery_id, Attempt.number == lease.attempt)
        .values(
            ended_at=now,
            outcome=outcome,
            error_fields=error_fields,
            bytes_sent=sum(one.bytes_sent for one in sent),
            bytes_resumed=sum(one.resumed_from for one in sent),
        ),
    )
    assert changed == 1, "an attempt is opened with its lease"
