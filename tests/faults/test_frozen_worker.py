"""Fault 24: whoever held a lease and was frozen comes back, and changes nothing any more."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import time as time_of_day
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from scheduler import planner
from scheduler.hub import Hub
from scheduler.store.models import Attempt, Delivery
from scheduler.store.states import DeliveryState
from tests.builders import programme, slot
from tests.contract.conftest import need_sshd
from tests.faults.harness.night_worker import Workers
from tests.faults.harness.province import DATES, Province
from tests.faults.harness.sshd import Sshd

STEPS = ("claimed", "half_sent", "verified", "manifest_part", "committed")


@pytest.fixture
def both(hub: Hub) -> Iterator[tuple[Workers, Workers]]:
    """The one that is frozen, and the one that takes over."""
    with Workers() as frozen, Workers() as other:
        yield frozen, other


def wait_until_stopped(pid: int) -> None:
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, "it never came to the step"
        time.sleep(0.02)


def test_a_frozen_worker_that_wakes_up_changes_nothing(
    hub: Hub, both: tuple[Workers, Workers], tmp_path: Path
) -> None:
    """Stopped at five places, overtaken when the lease is over, woken: 0 late writes are taken."""
    need_sshd()
    frozen, other = both
    with Sshd(tmp_path / "server", tmp_path / "root", hub.ssh_key_path) as sshd:
        province = Province.found(hub, other, tmp_path / "stations", sshd, len(STEPS))
        for station, step in zip(province.stations, STEPS, strict=True):
            pid = frozen.start(
                province.job(station, crash_at=(step, 1), later=timedelta(0), fate=signal.SIGSTOP)
            )
            wait_until_stopped(pid)
            assert province.recover(station, life=1) == 0
            assert province.complaints(station) == []
            before = {path: path.read_bytes() for path in province.root(station).rglob("*.signed")}

            os.kill(pid, signal.SIGCONT)
            assert frozen.wait() == 0

            assert province.complaints(station) == []
            after = {path: path.read_bytes() for path in province.root(station).rglob("*.signed")}
            assert after == before, step

    with hub.database.read() as session:
        deliveries = session.scalars(select(Delivery)).all()
        delivered = session.scalars(
            select(Attempt.delivery_id).where(Attempt.outcome == "delivered")
        ).all()
    new = [one for one in deliveries if one.state is DeliveryState.DELIVERED]
    assert len(new) == 2 * len(STEPS)
    assert len(delivered) == len(set(delivered)), "a day was recorded twice"


def test_a_frozen_worker_does_not_bring_back_an_older_plan(
    hub: Hub, both: tuple[Workers, Workers], tmp_path: Path
) -> None:
    """Frozen just before its manifest goes live; meanwhile the day was planned anew and sent."""
    need_sshd()
    frozen, other = both
    with Sshd(tmp_path / "server", tmp_path / "root", hub.ssh_key_path) as sshd:
        province = Province.found(hub, other, tmp_path / "stations", sshd, 1)
        [station] = province.stations
        at = ("manifest_part", 1)
        job = province.job(station, crash_at=at, later=timedelta(0), fate=signal.SIGSTOP)
        pid = frozen.start(job)
        wait_until_stopped(pid)
        slot(
            hub, programme(hub, "Tin khác"), at=time_of_day(17), valid_from=DATES[0],
            valid_to=DATES[-1],
        )  # fmt: skip
        planner.plan(hub)
        assert province.recover(station, life=1) == 0
        newest = {path: path.read_bytes() for path in province.root(station).rglob("*.signed")}

        os.kill(pid, signal.SIGCONT)
        assert frozen.wait() == 0

        assert {p: p.read_bytes() for p in province.root(station).rglob("*.signed")} == newest
        assert province.complaints(station) == []
