"""Crash safety: whenever a worker dies, nothing is lost and nothing doubled."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scheduler.hub import Hub
from tests.contract.conftest import need_sshd
from tests.faults.harness.night_worker import ALL_STEPS, Workers
from tests.faults.harness.province import Province
from tests.faults.harness.sshd import Sshd

Found = Callable[..., Province]


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """Workers that may be killed."""
    with Workers() as running:
        yield running


@pytest.fixture
def found(hub: Hub, workers: Workers, tmp_path: Path) -> Iterator[Found]:
    """Make a province of so many stations on the database of this test."""
    need_sshd()
    with ExitStack() as stack:

        def make(count: int, *, is_naive: bool = False) -> Province:
            sshd = Sshd(tmp_path / "server", tmp_path / "root", hub.ssh_key_path)
            server = stack.enter_context(sshd)
            folder = tmp_path / "stations"
            return Province.found(hub, workers, folder, server, count, is_naive=is_naive)

        yield make


def killed_at_every_step(province: Province) -> list[str]:
    """One station for each step: killed there, looked at, recovered, looked at again."""
    found = []
    for station, step in zip(province.stations, ALL_STEPS, strict=True):
        if province.kill(station, step) != -signal.SIGKILL:
            found.append(f"{step} was never passed")
        found += [f"killed at {step}: {text}" for text in province.complaints(station)]
    if province.recover() != 0:
        found.append("the fresh worker failed")
    for station, step in zip(province.stations, ALL_STEPS, strict=True):
        left = [*province.complaints(station), *province.unfinished(station)]
        found += [f"recovered from {step}: {text}" for text in left]
    return found


def test_killed_at_any_step_nothing_is_lost_doubled_or_half_there(found: Found) -> None:
    """Fault 1: old day or new day, never between; a fresh worker finishes all of them."""
    assert killed_at_every_step(found(len(ALL_STEPS))) == []


def test_killed_again_while_recovering_it_still_converges(found: Found) -> None:
    """Fault 3: dead at a step, dead again at one that follows, and once more on the second day."""
    sample = ALL_STEPS[::2]
    province = found(len(sample))
    complaints = []
    for station, step in zip(province.stations, sample, strict=True):
        following = ALL_STEPS[(ALL_STEPS.index(step) + 3) % len(ALL_STEPS)]
        for life, (again, time_passed) in enumerate(((step, 1), (following, 1), ("committed", 2))):
            province.kill(station, again, time_passed=time_passed, life=life)
            left = province.complaints(station)
            complaints += [f"{step}, {following}, life {life}: {text}" for text in left]

    assert province.recover(life=3) == 0

    for station, step in zip(province.stations, sample, strict=True):
        left = [*province.complaints(station), *province.unfinished(station)]
        complaints += [f"recovered from {step}: {text}" for text in left]
    assert complaints == []


def test_until_the_lease_is_over_nobody_touches_what_a_dead_worker_held(found: Found) -> None:
    """It may only be slow: two at one station would write over each other."""
    province = found(1)
    [station] = province.stations
    assert province.kill(station, "half_sent") == -signal.SIGKILL
    before = when_it_stands_still(province.root(station))

    assert province.recover(life=0) == 0

    assert times(province.root(station)) == before
    assert province.unfinished(station) != []
    assert province.recover(life=1) == 0
    assert province.unfinished(station) == []


def times(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}


def when_it_stands_still(root: Path) -> dict[Path, int]:
    """The server still writes what had arrived when its client died."""
    seen: dict[Path, int] = {}
    for _ in range(50):
        before, seen = seen, times(root)
        if seen == before:
            break
        time.sleep(0.3)
    return seen


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_naive_delivery_is_caught(found: Found) -> None:
    """The checker, checked: no temporary name, no flush, trust in what exists must not pass."""
    complaints = killed_at_every_step(found(len(ALL_STEPS), is_naive=True))

    assert any(text.startswith("killed at half_sent") for text in complaints)
    assert any(text.startswith("recovered from half_sent") for text in complaints)
    assert any("manifest_part" in text for text in complaints)
    assert not any("was never passed" in text for text in complaints)
