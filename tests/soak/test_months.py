"""A province's month, several times over: every slot that was due ends in exactly one way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.rehearsal.faults import MIXED, Fault
from api.rehearsal.rehearsal import Order, rehearse

NIGHTS = int(os.environ.get("LOA_NIGHTS", "30"))
STATIONS = int(os.environ.get("LOA_STATIONS", "115"))
SEEDS = [int(seed) for seed in os.environ.get("LOA_SEEDS", "1,2,3").split(",")]


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_of_mixed_faults_balances_and_nobody_is_told_otherwise(
    tmp_path: Path, seed: int
) -> None:
    """
    Promise 2: difference 0, no claim that the loudspeakers did not give, and of each station only
    what its own fault allows. Other seeds, fewer nights or stations: LOA_SEEDS, LOA_NIGHTS,
    LOA_STATIONS.
    """
    outcome = rehearse(
        tmp_path, Order(NIGHTS, STATIONS, MIXED, seed=seed), tell=lambda phase, done, total: None
    )

    balance = outcome.balance
    told_otherwise = [(end.code, end.fault, dict(end.airings), sorted(end.errors))
                      for end in outcome.stations if not end.is_as_expected]  # fmt: skip
    print(f"seed {seed}: {balance.due} slots due, difference {balance.difference},"
          f" {len(told_otherwise)} stations told otherwise")  # fmt: skip
    assert balance.due >= NIGHTS * STATIONS * 3
    assert balance.difference == 0, f"seed {seed}"
    assert not (balance.absent or balance.left_open or balance.surplus), f"seed {seed}"
    assert not balance.false_claims, f"seed {seed}"
    assert told_otherwise == [], f"seed {seed}"
    assert len({end.fault for end in outcome.stations}) == len(Fault), "every fault happens"
