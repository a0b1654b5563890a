#!/usr/bin/env python3
"""How long the airing log of a nation's year takes to answer: 10,600 stations, 23.2 million rows.

    benchmarks/airings.py [--json] [--quick] [--stations N] [--keep DIR]

Prints one JSON object. In milliseconds, medians: a station's month row by row, a district's, a
province's and the nation's month and the nation's day counted by state, a unit's week row by row,
and what its calendar shows of the week to come (``unit_calendar_ms``); and the whole answer to a
province's editor who opens the log of a month (``page_ms``), pages on and back, narrows it by
theme, words, programme, state and grade (``page_…_ms``), and to the nation's editor
(``page_nation_ms``). Then ``confirm_60k_s`` (the word
of a person for 60,000 airings at once), ``xlsx_240k_peak_mb`` (a process that writes a workbook of
240,000 rows) and ``ledger_verify_1m_s``. Beside each stands the processor's time, of this process
and of the server together (``…_cpu_ms``, ``…_cpu_s``). ``--quick`` takes a tenth of the stations
and of the other work, and says so in ``airings``. To fill a year takes minutes: ``--keep DIR``
keeps it (13 GB with the copy that is measured), and takes it from there another time.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from benchmarks.airing_pages import page_times
from benchmarks.airing_tables import table_figures
from benchmarks.country import PROVINCES, SLOTS, STATIONS, asked, country, kept_country
from benchmarks.processor import Processor, in_median
from scheduler.airing_log import LogFilter, airing_log, count_log
from scheduler.airings import schedule
from scheduler.grid import entries
from scheduler.hub import Hub
from scheduler.store.models import Airing, StationUnit

DAYS = 365
ROUNDS = 9
FIRST = date(2022, 1, 1)
MONTH = (date(2022, 6, 1), date(2022, 6, 30))
DISTRICT_STATIONS = 18  # as in Hà Nam: 109 communes in 6 districts

# A programme for each slot and day, as a radio has it: what is looked for lies in a few days.
_PROGRAMMES = text(
    """
    INSERT INTO programme (id, title, theme, programme_class, language, plan_group, file_name,
                           sha256, size_bytes, ms, state, uploaded_by, uploaded_at, check_attempts,
                           check_percent)
    SELECT 1000 + n, 'Bản tin số ' || n, CASE WHEN n % 8 > 0 THEN 'Chủ đề ' || n % 8 END,
           'normal', 'vi', 'communication', 'x.wav', md5(n::text), 1, 840000, 'approved',
           (SELECT min(id) FROM person), now(), 0, 0
    FROM generate_series(0, 366 * 6 + 6) AS n
    """
)
_A_YEAR = text(
    """
    INSERT INTO airing (station_id, planned_at, broadcast_date, slot_id, programme_id,
                        programme_class, ms, late_ok_s, state, grade)
    SELECT s.id, (d.day + l.starts_at) AT TIME ZONE 'Asia/Ho_Chi_Minh', d.day, l.id,
           1000 + d.doy * 6 + l.id % 6, 'normal', 840000, 600,
           CASE WHEN (s.id + d.doy) % 37 = 0 THEN 'unknown'
                WHEN (s.id * 7 + d.doy) % 501 = 0 THEN 'missed' ELSE 'aired' END,
           CASE WHEN (s.id + d.doy) % 37 = 0 THEN 'D'
                WHEN (s.id * 7 + d.doy) % 501 = 0 THEN 'B' ELSE 'A' END
    FROM generate_series(CAST(:first AS date), CAST(:first AS date) + :days - 1, '1 day') AS g(at)
    CROSS JOIN LATERAL (SELECT g.at::date AS day, extract(doy FROM g.at)::int AS doy) AS d
    CROSS JOIN slot AS l CROSS JOIN station AS s
    """
)
_INDEXES = text(
    """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename = 'airing' AND indexname LIKE 'ix\\_%' ORDER BY indexname
    """
)


def main() -> None:
    options = asked(__doc__, may_keep=True)
    fill = partial(a_year, talk=not options.json)
    with ExitStack() as stack:
        if options.keep:
            place = stack.enter_context(kept_country(options.stations, options.keep, fill))
        else:
            place = stack.enter_context(country(options.stations))
            fill(place.hub)
        result = measured(place.hub, Processor(place.server.pid), options.stations)
    print(json.dumps(result))


def a_year(hub: Hub, *, talk: bool) -> None:
    begin = time.perf_counter()
    with hub.database.write() as session:
        # The rows are made of rows that are there: looking each key up again would take ten times,
        # and entering each in six indexes five times as long as sorting them all at the end.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
        indexes = session.execute(_INDEXES).all()
        for name, _ in indexes:
            session.execute(text(f'DROP INDEX "{name}"'))
        session.execute(_PROGRAMMES)
        session.execute(_A_YEAR, {"first": FIRST, "days": DAYS})
        for _, definition in indexes:
            session.execute(text(definition))
    # As autovacuum does behind so many new rows: then an index alone answers.
    with hub.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as one:
        one.execute(text("VACUUM ANALYZE"))
    if talk:
        print(f"a year was written in {time.perf_counter() - begin:.0f} s", file=sys.stderr)


def measured(hub: Hub, processor: Processor, count: int) -> dict[str, float]:
    wanted = count * SLOTS * DAYS
    with hub.database.read() as session:
        lying = session.scalar(select(func.count()).select_from(Airing))
        units = list(session.scalars(select(StationUnit.unit_id).order_by(StationUnit.unit_id)))
    if lying != wanted:
        sys.exit(f"wrong: {lying} of {wanted} rows")
    province, district, commune = units[::PROVINCES], units[:DISTRICT_STATIONS], units[:1]
    a_day, a_month = LogFilter(MONTH[0], MONTH[0]), LogFilter(*MONTH)
    # What is asked, and the number of rows that the answer must be of.
    asked_for: dict[str, tuple[Callable[[Session], int], int]] = {
        "station_month": (_rows_of_station, SLOTS * 30),
        "district_month": (_count(a_month, district), len(district) * SLOTS * 30),
        "province_month": (_count(a_month, province), len(province) * SLOTS * 30),
        "nation_month": (_count(a_month, None), count * SLOTS * 30),
        "nation_day": (_count(a_day, None), count * SLOTS),
        "unit_week": (_rows_of_week(commune), SLOTS * 7),
        "unit_calendar": (_calendar_of_week(hub, commune), SLOTS * 7),
    }
    figures: dict[str, float] = {}
    for key, (ask, rows) in asked_for.items():
        figures |= in_median(key, partial(_answer, hub, ask, rows), processor, rounds=ROUNDS)
    return {
        **figures,
        **page_times(hub, *MONTH, processor=processor, rounds=ROUNDS),
        **table_figures(hub, processor, FIRST, DAYS, of_all=count / STATIONS),
        "airings": wanted,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _rows_of_station(session: Session) -> int:
    return len(airing_log(session, LogFilter(*MONTH, station_id=1), limit=1000))


def _rows_of_week(unit_ids: list[int]) -> Callable[[Session], int]:
    last = MONTH[0] + timedelta(days=6)
    return lambda session: sum(
        map(len, schedule(session, MONTH[0], last, unit_ids=unit_ids).values())
    )


def _calendar_of_week(hub: Hub, unit_ids: list[int]) -> Callable[[Session], int]:
    tomorrow = hub.today() + timedelta(days=1)
    return lambda session: len(entries(hub, session, tomorrow, 7, unit_ids=unit_ids, released=True))


def _count(wanted: LogFilter, unit_ids: list[int] | None) -> Callable[[Session], int]:
    """A count by state."""
    narrowed = replace(wanted, unit_ids=unit_ids)
    return lambda session: sum(count_log(session, narrowed).by_state.values())


def _answer(hub: Hub, ask: Callable[[Session], int], rows: int) -> None:
    """No figure for an answer that is wrong."""
    with hub.database.read() as session:
        found = ask(session)
    if found != rows:
        sys.exit(f"wrong: {found} rows instead of {rows}")


if __name__ == "__main__":
    main()
