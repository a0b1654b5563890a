"""What the timetable says for some days, with what would collide: the calendar's rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.hearing import Map, Maps, hearers, is_contested, soundings
from scheduler.hub import Hub
from scheduler.lines import is_draft, lines_heard, lines_on_air
from scheduler.slots import list_slots
from scheduler.store.models import Programme, Slot, SlotException
from scheduler.timetable import Occurrence
from scheduler.units import maps_of

MAX_DAYS = 42  # six weeks: what a month's page shows


@dataclass(frozen=True)
class Entry:
    """One slot on one day, for the stations that are looked at."""

    slot: Slot
    occurrence: Occurrence
    programme: Programme | None  # none: chosen when the day is planned
    station_ids: frozenset[int]
    decision: SlotException | None = None  # for a part of the audience, that made it so
    is_draft: bool = False  # does not air so: nobody has released it
    collides: bool = False  # another one sounds at one of its stations at the same time

    @property
    def rule_day(self) -> date:
        """The day that the rule names: not the one that a move led to."""
        return self.occurrence.rule_day

    @property
    def starts_at(self) -> datetime:
        return self.occurrence.starts_at

    @property
    def ends_at(self) -> datetime:
        return self.occurrence.ends_at


def entries(
    hub: Hub,
    session: Session,
    first: date,
    days: int,
    *,
    unit_ids: Collection[int] | None = None,
    station_id: int | None = None,
    released: bool = False,
) -> list[Entry]:
    """
    What is to air from a local date on, earliest first; stations that are off can be planned too.

    Args:
        days: 1 to ``MAX_DAYS``.
        unit_ids: only what a station of these units hears; ``None`` means all.
        station_id: only what this one hears.
        released: what airs by the last release, instead of the draft.
    """
    last = first + timedelta(days=min(days, MAX_DAYS) - 1)
    dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    inside = maps_of(session, dates, unit_ids=unit_ids, station_id=station_id)
    here = _here(inside, unit_ids, station_id)
    if here is None:
        slots = lines_on_air(session) if released else list_slots(session)
    else:
        asked = set().union(*here.values())
        slots = lines_heard(session, _different(inside), asked, released=released)
        if is_contested(slots, inside):
            inside = maps_of(session, dates)
    found = [entry for slot in slots for entry in _of_slot(hub, slot, first, last, inside, here)]
    if not released:
        waiting = {slot.id for slot in {one.slot.id: one.slot for one in found}.values()
                   if is_draft(slot)}  # fmt: skip
        found = [replace(one, is_draft=one.slot.id in waiting) for one in found]
    return _with_collisions(sorted(found, key=lambda one: (one.starts_at, one.slot.id)))


def _here(
    inside: Maps, unit_ids: Collection[int] | None, station_id: int | None
) -> dict[date, set[int]] | None:
    """The stations that are asked for, day by day; none: all."""
    if unit_ids is None:
        return None if station_id is None else {on: {station_id} for on in inside}
    found: dict[int, set[int]] = {}
    for one in _different(inside):
        found[id(one)] = set().union(*(one.get(unit_id, ()) for unit_id in unit_ids))
        if station_id is not None:
            found[id(one)] &= {station_id}
    return {on: found[id(one)] for on, one in inside.items()}


def _different(inside: Maps) -> Collection[Map]:
    """Of the maps of some days each once: it is the same one while it does not change."""
    return {id(one): one for one in inside.values()}.values()


def _of_slot(
    hub: Hub,
    slot: Slot,
    first: date,
    last: date,
    inside: Maps,
    here: Mapping[date, set[int]] | None,
) -> list[Entry]:
    instead = {one.programme_id: one.programme for one in slot.exceptions}
    found = []
    for sounding in soundings(slot, first, last, hub.settings.zone):
        one = sounding.occurrence
        heard = hearers(slot, sounding, inside)
        if here is not None:
            heard &= here[one.on]
        if not heard:
            continue
        change = one.change
        programme = (change and instead.get(change.programme_id)) or slot.programme
        found.append(Entry(slot, one, programme, frozenset(heard), sounding.decision))
    return found


def _with_collisions(ordered: Sequence[Entry]) -> list[Entry]:
    """Mark what sounds at one station at the same time; urgent bulletins interrupt by right."""
    colliding: set[int] = set()
    running: list[int] = []
    for number, entry in enumerate(ordered):
        running = [one for one in running if ordered[one].ends_at > entry.starts_at]
        if entry.slot.programme_class == "urgent":
            continue
        for one in running:
            if ordered[one].station_ids & entry.station_ids:
                colliding |= {one, number}
        running.append(number)
    return [replace(entry, collides=number in colliding) for number, entry in enumerate(ordered)]
