"""Two people at one line of the timetable: which version each of them read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.errors import SlotChanged
from scheduler.hub import Hub
from scheduler.lines import draft_of
from scheduler.store.models import LedgerEntry, Person, Release, ReleaseChange, Slot

_LETTERS = 16
_DEEDS = ("slot_added", "slot_edited", "slot_removed", "draft_discarded")


def version_of(slot: Slot) -> str:
    """
    Which draft this is: whoever changes a line names the one that was read.

    Made of the content alone: every way of changing a line changes it, and a change that was
    taken back leaves nothing to decide.
    """
    return _hash([draft_of(slot)])


def version_of_all(slots: Iterable[Slot]) -> str:
    """The same for several lines together: what a person saw before releasing them."""
    return _hash([[slot.id, draft_of(slot)] for slot in sorted(slots, key=lambda one: one.id)])


def refuse_changed(hub: Hub, session: Session, slot: Slot, expected: str | None) -> None:
    """
    Raises:
        SlotChanged: the line is not the version that was read.
    """
    if expected is None or expected == version_of(slot):
        return
    who, at = last_change(session, slot)
    local = at.astimezone(hub.settings.zone)
    raise SlotChanged(slot=str(slot), who=who, at=f"{local:%H:%M %d/%m/%Y}")


def last_change(session: Session, slot: Slot) -> tuple[str, datetime]:
    """Who brought the draft of a line to what it is, and when."""
    last = session.scalar(
        select(LedgerEntry)
        .where(LedgerEntry.subject == f"slot {slot.id}", LedgerEntry.what.in_(_DEEDS))
        .order_by(LedgerEntry.seq.desc())
        .limit(1)
    )
    back = session.scalar(  # a return to an older release brings drafts back too
        select(Release)
        .join(ReleaseChange)
        .where(ReleaseChange.slot_id == slot.id, Release.restores.is_not(None))
        .order_by(Release.version.desc())
        .limit(1)
    )
    if back is not None and (last is None or back.at > last.at):
        return back.person.full_name, back.at
    if last is None:
        return "–", slot.created_at
    name = session.scalar(select(Person.full_name).where(Person.username == last.who))
    return name or last.who, last.at


def _hash(content: list[object]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_LETTERS]
