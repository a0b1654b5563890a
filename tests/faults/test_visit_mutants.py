"""The checker, checked: five broken deliveries must be caught, ours must not."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from stations.errors import StationError
from stations.layout import audio_path
from stations.login import load_key
from stations.simulator import Fleet, SimulatedStation
from stations.visit import STEPS
from tests.faults.harness.mutants import MUTANTS, deliver
from tests.faults.harness.night import Night, complaints, is_delivered, make_night
from tests.faults.harness.nursery import Job, Nursery

SIZES = (1_500_000, 300_000)


class CrashError(BaseException):
    """The process is gone: no handler of ours may catch it."""


@dataclass
class Bench:
    """Where one delivery, ours or a mutant, is tried in every way."""

    variant: str
    station: SimulatedStation
    key: paramiko.PKey
    key_path: Path
    folder: Path
    night: Night
    nursery: Nursery

    def deliver(self, step: Callable[[str], None] = lambda name: None) -> None:
        deliver(self.variant, self.station.address, self.key, self.night, step)

    def complaints(self) -> list[str]:
        return complaints(self.station.root, (self.night,))

    def clear(self) -> None:
        for path in self.station.root.rglob("*"):
            if path.is_file():
                path.unlink()
        self.station.state.durability.unflushed_from.clear()


def killed_at_every_step(bench: Bench) -> list[str]:
    """A real process, really killed; look, then let it deliver once more."""
    found = []
    for step in STEPS:
        bench.clear()
        job = Job(
            *(bench.variant, bench.station.address, str(bench.key_path), str(bench.folder)),
            *(SIZES, 1, (step, 1)),
        )
        bench.nursery.start(job)
        if bench.nursery.wait() == -signal.SIGKILL:
            found += [f"killed at {step}: {text}" for text in bench.complaints()]
        bench.deliver()
        if not is_delivered(bench.station.root, bench.night):
            found.append(f"killed at {step}: not healed by the next visit")
    return found


def power_cut_at_every_step(bench: Bench) -> list[str]:
    """The station loses power: what was never flushed is gone."""
    found = []
    for crash_at in (*STEPS, None):
        bench.clear()

        def step(name: str, crash_at: str | None = crash_at) -> None:
            if name == crash_at:
                raise CrashError

        with contextlib.suppress(CrashError):
            bench.deliver(step)
        bench.station.cut_power()
        found += [f"power cut after {crash_at}: {text}" for text in bench.complaints()]
    return found


def lying_station(bench: Bench) -> list[str]:
    """It acknowledges and stores other bytes."""
    bench.clear()
    bench.station.faults.lies = True
    with contextlib.suppress(StationError):
        bench.deliver()
    bench.station.faults.lies = False
    return [f"lying station: {text}" for text in bench.complaints()]


def wrong_file_in_place(bench: Bench) -> list[str]:
    """Something of the right name lies there already, and is not it."""
    bench.clear()
    file = bench.night.files[0]
    (bench.station.root / audio_path(file.name)).write_bytes(bytes(file.size_bytes))
    bench.deliver()
    return [f"wrong file in place: {text}" for text in bench.complaints()]


TRIALS = (killed_at_every_step, power_cut_at_every_step, lying_station, wrong_file_in_place)


@pytest.fixture
def try_all(tmp_path: Path, private_key: Path, nursery: Nursery) -> Callable[[str], list[str]]:
    """
    Put a delivery through the trials; return what the harness has to complain of.

    Of a broken one the first trial that complains is enough.
    """

    def run(variant: str) -> list[str]:
        public = private_key.with_suffix(".pub").read_text()
        folder = tmp_path / "renditions"
        with Fleet(tmp_path, ["A"], public) as fleet:
            bench = Bench(
                *(variant, fleet["A"], load_key(private_key), private_key, folder),
                *(make_night(folder, SIZES, seq=1), nursery),
            )
            return next((found for trial in TRIALS if (found := trial(bench))), [])

    return run


def test_ours_gives_no_cause_for_complaint(try_all: Callable[[str], list[str]]) -> None:
    """Killed, cut, lied to and misled: never a wrong final name, never a day half there."""
    assert try_all("ours") == []


@pytest.mark.parametrize("variant", MUTANTS)
def test_a_broken_delivery_is_caught(try_all: Callable[[str], list[str]], variant: str) -> None:
    """A harness that lets one of these pass would let it pass in ours."""
    assert try_all(variant) != []
