"""A link that others use too is not filled to the brim."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """
    A token bucket over acknowledged bytes; one may be shared by the visits of a link.

    A second's worth may go out at once, so that a small file is not slowed at all. Whoever comes
    while others are ahead waits behind them, so that the visits of a link get equal shares.
    """

    def __init__(
        self,
        kbps: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bytes_per_s = kbps * 1000 / 8
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._tokens = self._bytes_per_s
        self._counted_at = monotonic()

    @property
    def bytes_per_s(self) -> float:
        return self._bytes_per_s

    def change(self, kbps: float) -> None:
        """From now on so much: another process has begun or ended on the same link."""
        with self._lock:
            self._refill()
            self._bytes_per_s = kbps * 1000 / 8
            self._tokens = min(self._tokens, self._bytes_per_s)

    def claim(self, count: int) -> float:
        """Take ``count`` bytes out of the pace; return how long to wait before the next ones."""
        with self._lock:
            self._refill()
            self._tokens -= count
            return max(0.0, -self._tokens / self._bytes_per_s)

    def spend(self, count: int) -> None:
        """Wait until ``count`` more bytes are within the pace."""
        if wait_s := self.claim(count):
            self._sleep(wait_s)

    def _refill(self) -> None:
        now = self._monotonic()
        refilled = self._tokens + (now - self._counted_at) * self._bytes_per_s
        self._tokens = min(refilled, self._bytes_per_s)
        self._counted_at = now
