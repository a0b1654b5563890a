"""
Workers of the core, to be killed: real processes that claim, deliver and record.

``Workers`` is the test's end. The other end is this module run with ``python -m``: it has no
threads and no connections, so that forking it is safe, and everything is imported already.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from sqlalchemy.orm import configure_mappers

from scheduler import dispatch, reach
from scheduler.clock import ManualClock
from scheduler.config import DatabaseSettings, PathSettings, Settings
from scheduler.hub import Hub, open_hub
from scheduler.store.models import Station
from stations.diary import Diary
from stations.layout import DayFiles, RenditionFile, audio_path, manifest_path
from stations.lineprocess import LineProcess
from stations.login import open_channel
from stations.placing import STEPS, Content
from stations.sftp import SftpDisk
from stations.visit import Progress, Sent, Visit

# What a delivery passes, in its order: the core's own steps around those of the visit.
ALL_STEPS = ("claimed", *STEPS, "committed", "recorded")

_WAIT_S = 60.0
_ROUNDS = 10


class NaiveVisit(Visit):
    """
    As people write it in a hurry: the final name at once, no flush, and what exists is trusted.

    Kept for ever: a harness that does not catch it is no harness.
    """

    def put_rendition(
        self, file: RenditionFile, progress: Progress | None = None, *, is_distrusted: bool = False
    ) -> Sent:
        if self.disk.stat(audio_path(file.name)) is not None:
            return Sent(0, 0, was_there=True)
        with file.path.open("rb") as source:
            self._write(audio_path(file.name), Content(source, file.size_bytes, file.name))
        self._step("renamed")
        return Sent(file.size_bytes, 0, was_there=False)

    def put_renditions(
        self,
        files: Iterable[RenditionFile],
        progress: Progress | None = None,
        *,
        distrusted: Collection[str] = (),
    ) -> Iterator[Sent]:
        for file in files:
            yield self.put_rendition(file, progress)

    def commit_day(self, day: DayFiles) -> None:
        self._step("side_files")
        self.disk.remove(manifest_path(day.for_date))
        with self.disk.open_part(manifest_path(day.for_date)) as file:
            self._step("manifest_part")
            file.write(io.BytesIO(day.manifest), 0, lambda count: None)
        self._step("manifest_live")

    def _write(self, path: str, content: Content) -> None:
        passed = 0

        def acknowledged(count: int) -> None:
            nonlocal passed
            if passed < content.size_bytes // 2 <= passed + count:
                self._step("half_sent")
            passed += count

        with self.disk.open_part(path) as file:
            self._step("part_opened")
            file.write(content.source, 0, acknowledged)
            for name in ("all_sent", "flushed", "verified"):
                self._step(name)


def connect_naively(
    hub: Hub, station: Station, step: Callable[[str], None], diary: Diary
) -> AbstractContextManager[Visit]:
    limits, address = reach.limits_of(hub, station), reach.address_of(station)
    connection, channel = open_channel(address, hub.ssh_key_path, limits)
    step("connected")
    return NaiveVisit(SftpDisk(connection, channel, address.root, limits), limits, step, diary)


@dataclass(frozen=True)
class Job:
    """One life of a worker."""

    data: str
    url: str
    at: str  # what its clock says, all its life
    station_ids: tuple[int, ...] = ()  # none: all
    crash_at: tuple[str, int] | None = None  # a step, and the how-many-th time it is passed
    fate: int = signal.SIGKILL  # what happens there
    is_naive: bool = False

    def run(self) -> None:
        hub = open_hub(
            Settings(
                paths=PathSettings(data=Path(self.data)), database=DatabaseSettings(url=self.url)
            ),
            clock=ManualClock(datetime.fromisoformat(self.at)),
            connect=connect_naively if self.is_naive else None,
        )
        for _ in range(_ROUNDS):
            ids = dispatch.admit(hub, ignore_windows=True, stations=self.station_ids or None)
            if not ids:
                return
            for station_id in ids:
                worker = f"worker-{os.getpid()}"
                dispatch.visit_station(hub, station_id, worker=worker, step=self._killer())

    def _killer(self) -> Callable[[str], None]:
        passed = 0

        def step(name: str) -> None:
            nonlocal passed
            if self.crash_at is not None and name == self.crash_at[0]:
                passed += 1
                if passed == self.crash_at[1]:
                    os.kill(os.getpid(), self.fate)

        return step


class Workers:
    """Starts workers; tells their fate."""

    def __init__(self) -> None:
        self._process = LineProcess([sys.executable, "-m", __name__])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()

    def start(self, job: Job) -> int:
        """Return the process id of the new worker."""
        self._process.write_line(json.dumps(asdict(job)))
        return int(self._process.read_line(_WAIT_S))

    def wait(self) -> int:
        """Return how the worker ended: 0, or minus the signal that killed it."""
        return int(self._process.read_line(_WAIT_S))

    def run(self, job: Job) -> int:
        self.start(job)
        return self.wait()


def _read_job(line: str) -> Job:
    told = json.loads(line)
    crash_at = told.pop("crash_at")
    station_ids = tuple(told.pop("station_ids"))
    return Job(**told, station_ids=station_ids, crash_at=tuple(crash_at) if crash_at else None)


def _bear(line: str) -> None:
    """Fork a worker, tell its number, wait for its end, tell that."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            # Its log must not be taken for our answers.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            _read_job(line).run()
            code = 0
        finally:
            os._exit(code)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    configure_mappers()  # once, not in every child
    for told_line in sys.stdin:
        _bear(told_line)
