"""Brings each station its days: what is due, in which order, one visit a station at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any

import structlog
from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from scheduler.day import (
    Day,
    day_files,
    day_from_rows,
    manifest_of,
    rendition_files,
)
from scheduler.errors import CoreError, DayOver, LeaseLost, RenditionMissing, Stopped
from scheduler.hub import Hub
from scheduler.leases import (
    Claim,
    Lease,
    claim,
    end_the_hopeless,
    finish,
    give_back,
    keep_queued,
    renew,
    rescue,
    worker_name,
)
from scheduler.links import places, share
from scheduler.probing import probed_anew
from scheduler.reach import reach
from scheduler.readyrows import ReadyStation
from scheduler.store.db import in_batches, lock, one_of
from scheduler.store.models import Airing, Delivery, Station
from scheduler.store.states import OPEN_AIRINGS, DeliveryState, moving
from scheduler.sweep import sweep, sweep_quietly
from scheduler.visitlog import Purpose, VisitLog
from stations.errors import StationError, StationFull
from stations.layout import RenditionFile
from stations.manifest import file_sha256
from stations.sidefiles import overview_files
from stations.visit import Sent, Visit

log = structlog.get_logger()

_ADMIT_LOCK = 0x61646D74  # "admt": one admission at a time
# A queue message that nobody took by then is taken to be lost.
_QUEUED_FOR = timedelta(minutes=5)
# An urgent item that should have begun longer ago than this helps nobody any more.
_URGENT_FOR = timedelta(hours=1)
# A station that keeps talking and takes nothing holds a worker for so long, and no longer.
_WITHOUT_PROGRESS_S = 1800
# A day that was read longer ago is read again before it is brought. What changes even then is met
# by the lease: it is renewed at the last step, and a day that was planned anew has lost it.
_FRESH_S = 1.0
# Statements that are prepared once: they are asked every few seconds, or in every visit.
_IS_URGENT = (
    exists()
    .where(
        Airing.station_id == Delivery.station_id,
        Airing.broadcast_date == Delivery.for_date,
        Airing.programme_class == "urgent",
        Airing.bulletin_id.is_(None),
        one_of(Airing.state, OPEN_AIRINGS),
        Airing.planned_at > bindparam("since"),
    )
    .label("is_urgent")
)
_DUE = (
    select(Delivery.id, Delivery.first_air_at, Station, _IS_URGENT)
    .join(Station)
    .where(
        Delivery.state == DeliveryState.DUE,
        Delivery.next_try_at <= bindparam("now"),
        Station.active,
        Station.kind != "person",
    )
    .order_by(_IS_URGENT.desc(), Delivery.first_air_at, Delivery.id)
)
_DUE_OVER_LINK = _DUE.where(Station.link_id == bindparam("link_id"))
# Sets the columns that are given to it.
_stations: Any = Station.__table__
_SEEN = update(_stations).where(_stations.c.id == bindparam("station_id"))

Step = Callable[[str], None]
Progress = Callable[[str, int], None]  # station code, bytes acknowledged in this visit


@dataclass(frozen=True)
class VisitResult:
    """What one visit brought about."""

    station_code: str
    delivered: int = 0
    failed: int = 0
    bytes_sent: int = 0
    bytes_resumed: int = 0
    error: StationError | CoreError | None = None
    link_id: int | None = None  # the shared link on which a place is free again


@dataclass(frozen=True)
class PushResult:
    visits: tuple[VisitResult, ...] = field(default=())

    @property
    def bytes_sent(self) -> int:
        return sum(visit.bytes_sent for visit in self.visits)

    @property
    def failed(self) -> tuple[VisitResult, ...]:
        return tuple(visit for visit in self.visits if visit.error is not None)


@dataclass(frozen=True)
class Admission:
    """A station that is to be visited now, and how soon its day is needed."""

    station_id: int
    is_urgent: bool
    first_air_at: datetime


def admit(
    hub: Hub, *, ignore_windows: bool = False, stations: Collection[int] | None = None
) -> list[int]:
    """Mark what is due as queued and give the stations to visit, as ``admissions`` does."""
    found = admissions(hub, ignore_windows=ignore_windows, stations=stations)
    return [admission.station_id for admission in found]


def admissions(
    hub: Hub,
    *,
    ignore_windows: bool = False,
    stations: Collection[int] | None = None,
    link_id: int | None = None,
    is_queue_busy: bool = False,
) -> list[Admission]:
    """
    Mark what is due as queued and give the stations to visit, earliest air time first.

    Urgent items go before all others, outside the windows too, and do not wait for a place on a
    link. Also the rescue: a lost message, a dead worker and a day that is over are found here.
    While the queue is busy no message counts as lost: in a night of 10,600 stations the last ones
    wait for hours, and would come again every five minutes.
    """
    now = hub.clock.now()
    with hub.database.write() as session:
        # Two processes must not both find the last place on a link free.
        lock(session, _ADMIT_LOCK)
        if is_queue_busy:
            keep_queued(session, now + _QUEUED_FOR)
        rescue(session, now)
        end_the_hopeless(session, now)
        asked = {"now": now, "since": now - _URGENT_FOR, "link_id": link_id}
        due = session.execute(_DUE if link_id is None else _DUE_OVER_LINK, asked).all()
        if not due:
            return []
        free = places(hub, session, now)
        admitted = [
            row
            for row in due
            if (stations is None or row.Station.id in stations)
            and (row.is_urgent or ignore_windows or is_in_window(hub, row.Station, now))
            and free.take(row.Station, is_urgent=row.is_urgent)
        ]
        # A nation's week is 74,200 deliveries; one statement carries 65,535 values on PostgreSQL.
        for batch in in_batches([row.id for row in admitted]):
            session.execute(
                moving(Delivery, DeliveryState.QUEUED)
                .where(Delivery.id.in_(batch))
                .values(lease_until=now + _QUEUED_FOR)
            )
    first: dict[int, Admission] = {}
    for row in admitted:
        one = Admission(row.Station.id, bool(row.is_urgent), row.first_air_at)
        first.setdefault(one.station_id, one)
    return list(first.values())


def visit_station(
    hub: Hub,
    station_id: int,
    *,
    worker: str,
    progress: Progress | None = None,
    step: Step = lambda name: None,
) -> VisitResult | None:
    """
    Bring one station everything that waits for it, over one connection.

    Safe to kill at any step: what was not finished becomes due again when the lease ends. Gives
    ``None`` when nothing waits or another worker is there.
    """
    claimed = claim(hub, station_id, worker)
    if claimed is None:
        return None
    step("claimed")
    result = _Visiting(hub, claimed, progress, step).run()
    log.info(
        "station_visited", station=claimed.station.code, delivered=result.delivered,
        failed=result.failed, bytes_sent=result.bytes_sent,
        error=result.error.code if result.error else None,
    )  # fmt: skip
    return result


def push(
    hub: Hub,
    *,
    stations: Collection[int] | None = None,
    ignore_windows: bool = True,
    progress: Progress | None = None,
    on_result: Callable[[VisitResult], None] = lambda result: None,
) -> PushResult:
    """Visit every station for which something is due now; a back-off is not waited for."""
    results: list[VisitResult] = []
    failed: set[int] = set()
    under_way: dict[Future[VisitResult | None], int] = {}
    workers = hub.settings.push.workers
    with interruptible_pool(workers, "push") as pool:
        while True:
            # While all hands are busy nobody looks for more work.
            if len(under_way) < workers:
                for station_id in admit(hub, ignore_windows=ignore_windows, stations=stations):
                    if station_id not in failed:
                        visit = pool.submit(_visit_by_hand, hub, station_id, progress)
                        under_way[visit] = station_id
            if not under_way:
                return PushResult(tuple(results))
            for visit in wait(under_way, return_when=FIRST_COMPLETED).done:
                station_id, result = under_way.pop(visit), visit.result()
                if result is not None:
                    results.append(result)
                    on_result(result)
                    if result.error is not None and not isinstance(result.error, LeaseLost):
                        failed.add(station_id)


def _visit_by_hand(hub: Hub, station_id: int, progress: Progress | None) -> VisitResult | None:
    return visit_station(hub, station_id, worker=worker_name(), progress=progress)


def is_in_window(hub: Hub, station: Station | ReadyStation, now: datetime) -> bool:
    """Whether the station may be visited at this moment; a window may run over midnight."""
    begin: time = station.push_from or hub.settings.push.window_from
    end: time = station.push_until or hub.settings.push.window_until
    local = now.astimezone(hub.settings.zone).time()
    if begin == end:
        return True
    return begin <= local < end if begin < end else local >= begin or local < end


@contextmanager
def interruptible_pool(workers: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Ctrl-C lets the visits under way come to their end, and begins no others."""
    pool = ThreadPoolExecutor(workers, name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _Visiting:
    """One visit under way: which deliveries are done, which are still held."""

    def __init__(self, hub: Hub, claimed: Claim, progress: Progress | None, step: Step) -> None:
        self.hub, self.station, self.step = hub, claimed.station, step
        self.held = dict(zip(claimed.leases, claimed.deliveries, strict=True))
        self.on_progress = progress
        self.visit: Visit
        self.helps_until = claimed.deliveries[-1].last_air_at  # of the day that is being brought
        self.claimed_at = self.renewed_at = hub.clock.monotonic()
        self.sent: list[Sent] = []
        self.sent_before = 0  # of self.sent, those that earlier deliveries carry
        self.delivered = 0
        self.acknowledged = 0  # bytes in this visit, those of an unfinished file included
        self.coming, self.days = claimed.coming, claimed.days
        self.seen: dict[str, Any] = {}  # of the station, for its row
        self.log = VisitLog(hub, self.station, Purpose.SEND)

    def run(self) -> VisitResult:
        try:
            with reach(self.hub, self.station, self._at, self.log.diary) as visit:
                self.visit = visit
                visit.end_within(_WITHOUT_PROGRESS_S)
                for lease, delivery in list(self.held.items()):
                    manifest_sha256 = self._bring(visit, lease, delivery)
                    if len(self.held) > 1:
                        self._record(lease, manifest_sha256)
                self._look_at_station(visit)
            # The last one only when the line is free again: its lease holds our place on the link.
            self._record(lease, manifest_sha256)
        except LeaseLost as error:
            # Whoever holds the rows now decides; nothing here is ours to give back but the rest.
            return self._ended(error)
        except (StationError, CoreError) as error:
            return self._ended(error)
        return self._result(None)

    def _bring(self, visit: Visit, lease: Lease, delivery: Delivery) -> str:
        """Put one day on the station and commit it there; gives the manifest's hash."""
        self.helps_until = delivery.last_air_at
        self._heed_stop()
        day = self._day(delivery)
        files = rendition_files(self.hub, day)
        for file in files:
            if not file.path.exists():
                raise RenditionMissing(name=file.name)
        self._put(visit, files)
        manifest = manifest_of(self.hub, self.station, delivery, day)
        content = day_files(self.hub, self.station, manifest, self.overview)
        visit.commit_day(content)
        self.step("committed")
        if len(self.held) == 1:  # the last of them: nobody else visits while we hold it
            sweep_quietly(self.hub, self.station, visit, needed=self._needed())
        return file_sha256(content.manifest)

    @cached_property
    def overview(self) -> Mapping[str, bytes]:
        """It tells of all the days that are coming, and goes out with each of them."""
        return overview_files(*self.coming)

    def _needed(self) -> set[str]:
        """The renditions of the coming days."""
        return {file.name for manifest in self.coming for file in manifest.files}

    def _at(self, step: str) -> None:
        self.step(step)
        if step == "manifest_part":
            # The last moment: a worker that was frozen since must not bring back an older plan.
            renew(self.hub, list(self.held))

    def _record(self, lease: Lease, manifest_sha256: str) -> None:
        sent = self.sent[self.sent_before :]
        finish(
            self.hub, lease, sent=sent, manifest_sha256=manifest_sha256,
            also=self._remember_station,
        )  # fmt: skip
        self.sent_before = len(self.sent)
        self.step("recorded")
        del self.held[lease]
        self.delivered += 1

    def _put(self, visit: Visit, files: Sequence[RenditionFile]) -> None:
        """Yesterday's files make room before we give up."""
        waiting = deque(files)
        has_swept = False
        while waiting:
            distrusted = tuple(self.station.distrusted or ())
            try:
                for sent in visit.put_renditions(
                    tuple(waiting), self._progress, distrusted=distrusted
                ):
                    self.sent.append(sent)
                    if (name := waiting.popleft().name) in distrusted:
                        self._trust_again(name)
            except StationFull:
                if has_swept or sweep(self.hub, self.station, visit).freed_bytes == 0:
                    raise
                has_swept = True

    def _trust_again(self, name: str) -> None:
        """Sent again: the next receipt says whether it is right now."""
        with self.hub.database.write() as session:
            station = session.get_one(Station, self.station.id, with_for_update=True)
            station.distrusted = [one for one in station.distrusted or () if one != name]
            self.station.distrusted = station.distrusted

    def _day(self, delivery: Delivery) -> Day:
        """As the rows have it now; what was read a moment ago is not asked again."""
        day = self.days[delivery.for_date]
        if self.hub.clock.monotonic() - self.claimed_at > _FRESH_S:
            with self.hub.database.read() as session:
                day = day_from_rows(session, self.station, delivery.for_date)
        if day.content_sha256 != delivery.content_sha256:
            raise LeaseLost()  # planned anew since the claim: the newer day goes out instead
        return day

    def _progress(self, acknowledged: int) -> None:
        self.acknowledged = acknowledged
        self._heed_stop()
        if self.on_progress is not None:
            self.on_progress(self.station.code, acknowledged)
        now = self.hub.clock.monotonic()
        if now - self.renewed_at > self.hub.settings.push.lease_s / 3:
            renew(self.hub, list(self.held))
            share(self.hub, self.station)  # others may have begun or ended on the same link
            self.visit.end_within(_WITHOUT_PROGRESS_S)
            self.renewed_at = now

    def _heed_stop(self) -> None:
        if self.hub.stopping.is_set():
            raise Stopped()  # what was acknowledged stays there as a part
        if self.hub.clock.now() > self.helps_until:
            raise DayOver()

    def _look_at_station(self, visit: Visit) -> None:
        now = self.hub.clock.now()
        self.seen = {"last_seen_at": now, "free_bytes": visit.free_bytes()}
        if self.hub.clock.is_real:
            ahead_s = visit.clock_ahead_s(now.timestamp())
            self.seen |= {} if ahead_s is None else {"clock_skew_s": round(ahead_s, 1)}
        self.seen |= probed_anew(self.hub, self.station, visit)

    def _remember_station(
        self, session: Session, error: StationError | CoreError | None = None
    ) -> None:
        if self.seen:
            session.execute(_SEEN, {"station_id": self.station.id, **self.seen})
        if error is not None or len(self.held) == 1:  # the visit is over
            self.log.write(session, error)

    def _ended(self, error: StationError | CoreError) -> VisitResult:
        unfinished = self.acknowledged - sum(sent.bytes_sent for sent in self.sent)
        if unfinished > 0:
            self.sent.append(Sent(unfinished, 0, was_there=False))
        give_back(
            self.hub, list(self.held), code=error.code, fields=error.fields, retry=error.retry,
            sent=self.sent[self.sent_before :], at_once=isinstance(error, Stopped | DayOver),
            also=lambda session: self._remember_station(session, error),
        )  # fmt: skip
        return self._result(error)

    def _result(self, error: StationError | CoreError | None) -> VisitResult:
        return VisitResult(
            station_code=self.station.code,
            delivered=self.delivered,
            failed=len(self.held),
            bytes_sent=sum(sent.bytes_sent for sent in self.sent),
            bytes_resumed=sum(sent.resumed_from for sent in self.sent),
            error=error,
            link_id=self.station.link_id,
        )
