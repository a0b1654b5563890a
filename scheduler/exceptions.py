"""What somebody decides about one day of a slot: skip it, move it, play another programme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from scheduler import people
from scheduler.errors import AlreadyExists, InputInvalid, NotFound, WrongState, said
from scheduler.hub import Hub
from scheduler.programmes import get_programme
from scheduler.slots import (
    SLOT_LOCK,
    changes_of,
    refuse_foreign_unit,
    refuse_overlap,
    refuse_problems,
    rule_of,
)
from scheduler.store import ledger
from scheduler.store.db import lock
from scheduler.store.models import Person, Slot, SlotException
from scheduler.store.states import ProgrammeState
from scheduler.text import one_line
from scheduler.timetable import airs_on, to_utc

_FARTHEST_MOVE = timedelta(days=366)  # overlaps are looked for so far


@dataclass(frozen=True)
class Decision:
    """What is to become of one day; neither a new start nor a programme means: skip it."""

    on: date
    reason: str
    moved_on: date | None = None
    moved_at: time | None = None
    programme_id: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", one_line(self.reason, 300))
        if not self.reason:
            raise InputInvalid(problem="a reason is needed")
        if (self.moved_on is None) != (self.moved_at is None):
            raise InputInvalid(problem="a move needs its new day and its new time")
        if self.moved_on is not None and self.programme_id is not None:
            raise InputInvalid(problem="either move it or play another programme")

    @property
    def kind(self) -> str:
        if self.moved_on is not None:
            return "move"
        return "skip" if self.programme_id is None else "replace"


def decide(hub: Hub, slot_id: int, decision: Decision, *, by: Person) -> SlotException:
    """
    Write down what becomes of one day of a slot; the next planning obeys it.

    Raises:
        InputInvalid: the slot does not air on that day, or one of the moments is over.
        SlotRefused: the new time is taken at one of the stations, or no time of theirs.
        AlreadyExists: something was decided about that day before; take it back first.
    """
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        return decide_in(hub, session, slot_id, decision, by=by)


def decide_in(
    hub: Hub, session: Session, slot_id: int, decision: Decision, *, by: Person
) -> SlotException:
    """As ``decide``, within a transaction of the caller."""
    lock(session, SLOT_LOCK)
    slot = _slot(session, slot_id, by)
    _check(hub, session, slot, decision)
    made = SlotException(
        **vars(decision), kind=decision.kind, created_by=by.id, created_at=hub.clock.now()
    )
    slot.exceptions.append(made)
    if decision.kind == "move":
        refuse_problems(hub, session, slot, moved_on=decision.moved_on)
    session.flush()
    _note(hub, session, "slot_day_changed", slot, made, by)
    return made


def take_back(hub: Hub, slot_id: int, on: date, *, by: Person) -> SlotException:
    """The day follows the rule again; refused where something else airs at that time by now."""
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        return take_back_in(hub, session, slot_id, on, by=by)


def take_back_in(
    hub: Hub, session: Session, slot_id: int, on: date, *, by: Person
) -> SlotException:
    """As ``take_back``, within a transaction of the caller."""
    lock(session, SLOT_LOCK)
    slot = _slot(session, slot_id, by)
    found = next((one for one in slot.exceptions if one.on == on), None)
    if found is None:
        raise NotFound(what="decision", key=f"{on:%d/%m/%Y}")
    slot.exceptions.remove(found)
    session.delete(found)
    session.flush()
    if slot.programme_class != "urgent":
        refuse_overlap(hub, session, slot)
    _note(hub, session, "slot_day_restored", slot, found, by)
    return found


def _slot(session: Session, slot_id: int, by: Person) -> Slot:
    slot = session.get(Slot, slot_id)
    if slot is None or slot.removed_at is not None:
        raise NotFound(what="slot", key=slot_id)
    refuse_foreign_unit(session, slot, by)
    return slot


def _check(hub: Hub, session: Session, slot: Slot, decision: Decision) -> None:
    if not airs_on(rule_of(slot), decision.on):
        day = f"{decision.on:%d/%m/%Y}"
        raise InputInvalid(problem=said("this slot does not air on {day}", day=day))
    if decision.on in changes_of(slot):
        raise AlreadyExists(what="decision", key=f"{decision.on:%d/%m/%Y}")
    moments = [datetime.combine(decision.on, slot.starts_at)]
    if decision.moved_on is not None and decision.moved_at is not None:
        moments.append(datetime.combine(decision.moved_on, decision.moved_at))
    if any(to_utc(at, hub.settings.zone) <= hub.clock.now() for at in moments):
        raise InputInvalid(problem="what has begun is history and stays")
    if decision.moved_on and decision.moved_on > decision.on + _FARTHEST_MOVE:
        raise InputInvalid(problem="a day may be moved by a year at most")
    if decision.programme_id is not None:
        instead = get_programme(session, decision.programme_id)
        if instead.state not in (ProgrammeState.READY, ProgrammeState.APPROVED):
            raise WrongState(what=str(instead), state=instead.state.value)
        if (instead.ms or 0) > slot.seconds * 1000:
            raise InputInvalid(problem="the programme is longer than the slot")


def _note(
    hub: Hub, session: Session, what: str, slot: Slot, made: SlotException, by: Person
) -> None:
    ledger.record(
        session, at=hub.clock.now(), who=by.username, what=what, subject=f"slot {slot.id}",
        on=made.on.isoformat(), kind=made.kind, reason=made.reason,
    )  # fmt: skip
