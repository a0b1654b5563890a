"""The lines of the timetable: added after a check against everything that airs there already."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from scheduler import people
from scheduler.errors import InputInvalid, NotFound, OutsideUnit, SlotsOverlap, WrongState, said
from scheduler.hub import Hub
from scheduler.programmes import CLASSES, get_programme
from scheduler.recurrence import check_rule, parts_of
from scheduler.registry import find_station
from scheduler.relay import checked_address
from scheduler.store import ledger
from scheduler.store.db import lock
from scheduler.store.models import Person, Programme, Slot, SlotException, SlotTarget, Station
from scheduler.store.states import ProgrammeState
from scheduler.timetable import Change, Changes, Occurrence, Rule, occurrences
from scheduler.units import find_unit, stations_by_unit, unit_ids_below

# Two slots of every day or week meet within two months or not at all. What airs once a month or a
# year, by the moon, or on a day that was moved is looked for through more than a year.
CHECKED_DAYS, CHECKED_DAYS_OF_RARE = 62, 400
_MAKES_RARE = {"INTERVAL", "BYMONTH", "BYMONTHDAY"}
# Noise rules: warn, never move silently.
QUIET_FROM, QUIET_UNTIL = time(21), time(6)
SLOT_LOCK = 0x736C6F74  # "slot": two that overlap may not be checked side by side


@dataclass(frozen=True)
class SlotDetails:
    """What a person says about a slot, checked as far as it can be without the database."""

    title: str
    unit_code: str
    audience: tuple[str, ...]  # "unit:347" (with all below it) or "station:CODE"
    programme_id: int
    starts_at: time  # local
    seconds: int | None = None  # none: the length of the programme, up to the next minute
    rrule: str = "FREQ=DAILY"
    programme_class: str = "normal"
    late_ok_s: int = 600
    valid_from: date | None = None  # none: today
    valid_to: date | None = None  # the last day, included
    exclude: tuple[str, ...] = ()
    stream: str | None = None  # address of a live relay; the programme plays if it fails

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
        if self.seconds is not None and not 1 <= self.seconds <= 86_400:
            raise InputInvalid(problem="a slot lasts 1 second to 24 hours")
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
        SlotsOverlap: something else airs at one of the stations at that time.
        NotFound: no such unit, station or programme.
        InputInvalid: nobody hears it, or the person may not plan for that unit.
    """
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        lock(session, SLOT_LOCK)
        slot = _new_slot(hub, session, details, by)
        refuse_foreign_unit(session, slot, by)
        reached = audience_of(session, slot, slot.valid_from)
        if not reached:
            raise InputInvalid(problem="no station hears this slot")
        if slot.programme_class != "urgent":
            refuse_overlap(hub, session, slot, reached)
        session.add(slot)
        session.flush()
        ledger.record(
            session, at=hub.clock.now(), who=by.username, what="slot_added",
            subject=f"slot {slot.id}", title=slot.title, rrule=slot.rrule,
            starts_at=f"{slot.starts_at:%H:%M}", stations=len(reached),
        )  # fmt: skip
    return slot


def remove_slot(hub: Hub, slot_id: int, *, by: Person) -> Slot:
    """Take a line out; what it has aired stays, what it had planned is cancelled at planning."""
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        slot = session.get(Slot, slot_id)
        if slot is None:
            raise NotFound(what="slot", key=slot_id)
        refuse_foreign_unit(session, slot, by)
        if slot.removed_at is None:
            slot.removed_at = hub.clock.now()
            ledger.record(
                session, at=slot.removed_at, who=by.username, what="slot_removed",
                subject=f"slot {slot.id}", title=slot.title,
            )  # fmt: skip
    return slot


def list_slots(session: Session) -> list[Slot]:
    """The lines in force, by time of day."""
    statement = (
        select(Slot)
        .where(Slot.removed_at.is_(None))
        .options(
            selectinload(Slot.programme),
            selectinload(Slot.series),
            selectinload(Slot.theme),
            selectinload(Slot.exceptions).selectinload(SlotException.programme),
            selectinload(Slot.unit),
            selectinload(Slot.targets).selectinload(SlotTarget.unit),
            selectinload(Slot.targets).selectinload(SlotTarget.station),
        )
        .order_by(Slot.starts_at, Slot.id)
    )
    return list(session.scalars(statement))


def rule_of(slot: Slot) -> Rule:
    return Rule(slot.starts_at, slot.seconds, slot.rrule, slot.valid_from, slot.valid_to)


def changes_of(slot: Slot) -> Changes:
    """What was decided about single days of it."""
    return {one.on: _change(one) for one in slot.exceptions}


def _change(one: SlotException) -> Change:
    to = None
    if one.moved_on is not None and one.moved_at is not None:
        to = datetime.combine(one.moved_on, one.moved_at)
    return Change(one.kind, to, one.programme_id)


def is_in_quiet_hours(slot: Slot) -> bool:
    """Whether it begins between 21:00 and 06:00, when noise rules want a word with the commune."""
    return slot.starts_at >= QUIET_FROM or slot.starts_at < QUIET_UNTIL


def audience_of(session: Session, slot: Slot, on: date) -> set[int]:
    """The ids of the stations that a slot reaches on the map of that day."""
    return audience_ids(slot.targets, stations_by_unit(session, on))


