"""A link that others use too is not filled to the brim."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """
    A token bucket over acknowledged bytes; one may be shared by the visits of a link.

    A second's worth may go out at once, so that a small file is not slowed at all.
    """

    def __init__(
        self,
        kbps: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bytes_per_s = kbps * 1000 / 8
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._tokens = self._bytes_per_s
        self._counted_at = monotonic()

    def spend(self, count: int) -> None:
        """Wait until ``count`` more bytes are within the pace."""
        with self._lock:
            now = self._monotonic()
            refilled = self._tokens + (now - self._counted_at) * self._bytes_per_s
            self._tokens = min(refilled, self._bytes_per_s) - count
            self._counted_at = now
            wait_s = max(0.0, -self._tokens / self._bytes_per_s)
        if wait_s:
            self._sleep(wait_s)
