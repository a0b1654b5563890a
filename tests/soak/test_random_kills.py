"""Hours of workers that die at any instant: nothing lost, nothing doubled, nothing half there."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.hub import Hub
from tests.contract.conftest import need_sshd
from tests.faults.harness.night_worker import Workers
from tests.faults.harness.province import Province
from tests.faults.harness.sshd import Sshd

STATIONS = 40
LIVES = 6  # of the workers of one station, before one is let finish
A_LIFE_S = 1.2  # from the fork to the last row, on two cores
AT_LEAST_KILLED = STATIONS  # of STATIONS * LIVES


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers() as running:
        yield running


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
def test_workers_that_die_at_any_instant_lose_and_double_nothing(
    hub: Hub, workers: Workers, tmp_path: Path
) -> None:
    """Faults 2 and 3, promise 1; the seed is LOA_SEED, and is told when it fails."""
    need_sshd()
    seed = int(os.environ.get("LOA_SEED", "1"))
    chance, killed, complaints = random.Random(seed), 0, []
    with Sshd(tmp_path / "server", tmp_path / "root", hub.ssh_key_path) as sshd:
        province = Province.found(hub, workers, tmp_path / "stations", sshd, STATIONS)
        for station in province.stations:
            for life in range(LIVES):
                pid = workers.start(province.life(station, life=life))
                time.sleep(chance.uniform(0, A_LIFE_S))  # the instant is what is tried
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                killed += workers.wait() == -signal.SIGKILL
                complaints += province.complaints(station)
        # What was queued by a worker that died before its claim is taken for lost after 5 minutes.
        assert province.recover(life=LIVES + 3) == 0
        for station in province.stations:
            complaints += [*province.complaints(station), *province.unfinished(station)]

    assert complaints == [], f"LOA_SEED={seed}"
    assert killed >= AT_LEAST_KILLED
