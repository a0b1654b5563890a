"""The keys of a station: the one in force, the next one while they change, and the one before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from scheduler.clock import local_date
from scheduler.errors import InputInvalid
from scheduler.hub import Hub
from scheduler.store import ledger
from scheduler.store.models import Delivery, Station
from scheduler.store.states import DeliveryState, moving
from stations.manifest import station_key


@dataclass(frozen=True)
class StationKeys:
    """What one station may sign with, and what we sign with for it; never shown."""

    current: bytes
    next: bytes | None
    previous: bytes | None
    changed_on: date | None  # the local date from which on the previous one proves nothing

    @property
    def all(self) -> list[bytes]:
        return [key for key in (self.current, self.next) if key is not None]

    def previous_of_log(self, on: date) -> bytes | None:
        """The day of the change, and those before it, hold lines under the key before."""
        return self.previous if self.changed_on is not None and on <= self.changed_on else None


def keys_of(hub: Hub, station: Station) -> StationKeys:
    """The keys of a station as its row says; they are derived, and stand in no row."""

    def numbered(number: int | None) -> bytes | None:
        if number is None or number < 0:
            return None
        return station_key(hub.master_secret(), station.code, number)

    current = numbered(station.key_number)
    assert current is not None
    changed = station.key_changed_at
    return StationKeys(
        current=current,
        next=numbered(station.next_key_number),
        previous=numbered(station.key_number - 1),
        changed_on=local_date(changed, hub.settings.zone) if changed else None,
    )


def give_out(hub: Hub, session: Session, station: Station, *, is_next: bool, by: str) -> str:
    """
    The line for ``state/loa.key`` of the box; the ledger says who has it now.

    Raises:
        InputInvalid: there is no next key, because no change of keys is under way.
    """
    keys = keys_of(hub, station)
    key = keys.next if is_next else keys.current
    if key is None:
        raise InputInvalid(problem="no change of keys is under way at this station")
    ledger.record(
        session, at=hub.clock.now(), who=by, what="station_key_given_out", subject=station.code,
        is_next=is_next,
    )  # fmt: skip
    return f"{key.hex()}\n"


def begin_rotation(hub: Hub, session: Session, station: Station, *, by: str) -> bytes:
    """
    Give out the next key of a station, and sign its days under both until the box has it.

    Asked again while the box has not answered, it gives the same key: a technician who came half
    way begins where he stopped. The days that lie at the station go out again, because their
    copies there must outlive the old key.
    """
    if station.next_key_number is None:
        station.next_key_number = station.key_number + 1
        _send_again(hub, session, station)
        _record(hub, session, station, "station_key_rotation_begun", by)
    key = keys_of(hub, station).next
    assert key is not None
    return key


def end_rotation(hub: Hub, session: Session, station: Station) -> None:
    """The box has signed with the next key: from now on it is the only one."""
    assert station.next_key_number is not None
    station.key_number, station.next_key_number = station.next_key_number, None
    station.key_changed_at = hub.clock.now()
    _record(hub, session, station, "station_key_rotated", "loa")


def give_up_rotation(hub: Hub, session: Session, station: Station, *, by: str) -> None:
    """Forget the next key, as if it had not been given out. The box keeps the one that it has."""
    station.next_key_number = None
    _send_again(hub, session, station)
    _record(hub, session, station, "station_key_rotation_given_up", by)


def _send_again(hub: Hub, session: Session, station: Station) -> None:
    """Sent again costs one small file a day: the sound that lies there is recognised."""
    now: datetime = hub.clock.now()
    session.execute(
        moving(Delivery, DeliveryState.DUE)
        .where(
            Delivery.station_id == station.id,
            # A worker that signs at this moment, under the old key alone, loses its claim.
            Delivery.state.in_(
                (DeliveryState.DELIVERED, DeliveryState.VERIFIED, DeliveryState.LEASED)
            ),
            Delivery.last_air_at > now,
        )
        .values(next_try_at=now, lease_until=None, worker=None)
    )


def _record(hub: Hub, session: Session, station: Station, what: str, by: str) -> None:
    ledger.record(
        session, at=hub.clock.now(), who=by, what=what, subject=station.code,
        number=station.key_number, next_number=station.next_key_number,
    )  # fmt: skip
