"""One worker process of ``benchmarks/nation.py``: visits stations that are folders, one by one.

Obeys JSON lines: first the settings, then [instant, station ids] → what was brought, and its cost.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from api.cli.logs import only_errors
from benchmarks.processor import own_peak_mb
from scheduler import dispatch
from scheduler import hub as hubs
from scheduler.clock import ManualClock
from scheduler.config import Settings
from scheduler.store.models import Station
from stations.diary import Diary
from stations.folder import open_folder
from stations.visit import Step, Visit


def work() -> None:
    only_errors()
    order = json.loads(sys.stdin.readline())
    clock, folder = ManualClock(datetime.fromisoformat(order["at"])), Path(order["folder"])
    hub = hubs.open_hub(Settings.model_validate(order["settings"]), clock=clock)
    hub = replace(hub, connect=lambda _, *visit: _visit(folder, *visit))
    for line in sys.stdin:
        at, station_ids = json.loads(line)
        clock.move_to(datetime.fromisoformat(at))
        begun_s = time.process_time()
        results = [dispatch.visit_station(hub, one, worker="nation") for one in station_ids]
        answer = {
            "delivered": sum(result.delivered for result in results if result is not None),
            "cpu_s": time.process_time() - begun_s,
            "peak_mb": own_peak_mb(),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    hub.database.close()


@contextmanager
def _visit(folder: Path, station: Station, step: Step, diary: Diary) -> Iterator[Visit]:
    root = folder / station.code
    root.mkdir(exist_ok=True)
    with open_folder(root, step=step, diary=diary) as visit:
        yield visit


if __name__ == "__main__":
    work()
