"""What readiness is judged by: read, not loaded to be changed.

A moment of a nation is 10,600 airings. Nearly all stations are to play the same at the same time,
so airings are asked for once with the ids of all their stations, not row by row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Date,
    bindparam,
    exists,
    select,
)
from sqlalchemy.orm import Session

from scheduler.day import Day, PlannedItem, day_of, item_title, programmes_of, ready_renditions
from scheduler.logrows import SlotName
from scheduler.store.among import among, among_param, ids_of, ids_together
from scheduler.store.db import one_of
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

DayKey = tuple[int, date]  # station, broadcast date


class ReadyStation(NamedTuple):
    """A station that something airs at soon; the fields have the names of ``Station``."""

    id: int
    code: str
    name: str
    kind: str
    phone: str | None
    profile: str
    push_from: time | None
    push_until: time | None
    clock_skew_s: float | None
    last_seen_at: datetime | None
    distrusted: list[str] | None
    has_host_key: bool


class ComingProgramme(NamedTuple):
    """What of a programme decides whether it may air."""

    id: int
    state: ProgrammeState
    expires_on: date | None


class ComingAiring(NamedTuple):
    """An airing that is to come; the fields have the names of ``Airing``."""

    station_id: int
    planned_at: datetime
    broadcast_date: date
    slot_id: int
    programme_id: int
    bulletin_id: int | None
    station: ReadyStation
    slot: SlotName
    programme: ComingProgramme


class ComingDelivery(NamedTuple):
    """The delivery of a day that counts; the fields have the names of ``Delivery``."""

    station_id: int
    for_date: date
    seq: int
    state: DeliveryState
    content_sha256: str
    error_code: str | None
    error_fields: dict[str, Any] | None


class ComingRendition(NamedTuple):
    """An encoding that is wanted, made or not."""

    state: RenditionState
    sha256: str | None
    extension: str | None

    @property
    def name(self) -> str:
        return f"{self.sha256}.{self.extension}"


def coming_airings(
    session: Session, first: datetime, last: datetime, unit_ids: Collection[int] | None
) -> list[ComingAiring]:
    """What is to air at active stations between two moments, both included; by time and name."""
    statement = _AIRINGS if unit_ids is None else _AIRINGS.where(serves(unit_ids))
    found = session.execute(statement, {"first": first, "last": last}).all()
    if not found:
        return []
    at_stations: dict[datetime, dict[int, Any]] = defaultdict(dict)
    for same in found:
        at_stations[same.planned_at].update(dict.fromkeys(ids_of(same.ids), same))
    stations = _stations(session, {one for rows in at_stations.values() for one in rows})
    slots = _slots(session, {row.slot_id for row in found})
    programmes = _programmes(session, {row.programme_id for row in found})
    return [
        ComingAiring(
            station.id, at, row.broadcast_date, row.slot_id, row.programme_id, row.bulletin_id,
            station, slots[row.slot_id], programmes[row.programme_id],
        )
        for at, rows in at_stations.items()
        for station in stations
        if (row := rows.get(station.id)) is not None
    ]  # fmt: skip


def serves(unit_ids: Collection[int]) -> ColumnElement[bool]:
    """Condition: the airing's station serves one of these units."""
    return exists().where(
        StationUnit.station_id == Airing.station_id,
        among(StationUnit.unit_id, unit_ids),
        # On the day of the airing, not on that of the question.
        *valid_on(StationUnit, Airing.broadcast_date),
    )


def current_deliveries(
    session: Session, keys: Collection[DayKey]
) -> Mapping[DayKey, ComingDelivery]:
    """The one delivery of each day that counts."""
    if not keys:
        return {}
    rows = session.execute(_DELIVERIES, _stations_and_dates(keys))
    return {(row[0], row[1]): ComingDelivery._make(row) for row in rows}


def renditions_of(
    session: Session, programme_ids: Collection[int]
) -> Mapping[tuple[int, str], ComingRendition]:
    """Each encoding of these programmes, by programme and profile."""
    if not programme_ids:
        return {}
    rows = session.execute(_RENDITIONS, {"ids": sorted(programme_ids)})
    return {(row[0], row[1]): ComingRendition._make(row[2:]) for row in rows}


def days_of(session: Session, stations: Mapping[DayKey, ReadyStation]) -> Mapping[DayKey, Day]:
    """These days as the rows have them now: what was sent may not be what is planned by now."""
    if not stations:
        return {}
    items: dict[DayKey, list[_Item]] = {key: [] for key in stations}
    for station_ids, on, *item in session.execute(_ITEMS, _stations_and_dates(stations)):
        same = tuple(item)
        for station_id in ids_of(station_ids):
            if (its := items.get((station_id, on))) is not None:
                its.append(same)
    alike: dict[tuple[str, tuple[_Item, ...]], list[DayKey]] = defaultdict(list)
    for key, its in items.items():
        alike[stations[key].profile, tuple(its)].append(key)
    planned = _planned(session, {one for _, same in alike for one in same})
    renditions = ready_renditions(session, programmes_of(planned.values()))
    found: dict[DayKey, Day] = {}
    for (profile, planned_of), keys in alike.items():  # one for all stations that hear the same
        found |= dict.fromkeys(
            keys, day_of(map(planned.__getitem__, planned_of), profile, renditions)
        )
    return found


