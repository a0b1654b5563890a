"""Whose a line of the timetable is, and so who may touch it."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from scheduler.errors import OutsideUnit
from scheduler.hub import Hub
from scheduler.store.models import Person, Slot
from scheduler.units import owns, stations_by_unit, unit_ids_below


def refuse_foreign_unit(hub: Hub, session: Session, slot: Slot, by: Person) -> None:
    """
    Refuse to touch a line of others.

    Whose it is the map of today says, or that of its first day if that is still to come: of a
    commune that was merged into another one its lines are that one's (``units.owns``). All who
    hear it must be the person's own too, by that map or by that of its first day.

    Raises:
        OutsideUnit: it is not all the person's own.
    """
    if by.unit_id is None:
        return
    on = max(slot.valid_from, hub.today())
    heard = {one.unit_id for one in slot.targets if one.unit_id is not None}
    stations = {one.station_id for one in slot.targets if one.station_id is not None}
    is_own = owns(session, by.unit_id, [slot.unit_id], on) and any(
        owns(session, by.unit_id, heard, day) and _stand_in(session, by.unit_id, stations, day)
        for day in dict.fromkeys((on, slot.valid_from))
    )
    if not is_own:
        raise OutsideUnit(who=by.full_name, unit=by.unit.name if by.unit else "")


def _stand_in(session: Session, unit_id: int, stations: set[int], on: date) -> bool:
    if not stations:
        return True
    inside = stations_by_unit(session, on, stations)
    mine = unit_ids_below(session, unit_id, on) or set()
    return stations <= set().union(*(inside.get(one, set()) for one in mine))
