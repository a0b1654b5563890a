"""A country on a throw-away PostgreSQL server: what the benchmarks of many stations stand on.

The server is the tests' own: no fsync, as on a machine whose disk is not the limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from datetime import time as clock_time
from pathlib import Path

from sqlalchemy import text

from scheduler import hub as hubs
from scheduler import releases, slots
from scheduler.clock import ManualClock
from scheduler.config import DatabaseSettings, PathSettings, Settings
from scheduler.hub import Hub
from scheduler.slots import SlotDetails
from scheduler.store.bulk import bulk_insert
from scheduler.store.models import Station, StationUnit, Unit
from tests.builders import programme, someone
from tests.postgres import find_binaries, postgres_server

STATIONS, SLOTS, PROVINCES = 10_600, 6, 34
EVENING = datetime(2022, 10, 16, 13, 0, tzinfo=UTC)
_FROM = date(2022, 1, 1)


def asked(description: str, *, quick: int = STATIONS // 10) -> argparse.Namespace:
    """What was typed; ``stations`` is the number that is meant."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON object")
    parser.add_argument("--quick", action="store_true", help=f"{quick:,} stations")
    parser.add_argument("--stations", type=int, default=None)
    options = parser.parse_args()
    options.stations = options.stations or (quick if options.quick else STATIONS)
    return options


@contextmanager
def country(count: int) -> Iterator[Hub]:
    """A hub with so many stations in it and nothing planned; gone with the block."""
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
            _nation(hub, count)
            yield hub
        finally:
            hub.database.close()


def _nation(hub: Hub, count: int) -> None:
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
