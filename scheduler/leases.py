"""Who works on a station's deliveries: claimed in one statement, renewed, fenced, given back.

A worker may die, freeze or lose the network at any step. What it held becomes due again when its
lease ends, and its late writes about a delivery are refused: every one of them names the worker,
the attempt and the state that it believes in. How its own attempt ended it may always say.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Update, bindparam, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from scheduler.config import PushSettings
from scheduler.day import Day, coming_manifests, days_told
from scheduler.errors import LeaseLost
from scheduler.hub import Hub
from scheduler.plansend import new_delivery, supersede
from scheduler.store.db import one_of
from scheduler.store.models import Airing, Attempt, Delivery, Station
from scheduler.store.states import (
    CURRENT_DELIVERIES,
    AiringState,
    DeliveryState,
    move,
    moving_rows,
)
from stations.manifest import Manifest
from stations.visit import Sent

# Why an airing that nobody proved cannot have been: the station was never reached in time.
NOT_DELIVERED = "not_delivered"
# A late rule allows a day at most, and an item lasts a day at most: older days have nothing left.
_MAY_STILL_HELP = timedelta(days=3)


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
    coming: tuple[Manifest, ...]  # of today and every planned day after it, held or not
    days: Mapping[date, Day]  # what they hold, as the rows had it when they were claimed


def claim(hub: Hub, station_id: int, worker: str) -> Claim | None:
    """
    Take all that waits for a station, unless another worker is there.

    A day that changed since it was planned goes out under a new seq: a station that saw the old
    content under the old seq would refuse the new one.
    """
    now, today = hub.clock.now(), hub.today()
    with hub.database.write() as session:
        # Locks the row on PostgreSQL: two workers cannot both find the station free.
        station = session.scalar(_STATION, {"station_id": station_id})
        if station is None:
            return None
        days_since = {"station_id": station_id, "since": today - _MAY_STILL_HELP}
        around = session.scalars(_AROUND, days_since).all()
        waiting = [one for one in around if _waits(one, now)]
        if any(_is_held(one, now) for one in around) or not _is_due(waiting, now):
            return None
        leave_out_the_late(session, waiting, now)
        told = [one for one in around if one.for_date >= today or one in waiting]
        days = days_told(session, station, told, anew=waiting)
        fresh = {one: _as_of_now(hub, session, station, one, days[one.for_date]) for one in waiting}
        session.flush()
        held, leases = _lease(hub, session, list(fresh.values()), worker, now)
    coming = coming_manifests(hub, station, [fresh.get(one, one) for one in told], days)
    return Claim(station, held, leases, tuple(coming), days)


def _waits(delivery: Delivery, now: datetime) -> bool:
    """What is over has nothing left that is worth a byte."""
    is_open = delivery.state in (DeliveryState.DUE, DeliveryState.QUEUED)
    return is_open and delivery.last_air_at >= now


def _is_due(waiting: Sequence[Delivery], now: datetime) -> bool:
    """Not so after a doubled message that follows a failure: the back-off holds for it too."""
    return any(one.state is DeliveryState.QUEUED or one.next_try_at <= now for one in waiting)


def _is_held(delivery: Delivery, now: datetime) -> bool:
    until = delivery.lease_until
    return delivery.state is DeliveryState.LEASED and until is not None and until >= now


def renew(hub: Hub, leases: Sequence[Lease]) -> None:
    """
    Say that the worker still lives.

    Raises:
        LeaseLost: another worker has taken over, or a newer day replaced this one. Stop.
    """
    until = hub.clock.now() + timedelta(seconds=hub.settings.push.lease_s)
    held = [(lease.delivery_id, lease.attempt) for lease in leases]
    asked = {"held": held, "holder": leases[0].worker, "until": until}
    with hub.database.write() as session:
        if _affected(session, _RENEWED, asked) != len(held):
            raise LeaseLost()


def finish(
    hub: Hub, lease: Lease, *, sent: Sequence[Sent], manifest_sha256: str,
    also: Callable[[Session], None] = lambda session: None,
) -> None:  # fmt: skip
    """
    The station has the day: we wrote it, flushed it, checked it and renamed it.

    ``also``: what else is written down in the same transaction.

    Raises:
        LeaseLost: the claim was lost meanwhile; the new holder will find the files there.
    """
    now = hub.clock.now()
    with hub.database.write() as session:
        also(session)  # the station before its days, as the planner locks them
        _change_held(session, _DELIVERED, lease, now=now, sent_sha256=manifest_sha256)
        delivered = DeliveryState.DELIVERED.value
        session.execute(_CLOSED, _ended_attempt(lease, now, delivered, sent))


def give_back(
    hub: Hub, leases: Iterable[Lease], *, code: str, fields: dict[str, Any], retry: bool,
    sent: Sequence[Sent] = (), at_once: bool = False,
    also: Callable[[Session], None] = lambda session: None,
) -> None:  # fmt: skip
    """
    A visit that failed: due again after a back-off, or failed until a person decides.

    ``at_once``: nobody failed, so nobody has to wait. ``also``: as for ``finish``.

    The bytes that it sent belong to the first of them, which was under way.
    """
    now = hub.clock.now()
    kept = {name: str(value) for name, value in fields.items()}
    told = {"why": code, "why_fields": kept}
    given, closed = [], []
    for lease in leases:
        wait = timedelta(0) if at_once else back_off(hub.settings.push, lease)
        given.append(_named(lease) | told | {"next_try": now + wait})
        closed.append(_ended_attempt(lease, now, code, sent, kept))
        sent = ()
    with hub.database.write() as session:
        also(session)  # the station before its days, as the planner locks them
        if given:
            session.execute(_DUE_AGAIN if retry else _FAILED, given)
            session.execute(_CLOSED, closed)


def keep_queued(session: Session, until: datetime) -> None:
    """Messages still wait to be taken: what they stand for is not lost yet."""
    session.execute(
        update(Delivery).where(Delivery.state == DeliveryState.QUEUED).values(lease_until=until)
    )


def rescue(session: Session, now: datetime) -> int:
    """Make due again what a lost message or a dead worker left behind."""
    return _affected(session, _RESCUED, {"now": now})


def end_the_hopeless(session: Session, now: datetime) -> int:
    """A day that is over can no longer be delivered; the error that stood last says why."""
    return _affected(session, _OVER, {"now": now})


def leave_out_the_late(session: Session, waiting: Sequence[Delivery], now: datetime) -> None:
    """
    Let go of what a station that was dark can no longer air, so that the rest is sent first.

    Only where nothing of the day was ever brought there: otherwise the player may have it, and its
    log tells. Nobody proved anything, so the airing is unknown, with its reason, and not missed.
    """
    for delivery in waiting:
        if delivery.first_air_at >= now or _was_ever_brought(session, delivery):
            continue
        of_day = {"station_id": delivery.station_id, "for_date": delivery.for_date}
        for airing in session.scalars(_BEGUN, of_day | {"now": now}):
            if airing.planned_at + timedelta(seconds=airing.late_ok_s) < now:
                move(airing, AiringState.UNKNOWN)
                airing.reason = NOT_DELIVERED
    session.flush()


def _was_ever_brought(session: Session, delivery: Delivery) -> bool:
    of_day = {"station_id": delivery.station_id, "for_date": delivery.for_date}
    return session.scalar(_EVER_BROUGHT, of_day) is not None


def back_off(push: PushSettings, lease: Lease) -> timedelta:
    """
    Wait twice as long after each try, up to the cap, give or take a fifth.

    The fifth comes from the delivery itself: a hundred stations behind one broken mast do not all
    come back in the same second, and a test sees the same figure every time.
    """
    seconds = min(push.first_retry_s * 2 ** min(lease.attempt - 1, 20), push.retry_cap_s)
    seed = hashlib.sha256(f"{lease.delivery_id}/{lease.attempt}".encode()).digest()[0]
    return timedelta(seconds=seconds * (0.8 + 0.4 * seed / 255))


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
    ids = [delivery.id for delivery in deliveries]
    rows = session.execute(_LEASED, {"ids": ids, "holder": worker, "until": until}).all()
    attempts = {row.id: row.attempts for row in rows}
    held = [delivery for delivery in deliveries if delivery.id in attempts]
    leases = [Lease(delivery.id, attempts[delivery.id], worker) for delivery in held]
    opened = [
        {"delivery_id": one.delivery_id, "number": one.attempt, "worker": worker, "started_at": now}
        for one in leases
    ]
    session.execute(_OPENED, opened)
    return tuple(held), tuple(leases)


def _change_held(session: Session, statement: Update, lease: Lease, **values: Any) -> None:
    if _affected(session, statement, _named(lease) | values) != 1:
        raise LeaseLost()


def _named(lease: Lease) -> dict[str, Any]:
    return {"delivery_id": lease.delivery_id, "attempt": lease.attempt, "holder": lease.worker}


def _affected(session: Session, statement: Update, values: Mapping[str, Any] | None = None) -> int:
    result = session.execute(statement, values)
    assert isinstance(result, CursorResult)
    return result.rowcount


def _ended_attempt(
    lease: Lease, now: datetime, outcome: str, sent: Sequence[Sent],
    error_fields: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """An attempt was opened with its lease, and is its worker's alone, whoever has the lease."""
    return {
        "of": lease.delivery_id, "attempt": lease.attempt, "ended_at": now, "outcome": outcome,
        "error_fields": error_fields,
        "bytes_sent": sum(one.bytes_sent for one in sent),
        "bytes_resumed": sum(one.resumed_from for one in sent),
    }  # fmt: skip


