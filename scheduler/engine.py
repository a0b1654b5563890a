"""The queue and its tasks: the only file that knows huey.

A message carries nothing but an id and says "look again". Rows decide what is done, so a message
that is lost, doubled or late changes nothing but the moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import structlog
from huey import Huey, PostgresHuey, SqliteHuey
from huey.api import Task
from huey.consumer import Consumer
from huey.serializer import SignedSerializer
from huey.storage import PostgresStorage
from sqlalchemy import make_url

from scheduler import (
    audit,
    checks,
    collect,
    dispatch,
    forecast,
    links,
    planner,
    renditions,
)
from scheduler import urgent as bulletins
from scheduler.hub import Hub
from scheduler.leases import worker_name
from scheduler.secrets import derived_key, read_secret
from scheduler.store.db import in_batches

log = structlog.get_logger()

# Higher goes first. A night's deliveries are ordered below all by the time of their first airing.
_ASKED_FOR = 1.0
_LAST = -1e11  # below every air time
_URGENT_WORKERS = 2
_RECEIPT_AFTER_S = 40  # a player looks every half minute


class Engine:
    """Hands work to workers, here or on other hosts."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.huey = _queue(hub, "loa")
        # A line of its own, with workers of its own: sixteen visits over slow links may hold all
        # the others for an hour.
        self.urgent = _queue(hub, "loa-urgent")
        self._consumers: list[Consumer] = []
        self._visit = self._task("visit", self._do_visit)
        self._visit_at_once = self.urgent.task(name="visit")(self._do_visit)
        self._bring_urgent = self.urgent.task(name="bring")(self._do_bring_urgent)
        self._collect = self._task("collect", self._do_collect)
        self._audit = self._task("audit", self._do_audit)
        self._check = self._task("check", self._do_check)
        self._checking = threading.Lock()
        self._render = self._task("render", self._do_render)
        self._plan = self._task("plan", self._do_plan)
        self._forecast = self._task("forecast", self._do_forecast)

    # ── Asking ─────────────────────────────────────────────────────────────────────────────────

    def visit(self, station_id: int) -> None:
        """Somebody asks for it and waits: before the night's work, behind what is urgent."""
        self._visit(station_id, priority=_ASKED_FOR)

    def dispatch(self, link_id: int | None = None) -> None:
        """Have everything visited that is due now, over one link or over all."""
        is_waiting = self.huey.pending_count() > 0
        for admission in dispatch.admissions(self.hub, link_id=link_id, is_queue_busy=is_waiting):
            if admission.is_urgent:
                self._visit_at_once(admission.station_id)
            else:
                # Nearer airings first; the queue's other tasks have priority 0. The order is
                # decided where a message is taken, so that what becomes due while a hundred
                # stations wait takes its place among them.
                self._visit(admission.station_id, priority=-admission.first_air_at.timestamp())

    def bring_urgent(self) -> None:
        """Bring what was ordered on air at once; a round that finds nothing costs one question."""
        self._bring_urgent()

    def collect_all(self, station_ids: Sequence[int]) -> None:
        _put_all(self.huey, [self._collect.s(one) for one in station_ids])

    def audit_all(self, due: Sequence[audit.DueAudit]) -> None:
        """Of days that air soon now, of all others when there is nothing else to do."""
        tasks = [self._audit.s(one.station_id, priority=0 if one.is_near else _LAST) for one in due]
        _put_all(self.huey, tasks)

    def check(self, programme_id: int) -> None:
        """An editor waits for it: before the night's work."""
        self._check(programme_id, priority=_ASKED_FOR)

    def render(self, programme_id: int) -> None:
        self._render(programme_id)

    def plan(self) -> None:
        self._plan()

    def forecast(self) -> None:
        self._forecast()

    # ── Working ────────────────────────────────────────────────────────────────────────────────

    def start_workers(self, count: int | None = None) -> None:
        """Start worker threads in this process, and those that only take what is urgent."""
        count = count or self.hub.settings.push.workers
        self._consumers = [_consumer(self.huey, count), _consumer(self.urgent, _URGENT_WORKERS)]
        for consumer in self._consumers:
            consumer.start()

    def stop_workers(self, timeout_s: float = 20.0) -> bool:
        """
        Let the workers finish what they do, for so long at the most; whether all did.

        For the first half of that time a visit may come to its end; then it is parked where it
        stands and is due again. What hangs stays claimed until its lease ends.
        """
        consumers, self._consumers = self._consumers, []
        for consumer in consumers:
            consumer.shutdown_timeout = timeout_s
            threading.Thread(
                target=consumer.stop, args=(True,), name="stop-workers", daemon=True
            ).start()
        workers = [thread for one in consumers for _, thread in one.worker_threads]
        if not _have_ended(workers, timeout_s / 2):
            self.hub.stopping.set()
        return _have_ended(workers, timeout_s / 2)

    def _task(self, name: str, work: Any) -> Any:
        return self.huey.task(name=name)(work)

    def _do_visit(self, station_id: int) -> None:
        result = dispatch.visit_station(self.hub, station_id, worker=worker_name())
        is_ending = self.hub.stopping.is_set()
        if result is not None and result.link_id is not None and not is_ending:
            self.dispatch(result.link_id)  # its place on the link is free for the next one

    def _do_bring_urgent(self) -> None:
        for visit in bulletins.push(self.hub):
            if visit.error is None:
                self._collect.schedule(args=(visit.station_id,), delay=_RECEIPT_AFTER_S)

    def _do_collect(self, station_id: int) -> None:
        with links.free_to_collect(self.hub, station_id) as is_free:
            if is_free:
                collect.collect_station(self.hub, station_id)

    def _do_audit(self, station_id: int) -> None:
        with links.free_to_collect(self.hub, station_id) as is_free:
            if is_free:
                audit.audit_station(self.hub, station_id)

    def _do_check(self, programme_id: int) -> None:
        # One after another: a check uses two processors, and the night's visits need theirs.
        # Who finds it taken leaves its programme to the one who holds it, or to the next tick.
        if not self._checking.acquire(blocking=False):
            return
        try:
            for waiting in (programme_id, *checks.to_check(self.hub)):
                if checks.check(self.hub, waiting):
                    self.render(waiting)
        finally:
            self._checking.release()

    def _do_render(self, programme_id: int) -> None:
        renditions.render_due(self.hub, programme_id)
        self._do_plan()

    def _do_plan(self) -> None:
        planner.plan(self.hub)
        self._do_forecast()  # early: whoever has to act has the afternoon

    def _do_forecast(self) -> None:
        forecast.look_ahead(self.hub)


