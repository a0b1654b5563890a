#!/usr/bin/env python3
"""How long a nation's week takes: 7 days × 10,600 stations × 6 slots into PostgreSQL, and again.

    benchmarks/plan.py [--json] [--quick] [--stations N]

Prints one JSON object: ``plan_s`` (445,200 airings planned into empty tables), ``replan_s`` (again
with no change), ``plan_cpu_s`` and ``replan_cpu_s`` (processor seconds of this process; the server
beside them), ``plan_peak_mb``. ``--quick`` takes a tenth of the stations.
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
from benchmarks.processor import Processor, Spent
from scheduler import planner
from scheduler.hub import Hub
from scheduler.store.models import Airing

DAYS = 7


def main() -> None:
    options = asked(__doc__)
    with country(options.stations) as (hub, server):
        result = measured(hub, Processor(server.pid), options.stations, talk=not options.json)
    print(json.dumps(result))


def measured(hub: Hub, processor: Processor, count: int, *, talk: bool) -> dict[str, float]:
    wanted = count * SLOTS * DAYS
    plan_s, planning, first = _timed(hub, processor)
    analyse(hub)  # as autovacuum does behind so many new rows
    replan_s, replanning, again = _timed(hub, processor)
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
        "plan_cpu_s": round(planning.own_s, 2),
        "plan_server_cpu_s": round(planning.server_s, 2),
        "replan_cpu_s": round(replanning.own_s, 2),
        "replan_server_cpu_s": round(replanning.server_s, 2),
        "plan_airings": wanted,
        "plan_peak_mb": round(peak_mb),
    }


def _timed(hub: Hub, processor: Processor) -> tuple[float, Spent, planner.PlanResult]:
    begin = time.perf_counter()
    with processor.spending() as spent:
        result = planner.plan(hub, days=DAYS)
    return time.perf_counter() - begin, spent, result


if __name__ == "__main__":
    main()
