"""Whether what airs soon is there: station × airing, green only with a verified hash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.orm import Session

from scheduler.dispatch import is_in_window
from scheduler.hub import Hub
from scheduler.readyrows import (
    ComingAiring,
    ComingDelivery,
    ComingRendition,
    ReadyStation,
    coming_airings,
    current_deliveries,
    days_of,
    renditions_of,
)
from scheduler.store.states import DeliveryState, ProgrammeState, RenditionState

CLOCK_WRONG_S = 300  # beyond this a station plays at the wrong time; the protocol's own figure
_LOOKED_AHEAD = timedelta(hours=24)


class Level(StrEnum):
    """How sure we are that an airing will be heard."""

    READY = "ready"  # the station itself has read every file of its current day
    WAITING = "waiting"  # not there, and still on its way by itself
    NOT_READY = "not_ready"  # not there, and somebody must act
    BY_HAND = "by_hand"  # no computer there that could say so


class Readiness(NamedTuple):
    """One airing that is to come, and whether its station has it."""

    airing: ComingAiring
    level: Level
    code: str  # why; the face knows the sentence and the next step
    delivery: ComingDelivery | None = None
    hash: str | None = None  # of the rendition that the station is to play

    @property
    def station(self) -> ReadyStation:
        return self.airing.station

    @property
    def is_open(self) -> bool:
        """Whether it belongs on the list of what is not ready."""
        return self.level in (Level.WAITING, Level.NOT_READY)


_FROM_BEST = (Level.READY, Level.BY_HAND, Level.WAITING, Level.NOT_READY)


@dataclass(frozen=True)
class Due:
    """One slot at one moment, over all its stations."""

    planned_at: datetime
    rows: tuple[Readiness, ...]

    @property
    def first(self) -> ComingAiring:
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
    airings = coming_airings(session, first, last or now + _LOOKED_AHEAD, unit_ids)
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
    order = {level: n for n, level in enumerate(_FROM_BEST)}
    found: dict[int, Readiness] = {}
    for row in rows:
        had = found.get(row.station.id)
        if had is None or order[row.level] > order[had.level]:
            found[row.station.id] = row
    return found


class _Judge:
    """Everything that the airings of one question are held against, read at once."""

    def __init__(self, hub: Hub, session: Session, airings: Sequence[ComingAiring]) -> None:
        self.hub, self.now = hub, hub.clock.now()
        stations = {(one.station_id, one.broadcast_date): one.station for one in airings}
        self.deliveries = current_deliveries(session, stations)
        sent = {
            key: stations[key]
            for key, one in self.deliveries.items()
            if one.state in (DeliveryState.DELIVERED, DeliveryState.VERIFIED)
        }
        self.days = days_of(session, sent)
        self.renditions = renditions_of(session, {one.programme_id for one in airings})
        self._opens: dict[tuple[time | None, time | None, datetime], bool] = {}

    def of(self, airing: ComingAiring) -> Readiness:
        delivery = self.deliveries.get((airing.station_id, airing.broadcast_date))
        rendition = self.renditions.get((airing.programme_id, airing.station.profile))
        level, code = self._judged(airing, delivery, rendition)
        return Readiness(airing, level, code, delivery, rendition.sha256 if rendition else None)

    def _judged(
        self,
        airing: ComingAiring,
        delivery: ComingDelivery | None,
        rendition: ComingRendition | None,
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
        if station.kind == "player" and not station.has_host_key:
            return Level.NOT_READY, "no_host_key"
        if station.clock_skew_s is not None and abs(station.clock_skew_s) > CLOCK_WRONG_S:
            return Level.NOT_READY, "clock_wrong"
        if delivery is None:
            return Level.NOT_READY, "no_delivery"
        return self._delivered(airing, delivery, rendition)

    def _delivered(
        self, airing: ComingAiring, delivery: ComingDelivery, rendition: ComingRendition
    ) -> tuple[Level, str]:
        match delivery.state:
            case DeliveryState.FAILED:
                return Level.NOT_READY, "failed"
            case DeliveryState.QUEUED | DeliveryState.LEASED:
                return Level.WAITING, "being_sent"
            case DeliveryState.DUE:
                return self._due(airing, delivery)
        day = self.days[airing.station_id, airing.broadcast_date]
        if day.content_sha256 != delivery.content_sha256:
            return Level.WAITING, "changed"
        if rendition.name not in day.file_names:
            return Level.NOT_READY, "not_in_day"
        if rendition.name in (airing.station.distrusted or ()):
            return Level.NOT_READY, "wrong_there"
        if delivery.state is DeliveryState.DELIVERED:
            if airing.station.kind == "folder":
                return Level.BY_HAND, "says_nothing"
            return Level.WAITING, "not_confirmed"
        return self._verified(airing.station)

    def _due(self, airing: ComingAiring, delivery: ComingDelivery) -> tuple[Level, str]:
        left = airing.planned_at - self.now
        is_last_call = left <= timedelta(minutes=min(self.hub.settings.ready.minutes_before))
        if delivery.error_code is not None:
            return (Level.NOT_READY if is_last_call else Level.WAITING), "failed"
        if not self._opens_before(airing):
            return Level.NOT_READY, "window_closed"
        return (Level.NOT_READY if is_last_call else Level.WAITING), "waiting"

    def _opens_before(self, airing: ComingAiring) -> bool:
        """Whether the station may be visited at some moment before it airs."""
        station = airing.station
        key = (station.push_from, station.push_until, airing.planned_at)
        if key not in self._opens:  # nearly all stations have the same window
            self._opens[key] = self._opens_between(station, self.now, airing.planned_at)
        return self._opens[key]

    def _opens_between(self, station: ReadyStation, moment: datetime, until: datetime) -> bool:
        while moment < until:
            if is_in_window(self.hub, station, moment):
                return True
            moment += timedelta(minutes=5)
        return False

    def _verified(self, station: ReadyStation) -> tuple[Level, str]:
        silent = timedelta(hours=self.hub.settings.ready.silent_after_h)
        if station.last_seen_at is None or self.now - station.last_seen_at > silent:
            return Level.WAITING, "silent"
        return Level.READY, "ready"


def _encoding(rendition: ComingRendition | None) -> tuple[Level, str]:
    if rendition is None:
        return Level.NOT_READY, "no_rendition"
    if rendition.state is RenditionState.FAILED:
        return Level.NOT_READY, "encoding_failed"
    return Level.WAITING, "being_encoded"
