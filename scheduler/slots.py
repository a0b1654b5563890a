"""The lines of the timetable: added after a check against everything that airs there already."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler import people
from scheduler.airrules import QUIET_FROM, QUIET_UNTIL, RuleBook, Window
from scheduler.errors import InputInvalid, NotFound, said
from scheduler.hearing import audience_ids, parts_of_audience, rule_of
from scheduler.hub import Hub
from scheduler.lines import lines_heard, with_all
from scheduler.programmes import CLASSES
from scheduler.recurrence import check_rule
from scheduler.registry import find_station
from scheduler.relay import checked_address
from scheduler.slotcheck import Checker, Clash, Line
from scheduler.slotcontent import SOURCES, fill_content, items_of, own_length_s
from scheduler.slotfixes import fixes_for
from scheduler.slotowners import refuse_foreign_unit
from scheduler.slotversions import refuse_changed
from scheduler.store import ledger
from scheduler.store.db import lock
from scheduler.store.models import Person, Programme, Slot, SlotTarget, Station
from scheduler.units import find_unit, station_units, stations_by_unit

KINDS = ("programme", "relay_province", "relay_district", "announcement")
# What may be changed in a line that stands, and what then has to be checked anew.
_CHECKED = ("audience", "exclude", "starts_at", "seconds", "rrule", "programme_class", "unit_code",
            "valid_from", "valid_to")  # fmt: skip
_EARLIEST_START, _FARTHEST_START = date(2000, 1, 1), timedelta(days=5 * 366)
SLOT_LOCK = 0x736C6F74  # "slot": two that overlap may not be checked side by side


@dataclass(frozen=True)
class SlotDetails:
    """What a person says about a slot, checked as far as it can be without the database."""

    title: str
    unit_code: str
    audience: tuple[str, ...]  # "unit:347" (with all below it) or "station:CODE"
    programme_id: int | None
    starts_at: time  # local
    seconds: int | None = None  # none: the length of the programme, up to the next minute
    rrule: str = "FREQ=DAILY"
    programme_class: str = "normal"
    late_ok_s: int = 600
    valid_from: date | None = None  # none: today
    valid_to: date | None = None  # the last day, included
    exclude: tuple[str, ...] = ()
    stream: str | None = None  # address of a live relay; the programme plays if it fails
    kind: str = "programme"
    uid: str | None = None  # of a calendar that brought it
    # Instead of a programme: the next episode of a series, a theme in rotation, or a list of
    # "programme:NUMBER", "series:NAME" and "theme:NAME" one after the other.
    series: str | None = None
    theme: str | None = None
    items: tuple[str, ...] = ()
    no_repeat_days: int = 7  # of a theme, at one station
    ident_id: int | None = None  # a programme that sounds before the first
    filler_id: int | None = None  # airs where nothing else may, and fills what a list leaves

    def __post_init__(self) -> None:
        title = unicodedata.normalize("NFC", self.title).strip()
        object.__setattr__(self, "title", title)
        if not 1 <= len(title) <= 200 or not title.isprintable():
            raise InputInvalid(problem="a title has 1 to 200 letters, on one line")
        if not self.audience:
            raise InputInvalid(problem="an audience is needed: unit:CODE or station:CODE")
        if self.programme_class not in CLASSES:
            raise InputInvalid(
                problem=said("the class is one of {choices}", choices=", ".join(CLASSES))
            )
        if self.kind not in KINDS:
            raise InputInvalid(
                problem=said("the kind is one of {choices}", choices=", ".join(KINDS))
            )
        if self.seconds is not None and not 1 <= self.seconds <= 86_400:
            raise InputInvalid(problem="a slot lasts 1 second to 24 hours")
        if self.programme_id is None and self.seconds is None:
            raise InputInvalid(problem="only one programme has a length of its own: say how long")
        if self.stream and self.programme_id is None:
            raise InputInvalid(problem="a live relay names the programme that plays if it fails")
        if not 1 <= self.no_repeat_days <= 366:
            raise InputInvalid(problem="no repeat is for 1 to 366 days")
        if self.stream and self.seconds is None:
            raise InputInvalid(problem="a live relay has no length of its own: say how long")
        if not 0 <= self.late_ok_s <= 86_400:
            raise InputInvalid(problem="a slot may start 0 to 86400 seconds late")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise InputInvalid(problem="the last day lies before the first")
        check_rule(self.rrule)


def add_slot(hub: Hub, details: SlotDetails, *, by: Person) -> Slot:
    """
    Add a line to the timetable.

    Raises:
        SlotRefused: another line, a window or a cap stands in the way; it carries what would help.
        NotFound: no such unit, station or programme.
        InputInvalid: nobody hears it, its first or last day is over, or the person may not plan
            for that unit.
    """
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        return add_slot_in(hub, session, details, by=by)


def add_slot_in(
    hub: Hub, session: Session, details: SlotDetails, *, by: Person, may_be_past: bool = False
) -> Slot:
    """
    As ``add_slot``, within a transaction of the caller.

    Args:
        may_be_past: the days may be over: a calendar counts its rule from the day on which it
            began elsewhere.
    """
    if not may_be_past:
        refuse_past(hub, details)
    lock(session, SLOT_LOCK)
    slot = _new_slot(hub, session, details, by)
    refuse_foreign_unit(hub, session, slot, by)
    reached = refuse_problems(hub, session, slot)
    session.add(slot)
    session.flush()
    ledger.record(
        session, at=hub.clock.now(), who=by.username, what="slot_added",
        subject=f"slot {slot.id}", title=slot.title, rrule=slot.rrule,
        starts_at=f"{slot.starts_at:%H:%M}", stations=len(reached),
    )  # fmt: skip
    return slot


def edit_slot(
    hub: Hub, slot_id: int, changes: Mapping[str, object], *, by: Person,
    expected: str | None = None,
) -> Slot:  # fmt: skip
    """
    Change a line that stands; ``changes`` goes by the names of ``SlotDetails``.

    What it has aired stays as it was, and so does the day from which COUNT and INTERVAL are
    counted; only what has not begun is planned anew.

    Args:
        expected: the version (``slotversions.version_of``) that the person looked at.

    Raises:
        SlotRefused: as for a new line. NotFound, OutsideUnit.
        InputInvalid: as for a new line; a day that stood in it may be over.
        SlotChanged: the line is not as it was looked at; the person compares and chooses.
    """
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        return edit_slot_in(hub, session, slot_id, changes, by=by, expected=expected)


def edit_slot_in(
    hub: Hub, session: Session, slot_id: int, changes: Mapping[str, object], *, by: Person,
    expected: str | None = None, may_be_past: bool = False,
) -> Slot:  # fmt: skip
    """As ``edit_slot``, within a transaction of the caller; ``may_be_past`` as of a new line."""
    lock(session, SLOT_LOCK)
    slot = session.get(Slot, slot_id)
    if slot is None or slot.removed_at is not None:
        raise NotFound(what="slot", key=slot_id)
    refuse_foreign_unit(hub, session, slot, by)
    before = details_of(slot)
    wanted = with_changes(before, changes)
    if not may_be_past:
        refuse_past(hub, wanted, before)
    if wanted.seconds is None:  # told apart from what it is, or a double click is two changes
        wanted = replace(wanted, seconds=own_length_s(session, wanted.programme_id))
    differing = [name for name, value in vars(wanted).items() if value != getattr(before, name)]
    if not differing:
        return slot  # also the second one of a double click
    refuse_changed(hub, session, slot, expected)
    fill_line(hub, session, slot, wanted)
    refuse_foreign_unit(hub, session, slot, by)
    if set(differing) & set(_CHECKED):
        with session.no_autoflush:
            refuse_problems(hub, session, slot)
    ledger.record(
        session, at=hub.clock.now(), who=by.username, what="slot_edited",
        subject=f"slot {slot.id}",
        **{name: [str(getattr(before, name)), str(getattr(wanted, name))] for name in differing},
    )  # fmt: skip
    return slot


def refuse_past(hub: Hub, wanted: SlotDetails, stands: SlotDetails | None = None) -> None:
    """
    Refuse a first or last day that is over, unless it stood in the line already.

    Raises:
        InputInvalid: which of the two it is.
    """
    today = hub.today()
    known = (stands.valid_from, stands.valid_to) if stands else ()
    first, last = wanted.valid_from, wanted.valid_to
    if first is not None and first < today and first not in known:
        raise InputInvalid(problem="the first day is over already")
    if last is not None and last < today and last not in known:
        raise InputInvalid(problem="the last day is over already")


def with_changes(details: SlotDetails, changes: Mapping[str, object]) -> SlotDetails:
    """A line's content with some of it changed, by the names of ``SlotDetails``."""
    if any(changes.get(name) for name in SOURCES):  # one of them instead of the one it was
        changes = {"programme_id": None, "series": None, "theme": None, "items": (), **changes}
    return replace(details, **changes)  # type: ignore[arg-type]


