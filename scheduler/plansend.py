"""What the stations' days hold, made into deliveries: a changed day goes out under a higher seq."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from scheduler.day import Day, PlannedItem, day_of, item_title, ready_renditions
from scheduler.hub import Hub
from scheduler.planday import Found, Key
from scheduler.repertoire import Repertoire
from scheduler.rundown import Row
from scheduler.store.bulk import bulk_insert
from scheduler.store.db import in_batches
from scheduler.store.models import Delivery, Programme, Slot, Station
from scheduler.store.states import (
    CURRENT_DELIVERIES,
    LEFT_OUT_AIRINGS,
    DeliveryState,
    moving,
)
from scheduler.timetable import to_utc
from stations.manifest import ManifestFile

_A_DAY = timedelta(days=1)


class DayDeliveries:
    """One run's deliveries, day by day; the sequence numbers are saved at its end."""

    def __init__(
        self, hub: Hub, session: Session, stations: Mapping[int, Station],
        slots: Mapping[int, Slot], repertoire: Repertoire,
        renditions: dict[tuple[int, str], ManifestFile],
    ) -> None:  # fmt: skip
        self._hub, self._session, self._now = hub, session, hub.clock.now()
        self._stations, self._slots = stations, slots
        self._repertoire, self._renditions = repertoire, renditions
        self._next_seqs: dict[int, int] = {}  # of the stations that no worker can claim
        self._cache: dict[object, Day] = {}
        self.waiting = set[int]()  # programmes that are not encoded for every station yet
        self.new = self.superseded = 0

    def days(self, wanted: Mapping[Key, Row], found: Found) -> dict[int, Day]:
        """Each station's day: what is wanted, and what of it has begun already."""
        items: dict[int, list[tuple[datetime, Row]]] = defaultdict(list)
        for key, row in found.rows.items():
            if key[1] <= self._now and found.states[key] not in LEFT_OUT_AIRINGS:
                items[key[0]].append((key[1], row))
        for key, row in wanted.items():
            items[key[0]].append((key[1], row))
        return {
            station_id: self._day(self._stations[station_id].profile, tuple(sorted(planned)))
            for station_id, planned in items.items()
            if station_id in self._stations and self._stations[station_id].kind != "person"
        }

    def _day(self, profile: str, planned: tuple[tuple[datetime, Row], ...]) -> Day:
        """Thousands of stations have the same day: it is made and hashed once."""
        day = self._cache.get((profile, planned))
        if day is None:
            items = [self._item(at, row) for at, row in planned]
            day = day_of(items, profile, self._renditions)
            self._cache[profile, planned] = day
            self.waiting |= day.waiting
        return day

    def _item(self, at: datetime, row: Row) -> PlannedItem:
        slot = self._slots.get(row.slot_id) or self._session.get_one(Slot, row.slot_id)
        if row.programme_id not in self._repertoire:  # what has begun may be withdrawn since
            self._renditions.update(ready_renditions(self._session, {row.programme_id}))
        return PlannedItem(
            at, row.programme_id, row.programme_class,
            item_title(slot.title, slot.released, self.title(row.programme_id)), row.late_ok_s,
            row.stream, row.ms, row.ident_id,
        )  # fmt: skip

    def title(self, programme_id: int) -> str:
        if programme_id in self._repertoire:
            return self._repertoire[programme_id].title
        return self._session.get_one(Programme, programme_id).title

    def deliver(self, on: date, days: Mapping[int, Day]) -> None:
        """Whose day is not what was last written down gets a delivery; an emptied one too."""
        empty = day_of((), "", {})
        current = self._current(on)
        wanted = {station_id: days.get(station_id, empty) for station_id in {*current, *days}}
        differing = {
            station_id: day for station_id, day in wanted.items()
            if self._is_new(station_id, day, current.get(station_id))
        }  # fmt: skip
        if not differing:
            return
        self.lock(differing.keys())
        # Once more, now that no worker can claim there: one may have given the day a newer seq.
        current = self._current(on)
        old: list[int] = []
        new: list[dict[str, Any]] = []
        for station_id in sorted(differing):
            day, had = differing[station_id], current.get(station_id)
            if had is not None and had[1] == day.content_sha256:
                continue
            if had is not None:
                old.append(had[0])
            if self._stations[station_id].kind != "person":
                seq = self._next_seqs[station_id]
                self._next_seqs[station_id] = seq + 1
                new.append(_delivery_values(self._hub, station_id, seq, on, day))
        supersede(self._session, old)
        if new:
            columns = tuple(new[0])
            values = ((*one.values(),) for one in new)
            bulk_insert(self._session, Delivery, columns, values)
        self.new += len(new)
        self.superseded += len(old)

    def _is_new(self, station_id: int, day: Day, had: tuple[int, str] | None) -> bool:
        """Whether the day is not what was last written down to be delivered."""
        if station_id not in self._stations:
            return False
        if had is None:
            return any(item.starts_at > self._now for item in day.items)
        return had[1] != day.content_sha256

    def _current(self, on: date) -> dict[int, tuple[int, str]]:
        """The delivery of each station that counts, with the hash of what it holds."""
        rows = self._session.execute(
            select(Delivery.station_id, Delivery.id, Delivery.content_sha256).where(
                Delivery.for_date == on, Delivery.state.in_(CURRENT_DELIVERIES)
            )
        )
        return {row.station_id: (row.id, row.content_sha256) for row in rows}

    def lock(self, station_ids: Collection[int]) -> None:
        """On PostgreSQL no worker claims at these stations until we end."""
        for batch in in_batches(sorted(set(station_ids) - self._next_seqs.keys())):
            rows = self._session.execute(
                select(Station.id, Station.next_seq)
                .where(Station.id.in_(batch))
                .order_by(Station.id)
                .with_for_update()
            )
            for row in rows:
                self._next_seqs[row.id] = row.next_seq

    def save_seqs(self) -> None:
        """The stations whose number was used up to here."""
        rows = [
            {"id": station_id, "next_seq": seq}
            for station_id, seq in self._next_seqs.items()
            if station_id in self._stations and self._stations[station_id].next_seq != seq
        ]
        for batch in in_batches(rows):
            self._session.execute(update(Station), list(batch))


