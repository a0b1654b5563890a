"""Fault 8: a station that is full of yesterday heals itself, over the real server."""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from scheduler import dispatch, planner, retries
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.store.models import Delivery, LedgerEntry
from scheduler.store.states import DeliveryState
from stations.layout import AUDIO_DIR
from tests.builders import ON, ha_nam, programme, slot, stations
from tests.faults.harness.disks import small_disk_at
from tests.faults.harness.sshd import Sshd

MONDAY = ON + timedelta(days=1)
CODE = "s13579"
KB = 1000


@pytest.fixture
def database_kind() -> str:
    """What differs between the databases is tested where nothing is sent."""
    return "sqlite"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """8 MiB, of which 4 are the station's own."""
    with small_disk_at(tmp_path / "disk", "8m") as root:
        yield root


@pytest.fixture
def full(hub: Hub, disk: Path, tmp_path: Path) -> Iterator[Hub]:
    """A station that has its evening's day of one programme, and no room for a second one."""
    ha_nam(hub)
    with Sshd(tmp_path / "server", disk, hub.ssh_key_path) as server:
        stations(
            hub, ["13579"], port=str(server.port), username=getpass.getuser(),
            host_key=server.host_key, root=str(disk),
        )  # fmt: skip
        yield hub


def planned(hub: Hub, title: str, size: int, days: int = 0) -> str:
    """A programme on one day, in the plan; the name of its rendition."""
    content = hashlib.shake_128(title.encode()).digest(size)
    on = MONDAY + timedelta(days=days)
    slot(hub, programme(hub, title, content=content), valid_from=on, valid_to=on)
    planner.plan(hub)
    return f"{hashlib.sha256(content).hexdigest()}.mp3"


def states(hub: Hub) -> list[tuple[DeliveryState, str | None]]:
    with hub.database.read() as session:
        rows = session.scalars(select(Delivery).order_by(Delivery.for_date, Delivery.seq))
        return [(row.state, row.error_code) for row in rows]


def audio(disk: Path) -> set[str]:
    return {path.name for path in (disk / AUDIO_DIR).iterdir()}


def test_a_disk_full_of_yesterday_heals_itself(full: Hub, disk: Path) -> None:
    """Yesterday's programme makes room for today's in the same visit; the ledger says so."""
    old = planned(full, "Hôm qua", 2500 * KB)
    dispatch.push(full)
    assert audio(disk) == {old}
    full.clock.move_to(full.clock.now() + timedelta(days=1))  # type: ignore[attr-defined]
    new = planned(full, "Hôm nay", 2500 * KB, days=1)

    [visit] = dispatch.push(full).visits

    assert (visit.delivered, visit.error) == (1, None)
    assert audio(disk) == {new}
    with full.database.read() as session:
        [entry] = session.scalars(select(LedgerEntry).where(LedgerEntry.what == "station_swept"))
    assert entry.detail["renditions"] == [old]
    assert entry.detail["freed_bytes"] >= 2500 * KB


def test_what_is_still_to_air_is_never_the_price_of_room(full: Hub, disk: Path) -> None:
    """Both days want their programme and one fits: the first stays, the second waits."""
    first = planned(full, "Thứ hai", 2500 * KB)
    dispatch.push(full)
    planned(full, "Thứ ba", 2500 * KB, days=1)

    [visit] = dispatch.push(full).visits

    assert visit.error is not None
    assert visit.error.code == "disk_full"
    assert audio(disk) == {first}
    assert states(full) == [(DeliveryState.DELIVERED, None), (DeliveryState.DUE, "disk_full")]


def test_a_disk_full_of_strangers_parts_heals_itself(full: Hub, disk: Path) -> None:
    """Unfinished files of nights long past are the first to go."""
    (disk / AUDIO_DIR / f"{'0' * 64}.mp3.part").write_bytes(bytes(3000 * KB))
    new = planned(full, "Hôm nay", 2500 * KB)

    [visit] = dispatch.push(full).visits

    assert (visit.delivered, visit.error) == (1, None)
    assert audio(disk) == {new}


def test_a_disk_that_fills_in_the_middle_of_a_file_is_swept_first(full: Hub, disk: Path) -> None:
    """Room that was there when it was asked for is gone: what is idle goes, then we say so."""
    station_id = station_of(full)
    old = disk / AUDIO_DIR / f"{'1' * 64}.mp3"
    old.write_bytes(bytes(1000 * KB))
    other = disk / "out" / "grown.log"
    new = planned(full, "Hôm nay", 2500 * KB)

    def grow(code: str, acknowledged: int) -> None:
        if not other.exists():
            other.write_bytes(bytes(5400 * KB))

    dispatch.admit(full, ignore_windows=True)
    visit = dispatch.visit_station(full, station_id, worker="w", progress=grow)

    assert visit is not None
    assert old.name not in audio(disk)
    assert visit.error is not None
    assert visit.error.code == "disk_full"
    other.write_bytes(b"")
    with full.database.write() as session:
        retries.retry(session, find_station(session, CODE), by="test", now=full.clock.now())
    assert dispatch.push(full).visits[0].delivered == 1
    assert audio(disk) == {new}


def station_of(hub: Hub) -> int:
    with hub.database.read() as session:
        return find_station(session, CODE).id
