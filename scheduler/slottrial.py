"""A line as it is being written: what stands in its way and when it would air; nothing is saved."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from scheduler import people
from scheduler.errors import SlotRefused
from scheduler.hearing import changes_of, rule_of
from scheduler.hub import Hub
from scheduler.lines import draft_of, made_of
from scheduler.slotowners import refuse_foreign_unit
from scheduler.slots import (
    Notices,
    SlotDetails,
    details_of,
    fill_line,
    find_slot,
    notices_of,
    refuse_past,
    refuse_problems,
)
from scheduler.store.models import Person, Slot
from scheduler.timetable import Occurrence, coming

PREVIEWED = 10  # airings


@dataclass(frozen=True)
class Trial:
    """What would become of a line if it were saved like this."""

    line: Slot  # for reading only
    refused: SlotRefused | None  # with what would help
    notices: Notices
    coming: tuple[Occurrence, ...]


def try_line(
    hub: Hub, session: Session, details: SlotDetails, *, by: Person, slot_id: int | None = None
) -> Trial:
    """
    Check a new line, or another content of one that stands, exactly as saving it would.

    Raises:
        NotFound, InputInvalid, OutsideUnit, WrongState: it could not even be checked.
    """
    people.require_role(by, "editor", "district", "commune")
    stands = find_slot(session, slot_id) if slot_id is not None else None
    if stands is not None:
        refuse_foreign_unit(hub, session, stands, by)
    refuse_past(hub, details, details_of(stands) if stands else None)
    line = line_like(hub, session, details, slot_id)
    refuse_foreign_unit(hub, session, line, by)
    refused = None
    try:
        refuse_problems(hub, session, line)
    except SlotRefused as error:
        refused = error
    first = max(hub.today(), line.valid_from)
    ahead = coming(rule_of(line), first, PREVIEWED + 1, hub.settings.zone, changes_of(line))
    still = [one for one in ahead if one.starts_at > hub.clock.now()]  # today's may be over
    notices = Notices() if refused else notices_of(hub, session, line)
    return Trial(line, refused, notices, tuple(still[:PREVIEWED]))


def line_like(hub: Hub, session: Session, details: SlotDetails, slot_id: int | None = None) -> Slot:
    """A line with this content and all its names, which is no row: never add it."""
    if slot_id is None:
        line = Slot(exceptions=[], items=None)
    else:
        stands = find_slot(session, slot_id)
        content = draft_of(stands)
        assert content is not None, "only lines in force are found"
        line = made_of(session, stands, content)
    fill_line(hub, session, line, details)
    content = draft_of(line)
    assert content is not None
    return made_of(session, line, content)
