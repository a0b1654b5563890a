"""The player that ships, run on the folder of a simulated station at the speed of a rehearsal."""

from __future__ import annotations

import math
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from stations.lineprocess import LineProcess

_PLAYER = Path(__file__).with_name("player.py")


class SimulatedPlayer:
    """
    One box: ``stations/player.py`` itself in a process, silent, its clock moved by ``advance_to``.

    A context manager. ``kill`` is a power cut; ``restart`` is the box booting again.
    """

    def __init__(
        self, root: Path, station: str, key_file: Path, start: datetime, rate: float = math.inf
    ) -> None:
        self.root = root
        self.station = station
        self.key_file = key_file
        self.rate = rate
        self._process = self._launch(start)

    def __enter__(self) -> SimulatedPlayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def advance_to(self, instant: datetime, timeout_s: float = 60) -> None:
        """
        Let the box live until ``instant`` of its clock.

        Raises:
            TimeoutError: it did not get there in time.
            EOFError: the player has ended.
        """
        text = _utc(instant)
        self._process.write_line(f"until {text}")
        deadline = time.monotonic() + timeout_s
        while self._process.read_line(max(0.0, deadline - time.monotonic())) != f"at {text}":
            continue

    def kill(self) -> None:
        """Cut the power of the box."""
        self._process.kill()

    def restart(self, start: datetime) -> None:
        """Boot again, with this on the clock."""
        self._process.kill()
        self._process = self._launch(start)

    def close(self) -> None:
        self._process.close()

    def _launch(self, start: datetime) -> LineProcess:
        named = {
            "--root": str(self.root),
            "--station": self.station,
            "--key": str(self.key_file),
            "--device": "null",
            "--rehearse": f"{self.rate:g}",
            "--start": _utc(start),
        }
        arguments = [word for pair in named.items() for word in pair]
        return LineProcess([sys.executable, str(_PLAYER), *arguments])


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
