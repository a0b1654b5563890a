"""The forecast against a real line: OpenSSH behind a relay that carries so many bytes a second."""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from scheduler import dispatch, links, planner
from scheduler.clock import ManualClock
from scheduler.forecast import Outlook, first_outlooks, read_book
from scheduler.hub import Hub
from scheduler.registry import list_stations
from scheduler.throughput import ASSUMED, MEASURED
from stations.layout import FOLDERS
from tests.builders import ha_nam, programme, slot, stations
from tests.contract.conftest import need_sshd
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.sshd import Sshd
from tests.unit.scheduler.scene import MONDAY

LINE = 200_000  # bytes a second: 1.6 Mbit/s
# The first visit looks at the server (5 s here) and is too small to be measured; on a real evening
# a visit brings tens of megabytes, and its greeting is nothing beside them.
GREETING, FIRST, SECOND = 50_000, 1_000_000, 1_800_000
WITHIN = 0.25


class RunningClock(ManualClock):
    """Begins on the test's evening and goes on as time does."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self._began = monotonic()

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=monotonic() - self._began)

    def monotonic(self) -> float:
        return monotonic()


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def running(hub: Hub, clock: ManualClock) -> Hub:
    return replace(hub, clock=RunningClock(clock.now()))


@pytest.fixture
def sshd(hub: Hub, tmp_path: Path) -> Iterator[Sshd]:
    need_sshd()
    with Sshd(tmp_path / "server", tmp_path / "root", hub.ssh_key_path) as server:
        yield server


def registered(hub: Hub, sshd: Sshd, folder: Path, port: int, *units: str) -> None:
    ha_nam(hub)
    stations(hub, list(units), port=str(port), username=getpass.getuser(), host_key=sshd.host_key)
    with hub.database.write() as session:
        for station in list_stations(session):
            station.root = str(folder / station.code)
            for name in FOLDERS:
                (folder / station.code / name).mkdir(parents=True)


def planned(hub: Hub, title: str, on: date, size: int) -> None:
    """One programme on a day of its own."""
    content = hashlib.shake_128(title.encode()).digest(size)
    slot(hub, programme(hub, title, content=content), valid_from=on, valid_to=on)
    planner.plan(hub)


def ahead(hub: Hub) -> list[Outlook]:
    with hub.database.read() as session:
        return first_outlooks(read_book(hub, session))


def test_a_measured_line_is_foretold_within_a_quarter(
    running: Hub, sshd: Sshd, tmp_path: Path
) -> None:
    """The first visit measures; what the second one takes was known before it began."""
    with Proxy(sshd.port, bytes_per_s=LINE) as line:
        registered(running, sshd, tmp_path / "stations", line.port, "13579")
        for n, size in enumerate((GREETING, FIRST)):
            planned(running, f"Tin {n}", MONDAY + timedelta(days=n), size)
            assert ahead(running)[0].rate.basis == ASSUMED
            assert not dispatch.push(running).failed

        planned(running, "Tin mới", MONDAY + timedelta(days=2), SECOND)
        [one] = ahead(running)
        began = running.clock.now()
        assert not dispatch.push(running).failed
        took_s = (running.clock.now() - began).total_seconds()

    assert one.rate.basis == MEASURED
    assert one.ready_at is not None
    foretold_s = (one.ready_at - began).total_seconds()
    assert took_s * (1 - WITHIN) <= foretold_s <= took_s * (1 + WITHIN)
    assert ahead(running) == []


@pytest.mark.soak
def test_two_stations_that_share_a_line_are_foretold_together(
    running: Hub, sshd: Sshd, tmp_path: Path
) -> None:
    """The link's own limit, kept by our pace: the night ends when the forecast said."""
    registered(running, sshd, tmp_path / "stations", sshd.port, "13579", "13285")
    with running.database.write() as session:
        link = links.add_link(session, name="Cột 3G", max_sessions=2, kbps=LINE // 125, by="t",
                              now=running.clock.now())  # fmt: skip
        session.flush()
        for station in list_stations(session):
            station.link_id = link.id
    planned(running, "Tin", MONDAY, SECOND)

    found = ahead(running)
    began = running.clock.now()
    assert not dispatch.push(running).failed
    took_s = (running.clock.now() - began).total_seconds()

    last = max(one.ready_at for one in found if one.ready_at is not None)
    foretold_s = (last - began).total_seconds()
    assert took_s * (1 - WITHIN) <= foretold_s <= took_s * (1 + WITHIN)
