"""A country on a throw-away PostgreSQL server: what the benchmarks of many stations stand on.

The server is the tests' own: no fsync, as on a machine whose disk is not the limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from datetime import time as clock_time
from pathlib import Path
from typing import NamedTuple

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
from tests.postgres import PostgresServer, find_binaries, postgres_server

STATIONS, SLOTS, PROVINCES = 10_600, 6, 34
EVENING = datetime(2022, 10, 16, 13, 0, tzinfo=UTC)
_FROM = date(2022, 1, 1)


class Country(NamedTuple):
    """A hub, and the server that has its rows."""

    hub: Hub
    server: PostgresServer


def asked(
    description: str, *, quick: int = STATIONS // 10, may_keep: bool = False
) -> argparse.Namespace:
    """What was typed; ``stations`` is the number that is meant."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON object")
    parser.add_argument("--quick", action="store_true", help=f"{quick:,} stations")
    parser.add_argument("--stations", type=int, default=None)
    if may_keep:
        parser.add_argument(
            "--keep", type=Path, metavar="DIR",
            help="fill a server in this folder, or take the one that was filled there; what is "
            "measured is a copy of it",
        )  # fmt: skip
    options = parser.parse_args()
    options.stations = options.stations or (quick if options.quick else STATIONS)
    return options


@contextmanager
def country(count: int) -> Iterator[Country]:
    """A hub with so many stations in it and nothing planned; gone with the block."""
    with tempfile.TemporaryDirectory() as folder, _server(None) as server:
        hub = _made(server.new_database(), Path(folder), count)
        try:
            yield Country(hub, server)
        finally:
            hub.database.close()


@contextmanager
def kept_country(count: int, keep: Path, fill: Callable[[Hub], None]) -> Iterator[Country]:
    """
    A copy of the country that was made and filled in this folder once; the copy is gone with the
    block.

    The folder is filled by the first who asks; its tables are brought to what this program needs.
    """
    keep.mkdir(parents=True, exist_ok=True)
    filled = keep / "filled"  # the name of the database: written last
    with _server(keep / "server") as server:
        if not filled.exists():
            url = server.new_database()
            hub = _made(url, keep, count)
            fill(hub)
            hub.database.close()
            filled.write_text(url.rpartition("/")[2])
        name = filled.read_text()
        hubs.upgrade_tables(_settings(server.url(name), keep))
        hub = _opened(server.copy_of(name), keep)
        try:
            yield Country(hub, server)
        finally:
            hub.database.close()
            server.drop_copy_of(name)


@contextmanager
def _server(keep: Path | None) -> Iterator[PostgresServer]:
    binaries = find_binaries()
    if binaries is None:
        sys.exit("PostgreSQL (initdb) is missing here")
    with postgres_server(binaries, keep) as server:
        yield server


def _made(url: str, folder: Path, count: int) -> Hub:
    hubs.init(_settings(url, folder), clock=ManualClock(EVENING))
    hub = _opened(url, folder)
    _nation(hub, count)
    return hub


def _opened(url: str, folder: Path) -> Hub:
    return hubs.open_hub(_settings(url, folder), clock=ManualClock(EVENING))


def _settings(url: str, folder: Path) -> Settings:
    return Settings(paths=PathSettings(data=folder / "data"), database=DatabaseSettings(url=url))


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
