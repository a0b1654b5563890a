"""What goes wrong on purpose, and how a station with that fault must end to be told truthfully."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scheduler.store.states import AiringState, DeliveryState


class Fault(StrEnum):
    NONE = "none"
    UNREACHABLE = "unreachable"
    LINK_CUT = "link_cut"
    HOST_KEY_CHANGED = "host_key_changed"
    POWER_CUT = "power_cut"


# In the order in which a small demonstration gets them: one station always stays sound.
ON_PURPOSE = (Fault.UNREACHABLE, Fault.LINK_CUT, Fault.HOST_KEY_CHANGED, Fault.POWER_CUT)


def faults_of(codes: Sequence[str]) -> dict[str, Fault]:
    """Which station gets which fault; the first ones stay sound, the last ones break."""
    faults = dict.fromkeys(codes, Fault.NONE)
    for code, fault in zip(reversed(codes[1:]), ON_PURPOSE, strict=False):
        faults[code] = fault
    return faults


@dataclass(frozen=True)
class StationEnd:
    """How one station stood when the last night was over."""

    code: str
    name: str
    fault: Fault
    airings: Mapping[AiringState, int]
    deliveries: Mapping[DeliveryState, int]
    errors: frozenset[str]  # codes that its deliveries ended with
    bytes_sent: int
    bytes_resumed: int

    @property
    def is_as_expected(self) -> bool:
        """Whether the log tells of this fault what happened, and nothing better."""
        return _EXPECTED[self.fault](self)


def _all_aired(end: StationEnd) -> bool:
    return set(end.airings) == {AiringState.AIRED} and set(end.deliveries) == {
        DeliveryState.VERIFIED
    }


def _never_reached(end: StationEnd, error: str) -> bool:
    return (
        set(end.airings) == {AiringState.UNKNOWN}
        and set(end.deliveries) == {DeliveryState.FAILED}
        and end.errors == {error}
        and end.bytes_sent == 0
    )


def _resumed(end: StationEnd) -> bool:
    return _all_aired(end) and end.bytes_resumed > 0


def _one_cut_short(end: StationEnd) -> bool:
    states = Counter(end.airings)
    return (
        states[AiringState.PARTIAL] == 1
        and set(states) <= {AiringState.AIRED, AiringState.PARTIAL}
        and set(end.deliveries) == {DeliveryState.VERIFIED}
    )


_EXPECTED = {
    Fault.NONE: _all_aired,
    Fault.UNREACHABLE: lambda end: _never_reached(end, "unreachable"),
    Fault.LINK_CUT: _resumed,
    Fault.HOST_KEY_CHANGED: lambda end: _never_reached(end, "host_key_changed"),
    Fault.POWER_CUT: _one_cut_short,
}
