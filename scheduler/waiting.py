"""What waits to be sent to each station, and how much of it is new there: for the forecast.

Read, not loaded to be changed, and what is alike at many stations is asked for once with the ids
of all of them: of a nation 10,600 stations wait for the same day, and hold the same six before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, NamedTuple

from sqlalchemy import Date, bindparam, func, select
from sqlalchemy.orm import Session

from scheduler.store.among import among_param, ids_of, ids_together
from scheduler.store.db import one_of
from scheduler.store.models import Airing, Attempt, Delivery, Station
from scheduler.store.states import AiringState, DeliveryState

_TO_SEND = (DeliveryState.DUE, DeliveryState.QUEUED, DeliveryState.LEASED)
_THERE = (DeliveryState.DELIVERED, DeliveryState.VERIFIED)

_Sets = dict[int, set[int]]  # station → programmes


class WaitingStation(NamedTuple):
    """A station that waits for something; the fields have the names of ``Station``."""

    id: int
    code: str
    name: str
    profile: str
    link_id: int | None
    push_from: time | None
    push_until: time | None


class WaitingDay(NamedTuple):
    """A day that waits to be sent; the fields have the names of ``Delivery``."""

    id: int
    station_id: int
    for_date: date
    next_try_at: datetime
    first_air_at: datetime
    last_air_at: datetime


@dataclass(frozen=True)
class Load:
    """What waits for one station; sizes by day and programme."""

    station: WaitingStation
    days: tuple[WaitingDay, ...]
    files: Mapping[date, Mapping[int, int]]  # what is new on that day: programme → bytes
    sent: int  # of unfinished tries: it lies there


def read_loads(session: Session, now: datetime, sizes: Mapping[tuple[int, str], int]) -> list[Load]:
    """
    Each station that waits for a day, by its id.

    Args:
        sizes: bytes of what is encoded, by programme and profile.
    """
    waiting: dict[int, list[WaitingDay]] = defaultdict(list)
    for row in session.execute(_WAITING, {"now": now}):
        waiting[row.station_id].append(WaitingDay._make(row))
    if not waiting:
        return []
    there = _there(session, now, waiting)
    known, new = _programmes(session, waiting, there)
    sent = _sent(session, [day.id for days in waiting.values() for day in days])
    rows = session.execute(_STATIONS, {"ids": sorted(waiting)})
    return [
        _load(station, waiting[station.id], known[station.id], new[station.id], sizes, sent)
        for station in map(WaitingStation._make, rows)
    ]


def _load(
    station: WaitingStation, days: Sequence[WaitingDay], known: set[int],
    airs: Mapping[date, set[int]], sizes: Mapping[tuple[int, str], int], sent: Mapping[int, int],
) -> Load:  # fmt: skip
    """A file is sent once, for the first day that plays it; what lies there is not sent again."""
    files: dict[date, dict[int, int]] = {}
    for day in days:
        new = airs.get(day.for_date, set()) - known
        files[day.for_date] = {one: sizes.get((one, station.profile), 0) for one in new}
        known = known | new
    return Load(station, tuple(days), files, sum(sent.get(day.id, 0) for day in days))


def _there(session: Session, now: datetime, waiting: Mapping[int, object]) -> dict[date, set[int]]:
    """For each day the stations, of those that wait for another one, that have it."""
    asked = {"now": now, "stations": sorted(waiting)}
    return {on: set(ids_of(ids)) for ids, on in session.execute(_THERE_ALREADY, asked)}


def _programmes(
    session: Session,
    waiting: Mapping[int, Sequence[WaitingDay]],
    there: Mapping[date, set[int]],
) -> tuple[_Sets, Mapping[int, Mapping[date, set[int]]]]:
    """What lies at each station already, and what airs there on each day that waits."""
    known: _Sets = defaultdict(set)
    new: dict[int, dict[date, set[int]]] = defaultdict(lambda: defaultdict(set))
    to_send = {(one.station_id, one.for_date) for days in waiting.values() for one in days}
    dates = {on for _, on in to_send}
    asked = {"stations": sorted(waiting), "dates": sorted(dates | there.keys())}
    for ids, on, programme_id in session.execute(_AIRS, asked):
        lies = there.get(on, set())
        for station_id in ids_of(ids):
            if (station_id, on) in to_send:
                new[station_id][on].add(programme_id)
            if station_id in lies:
                known[station_id].add(programme_id)
    # What receipts say lies there: a day that was planned anew sends it no second time.
    for ids, programme_id in session.execute(_VERIFIED, {**asked, "first": min(dates)}):
        for station_id in ids_of(ids):
            known[station_id].add(programme_id)
    return known, new


def _sent(session: Session, delivery_ids: Iterable[int]) -> dict[int, int]:
    """Bytes that earlier tries brought: whole files and the beginning of one."""
    rows = session.execute(_SENT, {"ids": sorted(delivery_ids)})
    return {delivery_id: int(sent or 0) for delivery_id, sent in rows}


# ── Statements ─────────────────────────────────────────────────────────────────────────────────
# Prepared once, and on the bare tables.

_airing: Any = Airing.__table__
_delivery: Any = Delivery.__table__
_station: Any = Station.__table__
_attempt: Any = Attempt.__table__
_WAITING = (
    select(*(_delivery.c[name] for name in WaitingDay._fields))
    .join(_station, _station.c.id == _delivery.c.station_id)
    .where(
        one_of(_delivery.c.state, _TO_SEND),
        _delivery.c.last_air_at > bindparam("now"),
        _station.c.active,
        _station.c.kind != "person",
    )
    .order_by(_delivery.c.for_date, _delivery.c.seq)
)
_STATIONS = (
    select(*(_station.c[name] for name in WaitingStation._fields))
    .where(among_param(_station.c.id, "ids", are_few=True))
    .order_by(_station.c.id)
)
_THERE_ALREADY = (
    select(ids_together(_delivery.c.station_id), _delivery.c.for_date)
    .where(
        one_of(_delivery.c.state, _THERE),
        _delivery.c.last_air_at > bindparam("now"),
        among_param(_delivery.c.station_id, "stations"),
    )
    .group_by(_delivery.c.for_date)
)
_AIRS = (
    select(
        ids_together(_airing.c.station_id), _airing.c.broadcast_date, _airing.c.programme_id
    )
    .where(
        among_param(_airing.c.station_id, "stations", are_few=True),
        _airing.c.broadcast_date.in_(bindparam("dates", type_=Date, expanding=True)),
        _airing.c.state != AiringState.CANCELLED,
    )
    .group_by(_airing.c.broadcast_date, _airing.c.programme_id)
)  # fmt: skip
_VERIFIED = (
    select(ids_together(_airing.c.station_id), _airing.c.programme_id)
    .where(
        among_param(_airing.c.station_id, "stations", are_few=True),
        _airing.c.broadcast_date >= bindparam("first", type_=Date),
        _airing.c.state == AiringState.ON_STATION,
    )
    .group_by(_airing.c.programme_id)
)
_SENT = (
    select(_attempt.c.delivery_id, func.sum(_attempt.c.bytes_sent))
    .where(among_param(_attempt.c.delivery_id, "ids", are_few=True))
    .group_by(_attempt.c.delivery_id)
)
