"""
Clients to be killed: real processes, forked from a warm one, so that a hundred deaths take seconds.

``Nursery`` is the test's end. The other end is this module run with ``python -m``: it has no
threads, so that forking it is safe, and everything is imported already.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from stations.lineprocess import LineProcess
from stations.visit import Address
from tests.faults.harness.mutants import deliver
from tests.faults.harness.night import make_night

_WAIT_S = 60.0


@dataclass(frozen=True)
class Job:
    """One delivery in a process of its own."""

    variant: str
    address: Address
    key: str
    folder: str
    sizes: tuple[int, ...]
    seq: int
    crash_at: tuple[str, int] | None = None  # a step, and the how-many-th time it is passed

    def run(self) -> None:
        passed = 0

        def step(name: str) -> None:
            nonlocal passed
            if self.crash_at is not None and name == self.crash_at[0]:
                passed += 1
                if passed == self.crash_at[1]:
                    os.kill(os.getpid(), signal.SIGKILL)

        night = make_night(Path(self.folder), self.sizes, self.seq)
        deliver(self.variant, self.address, Path(self.key), night, step)


class Nursery:
    """Starts deliveries as processes; tells their fate."""

    def __init__(self) -> None:
        self._process = LineProcess([sys.executable, "-m", __name__])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()

    def start(self, job: Job) -> int:
        """Return the process id of the new client."""
        self._process.write_line(json.dumps(asdict(job)))
        return int(self._process.read_line(_WAIT_S))

    def wait(self) -> int:
        """Return how the client ended: 0, or minus the signal that killed it."""
        return int(self._process.read_line(_WAIT_S))


def _read_job(line: str) -> Job:
    told = json.loads(line)
    crash_at = told.pop("crash_at")
    return Job(
        **{
            **told,
            "address": Address(**told["address"]),
            "sizes": tuple(told["sizes"]),
            "crash_at": None if crash_at is None else (crash_at[0], crash_at[1]),
        }
    )


def _bear(line: str) -> None:
    """Fork a client, tell its number, wait for its end, tell that."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _read_job(line).run()
            code = 0
        finally:
            os._exit(code)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    for told_line in sys.stdin:
        _bear(told_line)
