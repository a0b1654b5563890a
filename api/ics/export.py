"""Which lines a calendar file holds: all of the timetable, or what one place hears."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.i18n import Translator
from api.ics.write import desk_of, write_calendar
from scheduler.errors import NotFound
from scheduler.hearing import audience_ids
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.slots import list_slots
from scheduler.units import find_unit, stations_by_unit


@dataclass(frozen=True)
class CalendarFile:
    """A calendar, and how many lines stand in it."""

    content: bytes
    slots: int


def export_calendar(
    hub: Hub, session: Session, translator: Translator, *, unit_code: str = "",
    station_code: str = "", slot_ids: Collection[int] = (),
) -> CalendarFile:  # fmt: skip
    """
    The lines in force, drafts as they would air.

    Args:
        unit_code: only what is heard in this unit.
        station_code: only what this station hears; of a unit, too, if it stands in it.
        slot_ids: only these of them.

    Raises:
        NotFound: there is no such unit, station or line there.
    """
    found, desk = list_slots(session), desk_of(hub, translator)
    name, here = "Loa", None
    inside = stations_by_unit(session, hub.today()) if unit_code or station_code else {}
    if unit_code:
        unit = find_unit(session, unit_code, hub.today())
        name, here = unit.name, inside.get(unit.id, set())
    if station_code:
        station = find_station(session, station_code)
        name, here = station.name, {station.id} & (here if here is not None else {station.id})
    if here is not None:
        found = [slot for slot in found if audience_ids(slot.targets, inside) & here]
        desk = desk.at(here, inside)
    for slot_id in slot_ids:
        if slot_id not in {slot.id for slot in found}:
            raise NotFound(what="slot", key=slot_id)
    found = [slot for slot in found if not slot_ids or slot.id in slot_ids]
    return CalendarFile(write_calendar(found, name, desk), len(found))
