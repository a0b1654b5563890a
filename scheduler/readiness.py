"""Whether what airs soon is there: station × airing, green only with a verified hash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, select
from sqlalchemy.orm import Session, joinedload

from scheduler.day import (
    Day,
    PlannedItem,
    day_of,
    item_title,
    programmes_of,
    ready_renditions,
)
from scheduler.dispatch import is_in_window
from scheduler.hub import Hub
from scheduler.store.db import in_batches, one_of
from scheduler.store.models import (
    Airing,
    Delivery,
    Programme,
    Rendition,
    Slot,
    Station,
    StationUnit,
)
from scheduler.store.states import (
    CURRENT_DELIVERIES,
    LEFT_OUT_AIRINGS,
    OPEN_AIRINGS,
    DeliveryState,
    ProgrammeState,
    RenditionState,
)
from scheduler.units import valid_on

CLOCK_WRONG_S = 300  # beyond this a station plays at the wrong time; the protocol's own figure
_LOOKED_AHEAD = timedelta(hours=24)

DayKey = tuple[int, date]  # station, broadcast date


class Level(StrEnum):
    """How sure we are that an airing will be heard."""

    READY = "ready"  # the station itself has read every file of its current day
    WAITING = "waiting"  # not there, and still on its way by itself
    NOT_READY = "not_ready"  # not there, and somebody must act
    BY_HAND = "by_hand"  # no computer there that could say so


@dataclass(frozen=True)
class Readiness:
    """One airing that is to come, and whether its station has it."""

    airing: Airing
    level: Level
    code: str  # why; the face knows the sentence and the next step
    delivery: Delivery | None = None
    hash: str | None = None  # of the rendition that the station is to play

    @property
    def station(self) -> Station:
        return self.airing.station

    @property
    def is_open(self) -> bool:
        """Whether it belongs on the list of what is not ready."""
        return self.level in (Level.WAITING, Level.NOT_READY)


@dataclass(frozen=True)
class Due:
    """One slot at one moment, over all its stations."""

    planned_at: datetime
    rows: tuple[Readiness, ...]

    @property
    def first(self) -> Airing:
        return self.rows[0].airing

    def count(self, level: Level) -> int:
        return sum(row.level is level for row in self.rows)

    @property
    def total(self) -> int:
        """Stations that could say so themselves."""
        return len(self.rows) - self.count(Level.BY_HAND)

    @property
    def open(self) -> list[Readiness]:
        return [row for row in self.rows if row.is_open]


def readiness(
    hub: Hub,
    session: Session,
    *,
    first: datetime | None = None,
    last: datetime | None = None,
    unit_ids: Collection[int] | None = None,
) -> list[Readiness]:
    """
    Each airing from one moment to another (both included; the next 24 hours), by time and name.

    Only what is still to come: what has begun is told by the airing log.
    """
    now = hub.clock.now()
    first = max(first or now, now)
    airings = _airings(session, first, last or now + _LOOKED_AHEAD, unit_ids)
    judge = _Judge(hub, session, airings)
    return [judge.of(airing) for airing in airings]


def by_moment(rows: Iterable[Readiness]) -> list[Due]:
    """The same, together for each slot and moment."""
    together: dict[tuple[datetime, int], list[Readiness]] = defaultdict(list)
    for row in rows:
        together[row.airing.planned_at, row.airing.slot_id].append(row)
    return [Due(planned_at, tuple(same)) for (planned_at, _slot), same in together.items()]


def worst(rows: Iterable[Readiness]) -> dict[int, Readiness]:
    """For each station its worst airing: what a person is told when they call."""
    order = (Level.READY, Level.BY_HAND, Level.WAITING, Level.NOT_READY)
    found: dict[int, Readiness] = {}
    for row in rows:
        had = found.get(row.station.id)
        if had is None or order.index(row.level) > order.index(had.level):
            found[row.station.id] = row
    return found


def _airings(
    session: Session, first: datetime, last: datetime, unit_ids: Collection[int] | None
) -> list[Airing]:
    statement = (
        select(Airing)
        .join(Station)
        .where(
            Airing.planned_at.between(first, last),
            Airing.state.in_(OPEN_AIRINGS),
            Station.active,
        )
        .options(
            joinedload(Airing.station), joinedload(Airing.slot),
            joinedload(Airing.programme).selectinload(Programme.renditions),
        )
        .order_by(Airing.planned_at, Station.name, Station.id)
    )  # fmt: skip
    if unit_ids is not None:
        statement = statement.where(serves(unit_ids))
    return list(session.scalars(statement))


def serves(unit_ids: Collection[int]) -> ColumnElement[bool]:
    """Condition: the airing's station serves one of these units."""
    return exists().where(
        StationUnit.station_id == Airing.station_id,
        StationUnit.unit_id.in_(sorted(unit_ids)),
        # On the day of the airing, not on that of the question.
        *valid_on(StationUnit, Airing.broadcast_date),
    )


