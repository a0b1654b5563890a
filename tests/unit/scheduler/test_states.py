"""States change along allowed steps only, whichever of the two ways is taken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import pytest

from scheduler.errors import WrongState
from scheduler.store.states import (
    CURRENT_DELIVERIES,
    OPEN_AIRINGS,
    OPEN_DELIVERIES,
    AiringState,
    DeliveryState,
    ProgrammeState,
    RenditionState,
    can_move,
    move,
)

KINDS = (ProgrammeState, RenditionState, DeliveryState, AiringState)

# Written down a second time, by hand and from the side of the start: "from → to to to".
ALLOWED = {
    ProgrammeState: """
        uploaded → measuring ready rejected
        measuring → ready rejected uploaded
        ready → approved rejected withdrawn expired
        rejected → ready
        approved → withdrawn expired""",
    RenditionState: """
        due → building
        building → ready failed due
        failed → due building""",
    DeliveryState: """
        due → queued leased failed superseded
        queued → leased due failed superseded
        leased → delivered due failed superseded
        delivered → verified due superseded
        verified → due superseded
        failed → due superseded""",
    AiringState: """
        planned → on_station aired late partial missed unknown cancelled
        on_station → planned aired late partial missed unknown cancelled
        aired → aired late partial missed
        late → aired late partial missed
        partial → aired late partial missed
        missed → aired late partial missed
        unknown → aired late partial missed
        cancelled → planned aired late partial""",
}


def steps(kind: type[StrEnum]) -> set[tuple[str, str]]:
    lines = [line.split("→") for line in ALLOWED[kind].strip().splitlines()]
    return {(old.strip(), new) for old, rest in lines for new in rest.split()}


@dataclass
class Row:
    state: StrEnum
    __tablename__ = "thing"

    def __str__(self) -> str:
        return "one"


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_is_allowed_or_refused_as_the_design_says(kind: type[StrEnum]) -> None:
    """Of all pairs of states exactly those of the table can be gone."""
    gone = {(old.value, new.value) for old, new in product(kind, kind) if can_move(old, new)}

    assert gone == steps(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_step_leaves_the_row_as_it_was(kind: type[StrEnum]) -> None:
    """A forbidden step says where the row stands, and moves nothing."""
    for old, new in product(kind, kind):
        row = Row(old)
        if (old.value, new.value) in steps(kind):
            move(row, new)
            assert row.state is new
        else:
            with pytest.raises(WrongState) as refused:
                move(row, new)
            assert row.state is old
            assert refused.value.fields == {"what": "thing one", "state": old.value}


def test_a_state_read_back_as_plain_text_is_the_same_state() -> None:
    """A driver may give us the word instead of the member."""
    row = Row("ready")  # type: ignore[arg-type]

    move(row, ProgrammeState.APPROVED)

    assert row.state is ProgrammeState.APPROVED


def test_equal_words_of_two_kinds_have_steps_of_their_own() -> None:
    """A ready programme may be approved; a ready rendition goes nowhere."""
    assert ProgrammeState.READY == RenditionState.READY
    assert can_move(ProgrammeState.READY, ProgrammeState.APPROVED)
    assert not any(can_move(RenditionState.READY, new) for new in RenditionState)
    # "due" of a rendition can be built, "due" of a delivery cannot.
    assert can_move(RenditionState.DUE, RenditionState.BUILDING)
    assert can_move(DeliveryState.DUE, DeliveryState.LEASED)


def test_the_groups_of_states_say_what_they_are_called() -> None:
    """What is open may still change by planning; what is current was not replaced."""
    assert set(OPEN_AIRINGS) == {AiringState.PLANNED, AiringState.ON_STATION}
    assert set(CURRENT_DELIVERIES) == set(DeliveryState) - {DeliveryState.SUPERSEDED}
    assert set(OPEN_DELIVERIES) <= set(CURRENT_DELIVERIES)
    assert not any(can_move(DeliveryState.SUPERSEDED, new) for new in DeliveryState)
