"""Promise 2: every slot that was due ends in exactly one way, on both databases, whatever fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from api.rehearsal.faults import MIXED, Fault, sum_of
from api.rehearsal.rehearsal import Order, Outcome, rehearse
from scheduler import collect, planner
from scheduler.evidence import Proof
from scheduler.hub import Hub
from scheduler.store.models import Airing
from scheduler.store.states import OPEN_AIRINGS, AiringState
from stations import rehearsed


def rehearsed_nights(folder: Path, order: Order) -> Outcome:
    return rehearse(folder, order, tell=lambda phase, done, total: None)


def few(faults: tuple[Fault, ...], stations: int = 2, database: str = "") -> Order:
    return Order(3, stations, faults, seed=1, processes=1, database=database)


@pytest.mark.timeout(300)
def test_three_nights_with_every_fault_balance(tmp_path: Path, database_url: str) -> None:
    """Every slot due in exactly one of the six; difference 0; no claim that was not heard."""
    stations = len(MIXED) + 1
    outcome = rehearsed_nights(tmp_path, few(MIXED, stations, database_url))

    assert outcome.balance.due == stations * 11  # three a day, and on two days a fourth
    assert outcome.balance.difference == 0
    assert not outcome.balance.false_claims
    assert not [end for end in outcome.stations if not end.is_as_expected]
    assert {end.fault for end in outcome.stations} == set(Fault)
    ended = outcome.balance.ended
    assert all(ended[state] for state in ended), "each of the six ways happens"


@pytest.mark.timeout(300)
def test_workers_in_processes_of_their_own_come_to_the_same_end(tmp_path: Path) -> None:
    """Two workers that meet only in the database lose and double nothing."""
    order = Order(3, 6, (Fault.WORKER_KILLED, Fault.POWER_CUT), seed=2, processes=2)

    outcome = rehearsed_nights(tmp_path, order)

    assert outcome.is_as_expected
    assert sum_of(outcome.stations)[AiringState.PARTIAL]


# ── Broken hubs, which the rehearsal must catch ────────────────────────────────────────────────


def test_a_hub_that_calls_a_dark_station_missed_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown is not missed: the box may have played on."""

    def says_missed(hub: Hub) -> int:
        with hub.database.write() as session:
            session.execute(
                update(Airing)
                .where(Airing.state.in_(OPEN_AIRINGS), Airing.planned_at < hub.clock.now())
                .values(state=AiringState.MISSED)
            )
        return 0

    monkeypatch.setattr(collect, "settle", says_missed)

    outcome = rehearsed_nights(tmp_path, few((Fault.GONE,)))

    assert outcome.balance.difference == 0
    assert not outcome.is_as_expected


def test_a_hub_that_believes_its_plan_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An as-played log that is a copy of the plan does not pass."""
    honest = collect.proof_of

    def copies_the_plan(said: Any, **known: Any) -> Proof | None:
        proof = honest(said, **known)
        if proof is None:
            return None
        return Proof(AiringState.AIRED, proof.grade, known["planned_at"], known["ms"], None)

    monkeypatch.setattr(collect, "proof_of", copies_the_plan)

    outcome = rehearsed_nights(tmp_path, few((Fault.POWER_CUT,)))

    assert outcome.balance.false_claims


def test_a_hub_that_never_gives_up_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pending for ever is a difference."""
    monkeypatch.setattr(collect, "settle", lambda hub: 0)

    outcome = rehearsed_nights(tmp_path, few((Fault.GONE,)))

    assert outcome.balance.difference > 0
    assert outcome.balance.left_open


def test_a_planner_that_forgets_a_day_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was due is worked out without the planner."""
    honest = planner.soundings
    monkeypatch.setattr(
        planner, "soundings",
        lambda *arguments: (one for one in honest(*arguments) if one.occurrence.on.weekday() != 1),
    )  # fmt: skip

    outcome = rehearsed_nights(tmp_path, few(()))

    assert outcome.balance.difference == len(outcome.balance.absent) > 0


def test_a_player_that_plays_half_of_everything_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was heard comes from the loudspeakers, and not from the player's word."""
    honest = rehearsed.Heard
    monkeypatch.setattr(
        rehearsed, "Heard", lambda file, started_at, ms: honest(file, started_at, ms // 2)
    )

    outcome = rehearsed_nights(tmp_path, few(()))

    assert outcome.balance.false_claims