class _Judge:
    """Everything that the airings of one question are held against, read at once."""

    def __init__(self, hub: Hub, session: Session, airings: Sequence[Airing]) -> None:
        self.hub, self.now = hub, hub.clock.now()
        keys = {(one.station_id, one.broadcast_date) for one in airings}
        self.deliveries = _deliveries(session, keys)
        sent = {
            key
            for key, one in self.deliveries.items()
            if one.state in (DeliveryState.DELIVERED, DeliveryState.VERIFIED)
        }
        self.days = _days(session, sent, {one.station_id: one.station for one in airings})

    def of(self, airing: Airing) -> Readiness:
        delivery = self.deliveries.get((airing.station_id, airing.broadcast_date))
        rendition = _rendition(airing)
        level, code = self._judged(airing, delivery, rendition)
        return Readiness(airing, level, code, delivery, rendition.sha256 if rendition else None)

    def _judged(
        self, airing: Airing, delivery: Delivery | None, rendition: Rendition | None
    ) -> tuple[Level, str]:
        station = airing.station
        programme = airing.programme
        if programme.state is not ProgrammeState.APPROVED:
            return Level.NOT_READY, f"programme_{programme.state.value}"
        if programme.expires_on is not None and airing.broadcast_date > programme.expires_on:
            return Level.NOT_READY, "programme_expired"
        if station.kind == "person":
            return Level.BY_HAND, "by_hand"
        if rendition is None or rendition.state is not RenditionState.READY:
            return _encoding(rendition)
        if station.kind == "player" and station.host_key is None:
            return Level.NOT_READY, "no_host_key"
        if station.clock_skew_s is not None and abs(station.clock_skew_s) > CLOCK_WRONG_S:
            return Level.NOT_READY, "clock_wrong"
        if delivery is None:
            return Level.NOT_READY, "no_delivery"
        return self._delivered(airing, delivery, rendition)

    def _delivered(
        self, airing: Airing, delivery: Delivery, rendition: Rendition
    ) -> tuple[Level, str]:
        match delivery.state:
            case DeliveryState.FAILED:
                return Level.NOT_READY, "failed"
            case DeliveryState.QUEUED | DeliveryState.LEASED:
                return Level.WAITING, "being_sent"
            case DeliveryState.DUE:
                return self._due(airing, delivery)
        day = self.days[airing.station_id, airing.broadcast_date]
        name = f"{rendition.sha256}.{rendition.extension}"
        if day.content_sha256 != delivery.content_sha256:
            return Level.WAITING, "changed"
        if name not in {file.name for file in day.files}:
            return Level.NOT_READY, "not_in_day"
        if name in (airing.station.distrusted or ()):
            return Level.NOT_READY, "wrong_there"
        if delivery.state is DeliveryState.DELIVERED:
            if airing.station.kind == "folder":
                return Level.BY_HAND, "says_nothing"
            return Level.WAITING, "not_confirmed"
        return self._verified(airing.station)

    def _due(self, airing: Airing, delivery: Delivery) -> tuple[Level, str]:
        left = airing.planned_at - self.now
        is_last_call = left <= timedelta(minutes=min(self.hub.settings.ready.minutes_before))
        if delivery.error_code is not None:
            return (Level.NOT_READY if is_last_call else Level.WAITING), "failed"
        if not self._opens_before(airing):
            return Level.NOT_READY, "window_closed"
        return (Level.NOT_READY if is_last_call else Level.WAITING), "waiting"

    def _opens_before(self, airing: Airing) -> bool:
        """Whether the station may be visited at some moment before it airs."""
        moment = self.now
        while moment < airing.planned_at:
            if is_in_window(self.hub, airing.station, moment):
                return True
            moment += timedelta(minutes=5)
        return False

    def _verified(self, station: Station) -> tuple[Level, str]:
        silent = timedelta(hours=self.hub.settings.ready.silent_after_h)
        if station.last_seen_at is None or self.now - station.last_seen_at > silent:
            return Level.WAITING, "silent"
        return Level.READY, "ready"


