"""What a station says that it has: its receipt, checked, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from scheduler import bulletins
from scheduler.hub import Hub
from scheduler.keys import end_rotation, keys_of
from scheduler.leases import Lease, back_off
from scheduler.store.db import one_of
from scheduler.store.models import Airing, Attempt, Delivery, Station
from scheduler.store.states import AiringState, DeliveryState, move, moving, moving_rows
from stations.asrun import CLOCK_TRUSTED_S
from stations.errors import BadReceipt
from stations.layout import RECEIPT, RECEIPT_MAX_BYTES
from stations.receipt import Receipt, read_receipt
from stations.visit import Visit

# A player looks every half minute; hashing a week of programmes on a slow card takes some more.
_RECEIPT_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Taken:
    """What one receipt brought."""

    verified: int  # deliveries that it confirms
    healed: int  # deliveries that it no longer confirms: due again
    is_clock_ahead: bool  # it was written in our future


def take_receipt(hub: Hub, session: Session, station: Station, receipt: Receipt) -> Taken:
    """Believe what a station's own reading says of its days; as often as one likes."""
    now = hub.clock.now()
    of_station = {"station_id": station.id}
    # Locks the row on PostgreSQL, as a claim and the planner do: nobody replaces a delivery
    # between our look at it and our word on it.
    known_at = session.scalar(_LAST_RECEIPT, of_station)
    # A dead player's last receipt complains for ever: what it says is mended once.
    is_news = receipt.at != known_at
    brought = session.execute(_BROUGHT, of_station | {"today": hub.today()}).all()
    verified = _verify(session, station, receipt, brought, now)
    healed = _heal(hub, session, receipt, brought) if is_news else 0
    bulletins.take_receipt(session, station, receipt, now)
    seen = {
        "receipt_at": receipt.at, "last_seen_at": now, "free_bytes": receipt.free_bytes,
        "player_version": receipt.player_version,
    }  # fmt: skip
    seen |= {"distrusted": _distrusted(receipt)} if is_news else {}
    session.execute(_SEEN, of_station | seen)
    is_ahead = receipt.at > now + timedelta(seconds=CLOCK_TRUSTED_S)
    return Taken(verified, healed, is_ahead)


def _verify(
    session: Session, station: Station, receipt: Receipt, brought: Iterable[Any], now: datetime
) -> int:
    """What was delivered is confirmed by the station itself, and its airings are there."""
    fresh = [
        one for one in brought if one.state is DeliveryState.DELIVERED and _confirms(receipt, one)
    ]
    if fresh:
        session.execute(_VERIFIED, {"ids": [one.id for one in fresh], "now": now})
        dates = [one.for_date for one in fresh]
        session.execute(_ON_STATION, {"of_station": station.id, "dates": dates})
    return len(fresh)


def _heal(hub: Hub, session: Session, receipt: Receipt, brought: Iterable[Any]) -> int:
    now = hub.clock.now()
    lost = [
        one.id for one in brought if not _confirms(receipt, one) and _is_lost(receipt, one, now)
    ]
    for delivery_id in lost:
        lose(hub, session, session.get_one(Delivery, delivery_id))
    return len(lost)


def lose(hub: Hub, session: Session, delivery: Delivery) -> None:
    """A day that was brought is not there any more: due again, and its airings not on station."""
    move(delivery, DeliveryState.DUE)
    delivery.next_try_at = hub.clock.now() + _wait_after_loss(hub, session, delivery)
    delivery.error_code = "lost_at_station"
    session.execute(
        moving(Airing, AiringState.PLANNED).where(
            Airing.station_id == delivery.station_id,
            Airing.broadcast_date == delivery.for_date,
            Airing.bulletin_id.is_(None),
            Airing.state == AiringState.ON_STATION,
        )
    )


