"""Faults 1 to 3: the process dies at every step, at any instant, and while it recovers."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stations.visit import STEPS
from tests.faults.harness.mutants import deliver
from tests.faults.harness.night import Night, complaints, is_delivered, make_night
from tests.faults.harness.nursery import Job, Nursery
from tests.faults.harness.sshd import Sshd

MB = 1_000_000
SIZES = (3 * MB, 700_000)
RECOVERED_WITHIN_S = 60.0


@dataclass
class Ground:
    """A station with an old day live, and a new one to be delivered to it."""

    sshd: Sshd
    nursery: Nursery
    key: Path
    folder: Path
    old: Night
    new: Night

    def reset(self) -> None:
        """Back to the old day; delivered once, copied from then on."""
        kept = self.folder.parent / "old day"
        if not kept.exists():
            deliver("ours", self.sshd.address(), self.key, self.old, lambda name: None)
            shutil.copytree(self.sshd.root, kept)
        shutil.rmtree(self.sshd.root)
        shutil.copytree(kept, self.sshd.root)

    def job(self, crash_at: tuple[str, int] | None = None, variant: str = "ours") -> Job:
        return Job(
            variant, self.sshd.address(), str(self.key), str(self.folder), SIZES, 2, crash_at
        )

    def crash_at(self, step: str, time_passed: int = 1) -> int:
        self.nursery.start(self.job((step, time_passed)))
        return self.nursery.wait()

    def complaints(self) -> list[str]:
        return complaints(self.sshd.root, (self.old, self.new))

    def recover(self) -> float:
        """Deliver once more; return how long it took."""
        started = time.monotonic()
        deliver("ours", self.sshd.address(), self.key, self.new, lambda name: None)
        return time.monotonic() - started


@pytest.fixture
def ground(sshd: Sshd, nursery: Nursery, private_key: Path, tmp_path: Path) -> Iterator[Ground]:
    folder = tmp_path / "renditions"
    old = make_night(folder, (200_000,), seq=1)
    yield Ground(sshd, nursery, private_key, folder, old, make_night(folder, SIZES, seq=2))


@pytest.mark.parametrize("step", STEPS)
def test_killed_after_a_step_the_next_visit_finishes(ground: Ground, step: str) -> None:
    """Fault 1: old day or new day, never between; the next visit ends in the same state."""
    ground.reset()

    assert ground.crash_at(step) == -signal.SIGKILL

    assert ground.complaints() == []
    assert ground.recover() < RECOVERED_WITHIN_S
    assert is_delivered(ground.sshd.root, ground.new)


@pytest.mark.parametrize("step", STEPS)
def test_killed_again_while_recovering(ground: Ground, step: str) -> None:
    """Fault 3: dead at a step, dead again at the same or the next, and it still converges."""
    following = STEPS[(STEPS.index(step) + 1) % len(STEPS)]
    ground.reset()

    for again in (step, step, following):
        ground.crash_at(again)
        assert ground.complaints() == []

    assert ground.recover() < RECOVERED_WITHIN_S
    assert is_delivered(ground.sshd.root, ground.new)


def kill_at_random(ground: Ground, count: int, seed: int, within_s: float) -> tuple[int, list[str]]:
    """Kill ``count`` deliveries at random instants; return how many died in time and what broke."""
    chance = random.Random(seed)
    killed, broken = 0, []
    took_s = 0.3
    ends_at = time.monotonic() + within_s
    for _ in range(count):
        if time.monotonic() > ends_at:
            break
        ground.reset()
        for _ in range(chance.choice((1, 1, 2))):
            pid = ground.nursery.start(ground.job())
            time.sleep(chance.uniform(0, took_s))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed += ground.nursery.wait() == -signal.SIGKILL
            broken += ground.complaints()
        took_s = 0.5 * took_s + 0.5 * max(0.1, ground.recover())
        broken += ground.complaints()
        if not is_delivered(ground.sshd.root, ground.new):
            broken.append("not delivered after recovery")
    return killed, broken


def test_a_hundred_kills_at_random_instants_leave_no_wrong_final_name(ground: Ground) -> None:
    """Fault 2, promise 1: whatever the instant, a final name holds its content."""
    killed, broken = kill_at_random(ground, 100, seed=20221016, within_s=45)

    assert broken == []
    assert killed >= 20  # a busy machine does fewer within the time


@pytest.mark.soak
@pytest.mark.timeout(3900)
def test_a_thousand_kills_at_random_instants_leave_no_wrong_final_name(ground: Ground) -> None:
    """Fault 2 at length: 0 in 1,000 of ours; with two more runs, under 0.1 % at 95 %."""
    seed = int(os.environ.get("LOA_SEED", "1"))

    killed, broken = kill_at_random(ground, 1000, seed, within_s=3600)

    assert broken == []
    assert killed >= 500


@pytest.mark.soak
@pytest.mark.parametrize("second", STEPS)
@pytest.mark.parametrize("first", STEPS)
def test_every_pair_of_deaths_converges(ground: Ground, first: str, second: str) -> None:
    """Fault 3, two deep: every step while recovering from every step."""
    ground.reset()
    for step in (first, second):
        ground.crash_at(step)
        assert ground.complaints() == []

    ground.recover()

    assert is_delivered(ground.sshd.root, ground.new)