def remove_slot(hub: Hub, slot_id: int, *, by: Person, expected: str | None = None) -> Slot:
    """
    Take a line out; what it has aired stays, what it had planned is cancelled at planning.

    Raises:
        NotFound, OutsideUnit. SlotChanged: it is not the version that was looked at.
    """
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        return remove_slot_in(hub, session, slot_id, by=by, expected=expected)


def remove_slot_in(
    hub: Hub, session: Session, slot_id: int, *, by: Person, expected: str | None = None
) -> Slot:
    """As ``remove_slot``, within a transaction of the caller."""
    lock(session, SLOT_LOCK)
    slot = session.get(Slot, slot_id)
    if slot is None:
        raise NotFound(what="slot", key=slot_id)
    refuse_foreign_unit(hub, session, slot, by)
    if slot.removed_at is None:
        refuse_changed(hub, session, slot, expected)
        slot.removed_at = hub.clock.now()
        ledger.record(
            session, at=slot.removed_at, who=by.username, what="slot_removed",
            subject=f"slot {slot.id}", title=slot.title,
        )  # fmt: skip
    return slot


def find_slot(session: Session, slot_id: int) -> Slot:
    """
    A line in force, with everything that pages look at.

    Raises:
        NotFound: there is none, or it was taken out.
    """
    statement = with_all(select(Slot)).where(Slot.id == slot_id, Slot.removed_at.is_(None))
    found: list[Slot] = list(session.scalars(statement))
    if not found:
        raise NotFound(what="slot", key=slot_id)
    return found[0]


