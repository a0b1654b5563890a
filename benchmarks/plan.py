#!/usr/bin/env python3
"""How long a nation's week takes: 7 days × 10,600 stations × 6 slots into PostgreSQL, and again.

    benchmarks/plan.py [--json] [--quick] [--stations N]

Prints one JSON object: ``plan_s`` (445,200 airings planned into empty tables), ``replan_s`` (again
with no change), ``plan_cpu_s`` and ``replan_cpu_s`` (processor seconds of this process),
``plan_peak_mb``. ``--quick`` takes a tenth of the stations.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import func, select

from benchmarks.country import SLOTS, analyse, asked, country
from scheduler import planner
from scheduler.hub import Hub
from scheduler.store.models import Airing

DAYS = 7


def main() -> None:
    options = asked(__doc__)
    with country(options.stations) as (hub, _):
        result = measured(hub, options.stations, talk=not options.json)
    print(json.dumps(result))


def measured(hub: Hub, count: int, *, talk: bool) -> dict[str, float]:
    wanted = count * SLOTS * DAYS
    plan_s, plan_cpu_s, first = _timed(hub)
    analyse(hub)  # as autovacuum does behind so many new rows
    replan_s, replan_cpu_s, again = _timed(hub)
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
        "plan_cpu_s": round(plan_cpu_s, 2),
        "replan_cpu_s": round(replan_cpu_s, 2),
        "plan_airings": wanted,
        "plan_peak_mb": round(peak_mb),
    }


def _timed(hub: Hub) -> tuple[float, float, planner.PlanResult]:
    begin, cpu = time.perf_counter(), time.process_time()
    result = planner.plan(hub, days=DAYS)
    return time.perf_counter() - begin, time.process_time() - cpu, result


if __name__ == "__main__":
    main()
