"""What is done with many rows of the airing log at once: confirmed, written out, verified.

Run by itself, ``airing_tables.py URL FILE STATIONS FIRST LAST`` writes one workbook and prints the
peak of its memory.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import delete, func, select

from api.i18n import Translator
from api.reports.log_table import write_xlsx
from benchmarks.country import SLOTS
from benchmarks.processor import Processor, own_peak_mb
from scheduler.airing_log import LogFilter, whole_log
from scheduler.airings import confirm_airings
from scheduler.hub import Hub
from scheduler.store import ledger
from scheduler.store.db import open_database
from scheduler.store.models import Airing, LedgerEntry, StationUnit
from scheduler.store.states import AiringState
from tests.builders import someone

_CONFIRMED_DAYS = 35  # of a nation, of which one airing in 37 is unknown: 60,000
_TABLE_STATIONS = 110  # six times a day for a year: 240,000
_LEDGER_ENTRIES = 1_000_000


def table_figures(
    hub: Hub, processor: Processor, first: date, days: int, *, of_all: float
) -> dict[str, float]:
    """
    Seconds, and megabytes of a process of its own; ``of_all`` is a part of the work.

    ``…_cpu_s`` are processor seconds, ours and the server's.
    """
    return {
        **_confirm_s(hub, processor, first),
        "xlsx_240k_peak_mb": _xlsx_peak_mb(hub, first, days, round(_TABLE_STATIONS * of_all)),
        **_verify_s(hub, processor, round(_LEDGER_ENTRIES * of_all)),
    }


def _confirm_s(hub: Hub, processor: Processor, first: date) -> dict[str, float]:
    wanted = LogFilter(
        first, first + timedelta(days=_CONFIRMED_DAYS - 1), state=AiringState.UNKNOWN
    )
    by = someone(hub, "editor")
    with hub.database.read() as session:
        unknown = session.scalar(
            select(func.count()).where(
                Airing.broadcast_date.between(wanted.first, wanted.last),
                Airing.state == AiringState.UNKNOWN,
            )
        )
    begin = time.perf_counter()
    with processor.spending() as spent:
        told = confirm_airings(hub, wanted, by=by, aired=True)
    took = time.perf_counter() - begin
    if told != unknown or not told:
        sys.exit(f"wrong: {told} of {unknown} airings confirmed")
    return {
        "confirm_60k_s": round(took, 2),
        "confirm_60k_own_cpu_s": round(spent.own_s, 2),
        "confirm_60k_server_cpu_s": round(spent.server_s, 2),
    }


def _xlsx_peak_mb(hub: Hub, first: date, days: int, stations: int) -> float:
    last = first + timedelta(days=days - 1)
    path = hub.tmp / "table.xlsx"
    url = hub.database.engine.url.render_as_string(hide_password=False)
    told = subprocess.run(
        [sys.executable, __file__, url, path, str(stations), first.isoformat(), last.isoformat()],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    path.unlink()
    rows, peak_mb = int(told[0]), float(told[1])
    if rows != stations * SLOTS * days:
        sys.exit(f"wrong: {rows} rows in the workbook")
    return round(peak_mb)


def _verify_s(hub: Hub, processor: Processor, entries: int) -> dict[str, float]:
    """The ledger as it is, made as long as that by somebody who notes a word again and again."""
    with hub.database.write() as session:
        session.execute(delete(LedgerEntry))
        some = ((f"station {n} 2022-06-01", {"aired": True, "note": ""}) for n in range(entries))
        ledger.record_all(session, some, at=hub.clock.now(), who="lan", what="airing_confirmed")
    with hub.database.read() as session:
        begin = time.perf_counter()
        with processor.spending() as spent:
            broken = ledger.verify(session)
        took = time.perf_counter() - begin
        lying = session.scalar(select(func.count()).select_from(LedgerEntry))
    if broken is not None or lying != entries:
        sys.exit(f"wrong: {lying} entries, broken at {broken}")
    return {
        "ledger_verify_1m_s": round(took, 1),
        "ledger_verify_1m_cpu_s": round(spent.together_s, 1),
    }


def _write_one(url: str, path: str, stations: str, first: str, last: str) -> None:
    database = open_database(url)
    with database.read() as session:
        units = session.scalars(
            select(StationUnit.unit_id).order_by(StationUnit.unit_id).limit(int(stations))
        ).all()
    wanted = LogFilter(date.fromisoformat(first), date.fromisoformat(last), unit_ids=units)
    translator = Translator("vi", ZoneInfo("Asia/Ho_Chi_Minh"))
    rows = write_xlsx(Path(path), whole_log(database, wanted), translator)
    database.close()
    print(rows, own_peak_mb())


if __name__ == "__main__":
    _write_one(*sys.argv[1:])