def list_slots(session: Session, *, programme_class: str | None = None) -> list[Slot]:
    """The lines in force, or those of one class, by time of day."""
    statement = with_all(select(Slot)).where(Slot.removed_at.is_(None))
    if programme_class is not None:
        statement = statement.where(Slot.programme_class == programme_class)
    statement = statement.order_by(Slot.starts_at, Slot.id)
    return list(session.scalars(statement))


def is_in_quiet_hours(slot: Slot) -> bool:
    """Whether it begins between 21:00 and 06:00, when noise rules want a word with the commune."""
    return slot.starts_at >= QUIET_FROM or slot.starts_at < QUIET_UNTIL


def details_of(slot: Slot) -> SlotDetails:
    """What a person would have to say to make this line again."""
    return SlotDetails(
        title=slot.title,
        unit_code=slot.unit.code,
        audience=tuple(target_code(one) for one in slot.targets if not one.excluded),
        exclude=tuple(target_code(one) for one in slot.targets if one.excluded),
        programme_id=slot.programme_id,
        starts_at=slot.starts_at,
        seconds=slot.seconds,
        rrule=slot.rrule,
        programme_class=slot.programme_class,
        late_ok_s=slot.late_ok_s,
        valid_from=slot.valid_from,
        valid_to=slot.valid_to,
        stream=slot.stream,
        kind=slot.kind,
        uid=slot.uid,
        series=slot.series.name if slot.series else None,
        theme=slot.theme.name if slot.theme else None,
        items=items_of(slot),
        no_repeat_days=slot.no_repeat_days,
        ident_id=slot.ident_id,
        filler_id=slot.filler_id,
    )


