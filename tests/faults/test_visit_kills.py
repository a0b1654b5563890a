"""Faults 1 to 3: the process dies at every step, at any instant, and while it recovers."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stations.visit import STEPS
from tests.faults.harness.mutants import deliver
from tests.faults.harness.night import Night, complaints, is_delivered, make_night
from tests.faults.harness.nursery import Job, Nursery
from tests.faults.harness.proxy import Proxy
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

    def job(self, crash_at: tuple[str, int] | None = None, port: int | None = None) -> Job:
        address = self.sshd.address(port)
        return Job("ours", address, str(self.key), str(self.folder), SIZES, 2, crash_at)

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


@dataclass
class Toll:
    """How many deliveries were ended from outside, and what was wrong afterwards."""

    killed: int = 0
    cut: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def harmed(self) -> int:
        return self.killed + self.cut


def kill(ground: Ground, chance: random.Random, took_s: float) -> bool:
    """SIGKILL at any instant; whether it came in time."""
    pid = ground.nursery.start(ground.job())
    time.sleep(chance.uniform(0, took_s))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return ground.nursery.wait() == -signal.SIGKILL


def cut(ground: Ground, chance: random.Random) -> bool:
    """The line breaks after any number of bytes; whether it did before the end."""
    with Proxy(ground.sshd.port, cut_after=chance.randrange(1, sum(SIZES))) as proxy:
        ground.nursery.start(ground.job(port=proxy.port))
        return ground.nursery.wait() != 0


def harm_at_random(ground: Ground, count: int, seed: int, within_s: float) -> Toll:
    """Kill deliveries and cut their lines at random, ``count`` times if there is time."""
    chance, toll, took_s = random.Random(seed), Toll(), 0.3
    ends_at = time.monotonic() + within_s
    while toll.harmed < count and time.monotonic() < ends_at:
        ground.reset()
        for _ in range(chance.choice((1, 1, 2))):
            if chance.random() < 0.75:
                toll.killed += kill(ground, chance, took_s)
            else:
                toll.cut += cut(ground, chance)
            toll.broken += ground.complaints()
        took_s = 0.5 * took_s + 0.5 * max(0.1, ground.recover())
        toll.broken += ground.complaints()
        if not is_delivered(ground.sshd.root, ground.new):
            toll.broken.append("not delivered after recovery")
    return toll


def test_a_hundred_kills_and_cuts_at_random_leave_no_wrong_final_name(ground: Ground) -> None:
    """Faults 2 and 4, promise 1: whatever the instant, a final name holds its content."""
    toll = harm_at_random(ground, 100, seed=20221016, within_s=45)

    assert toll.broken == []
    assert toll.killed >= 10  # a busy machine does fewer within the time
    assert toll.cut >= 3


@pytest.mark.soak
@pytest.mark.timeout(3900)
def test_a_thousand_kills_and_cuts_at_random_leave_no_wrong_final_name(ground: Ground) -> None:
    """Fault 2 at length: 0 in 1,000 of ours; with two more seeds, under 0.1 % at 95 %."""
    toll = harm_at_random(ground, 1000, int(os.environ.get("LOA_SEED", "1")), within_s=3600)

    print(f"{toll.killed} killed, {toll.cut} cut, {len(toll.broken)} broken")
    assert toll.broken == []
    assert toll.harmed >= 1000


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