def audience_ids(targets: Iterable[SlotTarget], inside: dict[int, set[int]]) -> set[int]:
    """As ``audience_of``, from a map that was looked up before (``stations_by_unit``)."""
    reached: set[int] = set()
    left_out: set[int] = set()
    for target in targets:
        into = left_out if target.excluded else reached
        if target.station_id is not None:
            into.add(target.station_id)
        elif target.unit_id is not None:
            into.update(inside.get(target.unit_id, ()))
    return reached - left_out


# ── Making one ─────────────────────────────────────────────────────────────────────────────────


def _new_slot(hub: Hub, session: Session, details: SlotDetails, by: Person) -> Slot:
    programme = get_programme(session, details.programme_id)
    if programme.state not in (ProgrammeState.READY, ProgrammeState.APPROVED):
        raise WrongState(what=str(programme), state=programme.state.value)
    on = details.valid_from or hub.today()
    return Slot(
        unit_id=find_unit(session, details.unit_code, on).id,
        title=details.title,
        programme_id=programme.id,
        programme_class=details.programme_class,
        starts_at=details.starts_at,
        seconds=details.seconds or _whole_minutes(programme),
        rrule=details.rrule,
        late_ok_s=details.late_ok_s,
        stream=checked_address(details.stream, hub.settings) if details.stream else None,
        valid_from=on,
        valid_to=details.valid_to,
        created_by=by.id,
        created_at=hub.clock.now(),
        targets=[
            *_targets(session, details.audience, on, excluded=False),
            *_targets(session, details.exclude, on, excluded=True),
        ],
    )


def _whole_minutes(programme: Programme) -> int:
    assert programme.ms is not None, "only measured programmes are ready"
    return max(1, -(-programme.ms // 60_000)) * 60


def _targets(
    session: Session, entries: Sequence[str], on: date, *, excluded: bool
) -> Iterator[SlotTarget]:
    for entry in entries:
        kind, _, code = entry.partition(":")
        if kind == "unit":
            yield SlotTarget(unit_id=find_unit(session, code, on).id, excluded=excluded)
        elif kind == "station":
            yield SlotTarget(station_id=find_station(session, code).id, excluded=excluded)
        else:
            raise InputInvalid(
                problem=said('"{entry}" is neither unit:CODE nor station:CODE', entry=entry)
            )


def refuse_foreign_unit(session: Session, slot: Slot, by: Person) -> None:
    mine = unit_ids_below(session, by.unit_id, slot.valid_from)
    if mine is None:
        return
    reached = {target.unit_id for target in slot.targets if target.unit_id is not None}
    stations = {t.station_id for t in slot.targets if t.station_id is not None}
    inside = stations_by_unit(session, slot.valid_from)
    my_stations = set().union(*(inside.get(unit_id, set()) for unit_id in mine))
    if not ({slot.unit_id} | reached) <= mine or not stations <= my_stations:
        raise OutsideUnit(who=by.full_name, unit=by.unit.name if by.unit else "")


def refuse_overlap(hub: Hub, session: Session, slot: Slot, reached: set[int]) -> None:
    """Two slots may not sound at one station at one time; the clash is told with its day."""
    zone = hub.settings.zone
    first = max(slot.valid_from, hub.today()) if slot.id else slot.valid_from
    inside = stations_by_unit(session, first)
    for other in list_slots(session):
        if other.id == slot.id or other.programme_class == "urgent":
            continue
        shared = reached & audience_ids(other.targets, inside)
        if not shared:
            continue
        is_rare = _is_rare(slot) or _is_rare(other)
        begin = max(first, other.valid_from)  # before the later one begins they cannot meet
        last = begin + timedelta(days=CHECKED_DAYS_OF_RARE if is_rare else CHECKED_DAYS)
        # From the day before: what began before midnight may still be on air.
        eve = begin - timedelta(days=1)
        mine = occurrences(rule_of(slot), eve, last, zone, changes_of(slot))
        theirs = occurrences(rule_of(other), eve, last, zone, changes_of(other))
        clash = _first_clash(list(mine), list(theirs))
        if clash is not None:
            station = session.get(Station, min(shared))
            assert station is not None
            raise SlotsOverlap(
                other=other.title,
                station=station.name,
                on=f"{clash.on:%d/%m/%Y}",
                starts=_local(clash.starts_at, hub),
                ends=_local(clash.ends_at, hub),
            )


def _is_rare(slot: Slot) -> bool:
    """Whether it may air for the first time only after two months."""
    parts = parts_of(slot.rrule)
    is_frequent = parts.get("FREQ") in ("DAILY", "WEEKLY") and not parts.keys() & _MAKES_RARE
    return not is_frequent or any(one.moved_on for one in slot.exceptions)


def _first_clash(mine: Sequence[Occurrence], theirs: Sequence[Occurrence]) -> Occurrence | None:
    """The first of theirs that overlaps one of mine; both come in order of time."""
    i = j = 0
    while i < len(mine) and j < len(theirs):
        if mine[i].starts_at < theirs[j].ends_at and theirs[j].starts_at < mine[i].ends_at:
            return theirs[j]
        if mine[i].ends_at <= theirs[j].starts_at:
            i += 1
        else:
            j += 1
    return None


def _local(at: datetime, hub: Hub) -> str:
    return f"{at.astimezone(hub.settings.zone):%H:%M}"