def target_code(target: SlotTarget) -> str:
    """``unit:347`` or ``station:dao-ly``."""
    if target.unit is not None:
        return f"unit:{target.unit.code}"
    assert target.station is not None, "a target is a unit or a station"
    return f"station:{target.station.code}"


def audience_of(session: Session, slot: Slot, on: date) -> set[int]:
    """The ids of the stations that a slot reaches on the map of that day."""
    return audience_ids(slot.targets, stations_by_unit(session, on))


# ── Making one ─────────────────────────────────────────────────────────────────────────────────


def _new_slot(hub: Hub, session: Session, details: SlotDetails, by: Person) -> Slot:
    slot = Slot(created_by=by.id, created_at=hub.clock.now(), exceptions=[], items=None)
    fill_line(hub, session, slot, details)
    return slot


def fill_line(hub: Hub, session: Session, slot: Slot, details: SlotDetails) -> None:
    """Bring a line to what a person said about it."""
    with session.no_autoflush:
        own_length_s = fill_content(session, slot, details)
    on = details.valid_from or slot.valid_from or hub.today()
    if on != slot.valid_from:
        _refuse_far(hub, on)
    # What is named anew in a line that stands is meant as people call it now.
    named_on = max(on, hub.today()) if slot.id else on
    with session.no_autoflush:
        if slot.unit is None or slot.unit.code != details.unit_code:
            slot.unit = find_unit(session, details.unit_code, named_on)
        slot.unit_id = slot.unit.id
        targets = [
            *_targets(session, slot, details.audience, named_on, excluded=False),
            *_targets(session, slot, details.exclude, named_on, excluded=True),
        ]
    slot.title, slot.kind, slot.uid = details.title, details.kind, details.uid
    slot.programme_class = details.programme_class
    slot.starts_at = details.starts_at
    seconds = details.seconds or own_length_s
    assert seconds is not None, "only a programme has a length of its own"
    slot.seconds = seconds
    slot.rrule, slot.late_ok_s = details.rrule, details.late_ok_s
    if details.stream != slot.stream:
        slot.stream = checked_address(details.stream, hub.settings) if details.stream else None
    slot.valid_from, slot.valid_to = on, details.valid_to
    if [_key(one) for one in slot.targets] != [_key(one) for one in targets]:
        slot.targets = targets


def _refuse_far(hub: Hub, on: date) -> None:
    """A slip of the finger in a year: what a rule airs is counted from this day on."""
    last = hub.today() + _FARTHEST_START
    if not _EARLIEST_START <= on <= last:
        raise InputInvalid(
            problem=said("a slot begins between {first} and {last}",
                         first=f"{_EARLIEST_START:%d/%m/%Y}", last=f"{last:%d/%m/%Y}")
        )  # fmt: skip


def _key(target: SlotTarget) -> tuple[object, ...]:
    return target.unit_id, target.station_id, target.excluded


def _targets(
    session: Session, slot: Slot, entries: Sequence[str], on: date, *, excluded: bool
) -> Iterator[SlotTarget]:
    # What stands in the line already may be a unit that has ended since.
    known = {target_code(one): one for one in slot.targets}
    for entry in dict.fromkeys(entries):  # named twice, it hears it once
        kind, _, code = entry.partition(":")
        if entry in known:
            same = known[entry]
            yield SlotTarget(unit_id=same.unit_id, station_id=same.station_id, excluded=excluded)
        elif kind == "unit":
            yield SlotTarget(unit_id=find_unit(session, code, on).id, excluded=excluded)
        elif kind == "station":
            yield SlotTarget(station_id=find_station(session, code).id, excluded=excluded)
        else:
            raise InputInvalid(
                problem=said('"{entry}" is neither unit:CODE nor station:CODE', entry=entry)
            )


