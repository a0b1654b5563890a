"""The only place that reads the time. Everything else is given a clock."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Tells the instant (aware, UTC) and a monotonic count of seconds for waits and leases."""

    is_real: bool  # only such a one can be held against the clock of a station

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The clock of this machine."""

    is_real = True

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved: for rehearsals and tests."""

    is_real = False

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return self._at.timestamp()

    def move_to(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._at += by


def local_date(at: datetime, zone: ZoneInfo) -> date:
    """The broadcast date of an instant: 05:00 in Việt Nam is 22:00 UTC of the day before."""
    return at.astimezone(zone).date()
