#!/usr/bin/env python3
"""How long the airing log of a nation's year takes to answer: 10,600 stations, 23.2 million rows.

    benchmarks/airings.py [--json] [--quick] [--stations N]

Prints one JSON object of medians in milliseconds: a station's month row by row, a district's and a
province's month and the nation's day counted by state, and a unit's week as its calendar shows it.
``--quick`` takes a tenth of the stations, and says so in ``airings``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from benchmarks.plan import EVENING, PROVINCES, SLOTS, STATIONS, analyse, nation
from scheduler import hub as hubs
from scheduler.airing_log import LogFilter, airing_log, count_by_state
from scheduler.airings import day_schedule
from scheduler.clock import ManualClock
from scheduler.config import DatabaseSettings, PathSettings, Settings
from scheduler.hub import Hub
from scheduler.store.models import Airing, StationUnit
from tests.postgres import find_binaries, postgres_server

DAYS = 365
ROUNDS = 9
FIRST = date(2022, 1, 1)
MONTH = (date(2022, 6, 1), date(2022, 6, 30))
DISTRICT_STATIONS = 18  # as in Hà Nam: 109 communes in 6 districts

_A_YEAR = text(
    """
    INSERT INTO airing (station_id, planned_at, broadcast_date, slot_id, programme_id,
                        programme_class, ms, late_ok_s, state, grade)
    SELECT s.id, (d.day + l.starts_at) AT TIME ZONE 'Asia/Ho_Chi_Minh', d.day, l.id,
           l.programme_id, 'normal', 840000, 600,
           CASE WHEN (s.id + extract(doy FROM d.day)::int) % 37 = 0 THEN 'unknown' ELSE 'aired' END,
           'A'
    FROM generate_series(CAST(:first AS date), CAST(:first AS date) + :days - 1, '1 day') AS g(at)
    CROSS JOIN LATERAL (SELECT g.at::date AS day) AS d
    CROSS JOIN slot AS l CROSS JOIN station AS s
    """
)


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
            nation(hub, count)
            a_year(hub, talk=not asked.json)
            result = measured(hub, count)
        finally:
            hub.database.close()
    print(json.dumps(result))


def a_year(hub: Hub, *, talk: bool) -> None:
    begin = time.perf_counter()
    with hub.database.write() as session:
        # The rows are made of rows that are there: looking each key up again would take ten times.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(_A_YEAR, {"first": FIRST, "days": DAYS})
    analyse(hub)
    if talk:
        print(f"a year was written in {time.perf_counter() - begin:.0f} s", file=sys.stderr)


def measured(hub: Hub, count: int) -> dict[str, float]:
    wanted = count * SLOTS * DAYS
    with hub.database.read() as session:
        lying = session.scalar(select(func.count()).select_from(Airing))
        units = list(session.scalars(select(StationUnit.unit_id).order_by(StationUnit.unit_id)))
    if lying != wanted:
        sys.exit(f"wrong: {lying} of {wanted} rows")
    province, district, commune = units[::PROVINCES], units[:DISTRICT_STATIONS], units[:1]
    days = [MONTH[0] + timedelta(days=n) for n in range(7)]
    return {
        "station_month_ms": _median(
            hub, lambda s: len(airing_log(s, LogFilter(*MONTH, station_id=1), limit=1000)),
            SLOTS * 30,
        ),
        "district_month_ms": _counted(hub, LogFilter(*MONTH, unit_ids=district), SLOTS * 30),
        "province_month_ms": _counted(hub, LogFilter(*MONTH, unit_ids=province), SLOTS * 30),
        "nation_day_ms": _counted(hub, LogFilter(MONTH[0], MONTH[0]), SLOTS),
        "unit_week_ms": _median(
            hub, lambda s: sum(len(day_schedule(s, on, unit_ids=commune)) for on in days),
            SLOTS * 7,
        ),
        "airings": wanted,
    }  # fmt: skip


def _counted(hub: Hub, wanted: LogFilter, of_each: int) -> float:
    """A count by state; of every station, what it airs in that time."""
    with hub.database.read() as session:
        stations = len(wanted.unit_ids or []) or session.query(StationUnit).count()
    return _median(hub, lambda s: sum(count_by_state(s, wanted).values()), stations * of_each)


def _median(hub: Hub, ask: Callable[[Session], int], rows: int) -> float:
    """The median of several askings; no figure for an answer that is wrong."""
    took = []
    for _ in range(ROUNDS):
        with hub.database.read() as session:
            begin = time.perf_counter()
            found = ask(session)
            took.append(time.perf_counter() - begin)
        if found != rows:
            sys.exit(f"wrong: {found} rows instead of {rows}")
    return round(statistics.median(took) * 1000, 1)


if __name__ == "__main__":
    main()