# ── What stands in the way ─────────────────────────────────────────────────────────────────────


def checker_of(hub: Hub, session: Session, slot: Slot) -> tuple[Checker, dict[int, set[int]]]:
    """
    What a line is held against, and the map of its first day that is not over.

    Those are all others that one of its stations hears too.
    """
    first = max(slot.valid_from, hub.today()) if slot.id else slot.valid_from
    inside = stations_by_unit(session, first)
    book = RuleBook(session)
    own = audience_ids(slot.targets, inside)
    others = [
        line
        for one in lines_heard(session, [inside], own, released=False)
        if one.programme_class != "urgent" and one.id != slot.id
        for line in lines_of(one, inside, book, first)
        if line.stations
    ]
    units = station_units(session, first)
    checker = Checker(session, others, book, units.get, first=first, zone=hub.settings.zone)
    return checker, inside


def lines_of(slot: Slot, inside: dict[int, set[int]], book: RuleBook, first: date) -> list[Line]:
    """
    A slot as the checks see it: one line, and more where some places differ on some day.

    The first one is what all others hear; it may have nobody left.
    """
    common = Line(
        slot_id=slot.id, title=slot.title, programme_class=slot.programme_class,
        level=book.level(slot.unit_id), rule=rule_of(slot), changes={}, stations=frozenset(),
    )  # fmt: skip
    return [
        replace(common, changes=changes, stations=stations)
        for stations, changes in parts_of_audience(slot, first, inside)
    ]


def refuse_problems(
    hub: Hub, session: Session, slot: Slot, *, moved_on: date | None = None
) -> frozenset[int]:
    """
    Refuse a line that cannot stand so; gives the stations that hear it.

    Raises:
        SlotRefused: the first problem, with the others and with what would help.
        InputInvalid: no station hears it.
    """
    checker, (line, *parts) = _as_checked(hub, session, slot)
    heard = line.stations.union(*(part.stations for part in parts))
    if not heard:
        raise InputInvalid(problem="no station hears this slot")
    problems = [one for part in (line, *parts) for one in checker.problems(part, on=moved_on)]
    if problems:
        error = problems[0]
        error.problems = tuple(problems)
        if moved_on is None:
            codes = {row.id: row.code for row in session.execute(select(Station.id, Station.code))}
            programme = session.get(Programme, slot.programme_id) if slot.programme_id else None
            shortest_s = -(-(programme.heard_ms or 0) // 1000) if programme else 0
            error.fixes = fixes_for(checker, line, problems, shortest_s=shortest_s, codes=codes)
        raise error
    return heard


@dataclass(frozen=True)
class Notices:
    """What a person should know about a line that may stand."""

    quiet: Window | None = None  # the quiet hours into which it sounds
    clashes: tuple[Clash, ...] = ()  # priority lines that the communes put in order


def notices_of(hub: Hub, session: Session, slot: Slot) -> Notices:
    if slot.programme_class == "urgent":
        return Notices()
    checker, (line, *_) = _as_checked(hub, session, slot)
    return Notices(checker.quiet(line), tuple(checker.clashes(line)))


def refuse_overlap(hub: Hub, session: Session, slot: Slot) -> None:
    """Two lines may not sound at one station at one time; the clash is told with its day."""
    checker, lines = _as_checked(hub, session, slot)
    problems = [one for line in lines for one in checker.overlaps(line)]
    if problems:
        raise problems[0]


def _as_checked(hub: Hub, session: Session, slot: Slot) -> tuple[Checker, list[Line]]:
    checker, inside = checker_of(hub, session, slot)
    return checker, lines_of(slot, inside, checker.book, checker.first)
