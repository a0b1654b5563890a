"""Why the map of units changed on a day: what became of what, and by which decision."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.errors import AlreadyExists, InputInvalid, said
from scheduler.store import ledger
from scheduler.store.models import Person, Unit, UnitEvent, UnitEventSide
from scheduler.text import one_line
from scheduler.units import find_unit

KINDS = ("renamed", "merged", "split", "moved", "abolished", "founded")
MAX_UNITS = 50
BASIS_LETTERS = 200
_FIRST_YEAR = 1900
BEFORE, AFTER = "before", "after"

# How many units stand before and after an event of each kind; None: one or more.
_COUNTS: dict[str, tuple[int | None, int | None]] = {
    "renamed": (1, 1), "merged": (None, None), "split": (1, None), "moved": (1, 1),
    "abolished": (None, 0), "founded": (0, None),
}  # fmt: skip


@dataclass(frozen=True)
class UnitChange:
    """A unit that begins or ends on a day of which no event is written down."""

    unit: Unit
    same_code: Unit | None  # that has its code on the other side of that day


def record_event(
    session: Session,
    *,
    on: date,
    kind: str,
    basis: str,
    before: Sequence[str],
    after: Sequence[str],
    by: str,
    now: datetime,
) -> UnitEvent:
    """
    Write down an event of the map: the units must end and begin on that day already.

    Args:
        before: codes as they were on the day before; a code may be another place's afterwards.
        after: codes as they are from that day on.

    Raises:
        InputInvalid: a kind that there is not, no basis, or units that do not fit the kind.
        NotFound: no unit has the code on that day.
        AlreadyExists: the same is written down already.
    """
    basis = one_line(basis, BASIS_LETTERS)
    if kind not in KINDS:
        raise InputInvalid(problem=said("the kind is one of {choices}", choices=", ".join(KINDS)))
    if not basis:
        raise InputInvalid(problem="say by which decision: its number and who made it")
    if max(len(before), len(after)) > MAX_UNITS:
        raise InputInvalid(problem=said("at most {most} units on each side", most=MAX_UNITS))
    if on.year < _FIRST_YEAR or not all(code.isprintable() for code in (*before, *after)):
        raise InputInvalid(problem="no map is that old, or a code has letters that none has")
    last_day = on - timedelta(days=1)
    olds = [find_unit(session, code, last_day) for code in dict.fromkeys(before)]
    news = [find_unit(session, code, on) for code in dict.fromkeys(after)]
    _check(kind, olds, news, on)
    _refuse_double(session, kind, on, olds, news)
    event = UnitEvent(on_day=on, kind=kind, basis=basis, recorded_by=by, recorded_at=now)
    event.sides = [UnitEventSide(unit=unit, side=BEFORE) for unit in olds]
    event.sides += [UnitEventSide(unit=unit, side=AFTER) for unit in news]
    session.add(event)
    ledger.record(
        session, at=now, who=by, what="unit_event_recorded", subject=f"{kind} {on.isoformat()}",
        basis=basis, before=[unit.code for unit in olds], after=[unit.code for unit in news],
        people=_followed_by(session, [unit for unit in olds if unit.valid_to == on]),
    )  # fmt: skip
    return event


def _followed_by(session: Session, ended: Sequence[Unit]) -> list[str]:
    """Who works for these units, and sees what came of them from now on."""
    of_them = Person.unit_id.in_([one.id for one in ended])
    statement = select(Person.username).where(Person.active, of_them)
    return list(session.scalars(statement.order_by(Person.username)))


def events_of(session: Session, unit_ids: Collection[int]) -> list[UnitEvent]:
    """The events in which one of these units took part, the newest first."""
    took_part = select(UnitEventSide.event_id).where(UnitEventSide.unit_id.in_(unit_ids))
    return _events(session, UnitEvent.id.in_(took_part))


def list_events(session: Session, *, rows: int = 200, before: int | None = None) -> list[UnitEvent]:
    """The latest events of the whole map; or those that come after the one of this id there."""
    condition: ColumnElement[bool] = UnitEvent.id.is_not(None)
    if before is not None:
        last = session.get(UnitEvent, before)
        if last is None:
            return []
        same_day = and_(UnitEvent.on_day == last.on_day, UnitEvent.id < last.id)
        condition = or_(UnitEvent.on_day < last.on_day, same_day)
    return _events(session, condition, rows)


def silent_changes(session: Session, unit: Unit) -> list[UnitChange]:
    """
    The beginning and the end of a unit that no event explains, with who had its code beside it.

    The first map explains itself: a unit that was there from the beginning did not change.
    """
    told = {event.on_day for event in events_of(session, [unit.id])}
    first_map = session.scalar(select(Unit.valid_from).order_by(Unit.valid_from).limit(1))
    found = []
    if unit.valid_from not in told and unit.valid_from != first_map:
        neighbour = _with_code(session, unit.code, unit.valid_from - timedelta(days=1))
        found.append(UnitChange(unit, neighbour))
    if unit.valid_to is not None and unit.valid_to not in told:
        found.append(UnitChange(unit, _with_code(session, unit.code, unit.valid_to)))
    return found


def before_of(event: UnitEvent) -> list[Unit]:
    return [one.unit for one in event.sides if one.side == BEFORE]


def after_of(event: UnitEvent) -> list[Unit]:
    return [one.unit for one in event.sides if one.side == AFTER]


def _events(
    session: Session, condition: ColumnElement[bool], rows: int | None = None
) -> list[UnitEvent]:
    statement = (
        select(UnitEvent)
        .where(condition)
        .options(selectinload(UnitEvent.sides).options(joinedload(UnitEventSide.unit)))
        .order_by(UnitEvent.on_day.desc(), UnitEvent.id.desc())
        .limit(rows)
    )
    return list(session.scalars(statement))


def _with_code(session: Session, code: str, on: date) -> Unit | None:
    return session.scalar(
        select(Unit).where(
            Unit.code == code,
            Unit.valid_from <= on,
            or_(Unit.valid_to.is_(None), Unit.valid_to > on),
        )
    )


def _check(kind: str, olds: Sequence[Unit], news: Sequence[Unit], on: date) -> None:
    for wanted, units, side in zip(
        _COUNTS[kind], (olds, news), (said("before"), said("after")), strict=True
    ):
        if (wanted is None and not units) or (wanted is not None and len(units) != wanted):
            most = "1…" if wanted is None else wanted
            raise InputInvalid(
                problem=said("units {side} it: {wanted} for this kind", side=side, wanted=most)
            )
    if kind != "merged":
        stays = [unit for unit in olds if unit.valid_to != on]
        stays += [unit for unit in news if unit.valid_from != on]
        if stays and kind != "split":
            raise InputInvalid(
                problem=said("{unit} does not change on that day", unit=stays[0].name)
            )
    if all(unit.valid_to != on for unit in olds) and all(unit.valid_from != on for unit in news):
        raise InputInvalid(problem="none of these units changes on that day")


def _refuse_double(
    session: Session, kind: str, on: date, olds: Sequence[Unit], news: Sequence[Unit]
) -> None:
    mine = {(unit.id, BEFORE) for unit in olds} | {(unit.id, AFTER) for unit in news}
    for event in _events(session, (UnitEvent.on_day == on) & (UnitEvent.kind == kind)):
        if {(one.unit_id, one.side) for one in event.sides} == mine:
            raise AlreadyExists(what="event", key=f"{kind} {on:%d/%m/%Y}")