def _delivery_values(hub: Hub, station_id: int, seq: int, on: date, day: Day) -> dict[str, Any]:
    """A delivery of this day under that seq; due at once."""
    now = hub.clock.now()
    midnight = to_utc(datetime.combine(on + _A_DAY, time.min), hub.settings.zone)
    helps_until = [item.starts_at + timedelta(seconds=item.late_ok_s) for item in day.items] or [
        midnight
    ]
    return {
        "station_id": station_id,
        "for_date": on,
        "seq": seq,
        "content_sha256": day.content_sha256,
        "generated_at": now.replace(microsecond=0),  # as in the manifest: whole seconds
        "first_air_at": day.items[0].starts_at if day.items else midnight,
        "last_air_at": max(helps_until),
        "state": DeliveryState.DUE.value,
        "attempts": 0,
        "next_try_at": now,
    }


def new_delivery(hub: Hub, station: Station, on: date, day: Day) -> Delivery:
    """A delivery of this day under the station's next seq; due at once."""
    seq, station.next_seq = station.next_seq, station.next_seq + 1
    values = _delivery_values(hub, station.id, seq, on, day)
    return Delivery(**{**values, "state": DeliveryState.DUE})


def supersede(session: Session, delivery_ids: Sequence[int]) -> None:
    """Deliveries that a newer day replaces; a worker in the middle of one notices and stops."""
    for batch in in_batches(delivery_ids):
        session.execute(
            moving(Delivery, DeliveryState.SUPERSEDED).where(Delivery.id.in_(list(batch)))
        )
