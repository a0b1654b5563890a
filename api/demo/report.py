"""What the demonstration found, as one JSON object and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from rich.text import Text

from api.cli.screen import Screen
from api.demo.faults import Fault, StationEnd
from api.demo.night import Outcome
from api.i18n import mark
from scheduler.store.states import AiringState, DeliveryState

FAULT_WORDS: Mapping[Fault, str] = {
    Fault.NONE: mark("sound"),
    Fault.UNREACHABLE: mark("nobody answers"),
    Fault.LINK_CUT: mark("link cut in the middle of a file, then resumed"),
    Fault.HOST_KEY_CHANGED: mark("shows another host key"),
    Fault.POWER_CUT: mark("power cut during an airing"),
}

_SHOWN = (
    AiringState.AIRED,
    AiringState.LATE,
    AiringState.PARTIAL,
    AiringState.MISSED,
    AiringState.UNKNOWN,
)


def document(outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The result for programs; ``planned`` counts every airing of the nights shown."""
    airings = _sum(end.airings for end in outcome.stations)
    deliveries = _sum(end.deliveries for end in outcome.stations)
    return {
        "stations": len(outcome.stations),
        "nights": [on.isoformat() for on in outcome.dates],
        "programmes": [
            {"title": made.title, "ms": made.ms, "lufs": made.lufs, "sha256": made.sha256}
            for made in outcome.programmes
        ],
        "renditions": outcome.renditions,
        "airings": {
            "planned": airings.total(),
            **{state.value: airings[state] for state in _SHOWN},
        },
        "deliveries": {
            state.value: deliveries[state]
            for state in DeliveryState
            if deliveries[state] or state in (DeliveryState.VERIFIED, DeliveryState.FAILED)
        },
        "bytes_sent": sum(end.bytes_sent for end in outcome.stations),
        "faults": [
            {
                "station": end.code,
                "fault": end.fault.value,
                "errors": sorted(end.errors),
                "bytes_resumed": end.bytes_resumed,
                "airings": {state.value: count for state, count in end.airings.items()},
                "as_expected": end.is_as_expected,
            }
            for end in outcome.stations
            if end.fault is not Fault.NONE
        ],
        "as_expected": outcome.is_as_expected,
        "seconds": round(seconds, 1),
    }


def show(screen: Screen, outcome: Outcome, seconds: float) -> None:
    """The result for people: a line a station, then the sums, grade by grade of nothing hidden."""
    tr = screen.translator
    screen.say("Nights shown: {days}", days=", ".join(tr.day(on) for on in outcome.dates))
    screen.table(
        ["Station", "What went wrong on purpose", "Delivery", "Airings", "Sent", "Told truthfully"],
        (
            (
                end.name,
                tr.text(FAULT_WORDS[end.fault]),
                _states(screen, end.deliveries, are_one=sum(end.deliveries.values()) == 1),
                _states(screen, end.airings),
                tr.size(end.bytes_sent) if end.bytes_sent else "–",
                _verdict(screen, end),
            )
            for end in outcome.stations
        ),
    )
    facts = document(outcome, seconds)
    airings = _sum(end.airings for end in outcome.stations)
    screen.facts(
        [
            ("Programmes", str(len(outcome.programmes))),
            ("Renditions", str(outcome.renditions)),
            ("Airings planned", str(facts["airings"]["planned"])),
            *((_AIRING_FACTS[state], str(airings[state])) for state in _SHOWN),
            ("Bytes sent", tr.size(facts["bytes_sent"])),
            ("Seconds", tr.number(seconds, 1)),
        ]
    )
    screen.say(
        "Every station ended as its fault says it should."
        if outcome.is_as_expected
        else "Some stations did not end as their fault says they should. See the table."
    )


_AIRING_FACTS = {
    AiringState.AIRED: mark("Aired, with the player's log as proof"),
    AiringState.LATE: mark("Late"),
    AiringState.PARTIAL: mark("Partly aired"),
    AiringState.MISSED: mark("Missed"),
    AiringState.UNKNOWN: mark("Unknown: no proof, so not counted as aired"),
}


def _sum(counts: Iterable[Mapping[Any, int]]) -> Counter[Any]:
    total: Counter[Any] = Counter()
    for count in counts:
        total.update(count)
    return total


def _states(screen: Screen, counts: Mapping[Any, int], *, are_one: bool = False) -> Text:
    """How many stand where; of one there is nothing to count."""
    text = Text()
    for state, count in sorted(counts.items(), key=lambda item: _order(item[0])):
        if text:
            text.append(", ")
        text.append("" if are_one else f"{count} ").append_text(screen.state(state))
    return text


def _order(state: StrEnum) -> int:
    return list(type(state)).index(state)


def _verdict(screen: Screen, end: StationEnd) -> Text:
    word = mark("yes") if end.is_as_expected else mark("NO")
    return Text(screen.translator.text(word), style="green" if end.is_as_expected else "bold red")