def _planned(session: Session, items: Collection[_Item]) -> Mapping[_Item, PlannedItem]:
    """What stands in a manifest of each; a nation's day has as many as a station's."""
    slots = {
        row.id: row for row in session.execute(_SLOTS, {"ids": sorted({one[0] for one in items})})
    }
    titles = {
        row.id: row.title
        for row in session.execute(_TITLES, {"ids": sorted({one[2] for one in items})})
    }
    return {
        (slot_id, at, programme_id, *rest): PlannedItem(
            at, programme_id, rest[0],
            item_title(slots[slot_id].title, slots[slot_id].released, titles[programme_id]),
            *rest[1:],
        )
        for slot_id, at, programme_id, *rest in items
    }  # fmt: skip


def _stations(session: Session, ids: Collection[int]) -> list[ReadyStation]:
    return [ReadyStation._make(row) for row in session.execute(_STATIONS, {"ids": sorted(ids)})]


def _slots(session: Session, ids: Collection[int]) -> dict[int, SlotName]:
    rows = session.execute(_SLOTS, {"ids": sorted(ids)})
    return {row.id: SlotName(row.id, row.title) for row in rows}


def _programmes(session: Session, ids: Collection[int]) -> dict[int, ComingProgramme]:
    rows = session.execute(_PROGRAMMES, {"ids": sorted(ids)})
    return {row.id: ComingProgramme._make(row) for row in rows}


def _stations_and_dates(keys: Collection[DayKey]) -> dict[str, Any]:
    stations, dates = {station_id for station_id, _ in keys}, {on for _, on in keys}
    return {"stations": sorted(stations), "dates": sorted(dates)}


# ── Statements ─────────────────────────────────────────────────────────────────────────────────
# Prepared once, and on the bare tables.

# Slot, moment, programme, class, how late it may begin, stream, length, ident.
_Item = tuple[Any, ...]

_airing: Any = Airing.__table__
_delivery: Any = Delivery.__table__
_station: Any = Station.__table__
_rendition: Any = Rendition.__table__
_MOMENT = (
    _airing.c.planned_at, _airing.c.broadcast_date, _airing.c.slot_id, _airing.c.programme_id,
    _airing.c.bulletin_id,
)  # fmt: skip
_AIRINGS = (
    select(ids_together(_airing.c.station_id), *_MOMENT)
    .join(_station, _station.c.id == _airing.c.station_id)
    .where(
        _airing.c.planned_at.between(bindparam("first"), bindparam("last")),
        one_of(_airing.c.state, OPEN_AIRINGS),
        _station.c.active,
    )
    .group_by(*_MOMENT)
    .order_by(_airing.c.planned_at)
)
_STATIONS = (
    select(
        *(_station.c[name] for name in ReadyStation._fields if name != "has_host_key"),
        _station.c.host_key.is_not(None),
    )
    .where(among_param(_station.c.id, "ids", are_few=True))
    .order_by(_station.c.name, _station.c.id)
)
_PROGRAMMES = select(Programme.id, Programme.state, Programme.expires_on).where(
    among_param(Programme.id, "ids", are_few=True)
)
_DELIVERIES = (
    select(*(_delivery.c[name] for name in ComingDelivery._fields))
    .where(
        among_param(_delivery.c.station_id, "stations", are_few=True),
        _delivery.c.for_date.in_(bindparam("dates", type_=Date, expanding=True)),
        one_of(_delivery.c.state, CURRENT_DELIVERIES),
    )
    .order_by(_delivery.c.seq)
)
_RENDITIONS = select(
    _rendition.c.programme_id, _rendition.c.profile,
    *(_rendition.c[name] for name in ComingRendition._fields),
).where(among_param(_rendition.c.programme_id, "ids", are_few=True))  # fmt: skip
_ITEM = (
    _airing.c.broadcast_date, _airing.c.slot_id, _airing.c.planned_at, _airing.c.programme_id,
    _airing.c.programme_class, _airing.c.late_ok_s, _airing.c.stream, _airing.c.ms,
    _airing.c.ident_id,
)  # fmt: skip
_ITEMS = (
    select(ids_together(_airing.c.station_id), *_ITEM)
    .where(
        among_param(_airing.c.station_id, "stations", are_few=True),
        _airing.c.broadcast_date.in_(bindparam("dates", type_=Date, expanding=True)),
        ~one_of(_airing.c.state, LEFT_OUT_AIRINGS),
        _airing.c.bulletin_id.is_(None),
    )
    .group_by(*_ITEM)
    .order_by(_airing.c.planned_at)
)
_SLOTS = select(Slot.id, Slot.title, Slot.released).where(among_param(Slot.id, "ids", are_few=True))
_TITLES = select(Programme.id, Programme.title).where(
    among_param(Programme.id, "ids", are_few=True)
)
