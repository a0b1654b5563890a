"""What the rehearsal found, as one JSON object and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from api.cli.screen import Figures, Screen
from api.i18n import mark
from api.rehearsal.faults import Fault, StationEnd, sum_of
from api.rehearsal.reconciliation import FINAL, Key
from api.rehearsal.rehearsal import Outcome
from scheduler.store.states import AiringState

FAULT_WORDS: Mapping[Fault, str] = {
    Fault.NONE: mark("sound"),
    Fault.LINE_DARK: mark("no line for some nights"),
    Fault.BOX_DARK: mark("no power for some nights"),
    Fault.GONE: mark("gone for good"),
    Fault.LINK_CUT: mark("link cut in the middle of a visit"),
    Fault.HOST_KEY_CHANGED: mark("another host key, accepted days later"),
    Fault.DISK_FULL: mark("disk full for some nights"),
    Fault.POWER_CUT: mark("power cut during an airing"),
    Fault.POWER_LATE: mark("power back minutes after an airing should begin"),
    Fault.CLOCK_BACK: mark("clock of the box in the year 2000"),
    Fault.CLOCK_AHEAD: mark("clock of the box hours ahead"),
    Fault.LOG_LOST: mark("log of a day lost"),
    Fault.LOG_DOUBLED: mark("log of a day doubled"),
    Fault.WORKER_KILLED: mark("worker killed in the middle of a visit"),
}

_ROWS = (
    (AiringState.AIRED, mark("Aired, with the player's log as proof")),
    (AiringState.LATE, mark("Late")),
    (AiringState.PARTIAL, mark("Partly aired")),
    (AiringState.MISSED, mark("Missed")),
    (AiringState.CANCELLED, mark("Cancelled before it was due")),
    (AiringState.UNKNOWN, mark("Unknown: no proof, so not counted as aired")),
)
_COLUMNS = (
    mark("Aired"),
    mark("Late"),
    mark("Partly"),
    mark("Missed"),
    mark("Cancelled"),
    mark("Unknown"),
)


def document(outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The result for programs."""
    balance, order = outcome.balance, outcome.order
    return {
        "nights": order.nights,
        "stations": order.stations,
        "seed": order.seed,
        "slots_due": balance.due,
        "ended": {state.value: balance.ended[state] for state in FINAL},
        "difference": balance.difference,
        "absent": _keys(balance.absent),
        "left_open": _keys(balance.left_open),
        "surplus": _keys(balance.surplus),
        "false_claims": [
            {"station": code, "planned_at": at.isoformat(), "state": state.value, "heard_s": heard}
            for (code, at), state, heard in balance.false_claims
        ],
        "faults": [
            {
                "fault": fault.value,
                "stations": len(ends),
                "airings": {s.value: count for s, count in sum_of(ends).items() if count},
                "as_expected": all(end.is_as_expected for end in ends),
                "not_as_expected": [end.code for end in ends if not end.is_as_expected],
            }
            for fault, ends in _by_fault(outcome)
        ],
        "as_expected": outcome.is_as_expected,
        "seconds": round(seconds, 1),
    }


def show(screen: Screen, outcome: Outcome, seconds: float) -> None:
    """The result for people: a line a fault, then the sum that must be nought."""
    tr, balance = screen.translator, outcome.balance
    screen.table(
        ["What went wrong on purpose", Figures("Stations"), *map(Figures, _COLUMNS),
         "Told truthfully"],
        (
            (
                tr.text(FAULT_WORDS[fault]), len(ends),
                *(sum_of(ends)[state] or Text("–") for state, _ in _ROWS),
                _verdict(screen, ends),
            )
            for fault, ends in _by_fault(outcome)
        ),
    )  # fmt: skip
    screen.facts(
        [
            ("Slots due", tr.number(balance.due)),
            *((word, tr.number(balance.ended[state])) for state, word in _ROWS),
            ("Difference", tr.number(balance.difference)),
            ("Claims that the loudspeakers do not bear out", tr.number(len(balance.false_claims))),
            ("Seconds", tr.number(seconds, 1)),
        ]
    )
    for end in outcome.stations:
        if not end.is_as_expected:
            screen.say(
                "{station} did not end as it should: {fault}.",
                station=f"{end.code} ({end.name})",
                fault=tr.text(FAULT_WORDS[end.fault]),
            )
    screen.say(
        "The books balance: every slot ended in exactly one way, and truthfully."
        if outcome.is_as_expected
        else "The books do not balance. See the table."
    )


def _by_fault(outcome: Outcome) -> list[tuple[Fault, list[StationEnd]]]:
    found = [(fault, [e for e in outcome.stations if e.fault is fault]) for fault in Fault]
    return [(fault, ends) for fault, ends in found if ends]


def _keys(keys: Sequence[Key]) -> list[dict[str, str]]:
    return [{"station": code, "planned_at": at.isoformat()} for code, at in keys]


def _verdict(screen: Screen, ends: Sequence[StationEnd]) -> Text:
    is_true = all(end.is_as_expected for end in ends)
    word = mark("yes") if is_true else mark("NO")
    return Text(screen.translator.text(word), style="green" if is_true else "bold red")