# ── Statements ─────────────────────────────────────────────────────────────────────────────────
# Prepared once: to put one together takes SQLAlchemy three times as long as to run it, and a visit
# runs a dozen of them. The bare tables where no loaded row is wanted: half the time again.

_deliveries: Any = Delivery.__table__
_attempts: Any = Attempt.__table__

_STATION = select(Station).where(Station.id == bindparam("station_id")).with_for_update()
_AROUND = (
    select(Delivery)
    .where(
        Delivery.station_id == bindparam("station_id"),
        Delivery.for_date >= bindparam("since"),
        one_of(Delivery.state, CURRENT_DELIVERIES),
    )
    .order_by(Delivery.for_date)
)
_EVER_BROUGHT = (
    select(_deliveries.c.id)
    .where(
        _deliveries.c.station_id == bindparam("station_id"),
        _deliveries.c.for_date == bindparam("for_date"),
        _deliveries.c.delivered_at.is_not(None),
    )
    .limit(1)
)
_BEGUN = select(Airing).where(
    Airing.station_id == bindparam("station_id"),
    Airing.broadcast_date == bindparam("for_date"),
    Airing.state == AiringState.PLANNED,
    Airing.planned_at < bindparam("now"),
)


_RESCUED = (
    moving_rows(Delivery, DeliveryState.DUE)
    .where(
        one_of(_deliveries.c.state, (DeliveryState.QUEUED, DeliveryState.LEASED)),
        _deliveries.c.lease_until < bindparam("now"),
    )
    .values(next_try_at=bindparam("now"), lease_until=None, worker=None)
)
_OVER = (
    moving_rows(Delivery, DeliveryState.FAILED)
    .where(
        one_of(_deliveries.c.state, (DeliveryState.DUE, DeliveryState.QUEUED)),
        _deliveries.c.last_air_at < bindparam("now"),
    )
    .values(error_code=func.coalesce(_deliveries.c.error_code, "window_over"), lease_until=None)
)


