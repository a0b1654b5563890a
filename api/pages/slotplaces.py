"""The places at which one day of a slot may differ, and what was decided for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from api.scope import Scope
from scheduler.exceptions import place_of
from scheduler.hearing import audience_ids
from scheduler.registry import list_stations
from scheduler.store.models import Slot, SlotException
from scheduler.units import stations_by_unit, units_on

MOST_STATIONS = 300  # in one list; where there are more, a unit is chosen


@dataclass(frozen=True)
class Place:
    """A unit or a station, as a choice of a form."""

    value: str  # unit:347, station:dao-ly; empty: wherever it is heard
    name: str
    depth: int = 0


@dataclass(frozen=True)
class DayPlaces:
    """One day of a slot, place by place."""

    units: Sequence[Place]
    stations: Sequence[Place]
    chosen: Place
    decision: SlotException | None  # of the place that was chosen
    others: Sequence[tuple[SlotException, Place]]


def day_places(session: Session, slot: Slot, scope: Scope, on: date, chosen: str) -> DayPlaces:
    """What a person may choose from: only places at which the slot is heard on that day."""
    inside = stations_by_unit(session, on)
    hearing = audience_ids(slot.targets, inside)
    ids = {unit.code: unit.id for unit in units_on(session, on)}
    units = [
        Place(f"unit:{one.code}", one.name, one.depth)
        for one in scope.choices
        if inside.get(ids.get(one.code, 0), set()) & hearing
    ]
    stations = [
        Place(f"station:{one.code}", one.name)
        for one in list_stations(session)
        if one.id in hearing and scope.covers(one.id)
    ]
    known = {one.value: one for one in (*units, *stations)}
    here = known.get(chosen, Place(chosen, chosen.partition(":")[2]))
    decided = [(one, _place(one)) for one in slot.exceptions if one.on == on]
    return DayPlaces(
        units, stations if len(stations) <= MOST_STATIONS else (), here,
        next((one for one, place in decided if place.value == chosen), None),
        [pair for pair in decided if pair[1].value != chosen],
    )  # fmt: skip


def _place(one: SlotException) -> Place:
    where = one.unit or one.station
    return Place(place_of(one) or "", where.name if where else "")
