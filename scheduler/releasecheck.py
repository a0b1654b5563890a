"""What would be on air after a release, held against itself and against the rules of the air.

The drafts were checked against each other when they were written. A release of some of them puts a
draft beside lines that air as they were, and nobody has looked at these two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from scheduler.airrules import RuleBook
from scheduler.errors import ReleaseBreaksRules, ReleaseOverlaps, SlotRefused, said_of
from scheduler.hearing import audience_ids
from scheduler.hub import Hub
from scheduler.lines import every_slot, lines_heard, on_air
from scheduler.slotcheck import Checker, Line
from scheduler.slots import lines_of
from scheduler.store.models import Slot
from scheduler.units import station_units, stations_by_unit

Timetable = Mapping[int, Slot]  # what airs or would air, by the number of the slot


@dataclass(frozen=True)
class Conflict:
    """A line that is released now, and what stands in its way: another line, or a rule."""

    slot_id: int
    other_id: int | None  # that sounds at one station at one time with it; none: a rule
    error: ReleaseOverlaps | ReleaseBreaksRules


def airing(session: Session) -> dict[int, Slot]:
    """What airs by now."""
    return {
        slot.id: on_air(session, slot) for slot in every_slot(session) if slot.released is not None
    }


def new_conflicts(
    hub: Hub, session: Session, now: Timetable, coming: Mapping[int, Slot | None]
) -> Iterator[Conflict]:
    """
    What would stand in the way if these slots aired so (``None``: no more) beside all others.

    What is so on air already, and grows no worse, is no reason to refuse a change.
    """
    merged = {**now, **coming}
    after = {number: line for number, line in merged.items() if line is not None}
    air_then, air_now = Air(hub, session, after), Air(hub, session, now)
    for number in sorted(coming.keys() & after.keys()):
        line, was = after[number], now.get(number)
        found = air_then.overlaps(line)
        known = air_now.overlaps(was).keys() if found and was is not None else set()
        for other_id, problem in found.items():
            if other_id not in known:
                told = ReleaseOverlaps(stations=problem.stations, slot=line.title, **problem.fields)
                yield Conflict(number, other_id, told)
        broken = air_then.broken_rules(line)
        before = air_now.broken_rules(was) if broken and was is not None else []
        for problem in broken:
            if not any(_is_known(problem, one) for one in before):
                rule = ReleaseBreaksRules(
                    stations=problem.stations, slot=line.title, problem=said_of(problem)
                )
                yield Conflict(number, None, rule)


def refuse_on_air(hub: Hub, session: Session, slot: Slot, *, on: date | None = None) -> None:
    """
    Hold a slot as it airs against all that its stations hear; with a day also against its rules.

    Raises:
        SlotRefused: the first problem.
    """
    line = on_air(session, slot)
    inside = stations_by_unit(session, max(line.valid_from, hub.today()))
    own = audience_ids(line.targets, inside)
    beside = lines_heard(session, [inside], own, released=True)
    held = Air(hub, session, {**{one.id: one for one in beside}, line.id: line})
    for problem in held.overlaps(line).values():
        raise problem
    if on is not None:
        for problem in held.broken_rules(line, on):
            raise problem


class Air:
    """All that airs at one time; what it takes to compare is worked out once a first day."""

    def __init__(self, hub: Hub, session: Session, lines: Timetable) -> None:
        self.hub, self.session = hub, session
        # Urgent bulletins interrupt by right.
        self.lines = [one for one in lines.values() if one.programme_class != "urgent"]
        self._checkers: dict[date, tuple[Checker, list[Line]]] = {}

    def overlaps(self, line: Slot) -> dict[int, SlotRefused]:
        """With which others a line overlaps from today on, the first time of each."""
        checker, parts = self.checked(line)
        found: dict[int, SlotRefused] = {}
        for part in parts:
            for problem in checker.overlaps(part):
                found.setdefault(problem.fields["other_id"], problem)
        return found

    def broken_rules(self, line: Slot, on: date | None = None) -> list[SlotRefused]:
        """Which windows and caps it breaks, together with what airs beside it."""
        checker, parts = self.checked(line)
        return [problem for part in parts for problem in checker.against_rules(part, on)]

    def checked(self, line: Slot) -> tuple[Checker, Sequence[Line]]:
        """A line as the checks see it, its largest audience first; nothing of an urgent one."""
        first = max(line.valid_from, self.hub.today())
        if first not in self._checkers:
            inside, book = stations_by_unit(self.session, first), RuleBook(self.session)
            parts = [part for one in self.lines for part in lines_of(one, inside, book, first)]
            parts = [part for part in parts if part.stations]
            units = station_units(self.session, first)
            zone = self.hub.settings.zone
            made = Checker(self.session, parts, book, units.get, first=first, zone=zone)
            self._checkers[first] = made, parts
        checker, parts = self._checkers[first]
        mine = [part for part in parts if part.slot_id == line.id]
        return checker, sorted(mine, key=lambda part: -len(part.stations))


def _is_known(problem: SlotRefused, before: SlotRefused) -> bool:
    """Whether it was so already, at all these stations and by as much."""
    return (
        type(problem) is type(before)
        and problem.stations <= before.stations
        and all(
            problem.fields.get(name, 0) <= before.fields.get(name, 0)
            for name in ("over_s", "count")
        )
    )