def receipt_of(hub: Hub, station: Station, visit: Visit) -> Receipt | None:
    """
    The last receipt of a station; None when there is none.

    Raises:
        BadReceipt, FileTooLong: what lies there is no receipt of this station.
    """
    data = visit.read_file(RECEIPT, RECEIPT_MAX_BYTES)
    if data is None:
        return None
    keys = keys_of(hub, station)
    if keys.next is not None:
        try:
            receipt = read_receipt(data, station=station.code, key=keys.next)
        except BadReceipt:
            pass  # the technician has not been there yet
        else:
            _end_rotation(hub, station)
            return receipt
    return read_receipt(data, station=station.code, key=keys.current)


def _end_rotation(hub: Hub, station: Station) -> None:
    with hub.database.write() as session:
        known = session.get_one(Station, station.id, with_for_update=True)
        if known.next_key_number is not None:
            end_rotation(hub, session, known)


def _confirms(receipt: Receipt, delivery: Any) -> bool:
    """The station has checked every file of exactly this manifest."""
    day = receipt.days.get(delivery.for_date)
    if day is None or day.manifest_sha256 != delivery.manifest_sha256:
        return False
    return day.is_complete


def _is_lost(receipt: Receipt, delivery: Any, now: datetime) -> bool:
    """
    Whether the station has looked since and found less than was delivered.

    Counted by our clock alone: a station's may be hours off.
    """
    day = receipt.days.get(delivery.for_date)
    if day is not None and day.manifest_sha256 == delivery.manifest_sha256:
        return bool(day.missing or day.wrong)
    delivered_at: datetime = delivery.delivered_at
    return now > delivered_at + _RECEIPT_AFTER


def _distrusted(receipt: Receipt) -> list[str]:
    """
    What the station's own reading found wrong, or not at all.

    A visit looks at samples, and would take one flipped bit for a file that is there already.
    """
    return sorted({name for day in receipt.days.values() for name in day.missing | day.wrong})


def _wait_after_loss(hub: Hub, session: Session, delivery: Delivery) -> timedelta:
    """Mend at once the first time; a dying card is not sent the same night every ten minutes."""
    times_delivered = session.scalar(
        select(func.count()).where(
            Attempt.delivery_id == delivery.id, Attempt.outcome == DeliveryState.DELIVERED.value
        )
    )
    if not times_delivered or times_delivered == 1:
        return timedelta(0)
    return back_off(hub.settings.push, Lease(delivery.id, times_delivered - 1, ""))


# ── Statements ─────────────────────────────────────────────────────────────────────────────────
# Prepared once, and on the bare tables: asked of every station every ten minutes.

_airings: Any = Airing.__table__
_deliveries: Any = Delivery.__table__
_stations: Any = Station.__table__

_LAST_RECEIPT = (
    select(_stations.c.receipt_at)
    .where(_stations.c.id == bindparam("station_id"))
    .with_for_update()
)
_BROUGHT = select(
    _deliveries.c.id, _deliveries.c.for_date, _deliveries.c.state, _deliveries.c.manifest_sha256,
    _deliveries.c.delivered_at,
).where(
    _deliveries.c.station_id == bindparam("station_id"),
    _deliveries.c.for_date >= bindparam("today"),
    one_of(_deliveries.c.state, (DeliveryState.DELIVERED, DeliveryState.VERIFIED)),
)  # fmt: skip
_VERIFIED = (
    moving_rows(Delivery, DeliveryState.VERIFIED)
    .where(_deliveries.c.id.in_(bindparam("ids", expanding=True)))
    .values(verified_at=bindparam("now"))
)
_ON_STATION = moving_rows(Airing, AiringState.ON_STATION).where(
    _airings.c.station_id == bindparam("of_station"),
    _airings.c.broadcast_date.in_(bindparam("dates", expanding=True)),
    _airings.c.bulletin_id.is_(None),
)
# Sets the columns that are given to it.
_SEEN = update(_stations).where(_stations.c.id == bindparam("station_id"))