def _only_held(statement: Update) -> Update:
    return statement.where(
        _deliveries.c.id == bindparam("delivery_id"),
        _deliveries.c.state == DeliveryState.LEASED,
        _deliveries.c.attempts == bindparam("attempt"),
        _deliveries.c.worker == bindparam("holder"),
    )


def _given_back(state: DeliveryState) -> Update:
    return _only_held(moving_rows(Delivery, state)).values(
        next_try_at=bindparam("next_try"),
        lease_until=None,
        error_code=bindparam("why"),
        error_fields=bindparam("why_fields"),
    )


_LEASED = (
    moving_rows(Delivery, DeliveryState.LEASED)
    .where(_deliveries.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        worker=bindparam("holder"),
        lease_until=bindparam("until"),
        attempts=_deliveries.c.attempts + 1,
    )
    .returning(_deliveries.c.id, _deliveries.c.attempts)
)
_OPENED = insert(_attempts)
# PostgreSQL locks them day after day, as the planner does: in any other order the two could wait
# for each other.
_STILL_HELD = (
    select(_deliveries.c.id)
    .where(
        tuple_(_deliveries.c.id, _deliveries.c.attempts).in_(bindparam("held", expanding=True)),
        _deliveries.c.state == DeliveryState.LEASED,
        _deliveries.c.worker == bindparam("holder"),
    )
    .order_by(_deliveries.c.for_date)
    .with_for_update()
)
_RENEWED = (
    update(_deliveries)
    .where(_deliveries.c.id.in_(_STILL_HELD))
    .values(lease_until=bindparam("until"))
)
_DELIVERED = _only_held(moving_rows(Delivery, DeliveryState.DELIVERED)).values(
    delivered_at=bindparam("now"),
    manifest_sha256=bindparam("sent_sha256"),
    lease_until=None,
    error_code=None,
    error_fields=None,
)
_DUE_AGAIN, _FAILED = _given_back(DeliveryState.DUE), _given_back(DeliveryState.FAILED)
_CLOSED = update(_attempts).where(
    _attempts.c.delivery_id == bindparam("of"), _attempts.c.number == bindparam("attempt")
)
