"""How a night of visits will go: who begins when, who shares a link with whom, who is done when.

Pure: no database, no clock. The earliest air time goes first, as in dispatch; the visits of a link
share its bandwidth evenly, and none takes more than its own station can.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

AnyTime = tuple[time, time]  # local; equal times: always
_DONE = 1e-6


@dataclass(frozen=True)
class Job:
    """What waits for one station, in the order in which one visit brings it."""

    station_id: int
    link_id: int | None
    window: AnyTime  # in which the visit may begin
    from_at: datetime  # not before: the back-off of a failed try
    first_air_at: datetime  # the order of dispatch
    bytes_per_s: float  # of this station alone
    pieces: tuple[int, ...]  # bytes of each day

    @property
    def total(self) -> int:
        return sum(self.pieces)


@dataclass(frozen=True)
class LinkSize:
    sessions: int
    bytes_per_s: float | None  # none: as much as the stations take


@dataclass
class _Visit:
    job: Job
    sent: float = 0.0
    rate: float = 0.0
    ends: list[float] = field(default_factory=list)  # of each piece, seconds from the beginning

    @property
    def left(self) -> float:
        return self.job.total - self.sent


def run(
    jobs: Sequence[Job], links: Mapping[int, LinkSize], *, workers: int, now: datetime,
    zone: ZoneInfo, horizon: timedelta,
) -> dict[int, list[datetime | None]]:  # fmt: skip
    """When each station has each of its days; none: not within the horizon."""
    night = _Night(jobs, links, workers, now, zone, horizon.total_seconds())
    night.go()
    found: dict[int, list[datetime | None]] = {}
    for job in jobs:
        ends = night.ends.get(job.station_id, [])
        at: list[datetime | None] = [now + timedelta(seconds=end) for end in ends]
        found[job.station_id] = at + [None] * (len(job.pieces) - len(ends))
    return found


class _Night:
    """One run; times are seconds from its beginning."""

    def __init__(
        self, jobs: Sequence[Job], links: Mapping[int, LinkSize], workers: int, now: datetime,
        zone: ZoneInfo, horizon_s: float,
    ) -> None:  # fmt: skip
        self.links, self.workers = links, workers
        self.now, self.zone, self.horizon_s = now, zone, horizon_s
        self.ends: dict[int, list[float]] = {}
        self.active: list[_Visit] = []
        self.on_link: dict[int | None, int] = {}
        # Those whose window is closed, by when it opens; those that may go, by air time; and those
        # that wait for a place on their link.
        self.closed: list[tuple[float, int, Job]] = []
        self.ready: list[tuple[datetime, int, Job]] = []
        self.blocked: dict[int | None, list[tuple[datetime, int, Job]]] = {}
        for n, job in enumerate(jobs):
            heapq.heappush(self.closed, (self._opens(job, 0.0), n, job))

    def go(self) -> None:
        at = 0.0
        while at <= self.horizon_s and (self.active or self.closed or self.ready):
            self._let_in(at)
            self._share()
            until = min(self._next_events(at), default=self.horizon_s + 1)
            self._send(at, min(until, self.horizon_s + 1))
            at = until

    def _next_events(self, at: float) -> Iterator[float]:
        for visit in self.active:
            if visit.rate > 0:
                yield at + visit.left / visit.rate
        if self.closed:
            yield max(self.closed[0][0], at + _DONE)

    def _let_in(self, at: float) -> None:
        while self.closed and self.closed[0][0] <= at + _DONE:
            _, n, job = heapq.heappop(self.closed)
            heapq.heappush(self.ready, (job.first_air_at, n, job))
        while self.ready and len(self.active) < self.workers:
            first_air_at, n, job = heapq.heappop(self.ready)
            if not self._has_place(job.link_id):
                waiting = self.blocked.setdefault(job.link_id, [])
                heapq.heappush(waiting, (first_air_at, n, job))
                continue
            opens = self._opens(job, at)
            if opens > at + _DONE:  # it closed while the job waited
                heapq.heappush(self.closed, (opens, n, job))
                self._unblock(job.link_id)
                continue
            self.active.append(_Visit(job))
            self.on_link[job.link_id] = self.on_link.get(job.link_id, 0) + 1

    def _unblock(self, link_id: int | None) -> None:
        """A place on a link is free: the next one that waits for it may go."""
        waiting = self.blocked.get(link_id)
        if waiting:
            heapq.heappush(self.ready, heapq.heappop(waiting))

    def _has_place(self, link_id: int | None) -> bool:
        link = self.links.get(link_id) if link_id is not None else None
        return link is None or self.on_link.get(link_id, 0) < link.sessions

    def _share(self) -> None:
        for link_id in {visit.job.link_id for visit in self.active}:
            visits = [visit for visit in self.active if visit.job.link_id == link_id]
            link = self.links.get(link_id) if link_id is not None else None
            _share(visits, link.bytes_per_s if link else None)

    def _send(self, at: float, until: float) -> None:
        for visit in list(self.active):
            before, after = visit.sent, visit.sent + visit.rate * (until - at)
            done = 0
            for n, size in enumerate(visit.job.pieces):
                done += size
                if n == len(visit.ends) and done <= after + _DONE * max(1.0, visit.rate):
                    took = (done - before) / visit.rate if visit.rate else 0.0
                    visit.ends.append(at + max(0.0, took))
            visit.sent = after
            self.ends[visit.job.station_id] = visit.ends
            if len(visit.ends) == len(visit.job.pieces):
                self.active.remove(visit)
                self.on_link[visit.job.link_id] -= 1
                self._unblock(visit.job.link_id)

    def _opens(self, job: Job, at: float) -> float:
        """When the job may begin, from a moment on."""
        moment = max(self.now + timedelta(seconds=at), job.from_at)
        return (next_open(job.window, moment, self.zone) - self.now).total_seconds()


def _share(visits: list[_Visit], total: float | None) -> None:
    """Evenly, and what a slow one leaves goes to the others."""
    rest, left = total, len(visits)
    for visit in sorted(visits, key=lambda visit: visit.job.bytes_per_s):
        own = visit.job.bytes_per_s
        visit.rate = own if rest is None else min(own, rest / left)
        if rest is not None:
            rest -= visit.rate
        left -= 1


def next_open(window: AnyTime, at: datetime, zone: ZoneInfo) -> datetime:
    """The moment itself if the window is open then, else when it opens."""
    begin, end = window
    local = at.astimezone(zone)
    clock = local.time().replace(tzinfo=None)
    is_open = begin <= clock < end if begin < end else clock >= begin or clock < end
    if begin == end or is_open:
        return at
    day = local.date() if clock < begin else local.date() + timedelta(days=1)
    return datetime.combine(day, begin, zone).astimezone(UTC)
