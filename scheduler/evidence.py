"""From what a station's log says of an item to what we hold for proved. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.config import CollectSettings
from scheduler.store.states import AiringState, Grade
from stations.asrun import AsrunAiring

# How long after its planned end an item without an end is taken to have been cut off.
_SETTLES_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Proof:
    """What a sealed log proves of one airing."""

    state: AiringState
    grade: Grade
    started_at: datetime | None
    played_ms: int
    reason: str | None


def proof_of(
    said: AsrunAiring,
    *,
    planned_at: datetime,
    ms: int,
    rules: CollectSettings,
    now: datetime,
) -> Proof | None:
    """
    What the log proves, or ``None`` while the item may still be on air.

    A player on the null device sounds for nobody: that proves nothing, except in a rehearsal.
    """
    if said.device == "null" and not rules.null_device_counts:
        return None
    if said.outcome == "missed":
        return Proof(AiringState.MISSED, Grade.A, None, 0, said.reason or "missed")
    if said.outcome == "open" and said.started_at is None:
        return None
    # A late start ends late: an hour of grace must not turn what is on air into "missed".
    begun_at = max(planned_at, said.started_at or planned_at)
    if said.outcome != "ended" and now < begun_at + timedelta(milliseconds=ms) + _SETTLES_AFTER:
        return None
    state = _played(said, planned_at, ms, rules)
    return Proof(state, Grade.A, said.started_at, said.played_ms, _reason(said))


def begun_at(said: AsrunAiring, rules: CollectSettings) -> datetime | None:
    """When an item began that may still be on air: no proof yet, but nobody has to be called."""
    if said.device == "null" and not rules.null_device_counts:
        return None
    return said.started_at if said.outcome == "open" else None


def _played(
    said: AsrunAiring, planned_at: datetime, ms: int, rules: CollectSettings
) -> AiringState:
    if said.played_ms * 100 < ms * rules.partial_below_percent:
        # A start without an end was heard for a while, nobody knows how long.
        heard = said.played_ms > 0 or said.outcome == "open"
        return AiringState.PARTIAL if heard else AiringState.MISSED
    late = timedelta(seconds=rules.late_after_s)
    if said.started_at is not None and said.started_at - planned_at > late:
        return AiringState.LATE
    return AiringState.AIRED


def _reason(said: AsrunAiring) -> str | None:
    if not said.clock_ok:
        return "untrusted_time"
    if said.outcome == "open":
        return "no_end"
    return said.reason or None
