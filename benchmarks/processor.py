"""What a busy machine changes less: processor time, of a PostgreSQL server too, and memory."""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Spent:
    """Processor seconds of a stretch of work."""

    own_s = 0.0
    server_s = 0.0

    @property
    def together_s(self) -> float:
        return self.own_s + self.server_s


class Processor:
    """Looks at both; background work of the server counts too."""

    def __init__(self, server_pid: int) -> None:
        self._server_pid = server_pid

    @contextmanager
    def spending(self) -> Iterator[Spent]:
        """What the block takes, all threads and processes; told when it is over."""
        spent = Spent()
        server_s, own_s = self._server_s(), time.process_time()
        yield spent
        spent.own_s = time.process_time() - own_s
        spent.server_s = self._server_s() - server_s

    def _server_s(self) -> float:
        """Of those that live in nanoseconds; of the helpers that ended, in ticks of 10 ms."""
        dead = sum(int(ticks) for ticks in _stat(self._server_pid)[13:15]) * _TICK_S
        children = Path(f"/proc/{self._server_pid}/task/{self._server_pid}/children")
        living = (self._server_pid, *map(int, children.read_text().split()))
        return dead + sum(map(_ran_s, living))


def in_median(
    key: str, work: Callable[[], None], processor: Processor, *, rounds: int
) -> dict[str, float]:
    """Milliseconds by the clock and of both processors, each the median of the rounds."""
    took_s, spent_s = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        with processor.spending() as spent:
            work()
        took_s.append(time.perf_counter() - begin)
        spent_s.append(spent.together_s)
    return {
        f"{key}_ms": round(statistics.median(took_s) * 1000, 1),
        f"{key}_cpu_ms": round(statistics.median(spent_s) * 1000, 1),
    }


def _stat(pid: int) -> list[str]:
    """The fields behind the name: the 14th and 15th are the ticks of children that ended."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _ran_s(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it ended just now, and is counted among the dead


def own_peak_mb() -> float:
    """Not what getrusage says: that is no less than what the starting process had."""
    peak_kb = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert peak_kb
    return int(peak_kb[1]) / 1024
