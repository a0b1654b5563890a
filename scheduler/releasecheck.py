"""What would be on air after a release, held against itself.

The drafts were checked against each other when they were written. A release of some of them puts a
draft beside lines that air as they were, and nobody has looked at these two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from scheduler.airrules import RuleBook
from scheduler.errors import ReleaseOverlaps, SlotRefused
from scheduler.hub import Hub
from scheduler.lines import every_slot, on_air
from scheduler.slotcheck import Checker, Line
from scheduler.slots import lines_of
from scheduler.store.models import Slot
from scheduler.units import station_units, stations_by_unit

Timetable = Mapping[int, Slot]  # what airs or would air, by the number of the slot


@dataclass(frozen=True)
class Overlap:
    """Two lines that would sound at one station at one time; the first one is released now."""

    slot_id: int
    other_id: int
    error: ReleaseOverlaps


def airing(session: Session) -> dict[int, Slot]:
    """What airs by now."""
    return {
        slot.id: on_air(session, slot) for slot in every_slot(session) if slot.released is not None
    }


def new_overlaps(
    hub: Hub, session: Session, now: Timetable, coming: Mapping[int, Slot | None]
) -> Iterator[Overlap]:
    """
    What would overlap if these slots aired like this (``None``: no more) beside all others.

    Two that overlap on air already are no reason to refuse a change of one of them.
    """
    merged = {**now, **coming}
    after = {number: line for number, line in merged.items() if line is not None}
    air_then, air_now = _Air(hub, session, after), _Air(hub, session, now)
    for number in sorted(coming.keys() & after.keys()):
        found = air_then.overlaps(after[number])
        before = air_now.overlaps(now[number]).keys() if found and number in now else set()
        for other_id, problem in found.items():
            if other_id not in before:
                told = ReleaseOverlaps(
                    stations=problem.stations, slot=after[number].title, **problem.fields
                )
                yield Overlap(number, other_id, told)


def refuse_overlap_on_air(hub: Hub, session: Session, air: Timetable, slot_id: int) -> None:
    """
    Hold one line that airs against all others that do.

    Raises:
        SlotsOverlap: the first one.
    """
    for problem in _Air(hub, session, air).overlaps(air[slot_id]).values():
        raise problem


class _Air:
    """All that airs at one time; what it takes to compare is worked out once a first day."""

    def __init__(self, hub: Hub, session: Session, lines: Timetable) -> None:
        self.hub, self.session = hub, session
        # Urgent bulletins interrupt by right.
        self.lines = [one for one in lines.values() if one.programme_class != "urgent"]
        self._checkers: dict[date, tuple[Checker, list[Line]]] = {}

    def overlaps(self, line: Slot) -> dict[int, SlotRefused]:
        """With which others a line overlaps from today on, the first time of each."""
        checker, parts = self._checker(max(line.valid_from, self.hub.today()))
        found: dict[int, SlotRefused] = {}
        for part in parts:
            for problem in checker.overlaps(part) if part.slot_id == line.id else ():
                found.setdefault(problem.fields["other_id"], problem)
        return found

    def _checker(self, first: date) -> tuple[Checker, list[Line]]:
        if first not in self._checkers:
            inside, book = stations_by_unit(self.session, first), RuleBook(self.session)
            parts = [part for one in self.lines for part in lines_of(one, inside, book, first)]
            parts = [part for part in parts if part.stations]
            units = station_units(self.session, first)
            zone = self.hub.settings.zone
            made = Checker(self.session, parts, book, units.get, first=first, zone=zone)
            self._checkers[first] = made, parts
        return self._checkers[first]
