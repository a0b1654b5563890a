"""Which stations will have their next day in time, told long before anybody misses it.

The bytes that are still to send, the measured rate of each station, its window, the links that
visits share and the order of dispatch give a moment for every day. It is a forecast: it is made
again after each planning and every few minutes, and says on what it stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from audio.profiles import Profile
from scheduler.flow import Job, LinkSize, run
from scheduler.hub import Hub
from scheduler.store.db import in_batches, lock
from scheduler.store.models import (
    Airing,
    Forecast,
    Link,
    Rendition,
    Slot,
)
from scheduler.store.states import AiringState, RenditionState
from scheduler.throughput import Rate, rates
from scheduler.waiting import Load, WaitingStation, read_loads

log = structlog.get_logger()

_FORECAST_LOCK = 0x666F7265  # "fore": one at a time writes the table
HORIZON = timedelta(days=8)
_EARLIER_STEP = timedelta(minutes=30)


@dataclass(frozen=True)
class Outlook:
    """One day of one station: when it will be there, and when it is needed."""

    station: WaitingStation
    for_date: date
    needed_at: datetime  # its first airing
    ready_at: datetime | None  # none: not within eight days
    bytes_left: int  # of this day and of those before it
    rate: Rate

    @property
    def is_late(self) -> bool:
        return self.ready_at is None or self.ready_at > self.needed_at


@dataclass(frozen=True)
class Choice:
    """What would bring a late station its day in time; each was tried in a forecast of its own."""

    kind: str  # now, window, profile, drop
    station_code: str
    profile: str | None = None
    push_from: time | None = None  # local
    slot_id: int | None = None
    slot_title: str | None = None


@dataclass
class Book:
    """Everything that a forecast stands on, read once."""

    hub: Hub
    now: datetime
    loads: list[Load]
    rates: Mapping[int, Rate]
    links: Mapping[int, LinkSize]
    sizes: Mapping[tuple[int, str], int] = field(default_factory=dict)  # programme, profile

    def outlooks(
        self,
        *,
        window: Mapping[int, tuple[time, time]] = {},
        scale: Mapping[int, float] = {},
        without: Mapping[int, Collection[int]] = {},
    ) -> dict[int, list[Outlook]]:
        """By station, day by day; with other windows, sizes or without programmes if asked."""
        jobs, pieces = [], {}
        for load in self.loads:
            key = load.station.id
            sizes = self._pieces(load, scale.get(key, 1.0), without.get(key, ()))
            pieces[key] = sizes
            jobs.append(self._job(load, sizes, window.get(key)))
        done = run(
            jobs, self.links, workers=self.hub.settings.push.workers, now=self.now,
            zone=self.hub.settings.zone, horizon=HORIZON,
        )  # fmt: skip
        return {
            load.station.id: self._told(load, pieces[load.station.id], done[load.station.id])
            for load in self.loads
        }

    def _pieces(self, load: Load, scale: float, without: Collection[int]) -> tuple[int, ...]:
        sent, sizes = load.sent, []
        for day in load.days:
            new = load.files.get(day.for_date, {})
            size = sum(size for programme, size in new.items() if programme not in without)
            size = int(size * scale)
            known = min(sent, size)
            sent -= known
            sizes.append(size - known)
        return tuple(sizes)

    def _job(self, load: Load, pieces: tuple[int, ...], window: tuple[time, time] | None) -> Job:
        station, push = load.station, self.hub.settings.push
        begin, end = station.push_from or push.window_from, station.push_until or push.window_until
        return Job(
            station_id=station.id,
            link_id=station.link_id,
            window=window or (begin, end),
            from_at=max(self.now, min(day.next_try_at for day in load.days)),
            first_air_at=min(day.first_air_at for day in load.days),
            bytes_per_s=self.rates[station.id].bytes_per_s,
            pieces=pieces,
        )

    def _told(
        self, load: Load, pieces: Sequence[int], done: Sequence[datetime | None]
    ) -> list[Outlook]:
        found, left = [], 0
        for day, size, ready_at in zip(load.days, pieces, done, strict=True):
            left += size
            needed_at = day.first_air_at if day.first_air_at > self.now else day.last_air_at
            rate = self.rates[load.station.id]
            found.append(Outlook(load.station, day.for_date, needed_at, ready_at, left, rate))
        return found


def read_book(hub: Hub, session: Session) -> Book:
    """What waits, how fast it goes, what the links bear; as the rows have it now."""
    now = hub.clock.now()
    links = {
        link.id: LinkSize(link.max_sessions, link.kbps * 125 if link.kbps else None)
        for link in session.scalars(select(Link))
    }
    sizes = {
        (row.programme_id, row.profile): row.size_bytes
        for row in session.execute(
            select(Rendition.programme_id, Rendition.profile, Rendition.size_bytes).where(
                Rendition.state == RenditionState.READY
            )
        )
    }
    known = rates(session, now, hub.settings.push.assumed_kbps)
    return Book(hub, now, read_loads(session, now, sizes), known, links, sizes)


def first_outlooks(book: Book) -> list[Outlook]:
    """One for each station that waits for something: its first late day, else its first day."""
    found = [
        next((day for day in days if day.is_late), days[0]) for days in book.outlooks().values()
    ]
    return sorted(found, key=lambda one: (not one.is_late, one.needed_at, one.station.code))


def look_ahead(hub: Hub) -> list[Outlook]:
    """Make the forecast anew and keep it for the pages; gives the stations that will be late."""
    with hub.database.read() as session:
        found = first_outlooks(read_book(hub, session))
    late = [one for one in found if one.is_late]
    made_at = hub.clock.now()
    rows = [_row(one, made_at) for one in found]
    with hub.database.write() as session:
        lock(session, _FORECAST_LOCK)
        session.execute(delete(Forecast))
        for batch in in_batches(rows):
            session.execute(insert(Forecast), list(batch))
    if late:
        log.warning("stations_will_be_late", count=len(late),
                    stations=[one.station.code for one in late[:20]])  # fmt: skip
    return late


def _row(one: Outlook, made_at: datetime) -> dict[str, object]:
    return {
        "station_id": one.station.id,
        "for_date": one.for_date,
        "needed_at": one.needed_at,
        "ready_at": one.ready_at,
        "bytes_left": one.bytes_left,
        "kbps": max(1, round(one.rate.kbps)),
        "basis": one.rate.basis,
        "made_at": made_at,
    }


# ── What would help ────────────────────────────────────────────────────────────────────────────


def choices(
    session: Session, book: Book, late: Sequence[Outlook], profiles: Mapping[str, Profile]
) -> dict[int, list[Choice]]:
    """For each late station what would bring it its day in time, tried for all of them at once."""
    found: dict[int, list[Choice]] = defaultdict(list)
    if not late:
        return found
    for tried in (_now, _earlier, _smaller):
        for choice, station_id in tried(book, late, profiles):
            found[station_id].append(choice)
    for choice, station_id in _without_one(session, book, late):
        found[station_id].append(choice)
    return found


Tried = list[tuple[Choice, int]]


def _in_time(book: Book, late: Sequence[Outlook], **changes: object) -> set[int]:
    """Which of the late ones would have that day in time."""
    after = book.outlooks(**changes)  # type: ignore[arg-type]
    wanted = {one.station.id: one.for_date for one in late}
    return {
        station_id
        for station_id, on in wanted.items()
        for day in after[station_id]
        if day.for_date == on and not day.is_late
    }


def _now(book: Book, late: Sequence[Outlook], profiles: Mapping[str, Profile]) -> Tried:
    """Begin at once, whatever the window says."""
    always = {one.station.id: (time(), time()) for one in late}
    saved = _in_time(book, late, window=always)
    return [
        (Choice("now", one.station.code), one.station.id) for one in late if one.station.id in saved
    ]


def _earlier(book: Book, late: Sequence[Outlook], profiles: Mapping[str, Profile]) -> Tried:
    """A window that opens early enough every night: for what must begin before it does today."""
    zone, push = book.hub.settings.zone, book.hub.settings.push
    windows: dict[int, tuple[time, time]] = {}
    for one in late:
        took = timedelta(seconds=one.bytes_left / one.rate.bytes_per_s)
        begin = (one.needed_at - took - _EARLIER_STEP).astimezone(zone)
        begin -= timedelta(minutes=begin.minute % 30, seconds=begin.second)
        station = one.station
        old_from = station.push_from or push.window_from
        until = station.push_until or push.window_until
        new_from = begin.time().replace(microsecond=0, tzinfo=None)
        is_possible = begin.astimezone(book.now.tzinfo) > book.now and took < timedelta(hours=20)
        if is_possible and new_from != until and _is_earlier(new_from, old_from, until):
            windows[station.id] = (new_from, until)
    if not windows:
        return []
    saved = _in_time(book, late, window=windows)
    return [
        (Choice("window", one.station.code, push_from=windows[one.station.id][0]), one.station.id)
        for one in late
        if one.station.id in saved & windows.keys()
    ]


def _is_earlier(new: time, old: time, until: time) -> bool:
    """Whether a window that ends at ``until`` is longer with the new beginning."""

    def before_end(at: time) -> int:
        minutes = (until.hour - at.hour) * 60 + until.minute - at.minute
        return minutes % (24 * 60)

    return before_end(new) > before_end(old)


def _smaller(book: Book, late: Sequence[Outlook], profiles: Mapping[str, Profile]) -> Tried:
    """The largest of the profiles that are made here and are smaller than the station's."""
    made = [profiles[name] for name in book.hub.settings.programmes.profiles if name in profiles]
    found: Tried = []
    for name in sorted({one.station.profile for one in late}):
        now_kbps = profiles[name].bitrate_kbps if name in profiles else None
        smaller = sorted(
            (one for one in made if now_kbps and one.bitrate_kbps and one.bitrate_kbps < now_kbps),
            key=lambda one: -(one.bitrate_kbps or 0),
        )
        rest = [one for one in late if one.station.profile == name]
        for profile in smaller:
            ratio = (profile.bitrate_kbps or 1) / (now_kbps or 1)
            saved = _in_time(book, rest, scale={one.station.id: ratio for one in rest})
            for one in rest:
                if one.station.id in saved:
                    choice = Choice("profile", one.station.code, profile=profile.name)
                    found.append((choice, one.station.id))
            rest = [one for one in rest if one.station.id not in saved]
    return found


