"""A calendar laid over the timetable: what is new, what differs, what was taken out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.errors import EventProblem
from api.i18n import mark
from api.ics.read import CalendarLine, Day, OtherDay, read_calendar
from api.ics.write import Desk, write_calendar
from api.slotfields import FIELDS
from scheduler import people
from scheduler.errors import (
    CoreError,
    FileRefused,
    InputInvalid,
    PreviewOutdated,
    RowProblem,
    said,
    said_of,
)
from scheduler.exceptions import Decision, decide_in, take_back_in
from scheduler.hub import Hub
from scheduler.slots import (
    SlotDetails,
    add_slot_in,
    edit_slot_in,
    list_slots,
    remove_slot_in,
)
from scheduler.store.models import Person, Programme, Slot
from scheduler.timetable import to_utc

# What may become of an event, as people read it.
WHAT: Mapping[str, str] = {
    "added": mark("new"),
    "changed": mark("changed"),
    "removed": mark("taken out"),
    "unchanged": mark("as it was"),
}


@dataclass(frozen=True)
class Brought:
    """What becomes of one event."""

    uid: str
    title: str
    what: str  # of WHAT
    slot_id: int | None  # none: there is no such line, or not yet
    changes: Mapping[str, tuple[object, object]]  # by the name of the value: before, after
    days: tuple[date, ...]  # single days that are decided anew, for all or at one place
    told: tuple[tuple[str, str, str], ...] = ()  # the same in words: what, before, after


@dataclass(frozen=True)
class Defaults:
    """What an event of somebody else's calendar does not say."""

    unit_code: str | None = None
    audience: tuple[str, ...] = ()
    programme_id: int | None = None


def bring(
    hub: Hub, content: bytes, name: str, desk: Desk, *, by: Person, defaults: Defaults,
    dry_run: bool = False, seen: str = "",
) -> list[Brought]:  # fmt: skip
    """
    Bring the timetable to what a calendar says, or only tell what would change.

    An event is known by its UID. Lines that it does not name stay; one that it cancels is removed.

    Args:
        seen: the ``digest`` of what was told before; empty: nobody looked.

    Raises:
        NoCalendar: it cannot be read. FileRefused: with every event that was refused, and why.
        PreviewOutdated: it would do something else than was seen. Nothing was changed.
    """
    people.require_role(by, "editor", "district", "commune")
    lines = read_calendar(content, name, hub.settings.zone)
    found: list[Brought] = []
    problems: list[RowProblem] = []
    with hub.database.write() as session:
        bringing = _Bringing(hub, session, desk, by, defaults)
        for line in lines:
            try:
                with session.begin_nested():
                    found.append(bringing.one(line))
            except CoreError as error:
                problems.append(EventProblem(event=line.title or line.uid, reason=said_of(error)))
        if problems:
            raise FileRefused(name=name, problems=problems)
        if seen and digest(found) != seen:
            raise PreviewOutdated()
        if dry_run:
            session.rollback()
            found = [replace(one, slot_id=None) if one.what == "added" else one for one in found]
    return found


def digest(found: Sequence[Brought]) -> str:
    """What would become of the events, as one number: the ids of lines that are to come aside."""
    wanted = [(one.uid, one.what, sorted(one.changes.items()), one.days, one.told) for one in found]
    return hashlib.sha256(repr(wanted).encode()).hexdigest()


