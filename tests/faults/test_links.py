"""A mast that bears so much: real visits over one link, from one process and from two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler import dispatch, links
from scheduler.hub import Hub
from scheduler.registry import list_stations
from scheduler.store.models import Station
from tests.contract.conftest import need_sshd
from tests.faults.harness.night_worker import Workers
from tests.faults.harness.province import Province
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.sshd import Sshd

STATIONS = 4
NIGHT_BYTES = STATIONS * 1_300_000  # what Province plans anew for each of them
KBPS = 8_000
# What is the line's own: handshakes, file handles, a second's worth that may go out at once.
TOLERANCE = 1.25


@pytest.fixture
def proxy(hub: Hub, tmp_path: Path) -> Iterator[tuple[Sshd, Proxy]]:
    need_sshd()
    with (
        Sshd(tmp_path / "server", tmp_path / "root", hub.ssh_key_path) as sshd,
        Proxy(sshd.port) as line,
    ):
        yield sshd, line


def behind_a_mast(hub: Hub, *, sessions: int, kbps: int | None, port: int) -> list[Station]:
    """Put every station on one link, and behind the line that is counted."""
    with hub.database.write() as session:
        link = links.add_link(
            session, name="Cột 3G", max_sessions=sessions, kbps=kbps, by="t", now=hub.clock.now()
        )
        session.flush()
        found = list_stations(session)
        for station in found:
            station.link_id, station.port = link.id, port
    return found


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_visits_of_a_link_share_its_sessions_and_its_bandwidth(
    hub: Hub, tmp_path: Path, proxy: tuple[Sshd, Proxy]
) -> None:
    """Two at once over real SSH, and together no faster than the mast: 8 Mbit/s."""
    sshd, line = proxy
    with Workers() as workers:
        province = Province.found(hub, workers, tmp_path / "stations", sshd, STATIONS)
    behind_a_mast(hub, sessions=2, kbps=KBPS, port=line.port)

    started = time.monotonic()
    result = dispatch.push(hub)
    took_s = time.monotonic() - started

    assert [visit.error for visit in result.visits] == [None] * STATIONS
    assert line.most_open == 2
    at_best_s = (NIGHT_BYTES - KBPS * 125) / (KBPS * 125)
    assert at_best_s <= took_s <= at_best_s * TOLERANCE + 2
    for station in province.stations:
        assert province.unfinished(station) == []


def test_two_worker_processes_keep_to_one_limit(
    hub: Hub, tmp_path: Path, proxy: tuple[Sshd, Proxy]
) -> None:
    """The places are counted in the rows: a second process finds none free, on either database."""
    sshd, line = proxy
    with Workers() as first, Workers() as second:
        province = Province.found(hub, first, tmp_path / "stations", sshd, STATIONS)
        behind_a_mast(hub, sessions=1, kbps=None, port=line.port)
        jobs = [province.life(station, life=0) for station in province.stations]
        for job in jobs:
            first.start(replace(job, station_ids=()))
            second.start(replace(job, station_ids=()))
            assert (first.wait(), second.wait()) == (0, 0)

    assert line.most_open == 1
    for station in province.stations:
        assert province.unfinished(station) == []
