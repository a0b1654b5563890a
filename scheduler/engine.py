"""The queue and its tasks: the only file that knows huey.

A message carries nothing but an id and says "look again". Rows decide what is done, so a message
that is lost, doubled or late changes nothing but the moment.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

import structlog
from huey import Huey, PostgresHuey, SqliteHuey
from huey.consumer import Consumer
from huey.serializer import SignedSerializer
from sqlalchemy import make_url

from scheduler import collect, dispatch, planner, programmes
from scheduler.hub import Hub
from scheduler.secrets import derived_key, read_secret

log = structlog.get_logger()


class Engine:
    """Hands work to workers, here or on other hosts."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.huey = _queue(hub)
        self._consumer: Consumer | None = None
        self._visit = self._task("visit", self._do_visit)
        self._collect = self._task("collect", self._do_collect)
        self._render = self._task("render", self._do_render)
        self._plan = self._task("plan", self._do_plan)

    # ── Asking ─────────────────────────────────────────────────────────────────────────────────

    def visit(self, station_id: int) -> None:
        self._visit(station_id)

    def collect(self, station_id: int) -> None:
        self._collect(station_id)

    def render(self, programme_id: int) -> None:
        self._render(programme_id)

    def plan(self) -> None:
        self._plan()

    # ── Working ────────────────────────────────────────────────────────────────────────────────

    def start_workers(self, count: int | None = None) -> None:
        """Start worker threads in this process."""
        self._consumer = _QuietConsumer(
            self.huey,
            workers=count or self.hub.settings.push.workers,
            periodic=False,
            initial_delay=0.2,
            max_delay=2.0,
            check_worker_health=False,
        )
        self._consumer.start()

    def stop_workers(self, timeout_s: float = 20.0) -> bool:
        """
        Let the workers finish what they do, for so long at the most; whether all did.

        What was cut short stays claimed until its lease ends, then it is due again.
        """
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return True
        consumer.shutdown_timeout = timeout_s
        done = threading.Event()

        def stop() -> None:
            consumer.stop(graceful=True)
            done.set()

        threading.Thread(target=stop, name="stop-workers", daemon=True).start()
        is_done = done.wait(timeout_s + 1)
        # Huey comes back at its timeout whether or not a worker still hangs.
        return is_done and not any(thread.is_alive() for _, thread in consumer.worker_threads)

    def _task(self, name: str, work: Any) -> Any:
        return self.huey.task(name=name)(work)

    def _do_visit(self, station_id: int) -> None:
        dispatch.visit_station(self.hub, station_id, worker=worker_name())

    def _do_collect(self, station_id: int) -> None:
        collect.collect_station(self.hub, station_id)

    def _do_render(self, programme_id: int) -> None:
        programmes.render_due(self.hub, programme_id)
        planner.plan(self.hub)

    def _do_plan(self) -> None:
        planner.plan(self.hub)


def worker_name() -> str:
    """Who holds a lease: host, process, thread."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{threading.get_ident() % 100_000}"


class _QuietConsumer(Consumer):  # type: ignore[misc]
    """Huey's consumer inside a process that has its own signal handling."""

    def _set_signal_handlers(self) -> None:
        pass


def _queue(hub: Hub) -> Huey:
    signed = SignedSerializer(secret=derived_key(hub.master_secret(), "queue").hex())
    common = {"name": "loa", "results": False, "serializer": signed}
    if hub.database.is_sqlite:
        return SqliteHuey(filename=str(hub.data / "queue.db"), **common)
    settings = hub.settings.database
    url = make_url(settings.url).set(drivername="postgresql")
    if settings.password_file:
        url = url.set(password=read_secret(settings.password_file).decode())
    return PostgresHuey(dsn=url.render_as_string(hide_password=False), **common)
