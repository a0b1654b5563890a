"""Links that several stations share (a district's mast, a VPN), and how far they may be filled."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from scheduler.errors import AlreadyExists, InputInvalid, LinkInUse, NotFound, said
from scheduler.hub import Hub
from scheduler.store import ledger
from scheduler.store.models import Delivery, Link, Station
from scheduler.store.states import DeliveryState
from scheduler.units import station_units
from stations.pace import Pace

MAX_SESSIONS = 256
LEAST_KBPS, MOST_KBPS = 16, 10_000_000
_NAME_LETTERS = 80

_UNDER_WAY = (DeliveryState.QUEUED, DeliveryState.LEASED)


# ── The rows ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class LinkLine:
    """One link with what hangs on it."""

    link: Link
    stations: int
    visits: int  # under way, or about to begin


def list_links(session: Session, now: datetime) -> list[LinkLine]:
    counts = select(Station.link_id, func.count()).group_by(Station.link_id)
    stations = {row[0]: row[1] for row in session.execute(counts)}
    busy = _busy_stations(session, now, _UNDER_WAY)
    return [
        LinkLine(link, stations.get(link.id, 0), len(busy.get(link.id, ())))
        for link in session.scalars(select(Link).order_by(Link.name))
    ]


def find_link(session: Session, name: str) -> Link:
    link = session.scalar(select(Link).where(Link.name == name))
    if link is None:
        raise NotFound(what="link", key=name)
    return link


def carried_units(session: Session, link: Link, on: date) -> set[int]:
    """The units whose stations go over a link; 0 stands for a station that serves none."""
    serving = station_units(session, on)
    return {serving.get(one, 0) for one in session.scalars(over_link(link.id))}


def add_link(
    session: Session, *, name: str, max_sessions: int, kbps: int | None, by: str, now: datetime
) -> Link:
    """
    Raises:
        InputInvalid: what cannot be; AlreadyExists: a link of that name.
    """
    link = Link(name=_checked_name(session, name), **_checked(max_sessions, kbps))
    session.add(link)
    _record(session, "link_added", link, by=by, now=now)
    return link


def change_link(
    session: Session,
    link: Link,
    *,
    name: str | None = None,
    max_sessions: int | None = None,
    kbps: int | None = None,
    is_unlimited: bool = False,
    by: str,
    now: datetime,
) -> None:
    """Change what is given; visits that are under way follow within a third of a lease."""
    if name is not None and name != link.name:
        link.name = _checked_name(session, name)
    limits = _checked(
        link.max_sessions if max_sessions is None else max_sessions,
        None if is_unlimited else link.kbps if kbps is None else kbps,
    )
    link.max_sessions, link.kbps = limits["max_sessions"] or 1, limits["kbps"]
    _record(session, "link_changed", link, by=by, now=now)


def remove_link(session: Session, link: Link, *, by: str, now: datetime) -> None:
    """
    Raises:
        LinkInUse: stations still go over it.
    """
    statement = select(func.count()).select_from(Station).where(Station.link_id == link.id)
    if count := session.scalar(statement):
        raise LinkInUse(name=link.name, count=count)
    session.delete(link)
    _record(session, "link_removed", link, by=by, now=now)


def _record(session: Session, what: str, link: Link, *, by: str, now: datetime) -> None:
    ledger.record(
        session, at=now, who=by, what=what, subject=link.name, max_sessions=link.max_sessions,
        kbps=link.kbps,
    )  # fmt: skip


def _checked_name(session: Session, name: str) -> str:
    name = name.strip()
    if not name or len(name) > _NAME_LETTERS or not name.isprintable():
        raise InputInvalid(problem="a link needs a name of at most 80 letters")
    if session.scalar(select(Link.id).where(Link.name == name)) is not None:
        raise AlreadyExists(what="link", key=name)
    return name


def _checked(max_sessions: int, kbps: int | None) -> dict[str, int | None]:
    if not 1 <= max_sessions <= MAX_SESSIONS:
        raise InputInvalid(problem=said("visits at once: 1 to {most}", most=MAX_SESSIONS))
    if kbps is not None and not LEAST_KBPS <= kbps <= MOST_KBPS:
        raise InputInvalid(
            problem=said("kilobits a second: {least} to {most}", least=LEAST_KBPS, most=MOST_KBPS)
        )
    return {"max_sessions": max_sessions, "kbps": kbps}


# ── Who may go now ─────────────────────────────────────────────────────────────────────────────


class Places:
    """The free places on every link, taken one by one while stations are admitted."""

    def __init__(self, free: Mapping[int, int], under_way: Collection[int]) -> None:
        self._free = dict(free)
        self._under_way = set(under_way)

    def take(self, station: Station, *, is_urgent: bool) -> bool:
        """Whether the station may be visited now. What is urgent does not wait for a place."""
        if station.link_id is None or station.id in self._under_way:
            return True
        if self._free[station.link_id] <= 0 and not is_urgent:
            return False
        self._free[station.link_id] -= 1
        self._under_way.add(station.id)
        return True


def places(hub: Hub, session: Session, now: datetime) -> Places:
    """What is free: less the visits of every worker by the rows, less our own collections."""
    busy = _busy_stations(session, now, _UNDER_WAY)
    free = {
        link.id: link.max_sessions - len(busy.get(link.id, ())) - hub.lines.collecting(link.id)
        for link in session.scalars(select(Link))
    }
    return Places(free, [station_id for ids in busy.values() for station_id in ids])


def over_link(link_id: int) -> Select[int]:
    return select(Station.id).where(Station.link_id == link_id)


def _busy_stations(
    session: Session, now: datetime, states: Sequence[DeliveryState]
) -> dict[int, set[int]]:
    rows = session.execute(
        select(Station.link_id, Station.id)
        .join(Delivery)
        .where(
            Station.link_id.is_not(None),
            Delivery.state.in_(states),
            Delivery.lease_until >= now,
        )
        .distinct()
    )
    busy: dict[int, set[int]] = {}
    for row in rows:
        busy.setdefault(row.link_id, set()).add(row.id)
    return busy


# ── One visit ──────────────────────────────────────────────────────────────────────────────────


@contextmanager
def on_the_line(hub: Hub, station: Station) -> Iterator[Pace | None]:
    """Count one visit to a station, and give the pace that it has to keep, if its link has one."""
    if station.link_id is None:
        yield None
        return
    with hub.lines.visit(station.link_id):
        yield share(hub, station)


def share(hub: Hub, station: Station) -> Pace | None:
    """Bring our pace over this station's link to what it may be now."""
    if station.link_id is None:
        return None
    with hub.database.read() as session:
        link = session.get(Link, station.link_id)
        if link is None:
            return None
        busy = _busy_stations(session, hub.clock.now(), (DeliveryState.LEASED,))
    return hub.lines.pace(link, len(busy.get(link.id, ())))


@contextmanager
def free_to_collect(hub: Hub, station_id: int) -> Iterator[bool]:
    """Whether a log may be fetched now, or the link of the station is taken: the next tick asks."""
    with hub.database.read() as session:
        station = session.get_one(Station, station_id)
        link = session.get(Link, station.link_id) if station.link_id is not None else None
        busy = _busy_stations(session, hub.clock.now(), _UNDER_WAY)
    if link is None:
        yield True
        return
    with hub.lines.collection(link.id, link.max_sessions - len(busy.get(link.id, ()))) as is_free:
        yield is_free
