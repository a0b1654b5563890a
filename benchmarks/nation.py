#!/usr/bin/env python3
"""How many deliveries a second the hub brings in a night of a nation: 10,600 stations, PostgreSQL.

    benchmarks/nation.py [--json] [--quick] [--stations N]

The stations are folders in memory, so that what is measured is the hub: admission, claim with its
lease, the visit with its signed manifest, side files and checks, and the rows of it. One night
brings the sound and is not counted; the next is brought by one worker process, the one after it by
two, one visit at a time each. Prints one JSON object: ``deliveries_per_s`` (two workers),
``efficiency_1_to_2`` (of two workers, what twice one would bring), ``worker_peak_mb``, and
``delivery_cpu_ms`` (processor time of the workers for one delivery, which a busy machine changes
less) and ``delivery_all_cpu_ms`` (with the server's and the admission's: the floor is what two
processors have). ``--quick`` takes 1,500 stations.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import func, select

from benchmarks.country import EVENING, analyse, asked, country
from benchmarks.processor import Processor, Spent
from scheduler import dispatch, planner
from scheduler.clock import ManualClock
from scheduler.hub import Hub
from scheduler.store.models import Delivery
from scheduler.store.states import DeliveryState
from stations.lineprocess import LineProcess

QUICK = 1_500
_MEMORY = Path("/dev/shm")
_NIGHT_S = 3600.0


def main() -> None:
    options = asked(__doc__, quick=QUICK)
    roomy = _MEMORY if _MEMORY.is_dir() else None  # else where the system keeps such things
    with (
        tempfile.TemporaryDirectory(dir=roomy) as folder,
        country(options.stations) as (hub, server),
        ExitStack() as stack,
    ):
        _compile(Path(folder) / "compiled")
        workers = [stack.enter_context(closing(Worker(hub, Path(folder)))) for _ in range(2)]
        processor = Processor(server.pid)
        result = measured(hub, Path(folder), workers, processor, talk=not options.json)
    print(json.dumps(result))


def _compile(folder: Path) -> None:
    """A worker starts from compiled files, as an installed one does: to compile takes memory."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", "import benchmarks.nation_worker"], check=True, cwd=root)


def measured(
    hub: Hub, folder: Path, workers: Sequence[Worker], processor: Processor, *, talk: bool
) -> dict[str, float]:
    _night(hub, folder, workers, processor, number=1)  # brings the sound
    one, _, _ = _night(hub, folder, workers[:1], processor, number=2)
    two, answers, spent = _night(hub, folder, workers, processor, number=3)
    count = sum(answer["delivered"] for answer in answers)
    workers_s = sum(answer["cpu_s"] for answer in answers)
    if talk:
        print(f"one worker {one:.0f}/s, two {two:.0f}/s", file=sys.stderr)
    return {
        "deliveries_per_s": round(two, 1),
        "efficiency_1_to_2": round(two / (2 * one), 2),
        "worker_peak_mb": round(max(answer["peak_mb"] for answer in answers)),
        "delivery_cpu_ms": round(1000 * workers_s / count, 1),
        "delivery_all_cpu_ms": round(1000 * (workers_s + spent.together_s) / count, 1),
        "deliveries": count,
    }


def _night(
    hub: Hub, folder: Path, workers: Sequence[Worker], processor: Processor, *, number: int
) -> tuple[float, list[Any], Spent]:
    """
    Plan one more day and bring it to every station.

    Gives deliveries a second, the answers, and what admission and the server took.
    """
    assert isinstance(hub.clock, ManualClock)
    hub.clock.move_to(EVENING + timedelta(days=number - 1))
    on = hub.today() + timedelta(days=1)
    planner.plan(hub, first=on, days=1)
    analyse(hub)
    begin = time.perf_counter()
    with processor.spending() as spent:
        admitted = dispatch.admit(hub, ignore_windows=True)
        for at, worker in enumerate(workers):
            worker.ask(hub.clock.now(), admitted[at :: len(workers)])
        answers = [worker.answer() for worker in workers]
    took_s = time.perf_counter() - begin
    brought = _brought(hub, folder, on)
    if brought != (len(admitted), len(admitted)):
        sys.exit(f"wrong: of {len(admitted)} days, {brought} in rows and at stations")
    return len(admitted) / took_s, answers, spent


def _brought(hub: Hub, folder: Path, on: Any) -> tuple[int, int]:
    """What the rows say was delivered, and what lies there."""
    with hub.database.read() as session:
        rows = session.scalar(
            select(func.count())
            .select_from(Delivery)
            .where(Delivery.for_date == on, Delivery.state == DeliveryState.DELIVERED)
        )
    return rows or 0, sum(1 for _ in folder.glob(f"*/in/manifest/{on}.signed"))


class Worker:
    """A worker process of the hub: ``benchmarks/nation_worker.py``."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self._process = LineProcess([sys.executable, "-m", "benchmarks.nation_worker"])
        order = {
            "settings": hub.settings.model_dump(mode="json"), "folder": str(folder),
            "at": EVENING.isoformat(),
        }  # fmt: skip
        self._process.write_line(json.dumps(order))

    def ask(self, at: datetime, station_ids: Sequence[int]) -> None:
        self._process.write_line(json.dumps([at.isoformat(), list(station_ids)]))

    def answer(self) -> Any:
        return json.loads(self._process.read_line(_NIGHT_S))

    def close(self) -> None:
        self._process.close()


if __name__ == "__main__":
    main()
