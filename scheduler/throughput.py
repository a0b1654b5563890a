"""How fast a station takes bytes: measured where it was visited, else its link's, else assumed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.store.models import Attempt, Delivery, Link, Station

# Links change with the weather and the season: older visits say nothing about tonight.
MEASURED_DAYS = 14
_LAST_VISITS = 5
# Below this the greeting of the two machines is most of the time: 1 s of 256 kbit/s is 32 KB.
_LEAST_BYTES = 200_000

MEASURED, OF_THE_LINK, ASSUMED = "measured", "link", "assumed"


@dataclass(frozen=True)
class Rate:
    """What one visit alone would carry, and how we know."""

    kbps: float
    basis: str

    @property
    def bytes_per_s(self) -> float:
        return self.kbps * 125


def rates(session: Session, now: datetime, assumed_kbps: int) -> Mapping[int, Rate]:
    """
    The rate of every active station: bytes that it acknowledged by the time that its visits took.

    Visits that were cut short count with what they brought and with the silence before they were
    given up. On a link that visits share, one of them is as slow as the others make it: there the
    fastest of the last visits counts, and the forecast shares the link anew.
    """
    measured = _measured(session, now)
    links = {link.id: link for link in session.scalars(select(Link))}
    found: dict[int, Rate] = {}
    for station_id, link_id in session.execute(
        select(Station.id, Station.link_id).where(Station.active, Station.kind != "person")
    ):
        link = links.get(link_id) if link_id is not None else None
        visits = measured.get(station_id, [])
        if visits:
            found[station_id] = Rate(_of(visits, is_shared=link is not None), MEASURED)
        elif link is not None and link.kbps is not None:
            found[station_id] = Rate(link.kbps, OF_THE_LINK)
        else:
            found[station_id] = Rate(assumed_kbps, ASSUMED)
    return found


@dataclass(frozen=True)
class _Visit:
    bytes_sent: int
    seconds: float

    @property
    def kbps(self) -> float:
        return self.bytes_sent / self.seconds / 125


def _of(visits: list[_Visit], *, is_shared: bool) -> float:
    if is_shared:
        return max(visit.kbps for visit in visits)
    total = sum(visit.bytes_sent for visit in visits)
    return total / sum(visit.seconds for visit in visits) / 125


def _measured(session: Session, now: datetime) -> Mapping[int, list[_Visit]]:
    """The last visits of each station that carried enough to tell."""
    found: dict[int, list[_Visit]] = defaultdict(list)
    for station_id, visit in _visits(session, now):
        if len(found[station_id]) < _LAST_VISITS:
            found[station_id].append(visit)
    return found


def _visits(session: Session, now: datetime) -> Iterator[tuple[int, _Visit]]:
    """Newest first; the attempts at several days over one connection are one visit."""
    began, ended = Attempt.started_at, func.max(Attempt.ended_at).label("ended_at")
    sent = func.sum(Attempt.bytes_sent).label("bytes_sent")
    statement = (
        select(Delivery.station_id, began, ended, sent)
        .join(Attempt.delivery)
        .where(began > now - timedelta(days=MEASURED_DAYS), Attempt.ended_at.is_not(None))
        .group_by(Delivery.station_id, Attempt.worker, began)
        .having(sent >= _LEAST_BYTES)
        .order_by(began.desc())
    )
    for row in session.execute(statement):
        seconds = (row.ended_at - row.started_at).total_seconds()
        if seconds > 0:
            yield row.station_id, _Visit(int(row.bytes_sent), seconds)
