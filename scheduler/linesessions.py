"""What this process has open over each link, and at what pace."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scheduler.store.models import Link
from stations.pace import Pace


class Lines:
    """
    The sessions of this process over each link, and the one pace that they share.

    Other worker processes are seen by the rows alone: each process takes the part of a link's
    bandwidth that its visits are of all visits, and looks again whenever one of its visits begins
    or renews its lease. So two processes with three visits and one get three quarters and one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visits: dict[int, int] = {}
        self._collecting: dict[int, int] = {}
        self._paces: dict[int, Pace] = {}

    def collecting(self, link_id: int) -> int:
        return self._collecting.get(link_id, 0)

    def pace(self, link: Link, visits_everywhere: int) -> Pace | None:
        """The pace of our visits over this link, brought to our share of it."""
        if link.kbps is None:
            return None
        with self._lock:
            ours = max(1, self._visits.get(link.id, 0))
            kbps = link.kbps * ours / max(ours, visits_everywhere)
            pace = self._paces.get(link.id)
            if pace is None:
                pace = self._paces[link.id] = Pace(kbps)
            pace.change(kbps)
            return pace

    @contextmanager
    def visit(self, link_id: int) -> Iterator[None]:
        """Count one visit for as long as it lasts."""
        with self._counted(self._visits, link_id):
            yield

    @contextmanager
    def collection(self, link_id: int, free: int) -> Iterator[bool]:
        """Take one of the free places for a collection; False when there is none."""
        with self._lock:
            is_free = self._collecting.get(link_id, 0) < free
            if is_free:
                self._collecting[link_id] = self._collecting.get(link_id, 0) + 1
        try:
            yield is_free
        finally:
            if is_free:
                with self._lock:
                    self._collecting[link_id] -= 1

    @contextmanager
    def _counted(self, counts: dict[int, int], link_id: int) -> Iterator[None]:
        with self._lock:
            counts[link_id] = counts.get(link_id, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                counts[link_id] -= 1