class _Bringing:
    def __init__(
        self, hub: Hub, session: Session, desk: Desk, by: Person, defaults: Defaults
    ) -> None:
        self.hub, self.session, self.desk, self.by = hub, session, desk, by
        self.defaults = defaults
        self.known = {desk.uid(slot): slot for slot in list_slots(session)}

    def one(self, line: CalendarLine) -> Brought:
        slot = self.known.get(line.uid)
        if line.is_cancelled:
            if slot is None:
                return Brought(line.uid, line.title, "unchanged", None, {}, ())
            remove_slot_in(self.hub, self.session, slot.id, by=self.by)
            return Brought(line.uid, line.title, "removed", slot.id, {}, ())
        if slot is None:
            return self._new(line)
        return self._known(slot, line)

    def _new(self, line: CalendarLine) -> Brought:
        added = add_slot_in(
            self.hub, self.session, self._details(line), by=self.by, may_be_past=True
        )
        self.session.refresh(added, ["unit", "targets"])
        days = self._decide(added, {}, line.other_days)
        told = _told({}, self._in_words(added))
        return Brought(line.uid, line.title, "added", added.id, {}, tuple(days), told)

    def _known(self, slot: Slot, line: CalendarLine) -> Brought:
        """Held against what we would write ourselves: only what really differs is changed."""
        before, read_before = self._as_written(slot), self._in_words(slot)
        values = dict(self._differing(before, line))
        if values:
            changes = {name: new for name, (_, new) in values.items()}
            if "rrule" in changes:  # there its end stands, and no more in a day of its own
                changes["valid_to"] = None
            edit_slot_in(self.hub, self.session, slot.id, changes, by=self.by, may_be_past=True)
            self.session.flush()
            self.session.expire(slot)
        old_days = before.other_days
        if "audience" not in line.facts:  # another program may have lost what it does not know
            old_days = {day: one for day, one in old_days.items() if not day[1]}
        days = tuple(self._decide(slot, old_days, line.other_days))
        what = "changed" if values or days else "unchanged"
        told = _told(read_before, self._in_words(slot))
        return Brought(line.uid, line.title, what, slot.id, values, days, told)

    def _in_words(self, slot: Slot) -> Mapping[str, str]:
        tr = self.desk.translator
        shown = (one for one in FIELDS if one.name != "time")  # it stands in the words of "when"
        return {tr.text(one.label): one.shown(slot, tr) for one in shown}

    def _as_written(self, slot: Slot) -> CalendarLine:
        written = write_calendar([slot], "", self.desk)
        [line] = read_calendar(written, "", self.desk.zone)
        return line

    def _differing(
        self, before: CalendarLine, line: CalendarLine
    ) -> Iterator[tuple[str, tuple[object, object]]]:
        names = {"title": "title", "starts_at": "starts_at", "seconds": "seconds",
                 "rrule": "rrule", "first": "valid_from"}  # fmt: skip
        for mine, theirs in names.items():
            old, new = getattr(before, mine), getattr(line, mine)
            if old != new:
                yield theirs, (old, new)
        old_facts, new_facts = self._facts(before), self._facts(line)
        for name, new in new_facts.items():
            if old_facts.get(name) != new:
                yield name, (old_facts.get(name), new)

    def _facts(self, line: CalendarLine) -> dict[str, Any]:
        """What our own calendars say beside the rest, by the names of ``SlotDetails``."""
        facts, found = line.facts, dict[str, Any]()
        for fact, name in (("unit", "unit_code"), ("class", "programme_class"),
                           ("kind", "kind"), ("relay", "stream"), ("series", "series"),
                           ("theme", "theme")):  # fmt: skip
            if fact in facts:
                found[name] = facts[fact]
        if line.items:
            found["items"] = tuple(self._item(one) for one in line.items)
        for fact, name in (("late", "late_ok_s"), ("no-repeat-days", "no_repeat_days")):
            if facts.get(fact, "").isdecimal():
                found[name] = int(facts[fact][:9])
        for fact in ("ident", "filler"):
            if fact in facts:
                found[f"{fact}_id"] = self._needed(facts[fact])
        for name in ("audience", "exclude"):
            if name in facts:
                found[name] = tuple(facts[name].split())
        if "audience" in facts:  # a calendar of ours: what it leaves out is not there
            for name, nothing in (("exclude", ()), ("stream", None), ("ident_id", None),
                                  ("filler_id", None)):  # fmt: skip
                found.setdefault(name, nothing)
        if "programme" in facts:
            known = self._programme(facts["programme"])
            if known is None and self.defaults.programme_id is None:
                self._needed(facts["programme"])
            if known is not None:
                found["programme_id"] = known
        return found

    def _item(self, text: str) -> str:
        """One place of a list, as a person here would name it."""
        kind, _, name = text.partition(":")
        return f"programme:{self._needed(name)}" if kind == "programme" else text

    def _needed(self, sha256: str) -> int:
        """
        Raises:
            InputInvalid: this Loa does not have that recording.
        """
        found = self._programme(sha256)
        if found is None:
            problem = said("its programme {sha256}… is not here: bring it in first",
                           sha256=sha256[:12])  # fmt: skip
            raise InputInvalid(problem=problem)
        return found

    def _details(self, line: CalendarLine) -> SlotDetails:
        known = {"unit_code": self.defaults.unit_code, "audience": self.defaults.audience,
                 "programme_id": self.defaults.programme_id} | self._facts(line)  # fmt: skip
        if known["unit_code"] is None:
            raise InputInvalid(
                problem="it does not say whose line it is: choose the unit of such events"
            )
        if known.get("series") or known.get("theme") or known.get("items"):
            known["programme_id"] = self._facts(line).get("programme_id")
        elif known["programme_id"] is None:
            raise InputInvalid(
                problem="it does not say what airs: choose the programme of such events"
            )
        known["audience"] = known["audience"] or (f"unit:{known['unit_code']}",)
        return SlotDetails(
            title=line.title, starts_at=line.starts_at, seconds=line.seconds, rrule=line.rrule,
            valid_from=line.first, uid=line.uid, **known,
        )  # fmt: skip

    def _programme(self, sha256: str | None) -> int | None:
        if sha256 is None:
            return None
        statement = select(Programme.id).where(Programme.sha256 == sha256).order_by(Programme.id)
        return self.session.scalars(statement).first()

    # ── Single days ────────────────────────────────────────────────────────────────────────────

    def _decide(
        self, slot: Slot, before: Mapping[Day, OtherDay], after: Mapping[Day, OtherDay]
    ) -> Iterator[date]:
        """Decide about single days as the calendar has them; what has begun stays as it was."""
        now, zone = self.hub.clock.now(), self.hub.settings.zone
        for day in sorted(before.keys() | after.keys()):
            on, place = day
            old, new = before.get(day), after.get(day)
            if old == new or to_utc(datetime.combine(on, slot.starts_at), zone) <= now:
                continue
            if old is not None:
                take_back_in(self.hub, self.session, slot.id, on, by=self.by, place=place or None)
            if new is not None:
                decision = self._decision(on, place or None, new)
                decide_in(self.hub, self.session, slot.id, decision, by=self.by)
            yield on

    def _decision(self, on: date, place: str | None, new: OtherDay) -> Decision:
        reason = new.reason or self.desk.translator.text(mark("from a calendar"))
        if new.moved_to is not None:
            to = new.moved_to
            return Decision(on, reason, to.date(), to.time(), place=place, seconds=new.seconds)
        if new.programme_sha256 is None:
            return Decision(on, reason, place=place, seconds=new.seconds)
        programme_id = self._programme(new.programme_sha256)
        if programme_id is None:
            day = f"{on:%d/%m/%Y}"
            raise InputInvalid(problem=said("the programme of {day} is not here", day=day))
        return Decision(on, reason, programme_id=programme_id, place=place, seconds=new.seconds)


def _told(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """What differs; of a new line what is not empty."""
    return tuple(
        (label, before.get(label, ""), text)
        for label, text in after.items()
        if text != before.get(label, "–")
    )


def count(found: Sequence[Brought], what: str) -> int:
    return sum(one.what == what for one in found)
