"""From what a log says to what is proved. Pure functions, no database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler.config import CollectSettings
from scheduler.evidence import Proof, proof_of
from scheduler.store.states import AiringState, Grade
from stations.asrun import AsrunAiring
from tests.unit.scheduler.scene import MONDAY, local

AT = local("05:00")
MS = 1_800_000
MINUTE = timedelta(minutes=1)


def story(outcome: str, **fields: Any) -> AsrunAiring:
    known: dict[str, Any] = {
        "item_id": "x", "reason": "", "started_at": AT, "ended_at": None, "played_ms": MS,
        "planned_at": AT, "for_date": MONDAY, "device": "mpg123", "clock_ok": True,
    }  # fmt: skip
    return AsrunAiring(outcome=outcome, **{**known, **fields})  # type: ignore[arg-type]


def prove(said: AsrunAiring, now: datetime = AT + 60 * MINUTE) -> Proof | None:
    return proof_of(said, planned_at=AT, ms=MS, rules=CollectSettings(), now=now)


@pytest.mark.parametrize(
    ("said", "state", "reason"),
    [
        (story("ended"), AiringState.AIRED, None),
        (story("ended", started_at=AT + MINUTE), AiringState.AIRED, None),
        (story("ended", started_at=AT + MINUTE * 1.1), AiringState.LATE, None),
        (story("ended", played_ms=MS * 95 // 100), AiringState.AIRED, None),
        (story("ended", played_ms=MS * 94 // 100), AiringState.PARTIAL, None),
        (story("ended", played_ms=1), AiringState.PARTIAL, None),
        (story("ended", played_ms=0), AiringState.MISSED, None),
        (story("ended", clock_ok=False), AiringState.AIRED, "untrusted_time"),
        (story("interrupted", played_ms=60_000, reason="power_cut"), AiringState.PARTIAL,
         "power_cut"),
        (story("interrupted", played_ms=0, reason="device"), AiringState.MISSED, "device"),
        (story("interrupted", played_ms=MS, reason="power_cut"), AiringState.AIRED, "power_cut"),
        (story("missed", played_ms=0, reason="busy"), AiringState.MISSED, "busy"),
        (story("missed", played_ms=0), AiringState.MISSED, "missed"),
        (story("open", played_ms=0), AiringState.PARTIAL, "no_end"),
        (story("open", played_ms=60_000), AiringState.PARTIAL, "no_end"),
    ],
)  # fmt: skip
def test_what_a_log_says_is_what_is_proved(
    said: AsrunAiring, state: AiringState, reason: str | None
) -> None:
    """Each outcome ends in one state, with its reason, at grade A."""
    proof = prove(said)

    assert proof is not None
    assert (proof.state, proof.grade, proof.reason) == (state, Grade.A, reason)


@pytest.mark.parametrize("outcome", ["open", "interrupted"])
def test_what_may_still_be_on_air_is_not_judged(outcome: str) -> None:
    """A quarter of an hour after its planned end it is; an end that was told counts at once."""
    said = story(outcome, played_ms=60_000)

    assert prove(said, AT + timedelta(milliseconds=MS) + 14 * MINUTE) is None
    assert prove(said, AT + timedelta(milliseconds=MS) + 15 * MINUTE) is not None
    assert prove(story("ended"), AT + 30 * MINUTE) is not None


def test_a_late_start_is_judged_by_its_own_end() -> None:
    """With an hour of grace it began at 05:50: at 06:00 it is on air, not missed."""
    said = story("open", started_at=AT + 50 * MINUTE, played_ms=0)

    assert prove(said, AT + 60 * MINUTE) is None
    assert prove(said, AT + 96 * MINUTE) is not None


def test_a_player_without_a_loudspeaker_proves_nothing_outside_a_rehearsal() -> None:
    """The null device sounds for nobody: its log must not make a report green."""
    said = story("ended", device="null")
    rehearsal = CollectSettings(null_device_counts=True)

    assert prove(said) is None
    assert proof_of(said, planned_at=AT, ms=MS, rules=rehearsal, now=AT + 60 * MINUTE) is not None


def test_lines_that_tell_of_no_start_prove_nothing() -> None:
    """A newer player may have words that we do not know yet."""
    assert prove(story("open", started_at=None, played_ms=0)) is None
