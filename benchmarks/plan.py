#!/usr/bin/env python3
"""How long a nation's week takes: 7 days × 10,600 stations × 6 slots into PostgreSQL, and again.

    benchmarks/plan.py [--json] [--quick] [--stations N]

Prints one JSON object: ``plan_s`` (445,200 airings planned into empty tables), ``replan_s`` (again
with no change), ``plan_peak_mb`` (of this process). ``--quick`` takes a tenth of the stations.
The throw-away server is the tests' own: no fsync, as on a machine whose disk is not the limit.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from datetime import time as clock_time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import func, select, text

from scheduler import hub as hubs
from scheduler import planner, releases, slots
from scheduler.clock import ManualClock
from scheduler.config import DatabaseSettings, PathSettings, Settings
from scheduler.hub import Hub
from scheduler.slots import SlotDetails
from scheduler.store.bulk import bulk_insert
from scheduler.store.models import Airing, Station, StationUnit, Unit
from tests.builders import programme, someone
from tests.postgres import find_binaries, postgres_server

STATIONS, SLOTS, DAYS = 10_600, 6, 7
PROVINCES = 34
EVENING = datetime(2022, 10, 16, 13, 0, tzinfo=UTC)
_FROM = date(2022, 1, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON object")
    parser.add_argument("--quick", action="store_true", help="a tenth of the stations")
    parser.add_argument("--stations", type=int, default=None)
    asked = parser.parse_args()
    count = asked.stations or (STATIONS // 10 if asked.quick else STATIONS)
    binaries = find_binaries()
    if binaries is None:
        sys.exit("PostgreSQL (initdb) is missing here")
    with postgres_server(binaries) as server, tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            paths=PathSettings(data=Path(folder) / "data"),
            database=DatabaseSettings(url=server.new_database()),
        )
        clock = ManualClock(EVENING)
        hubs.init(settings, clock=clock)
        hub = hubs.open_hub(settings, clock=clock)
        try:
            result = measured(hub, count, talk=not asked.json)
        finally:
            hub.database.close()
    print(json.dumps(result))


def measured(hub: Hub, count: int, *, talk: bool) -> dict[str, float]:
    nation(hub, count)
    wanted = count * SLOTS * DAYS
    plan_s, first = _timed(hub)
    analyse(hub)  # as autovacuum does behind so many new rows
    replan_s, again = _timed(hub)
    with hub.database.read() as session:
        lying = session.scalar(select(func.count()).select_from(Airing))
    changed = (again.airings_added, again.airings_changed, again.airings_cancelled,
               again.deliveries_new)  # fmt: skip
    if first.airings_added != wanted or lying != wanted or any(changed):
        sys.exit(f"wrong: {first.airings_added} of {wanted} planned, {lying} there, then {changed}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if talk:
        print(f"{wanted:,} airings, {first.deliveries_new:,} deliveries: {plan_s:.1f} s; "
              f"again {replan_s:.1f} s; {peak_mb:.0f} MB", file=sys.stderr)  # fmt: skip
    return {
        "plan_s": round(plan_s, 2),
        "replan_s": round(replan_s, 2),
        "plan_airings": wanted,
        "plan_peak_mb": round(peak_mb),
    }


def nation(hub: Hub, count: int) -> None:
    """Provinces with communes, a station in each, six lines for everybody."""
    with hub.database.write() as session:
        bulk_insert(session, Unit, ("id", "parent_id", "code", "name", "level", "valid_from"), (
            (1, None, "00", "Việt Nam", "quốc gia", _FROM),
            *((n + 2, 1, f"p{n}", f"Tỉnh {n}", "tỉnh", _FROM) for n in range(PROVINCES)),
            *((n + 1000, n % PROVINCES + 2, f"x{n}", f"Xã {n}", "xã", _FROM) for n in range(count)),
        ))  # fmt: skip
        names = ("id", "code", "name", "technology", "kind", "host", "port", "root", "profile",
                 "active", "next_seq")  # fmt: skip
        bulk_insert(session, Station, names, (
            (n + 1, f"d{n}", f"Đài {n}", "ip", "player", "10.0.0.1", 22, ".", "loa-48", True, 1)
            for n in range(count)
        ))  # fmt: skip
        bulk_insert(session, StationUnit, ("station_id", "unit_id", "valid_from"), (
            (n + 1, n + 1000, _FROM) for n in range(count)
        ))  # fmt: skip
    editor = someone(hub, "editor")
    for n in range(SLOTS):
        made = programme(hub, f"Chương trình {n}")
        details = SlotDetails(
            title=made.title, unit_code="00", audience=("unit:00",), programme_id=made.id,
            starts_at=clock_time(5 + 2 * n),
        )  # fmt: skip
        slots.add_slot(hub, details, by=editor)
    releases.release(hub, by=editor)
    analyse(hub)


def analyse(hub: Hub) -> None:
    with hub.database.write() as session:
        session.execute(text("ANALYZE"))


def _timed(hub: Hub) -> tuple[float, planner.PlanResult]:
    begin = time.perf_counter()
    result = planner.plan(hub, days=DAYS)
    return time.perf_counter() - begin, result


if __name__ == "__main__":
    main()