class _QuietConsumer(Consumer):  # type: ignore[misc]
    """Huey's consumer inside a process that has its own signal handling."""

    def _set_signal_handlers(self) -> None:
        pass


def _consumer(huey: Huey, workers: int) -> Consumer:
    return _QuietConsumer(
        huey, workers=workers, periodic=False, initial_delay=0.2, max_delay=2.0,
        check_worker_health=False,
    )  # fmt: skip


def _have_ended(threads: Sequence[threading.Thread], within_s: float) -> bool:
    until = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _put_all(huey: Huey, tasks: Sequence[Task]) -> None:
    """
    Put many messages into the queue, some hundreds in one transaction.

    A nation's ten thousand, each in its own, are 3.5 s of a processor that the pages need too.
    Between two transactions workers take what is there.
    """
    storage = huey.storage
    table, mark = "task", "?"
    if isinstance(storage, PostgresStorage):
        table, mark = storage.table_task, "%s"
    statement = f"insert into {table} (queue, data, priority) values ({mark}, {mark}, {mark})"  # noqa: S608 - huey's own table
    rows = [(storage.name, huey.serialize_task(one), one.priority or 0) for one in tasks]
    for batch in in_batches(rows):
        with storage.db(commit=True) as cursor:
            cursor.executemany(statement, batch)
            if isinstance(storage, PostgresStorage):  # wakes the workers, as huey itself does
                cursor.execute("select pg_notify(%s, %s)", (storage.channel, ""))


def _queue(hub: Hub, name: str) -> Huey:
    signed = SignedSerializer(secret=derived_key(hub.master_secret(), "queue").hex())
    common = {"name": name, "results": False, "serializer": signed}
    if hub.database.is_sqlite:
        return SqliteHuey(filename=str(hub.data / "queue.db"), **common)
    settings = hub.settings.database
    url = make_url(settings.url).set(drivername="postgresql")
    if settings.password_file:
        url = url.set(password=read_secret(settings.password_file).decode())
    return PostgresHuey(dsn=url.render_as_string(hide_password=False), **common)