def _without_one(session: Session, book: Book, late: Sequence[Outlook]) -> Tried:
    """Leave out the largest new programme of the day, if the rest is then in time."""
    loads = {load.station.id: load for load in book.loads}
    largest: dict[int, int] = {}
    for one in late:
        files = [
            (size, programme)
            for on, new in loads[one.station.id].files.items()
            if on <= one.for_date
            for programme, size in new.items()
        ]
        if len(files) > 1:
            largest[one.station.id] = max(files)[1]
    if not largest:
        return []
    saved = _in_time(book, late, without={key: (value,) for key, value in largest.items()})
    found: Tried = []
    for one in late:
        if one.station.id in saved and one.station.id in largest:
            slot = _slot_with(session, one, largest[one.station.id])
            if slot is not None:
                choice = Choice("drop", one.station.code, slot_id=slot.id, slot_title=slot.title)
                found.append((choice, one.station.id))
    return found


def _slot_with(session: Session, one: Outlook, programme_id: int) -> Slot | None:
    statement = (
        select(Slot)
        .join(Airing, Airing.slot_id == Slot.id)
        .where(
            Airing.station_id == one.station.id,
            Airing.broadcast_date <= one.for_date,
            Airing.programme_id == programme_id,
            Airing.state != AiringState.CANCELLED,
        )
        .order_by(Airing.planned_at.desc())
    )
    return session.scalars(statement).first()
