"""The demonstration must not be able to pass when the log tells something better than the truth."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from api.demo.faults import Fault, StationEnd, faults_of
from scheduler.store.states import AiringState, DeliveryState

A, D = AiringState, DeliveryState

TRUE_ENDS: dict[Fault, tuple[Mapping[AiringState, int], Mapping[DeliveryState, int], str, int]] = {
    Fault.NONE: ({A.AIRED: 3}, {D.VERIFIED: 1}, "", 0),
    Fault.LINK_CUT: ({A.AIRED: 3}, {D.VERIFIED: 1}, "", 1000),
    Fault.POWER_CUT: ({A.AIRED: 2, A.PARTIAL: 1}, {D.VERIFIED: 1}, "", 0),
    Fault.UNREACHABLE: ({A.UNKNOWN: 3}, {D.FAILED: 1}, "unreachable", 0),
    Fault.HOST_KEY_CHANGED: ({A.UNKNOWN: 3}, {D.FAILED: 1}, "host_key_changed", 0),
}


def end(fault: Fault, like: Fault) -> StationEnd:
    """A station with one fault that ended as one with another fault should."""
    airings, deliveries, error, resumed = TRUE_ENDS[like]
    return StationEnd(
        code="s1", name="Đài 1", fault=fault, airings=airings, deliveries=deliveries,
        errors=frozenset({error} - {""}), bytes_sent=0 if error else 5000, bytes_resumed=resumed,
    )  # fmt: skip


@pytest.mark.parametrize("fault", list(Fault))
def test_a_true_end_is_as_expected(fault: Fault) -> None:
    """Each fault has exactly one way to end that is told truthfully."""
    assert end(fault, like=fault).is_as_expected


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
def test_a_green_end_of_a_broken_station_is_not_believed(fault: Fault) -> None:
    """A station that failed on purpose and shows everything aired fails the demonstration."""
    assert not end(fault, like=Fault.NONE).is_as_expected


@pytest.mark.parametrize("like", [fault for fault in Fault if TRUE_ENDS[fault][2]])
def test_a_sound_station_that_was_never_reached_fails_the_demonstration(like: Fault) -> None:
    """Nothing went wrong there on purpose, so nothing may have gone wrong."""
    assert not end(Fault.NONE, like=like).is_as_expected


@pytest.mark.parametrize("count", [1, 2, 4, 5, 12])
def test_the_first_station_always_stays_sound(count: int) -> None:
    """However small the demonstration, there is something to compare the faults with."""
    codes = [f"s{number}" for number in range(count)]

    faults = faults_of(codes)

    assert faults["s0"] is Fault.NONE
    assert len([fault for fault in faults.values() if fault is not Fault.NONE]) == min(4, count - 1)
