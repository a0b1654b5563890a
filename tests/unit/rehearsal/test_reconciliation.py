"""A reconciliation that cannot fail proves nothing: each way of being wrong must show."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from api.rehearsal.faults import MIXED, Fault, Script, StationEnd, faults_of
from api.rehearsal.province import Line
from api.rehearsal.reconciliation import Balance, Row, balance_of
from scheduler.config import Settings
from scheduler.store.states import AiringState
from stations.rehearsed import Heard

LINE = Line("Bản tin sáng", time(5), 15)
AT = datetime(2022, 10, 16, 22, tzinfo=UTC)
KEY = ("d0001", AT)
A = AiringState


def heard(minutes: float = 15, late: timedelta = timedelta(0)) -> list[Heard]:
    return [Heard("a.wav", AT + late, round(minutes * 60_000))] if minutes else []


def balance(state: AiringState, sounded: list[Heard], reason: str | None = None) -> Balance:
    return balance_of({KEY: LINE}, {KEY: Row(state, reason)}, {KEY: sounded})


@pytest.mark.parametrize(
    ("state", "sounded"),
    [
        (A.AIRED, heard()),
        (A.LATE, heard(late=timedelta(minutes=5))),
        (A.PARTIAL, heard(minutes=7)),
        (A.MISSED, heard(minutes=0)),
        (A.CANCELLED, heard(minutes=0)),
        (A.UNKNOWN, heard()),
        (A.UNKNOWN, heard(minutes=0)),
    ],
)
def test_what_was_heard_bears_out_what_is_claimed(state: AiringState, sounded: list[Heard]) -> None:
    """Difference 0 and no false claim; unknown claims nothing."""
    assert balance(state, sounded).is_balanced


@pytest.mark.parametrize(
    ("state", "sounded"),
    [
        (A.AIRED, heard(minutes=0)),
        (A.AIRED, heard(minutes=7)),
        (A.AIRED, heard(late=timedelta(hours=-2))),
        (A.AIRED, heard(late=timedelta(minutes=5))),
        (A.LATE, heard(minutes=0)),
        (A.PARTIAL, heard(minutes=0)),
        (A.MISSED, heard()),
        (A.MISSED, heard(minutes=1)),
        (A.CANCELLED, heard()),
    ],
)
def test_a_claim_that_nobody_heard_is_found(state: AiringState, sounded: list[Heard]) -> None:
    """The log may not be better than the loudspeakers, nor worse."""
    found = balance(state, sounded)

    assert found.difference == 0
    assert not found.is_balanced
    assert found.false_claims[0][:2] == (KEY, state)


def test_a_time_that_is_told_to_be_untrusted_is_no_claim() -> None:
    """Heard in full by a box with a wrong clock: aired, and nobody says when."""
    early = heard(late=timedelta(hours=-2))

    assert balance(A.AIRED, early, reason="untrusted_time").is_balanced
    assert not balance(A.AIRED, heard(minutes=0), reason="untrusted_time").is_balanced


@pytest.mark.parametrize("state", [A.PLANNED, A.ON_STATION])
def test_a_slot_that_is_left_open_is_a_difference(state: AiringState) -> None:
    """Each slot due must end; pending for ever is what is suffered in today's systems."""
    found = balance(state, heard(minutes=0))

    assert found.difference == 1
    assert found.left_open == [KEY]


def test_a_slot_that_was_never_planned_is_a_difference() -> None:
    """What the calendar promises and no row tells of does not go unnoticed."""
    found = balance_of({KEY: LINE}, {}, {})

    assert found.difference == 1
    assert found.absent == [KEY]


def test_an_airing_that_nobody_owed_is_a_difference() -> None:
    """One row too many is not made good by one too few."""
    other = ("d0002", AT)
    found = balance_of({KEY: LINE}, {other: Row(A.AIRED, None)}, {})

    assert found.difference == 2
    assert (found.absent, found.surplus) == ([KEY], [other])


# ── The faults ─────────────────────────────────────────────────────────────────────────────────

SPECIAL = {
    Fault.BOX_DARK: A.MISSED,
    Fault.GONE: A.UNKNOWN,
    Fault.POWER_CUT: A.PARTIAL,
    Fault.POWER_LATE: A.LATE,
    Fault.CLOCK_BACK: A.MISSED,
    Fault.LOG_LOST: A.UNKNOWN,
}
ERRORS = ["unreachable", "link_down", "host_key_changed", "disk_full", "worker_killed"]


def end(
    fault: Fault, *states: AiringState, false_claims: int = 0, errors: bool = True
) -> StationEnd:
    return StationEnd(
        "d0001", "Đài", fault, {A.AIRED: 80, **dict.fromkeys(states, 3)},
        frozenset(ERRORS if errors else []), false_claims,
    )  # fmt: skip


@pytest.mark.parametrize("fault", MIXED)
def test_a_fault_that_left_no_trace_was_not_rehearsed(fault: Fault) -> None:
    """All aired and nothing met on the way is right for a station that lost nothing, alone."""
    seen = end(fault, errors=False).is_as_expected

    assert seen == (fault in (Fault.LOG_DOUBLED, Fault.CLOCK_AHEAD))


@pytest.mark.parametrize("fault", SPECIAL)
def test_a_fault_has_one_true_end(fault: Fault) -> None:
    """A dark station that shows missed, or a cut one that shows unknown, is not believed."""
    ends = (A.LATE, A.PARTIAL, A.MISSED, A.UNKNOWN)

    assert {state for state in ends if end(fault, state).is_as_expected} == {SPECIAL[fault]}


def test_a_sound_station_may_not_meet_anything() -> None:
    """Nothing went wrong there on purpose, so nothing may have gone wrong."""
    assert end(Fault.NONE, errors=False).is_as_expected
    assert not end(Fault.NONE).is_as_expected
    assert not end(Fault.NONE, A.UNKNOWN, errors=False).is_as_expected
    assert not end(Fault.NONE, false_claims=1, errors=False).is_as_expected


@pytest.mark.parametrize("count", [1, 2, 12, 115])
def test_one_station_at_least_stays_sound(count: int) -> None:
    """However small the rehearsal, there is something to compare the faults with."""
    faults = faults_of([f"s{number}" for number in range(count)], MIXED, seed=3)

    assert Fault.NONE in faults.values()
    assert count < len(MIXED) + 1 or set(faults.values()) == set(Fault)


@pytest.mark.parametrize("nights", [3, 4, 8, 30, 61])
@pytest.mark.parametrize("fault", MIXED)
def test_the_same_seed_gives_the_same_month(fault: Fault, nights: int) -> None:
    """Whoever reads of a difference can rehearse it again, down to the minute."""
    zone = Settings().zone
    first, again, other = (
        Script(zone, nights=nights, seed=seed).events("d0001", fault) for seed in (5, 5, 6)
    )

    assert [event.at for event in first] == [event.at for event in again]
    assert len(first) >= 1
    assert [event.at for event in first] == sorted(event.at for event in first)
    assert len(other) >= 1
