"""One station's card: how well it was reached, what the last visits brought, who serves whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.hub import Hub
from scheduler.store.models import (
    AsrunFile,
    Attempt,
    Delivery,
    Link,
    Station,
    StationUnit,
)
from scheduler.store.states import CURRENT_DELIVERIES
from scheduler.timetable import to_utc

DAYS = 30
_VISITS = 10

# What a visit ends with when nobody was there: anything else was said by the station itself.
NOT_REACHED = frozenset({"unreachable", "timeout", "link_down"})


@dataclass(frozen=True)
class Reached:
    """How a station answered on one local day."""

    on: date
    answered: int  # visits in which it answered, and logs that were fetched
    silent: int  # visits in which it did not

    @property
    def word(self) -> str:
        """``yes``, ``partly``, ``no``, or ``unasked``: nobody called, so nothing is known."""
        if not self.answered and not self.silent:
            return "unasked"
        if not self.silent:
            return "yes"
        return "partly" if self.answered else "no"


@dataclass(frozen=True)
class StationCard:
    """What the card shows beside the station's own row."""

    station: Station
    link: Link | None
    serves: Sequence[StationUnit]  # the newest first
    reached: Sequence[Reached]  # the oldest day first
    visits: Sequence[Attempt]  # the newest first, with their deliveries
    coming: Sequence[Delivery]  # current deliveries from today on


def station_card(hub: Hub, session: Session, station: Station) -> StationCard:
    return StationCard(
        station=station,
        link=session.get(Link, station.link_id) if station.link_id is not None else None,
        serves=_serves(session, station),
        reached=_reached(hub, session, station),
        visits=_visits(session, station),
        coming=coming_deliveries(session, station, hub.today()),
    )


def _serves(session: Session, station: Station) -> Sequence[StationUnit]:
    return session.scalars(
        select(StationUnit)
        .where(StationUnit.station_id == station.id)
        .options(joinedload(StationUnit.unit))
        .order_by(StationUnit.valid_from.desc())
    ).all()


def _reached(hub: Hub, session: Session, station: Station) -> Sequence[Reached]:
    days = [hub.today() - timedelta(days=n) for n in range(DAYS)][::-1]
    since = to_utc(datetime.combine(days[0], time.min), hub.settings.zone)
    answered = dict.fromkeys(days, 0)
    silent = dict.fromkeys(days, 0)
    ends = session.execute(
        select(Attempt.ended_at, Attempt.outcome)
        .join(Delivery)
        .where(Delivery.station_id == station.id, Attempt.ended_at >= since)
    )
    for ended_at, outcome in ends:
        assert ended_at is not None, "the condition above leaves out what has no end"
        _count(hub, silent if outcome in NOT_REACHED else answered, ended_at)
    fetched = select(AsrunFile.fetched_at).where(
        AsrunFile.station_id == station.id, AsrunFile.fetched_at >= since
    )
    for at in session.scalars(fetched):
        _count(hub, answered, at)
    return [Reached(on, answered[on], silent[on]) for on in days]


def _count(hub: Hub, counts: dict[date, int], at: datetime) -> None:
    on = at.astimezone(hub.settings.zone).date()
    if on in counts:
        counts[on] += 1


def _visits(session: Session, station: Station) -> Sequence[Attempt]:
    return session.scalars(
        select(Attempt)
        .join(Delivery)
        .where(Delivery.station_id == station.id)
        .options(joinedload(Attempt.delivery))
        .order_by(Attempt.started_at.desc(), Attempt.id.desc())
        .limit(_VISITS)
    ).all()


def coming_deliveries(session: Session, station: Station, today: date) -> Sequence[Delivery]:
    """The deliveries in force, from today on, the earliest day first."""
    return session.scalars(
        select(Delivery)
        .where(
            Delivery.station_id == station.id,
            Delivery.for_date >= today,
            Delivery.state.in_(CURRENT_DELIVERIES),
        )
        .order_by(Delivery.for_date)
    ).all()
