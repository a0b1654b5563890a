"""The places at which one day of a slot may differ, and what was decided for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from api.picker import NOTHING_PICKED, Choice, Picker, Picks, Places
from scheduler.exceptions import place_of
from scheduler.hearing import audience_ids
from scheduler.store.models import Person, Slot, SlotException
from scheduler.units import stations_by_unit


@dataclass(frozen=True)
class DayPlaces:
    """One day of a slot, place by place."""

    picker: Picker
    chosen: Choice
    decision: SlotException | None  # of the place that was chosen
    others: Sequence[tuple[SlotException, Choice]]


def day_places(
    session: Session, slot: Slot, person: Person, on: date, today: date, chosen: str,
    picks: Picks = NOTHING_PICKED,
) -> DayPlaces:  # fmt: skip
    """What a person may choose from: only places at which the slot is heard on that day."""
    inside = stations_by_unit(session, on)
    hearing = audience_ids(slot.targets, inside)
    units = {unit_id for unit_id, stations in inside.items() if stations & hearing}
    places = Places(
        session, person, today, prefix="unit:", with_stations=True, only=(units, hearing)
    )
    picker = places.picker("place", [chosen], picks)
    here = picker.kept[0] if picker.kept else Choice("", "")
    if here.name == chosen:
        here = Choice(chosen, chosen.partition(":")[2])
    decided = [(one, _place(one)) for one in slot.exceptions if one.on == on]
    return DayPlaces(
        picker, here,
        next((one for one, place in decided if place.value == chosen), None),
        [pair for pair in decided if pair[1].value != chosen],
    )  # fmt: skip


def _place(one: SlotException) -> Choice:
    where = one.unit or one.station
    return Choice(place_of(one) or "", where.name if where else "")
