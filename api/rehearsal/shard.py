"""A worker of the rehearsed hub, with the boxes that it visits: in this process or in its own.

Two of them, each in a process, use both cores, and meet in the database as two hosts would.
``python -m api.rehearsal.shard`` obeys JSON lines: [verb, arguments …] → one answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from api.rehearsal.faults import Event, Fault, Script
from scheduler import collect, dispatch, registry
from scheduler import hub as hubs
from scheduler.clock import ManualClock
from scheduler.config import Settings
from scheduler.hub import Hub
from scheduler.store.models import Station
from stations.diary import Diary
from stations.lineprocess import LineProcess
from stations.manifest import station_key
from stations.rehearsed import Heard, RehearsedBox, WorkerKilled
from stations.visit import Step, Visit

_ANSWER_WITHIN_S = 600.0  # the machine may be very busy


class Worker(Protocol):
    """What the nights ask of a worker; an answer may be waited for later."""

    codes: Collection[str]

    def ask(self, verb: str, at: datetime, station_ids: Sequence[int] = ()) -> None: ...

    def answer(self) -> Any: ...

    def close(self) -> None: ...


class Shard:
    """A worker in this process."""

    def __init__(
        self, folder: Path, settings: Settings, faults: Mapping[str, Fault],
        codes: Collection[str], *, start: datetime, nights: int, seed: int,
    ) -> None:  # fmt: skip
        self.codes = codes
        self.clock = ManualClock(start)
        self.hub = hubs.open_hub(settings, clock=self.clock, connect=self._connect)
        self.boxes = {code: self._box(folder, code, start) for code in codes}
        script = Script(settings.zone, nights=nights, seed=seed)
        self._events: dict[str, list[Event]] = {
            code: script.events(code, faults[code]) for code in codes
        }
        with self.hub.database.read() as session:
            self._codes = {one.id: one.code for one in registry.list_stations(session)}
        self._answer: Any = None

    def _box(self, folder: Path, code: str, start: datetime) -> RehearsedBox:
        key = station_key(self.hub.master_secret(), code)
        return RehearsedBox(code, folder / code, key, start)

    @contextmanager
    def _connect(self, hub: Hub, station: Station, step: Step, diary: Diary) -> Iterator[Visit]:
        with self.boxes[station.code].visit(station.host_key, step, diary) as visit:
            yield visit

    # ── Obeying ────────────────────────────────────────────────────────────────────────────────

    def ask(self, verb: str, at: datetime, station_ids: Sequence[int] = ()) -> None:
        self.clock.move_to(at)
        if verb == "send":
            self._answer = [self._send(self._codes[one], one, at) for one in station_ids]
        elif verb == "collect":
            self._answer = [self._collect(self._codes[one], one, at) for one in station_ids]
        else:
            assert verb in ("live", "heard")
            for code in self.codes:
                self._bring_to(code, at)
            self._answer = self._heard() if verb == "heard" else None

    def answer(self) -> Any:
        return self._answer

    def close(self) -> None:
        self.hub.database.close()

    def _heard(self) -> list[list[object]]:
        return [
            [code, one.file, one.started_at.isoformat(), one.ms]
            for code, box in self.boxes.items()
            for one in box.heard
        ]

    def _send(self, code: str, station_id: int, at: datetime) -> list[str]:
        """As a worker does it; the station's code, and what the visit failed with."""
        self._bring_to(code, at)
        box = self.boxes[code]
        try:
            result = dispatch.visit_station(
                self.hub, station_id, worker=f"rehearsal:{code}", step=box.step
            )
        except WorkerKilled:
            return [code, "worker_killed"]
        return [code, result.error.code if result and result.error else ""]

    def _collect(self, code: str, station_id: int, at: datetime) -> list[str]:
        self._bring_to(code, at)
        error = collect.collect_station(self.hub, station_id).error
        return [code, error.code if error else ""]

    def _bring_to(self, code: str, at: datetime) -> None:
        """Let one box live until now, through all that happens to it on the way."""
        box, events = self.boxes[code], self._events[code]
        while events and events[0].at <= at:
            event = events.pop(0)
            box.live_until(event.at)
            event.happen(self, box)
        box.live_until(at)

    # ── What happens at a station but wants a person at the hub ────────────────────────────────

    def accept_host_key(self, box: RehearsedBox) -> None:
        """A person has asked at the station, and believes the new key."""
        with self.hub.database.write() as session:
            station = registry.find_station(session, box.code)
            registry.accept_host_key(
                session, station, box.host_key, by="rehearsal", now=self.clock.now()
            )


class ShardProcess:
    """A worker in a process of its own, which ``started_process`` gave."""

    def __init__(
        self, process: LineProcess, folder: Path, settings: Settings, faults: Mapping[str, Fault],
        codes: Collection[str], *, start: datetime, nights: int, seed: int,
    ) -> None:  # fmt: skip
        self.codes, self._process = codes, process
        order = {
            "folder": str(folder), "settings": settings.model_dump(mode="json"),
            "faults": dict(faults), "codes": list(codes), "start": start.isoformat(),
            "nights": nights, "seed": seed,
        }  # fmt: skip
        self._process.write_line(json.dumps(order))

    def ask(self, verb: str, at: datetime, station_ids: Sequence[int] = ()) -> None:
        self._process.write_line(json.dumps([verb, at.isoformat(), list(station_ids)]))

    def answer(self) -> Any:
        """
        Raises:
            EOFError: the process has ended: its own words stand on the standard error.
        """
        return json.loads(self._process.read_line(_ANSWER_WITHIN_S))

    def close(self) -> None:
        self._process.close()


def started_process() -> LineProcess:
    """Takes a second to load everything, in which other things can be done."""
    return LineProcess([sys.executable, "-m", "api.rehearsal.shard"])


def heard_of(answers: Sequence[Any]) -> dict[str, list[Heard]]:
    """What sounded at each station, from the answers to "heard"."""
    heard: dict[str, list[Heard]] = {}
    for code, file, started_at, ms in answers:
        heard.setdefault(code, []).append(Heard(file, datetime.fromisoformat(started_at), ms))
    return heard


def main() -> None:
    from api.cli.logs import only_errors

    only_errors()
    line = sys.stdin.readline()
    if not line:
        return  # nobody wants us after all
    order = json.loads(line)
    shard = Shard(
        Path(order["folder"]), Settings.model_validate(order["settings"]),
        {code: Fault(fault) for code, fault in order["faults"].items()}, order["codes"],
        start=datetime.fromisoformat(order["start"]), nights=order["nights"], seed=order["seed"],
    )  # fmt: skip
    for line in sys.stdin:
        verb, at, station_ids = json.loads(line)
        shard.ask(verb, datetime.fromisoformat(at), station_ids)
        sys.stdout.write(json.dumps(shard.answer()) + "\n")
        sys.stdout.flush()
    shard.close()


if __name__ == "__main__":
    main()