def _encoding(rendition: Rendition | None) -> tuple[Level, str]:
    if rendition is None:
        return Level.NOT_READY, "no_rendition"
    if rendition.state is RenditionState.FAILED:
        return Level.NOT_READY, "encoding_failed"
    return Level.WAITING, "being_encoded"


def _rendition(airing: Airing) -> Rendition | None:
    profile = airing.station.profile
    return next((one for one in airing.programme.renditions if one.profile == profile), None)


def _deliveries(session: Session, keys: Collection[DayKey]) -> Mapping[DayKey, Delivery]:
    """The one delivery of each day that counts."""
    found: dict[DayKey, Delivery] = {}
    dates = {on for _, on in keys}
    for batch in in_batches(sorted({station_id for station_id, _ in keys})):
        statement = (
            select(Delivery)
            .where(
                Delivery.station_id.in_(batch),
                Delivery.for_date.in_(dates),
                Delivery.state.in_(CURRENT_DELIVERIES),
            )
            .order_by(Delivery.seq)
        )
        found |= {(one.station_id, one.for_date): one for one in session.scalars(statement)}
    return found


def _days(
    session: Session, keys: Collection[DayKey], stations: Mapping[int, Station]
) -> Mapping[DayKey, Day]:
    """These days as the rows have them now: what was sent may not be what is planned by now."""
    alike: dict[tuple[str, tuple[_Item, ...]], list[DayKey]] = defaultdict(list)
    for key, items in _items_of(session, keys).items():
        alike[stations[key[0]].profile, tuple(items)].append(key)
    planned = _planned(session, {one for _, same in alike for one in same})
    renditions = ready_renditions(session, programmes_of(planned.values()))
    found: dict[DayKey, Day] = {}
    for (profile, planned_of), same in alike.items():  # one for all stations that hear the same
        found |= dict.fromkeys(
            same, day_of(map(planned.__getitem__, planned_of), profile, renditions)
        )
    return found


def _items_of(session: Session, keys: Collection[DayKey]) -> Mapping[DayKey, list[_Item]]:
    found: dict[DayKey, list[_Item]] = {key: [] for key in keys}
    dates = sorted({on for _, on in keys})
    for batch in in_batches(sorted({station_id for station_id, _ in keys})):
        for station_id, on, *item in session.execute(_ITEMS, {"stations": batch, "dates": dates}):
            if (station_id, on) in found:
                found[station_id, on].append(tuple(item))
    return found


def _planned(session: Session, items: Collection[_Item]) -> Mapping[_Item, PlannedItem]:
    """What stands in a manifest of each; a nation's day has as many as a station's."""
    slot_ids, programme_ids = {one[0] for one in items}, {one[2] for one in items}
    slots = {row.id: row for row in session.execute(_SLOTS, {"ids": sorted(slot_ids)})}
    titles = {row.id: row.title for row in session.execute(_TITLES, {"ids": sorted(programme_ids)})}
    return {
        (slot_id, at, programme_id, *rest): PlannedItem(
            at, programme_id, rest[0],
            item_title(slots[slot_id].title, slots[slot_id].released, titles[programme_id]),
            *rest[1:],
        )
        for slot_id, at, programme_id, *rest in items
    }  # fmt: skip


# ── Statements ─────────────────────────────────────────────────────────────────────────────────
# Prepared once, and on the bare tables: a nation's day has 60,000 items.

# Slot, moment, programme, class, how late it may begin, stream, length, ident.
_Item = tuple[Any, ...]

_airing: Any = Airing.__table__
_ITEMS = (
    select(
        _airing.c.station_id, _airing.c.broadcast_date, _airing.c.slot_id, _airing.c.planned_at,
        _airing.c.programme_id, _airing.c.programme_class, _airing.c.late_ok_s, _airing.c.stream,
        _airing.c.ms, _airing.c.ident_id,
    )
    .where(
        _airing.c.station_id.in_(bindparam("stations", expanding=True)),
        _airing.c.broadcast_date.in_(bindparam("dates", expanding=True)),
        ~one_of(_airing.c.state, LEFT_OUT_AIRINGS),
        _airing.c.bulletin_id.is_(None),
    )
    .order_by(_airing.c.station_id, _airing.c.planned_at)
)  # fmt: skip
_SLOTS = select(Slot.id, Slot.title, Slot.released).where(
    Slot.id.in_(bindparam("ids", expanding=True))
)
_TITLES = select(Programme.id, Programme.title).where(
    Programme.id.in_(bindparam("ids", expanding=True))
)
