"""Draft → released: the timetable airs in versions, each by a person, taken back in one step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from scheduler import people
from scheduler.errors import InputInvalid, NotFound, said
from scheduler.hearing import Maps, days_looked_at, hearers, soundings
from scheduler.hub import Hub
from scheduler.lines import Content, draft_of, drafts, is_draft, made_of, normal, write
from scheduler.releasefixes import may_release, refuse_conflicts, refuse_release
from scheduler.slotowners import refuse_foreign_unit
from scheduler.slots import SLOT_LOCK
from scheduler.slotversions import refuse_changed
from scheduler.store import ledger
from scheduler.store.db import lock
from scheduler.store.models import Person, Release, ReleaseChange, Slot
from scheduler.text import one_line
from scheduler.units import maps_of

ROLES = ("editor", "approver", "district", "commune")
PAGE = 50  # releases shown at once


@dataclass(frozen=True)
class SlotChange:
    """What a release would make of one slot; lines are for reading only."""

    slot_id: int
    before: Slot | None  # as it airs; none: it does not
    after: Slot | None  # as it will air; none: no more

    @property
    def kind(self) -> str:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    @property
    def line(self) -> Slot:
        """The slot as it will be, or was."""
        line = self.after or self.before
        assert line is not None
        return line


@dataclass(frozen=True)
class Effect:
    """What a change means for the days that are planned ahead."""

    added: int  # airings
    removed: int
    changed: int  # at the same moment, but something else or otherwise
    station_ids: frozenset[int]


def pending(session: Session) -> list[SlotChange]:
    """What people changed since the last release, in order of the timetable."""
    return [_change(session, slot) for slot in drafts(session)]


def effects(
    hub: Hub, session: Session, changes: Sequence[SlotChange], *, first: date | None = None
) -> list[Effect]:
    """For each change: which airings come, go or differ in the days that are planned ahead."""
    begin = first or hub.today() + timedelta(days=1)
    days = [begin + timedelta(days=n) for n in range(hub.settings.plan.days_ahead)]
    lines = [line for change in changes for line in (change.before, change.after) if line]
    maps = maps_of(session, days_looked_at(lines, days))
    found = []
    for change in changes:
        old, new = (_moments(hub, line, days, maps) for line in (change.before, change.after))
        differing = old & new if _airs_otherwise(change) else set()
        touched = (old ^ new) | differing
        found.append(
            Effect(len(new - old), len(old - new), len(differing),
                   frozenset(station_id for station_id, _ in touched))
        )  # fmt: skip
    return found


def release(
    hub: Hub,
    *,
    by: Person,
    note: str = "",
    slot_ids: Collection[int] | None = None,
    seen: Mapping[int, str] | None = None,
) -> Release:
    """
    Let the draft air from the next planning on: all that the person may change, or these slots.

    Args:
        seen: the version (``slotversions.version_of``) of each draft that the person looked at.

    Raises:
        InputInvalid: nothing has changed.
        OutsideUnit, NotFound: of a slot that was named.
        SlotChanged: a draft is not as it was looked at; the person looks again.
        ReleaseOverlaps, ReleaseBreaksRules: beside what stays on air it cannot air so; it carries
            what would help.
    """
    people.require_role(by, *ROLES)
    with hub.database.write() as session:
        lock(session, SLOT_LOCK)
        waiting = {slot.id: slot for slot in drafts(session)}
        for slot_id in slot_ids or ():
            if slot_id not in waiting:
                raise NotFound(what="draft", key=slot_id)
            refuse_foreign_unit(hub, session, waiting[slot_id], by)
        chosen = [
            slot for slot in waiting.values()
            if (may_release(hub, session, slot, by) if slot_ids is None else slot.id in slot_ids)
        ]  # fmt: skip
        if not chosen:
            raise InputInvalid(problem="nothing has changed since the last release")
        for slot in chosen:
            refuse_changed(hub, session, slot, None if seen is None else seen.get(slot.id, ""))
        refuse_release(hub, session, chosen, by)
        made = _new(hub, session, by, note)
        for slot in chosen:
            _bring(session, made, slot, draft_of(slot))
        _note(hub, session, made, by, "timetable_released")
    return made


def restore(hub: Hub, version: int | None = None, *, by: Person, note: str = "") -> Release:
    """
    Return to an earlier release (none: the one before the last) in one step, as a new version.

    What airs and its draft go back together; a draft that nobody has released stays a draft. Only
    slots that the person may change go back.

    Raises:
        NotFound: there is no such version.
        InputInvalid: it is what airs already.
        ReleaseOverlaps, ReleaseBreaksRules: what the person may bring back cannot stand beside
            what others have on air.
    """
    people.require_role(by, *ROLES)
    with hub.database.write() as session:
        lock(session, SLOT_LOCK)
        last = last_version(session)
        wanted = last - 1 if version is None else version
        if not 0 <= wanted <= last or not last:
            raise NotFound(what="release", key=wanted)
        slots = {slot.id: slot for slot in _slots_since(session, wanted)}
        back = {
            slot_id: content for slot_id, content in _contents_at(session, wanted).items()
            if normal(slots[slot_id].released) != normal(content)
            and may_release(hub, session, slots[slot_id], by)
        }  # fmt: skip
        if not back:
            raise InputInvalid(problem=said("release {version} is what airs", version=wanted))
        # As a whole it aired like that once; beside what others keep, a part of it never did.
        if any(not may_release(hub, session, slot, by) for slot in slots.values()):
            refuse_conflicts(hub, session, {
                slot_id: made_of(session, slots[slot_id], content) if content else None
                for slot_id, content in back.items()
            })  # fmt: skip
        made = _new(hub, session, by, note, restores=wanted or None)
        for slot_id, content in back.items():
            slot = slots[slot_id]
            if not is_draft(slot):
                _redraw(slot, content, hub.clock.now())
            _bring(session, made, slot, content)
        _note(hub, session, made, by, "timetable_restored", to=wanted)
    return made


def discard(hub: Hub, slot_id: int, *, by: Person) -> None:
    """Throw a draft away: the slot is again as it airs, or gone when it never did."""
    people.require_role(by, *ROLES)
    with hub.database.write() as session:
        lock(session, SLOT_LOCK)
        slot = session.get(Slot, slot_id)
        if slot is None or not is_draft(slot):
            raise NotFound(what="draft", key=slot_id)
        refuse_foreign_unit(hub, session, slot, by)
        _redraw(slot, slot.released, hub.clock.now())
        ledger.record(
            session, at=hub.clock.now(), who=by.username, what="draft_discarded",
            subject=f"slot {slot.id}", title=slot.title,
        )  # fmt: skip


def last_version(session: Session) -> int:
    """Of the release that airs; 0: there is none yet."""
    return session.scalar(select(func.max(Release.version))) or 0


def list_releases(
    session: Session, limit: int = PAGE, *, before: int | None = None
) -> list[Release]:
    """The newest first (before this version), with who made them and what they changed."""
    statement = select(Release).options(selectinload(Release.person), selectinload(Release.changes))
    if before is not None:
        statement = statement.where(Release.version < before)
    return list(session.scalars(statement.order_by(Release.version.desc()).limit(limit)))


# ── Comparing ──────────────────────────────────────────────────────────────────────────────────


def _change(session: Session, slot: Slot) -> SlotChange:
    before = None if slot.released is None else made_of(session, slot, slot.released)
    return SlotChange(slot.id, before, None if slot.removed_at is not None else slot)


def _airs_otherwise(change: SlotChange) -> bool:
    """Whether what stands in an airing differs, and not only when or for whom."""
    if change.before is None or change.after is None:
        return False
    names = ("programme_id", "series_id", "theme_id", "items", "ident_id", "filler_id", "title",
             "programme_class", "late_ok_s", "stream", "seconds", "no_repeat_days")  # fmt: skip
    return any(getattr(change.before, name) != getattr(change.after, name) for name in names)


def _moments(
    hub: Hub, line: Slot | None, days: Sequence[date], maps: Maps
) -> set[tuple[int, datetime]]:
    if line is None:
        return set()
    zone = hub.settings.zone
    return {
        (station_id, sounding.occurrence.starts_at)
        for sounding in soundings(line, days[0], days[-1], zone)
        for station_id in hearers(line, sounding, maps)
    }


# ── Changing ───────────────────────────────────────────────────────────────────────────────────


def _new(hub: Hub, session: Session, by: Person, note: str, restores: int | None = None) -> Release:
    made = Release(
        version=last_version(session) + 1, at=hub.clock.now(), released_by=by.id,
        note=one_line(note, 300), restores=restores,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def _bring(session: Session, made: Release, slot: Slot, content: Content | None) -> None:
    made.changes.append(
        ReleaseChange(version=made.version, slot_id=slot.id, before=slot.released, after=content)
    )
    slot.released = content


def _redraw(slot: Slot, content: Content | None, now: datetime) -> None:
    if content is None:
        slot.removed_at = slot.removed_at or now
    else:
        slot.removed_at = None
        write(slot, content)


def _contents_at(session: Session, version: int) -> dict[int, Content | None]:
    """What each slot was at that release, of those that a later one changed."""
    later = session.scalars(
        select(ReleaseChange)
        .where(ReleaseChange.version > version)
        .order_by(ReleaseChange.version.desc())
    )
    return {one.slot_id: one.before for one in later}  # the earliest one stays


def _slots_since(session: Session, version: int) -> Sequence[Slot]:
    changed = select(ReleaseChange.slot_id).where(ReleaseChange.version > version)
    return session.scalars(select(Slot).where(Slot.id.in_(changed))).all()


def _note(
    hub: Hub, session: Session, made: Release, by: Person, what: str, **detail: object
) -> None:
    ledger.record(
        session, at=made.at, who=by.username, what=what, subject=f"release {made.version}",
        slots=[one.slot_id for one in made.changes], note=made.note, **detail,
    )  # fmt: skip
