"""
What somebody decides about one day of a slot: skip it, move it, play another programme, or let it
last longer or shorter.

For all who hear it, or at one unit or one station alone: ``scheduler.hearing`` says which counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler import people
from scheduler.dayfixes import Wanted, day_fixes
from scheduler.errors import (
    AlreadyExists,
    InputInvalid,
    NotFound,
    OutsideUnit,
    SlotRefused,
    WrongState,
    said,
)
from scheduler.hearing import audience_ids, rule_of
from scheduler.hub import Hub
from scheduler.lines import has_drafts, is_draft, on_air, with_all
from scheduler.programmes import get_programme
from scheduler.registry import find_station
from scheduler.releasecheck import refuse_on_air
from scheduler.slotcheck import retimed
from scheduler.slotfixes import Fix
from scheduler.slotowners import refuse_foreign_unit
from scheduler.slots import (
    SLOT_LOCK,
    checker_of,
    lines_of,
    refuse_overlap,
    refuse_problems,
)
from scheduler.store import ledger
from scheduler.store.db import lock
from scheduler.store.models import Person, Slot, SlotException, Station, Unit
from scheduler.store.states import ProgrammeState
from scheduler.text import one_line
from scheduler.timetable import airs_on, to_utc
from scheduler.units import find_unit, station_units, stations_by_unit, unit_ids_below

_FARTHEST_MOVE = timedelta(days=366)  # overlaps are looked for so far
_MOST_ON_AIR_TRIES = 40  # for proposals: each looks through all that airs


@dataclass(frozen=True)
class Decision:
    """
    What is to become of one day; neither a new start nor a programme nor a length: skip it.

    A length may also go with a move or with another programme.
    """

    on: date
    reason: str
    moved_on: date | None = None
    moved_at: time | None = None
    programme_id: int | None = None
    place: str | None = None  # unit:CODE or station:CODE; none: wherever it is heard
    seconds: int | None = None  # how long it lasts on that day; none: as always

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", one_line(self.reason, 300))
        if not self.reason:
            raise InputInvalid(problem="a reason is needed")
        if (self.moved_on is None) != (self.moved_at is None):
            raise InputInvalid(problem="a move needs its new day and its new time")
        if self.moved_on is not None and self.programme_id is not None:
            raise InputInvalid(problem="either move it or play another programme")
        if self.seconds is not None and not 1 <= self.seconds <= 86_400:
            raise InputInvalid(problem="a slot lasts 1 second to 24 hours")

    @property
    def kind(self) -> str:
        if self.moved_on is not None:
            return "move"
        if self.programme_id is not None:
            return "replace"
        return "skip" if self.seconds is None else "length"


def decide(hub: Hub, slot_id: int, decision: Decision, *, by: Person) -> SlotException:
    """
    Write down what becomes of one day of a slot; the next planning obeys it.

    Raises:
        InputInvalid: the slot does not air on that day, or not at that place, or one of the
            moments is over.
        SlotRefused: the new time or length is taken at one of the stations, or breaks a rule of
            their air.
        AlreadyExists: something was decided about that day and place before; take it back first.
        OutsideUnit: the slot is of others; at places of one's own a normal one may be changed.
    """
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        return decide_in(hub, session, slot_id, decision, by=by)


def decide_in(
    hub: Hub, session: Session, slot_id: int, decision: Decision, *, by: Person
) -> SlotException:
    """As ``decide``, within a transaction of the caller."""
    lock(session, SLOT_LOCK)
    slot = _slot(session, slot_id)
    unit, station = _place(session, slot, decision.place, decision.on)
    _refuse_foreign(hub, session, slot, unit, station, decision.on, by)
    _check(hub, session, slot, decision, unit, station)
    values = {name: value for name, value in vars(decision).items() if name != "place"}
    made = SlotException(
        **values, unit=unit, station=station, unit_id=unit.id if unit else None,
        station_id=station.id if station else None, kind=decision.kind, created_by=by.id,
        created_at=hub.clock.now(),
    )  # fmt: skip
    slot.exceptions.append(made)
    try:
        _refuse(hub, session, slot, decision)
    except SlotRefused as error:
        if decision.moved_on or decision.seconds:
            error.fixes = _fixes(hub, session, slot, made, decision, error)
        raise
    session.flush()
    _note(hub, session, "slot_day_changed", slot, made, by)
    return made


def take_back(
    hub: Hub, slot_id: int, on: date, *, by: Person, place: str | None = None
) -> SlotException:
    """The day follows the rule again; refused where something else airs at that time by now."""
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        return take_back_in(hub, session, slot_id, on, by=by, place=place)


def take_back_in(
    hub: Hub, session: Session, slot_id: int, on: date, *, by: Person, place: str | None = None
) -> SlotException:
    """As ``take_back``, within a transaction of the caller."""
    lock(session, SLOT_LOCK)
    slot = _slot(session, slot_id)
    unit, station = _place(session, slot, place, on)
    _refuse_foreign(hub, session, slot, unit, station, on, by)
    found = _decided(slot, on, unit, station)
    if found is None:
        raise NotFound(what="decision", key=f"{on:%d/%m/%Y}")
    slot.exceptions.remove(found)
    session.delete(found)
    session.flush()
    if slot.programme_class != "urgent":
        if slot.removed_at is None:
            refuse_overlap(hub, session, slot)
        _refuse_on_air(hub, session, slot)
    _note(hub, session, "slot_day_restored", slot, found, by)
    return found


def place_of(one: SlotException) -> str | None:
    """``unit:347`` or ``station:dao-ly``; none: wherever it is heard."""
    if one.unit is not None:
        return f"unit:{one.unit.code}"
    return None if one.station is None else f"station:{one.station.code}"


def line_on(session: Session, slot_id: int, on: date) -> Slot:
    """
    The slot as a decision about that day meets it: as it airs, else as its draft would.

    Raises:
        NotFound: it neither airs nor waits for a release.
    """
    found: list[Slot] = list(session.scalars(with_all(select(Slot)).where(Slot.id == slot_id)))
    lines = _lines(session, found[0]) if found else []
    if not lines:
        raise NotFound(what="slot", key=slot_id)
    return next((one for one in lines if airs_on(rule_of(one), on)), lines[0])


def _slot(session: Session, slot_id: int) -> Slot:
    slot = session.get(Slot, slot_id)
    if slot is None or (slot.removed_at is not None and slot.released is None):
        raise NotFound(what="slot", key=slot_id)
    return slot


def _lines(session: Session, slot: Slot) -> list[Slot]:
    """As it airs, and as it will: a decision holds at once, and also after the next release."""
    lines = [] if slot.released is None else [on_air(session, slot)]
    if slot.removed_at is None and (is_draft(slot) or not lines):
        lines.append(slot)
    return lines


def _refuse_on_air(hub: Hub, session: Session, slot: Slot, on: date | None = None) -> None:
    """
    The draft was looked at; where it is not what airs, what airs is looked at too.

    ``on``: the day of which windows and caps are looked at as well.
    """
    if slot.released is not None and has_drafts(session):
        refuse_on_air(hub, session, slot, on=on)


def _place(
    session: Session, slot: Slot, place: str | None, on: date
) -> tuple[Unit | None, Station | None]:
    """
    Raises:
        NotFound: there is no such unit on that day, or no such station.
        InputInvalid: it is neither, or the slot is not heard there.
    """
    if place is None:
        return None, None
    kind, _, code = place.partition(":")
    unit = find_unit(session, code, on) if kind == "unit" else None
    station = find_station(session, code) if kind == "station" else None
    if unit is None and station is None:
        raise InputInvalid(
            problem=said('"{entry}" is neither unit:CODE nor station:CODE', entry=place)
        )
    inside = stations_by_unit(session, on)
    there = {station.id} if station else inside.get(unit.id if unit else 0, set())
    if not audience_ids(slot.targets, inside) & there:
        raise InputInvalid(problem=said('nobody hears this slot at "{place}"', place=place))
    return unit, station


def _refuse_foreign(
    hub: Hub, session: Session, slot: Slot, unit: Unit | None, station: Station | None, on: date,
    by: Person,
) -> None:  # fmt: skip
    """One's own line as one likes; of others a normal one, at places of one's own."""
    try:
        refuse_foreign_unit(hub, session, slot, by)
    except OutsideUnit:
        if slot.programme_class != "normal":
            raise
        mine = unit_ids_below(session, by.unit_id, on) or set()
        where = unit.id if unit else station_units(session, on).get(station.id if station else 0)
        if where not in mine:
            raise


def _decided(
    slot: Slot, on: date, unit: Unit | None, station: Station | None
) -> SlotException | None:
    key = (on, unit.id if unit else None, station.id if station else None)
    return next(
        (one for one in slot.exceptions if (one.on, one.unit_id, one.station_id) == key), None
    )


def _check(
    hub: Hub, session: Session, slot: Slot, decision: Decision, unit: Unit | None,
    station: Station | None,
) -> None:  # fmt: skip
    lines = [one for one in _lines(session, slot) if airs_on(rule_of(one), decision.on)]
    if not lines:
        day = f"{decision.on:%d/%m/%Y}"
        raise InputInvalid(problem=said("this slot does not air on {day}", day=day))
    if _decided(slot, decision.on, unit, station) is not None:
        raise AlreadyExists(what="decision", key=f"{decision.on:%d/%m/%Y}")
    begins = datetime.combine(decision.on, lines[0].starts_at)  # what airs comes first
    if to_utc(begins, hub.settings.zone) <= hub.clock.now():
        raise InputInvalid(problem="what has begun is history and stays")
    if decision.moved_on is not None and decision.moved_at is not None:
        moved = datetime.combine(decision.moved_on, decision.moved_at)
        if to_utc(moved, hub.settings.zone) <= hub.clock.now():
            raise InputInvalid(problem="the new day and time are over already; choose later ones")
    if decision.moved_on and decision.moved_on > decision.on + _FARTHEST_MOVE:
        raise InputInvalid(problem="a day may be moved by a year at most")
    if decision.programme_id is not None:
        instead = get_programme(session, decision.programme_id)
        if instead.state not in (ProgrammeState.READY, ProgrammeState.APPROVED):
            raise WrongState(what=str(instead), state=instead.state.value)
    if decision.programme_id is not None or decision.seconds is not None:
        _check_room(session, decision, lines)


def _refuse(hub: Hub, session: Session, slot: Slot, decision: Decision) -> None:
    """
    Raises:
        SlotRefused: with this decision it does not stand, as it airs or as it will.
    """
    if decision.moved_on or decision.seconds:
        if slot.removed_at is None:
            refuse_problems(hub, session, slot, moved_on=decision.moved_on or decision.on)
    elif decision.kind == "replace" and decision.place and slot.programme_class != "urgent":
        refuse_overlap(hub, session, slot)  # the time may be free only because all others moved
    if decision.kind != "skip" and slot.programme_class != "urgent":
        on = decision.moved_on or (decision.on if decision.seconds else None)
        _refuse_on_air(hub, session, slot, on)


def _fixes(
    hub: Hub, session: Session, slot: Slot, made: SlotException, decision: Decision,
    refused: SlotRefused,
) -> tuple[Fix, ...]:  # fmt: skip
    """Other decisions about the day that would stand; each is tried in the place of this one."""
    lines = [one for one in _lines(session, slot) if airs_on(rule_of(one), decision.on)]
    at = decision.moved_at or lines[0].starts_at
    wanted = Wanted(
        datetime.combine(decision.moved_on or decision.on, at),
        decision.seconds or lines[0].seconds,
        by_rule_s=lines[0].seconds,
        shortest_s=-(-max(_needed_ms(session, decision, one) for one in lines) // 1000),
        is_moved=decision.moved_on is not None,
    )
    checker, inside = checker_of(hub, session, slot)
    on_air_tries = 0

    def is_free(other: Wanted) -> bool:
        nonlocal on_air_tries
        begins, is_moved = other.begins, other.is_moved
        if to_utc(begins, hub.settings.zone) <= hub.clock.now():
            return False
        if is_moved and decision.programme_id is not None:
            return False  # either another time or another programme
        made.moved_on, made.moved_at = (begins.date(), begins.time()) if is_moved else (None, None)
        made.seconds = None if other.seconds == wanted.by_rule_s else other.seconds
        made.kind = "move" if is_moved else decision.kind
        parts = lines_of(slot, inside, checker.book, checker.first)
        if slot.removed_at is None and any(
            checker.problems(part, on=begins.date()) for part in parts
        ):
            return False
        on_air_tries += 1
        if on_air_tries > _MOST_ON_AIR_TRIES:
            return False
        try:
            _refuse_on_air(hub, session, slot, begins.date())
        except SlotRefused:
            return False
        return True

    line = lines_of(slot, inside, checker.book, checker.first)[0]

    def is_quiet(at: time) -> bool:
        return checker.quiet(retimed(line, starts_at=at, seconds=wanted.seconds)) is not None

    return day_fixes(wanted, refused.problems or (refused,), is_free, is_quiet)


def _needed_ms(session: Session, decision: Decision, line: Slot) -> int:
    airs = decision.programme_id or line.programme_id
    return (get_programme(session, airs).ms or 0) if airs is not None else 0


def _check_room(session: Session, decision: Decision, lines: Sequence[Slot]) -> None:
    """What airs must fit into what it lasts on that day; a length must change something."""
    for line in lines:
        if _needed_ms(session, decision, line) > (decision.seconds or line.seconds) * 1000:
            raise InputInvalid(problem="the programme is longer than the slot")
    if decision.kind == "length" and all(one.seconds == decision.seconds for one in lines):
        raise InputInvalid(problem="it lasts so long on every day")


def _note(
    hub: Hub, session: Session, what: str, slot: Slot, made: SlotException, by: Person
) -> None:
    ledger.record(
        session, at=hub.clock.now(), who=by.username, what=what, subject=f"slot {slot.id}",
        on=made.on.isoformat(), kind=made.kind, reason=made.reason,
        **({"moved_on": made.moved_on.isoformat()} if made.moved_on else {}),
        **({"seconds": made.seconds} if made.seconds else {}),
        **({"place": place_of(made)} if not made.is_for_all else {}),
    )  # fmt: skip
