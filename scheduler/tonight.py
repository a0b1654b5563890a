"""A day at one look: what airs, what went wrong, what waits for whom. Counted in the database.

A nation's day has 60,000 airings; what a person reads are some tens of lines of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    Date,
    Integer,
    Row,
    Select,
    bindparam,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session

from scheduler.airing_log import WORDS, words_between
from scheduler.airings import OBJECTORS
from scheduler.logrows import DayRow, day_row, select_day_rows
from scheduler.store.db import one_of
from scheduler.store.models import (
    Airing,
    Delivery,
    LedgerEntry,
    Objection,
    PartialUpload,
    Programme,
)
from scheduler.store.states import OPEN_AIRINGS, AiringState, ProgrammeState
from scheduler.units import serving_param

SHOWN_AT_ONCE = 4  # few stations are shown one by one, many behind one line that counts them
MOST_NAMED = 60  # airings of a day that went wrong and are named; the log has them all
MOST_OPENED = 400
CALM = (AiringState.PLANNED, AiringState.ON_STATION, AiringState.AIRED)
_RETURNED_SINCE = timedelta(days=14)
CONTESTED_DAYS = 7  # as many as the log shows at first; older words are in the log alone
_APPROVERS, _CONFIRMERS = ("approver", "administrator"), ("district", "commune")
_TOLD_WITHIN = timedelta(hours=1)  # logs are fetched every ten minutes
_FEW_UNITS = 5  # their day may be so short that it is read instead of counted

_Counts = dict[tuple[datetime, int], dict[AiringState, int]]
_Statement = Callable[[bool], Select[Any]]


@dataclass(frozen=True)
class Moment:
    """One slot at one time: how many stations stand where, and the airings that are named."""

    planned_at: datetime
    first: DayRow
    counts: tuple[tuple[AiringState, int], ...]
    airings: tuple[DayRow, ...]

    @property
    def total(self) -> int:
        return sum(number for _, number in self.counts)

    @property
    def is_short(self) -> bool:
        return self.total <= SHOWN_AT_ONCE

    @property
    def unnamed(self) -> int:
        return self.total - len(self.airings)

    def is_on(self, now: datetime) -> bool:
        """Whether it sounds at this moment, by its plan."""
        return self.planned_at <= now and not self.is_over(now)

    def is_over(self, now: datetime) -> bool:
        """Whether it has ended, by its plan."""
        return self.planned_at + timedelta(milliseconds=self.first.ms) <= now


@dataclass(frozen=True)
class Waiting:
    """What waits for one person; each of them 0 when it is not theirs."""

    to_approve: int = 0
    returned: int = 0
    unfinished: int = 0
    to_confirm: int = 0
    contested: int = 0  # others say otherwise than the player's log


@dataclass(frozen=True)
class Waits:
    """What waits for all of a role who look at the same units, counted once: by person."""

    to_approve: Mapping[int, int]  # by who brought it, and may not approve it
    returned: Mapping[int, int]
    unfinished: Mapping[int, int]
    to_confirm: int
    contested: Mapping[int, int]  # by whose word it is, who need not answer it

    def for_role(self, role: str, to_confirm: int, contested: Mapping[int, int]) -> Waits:
        """What waits for people of that role: of what was brought, and of these airings."""
        return replace(
            self,
            to_approve=self.to_approve if role in _APPROVERS else {},
            to_confirm=to_confirm if role in _CONFIRMERS else 0,
            contested=contested if role in OBJECTORS else {},
        )

    def of(self, person_id: int) -> Waiting:
        return Waiting(
            to_approve=sum(self.to_approve.values()) - self.to_approve.get(person_id, 0),
            returned=self.returned.get(person_id, 0),
            unfinished=self.unfinished.get(person_id, 0),
            to_confirm=self.to_confirm,
            contested=sum(self.contested.values()) - self.contested.get(person_id, 0),
        )


def moments_of_day(
    session: Session,
    on: date,
    *,
    unit_ids: Collection[int] | None = None,
    opened: int | None = None,
    most_named: int = MOST_NAMED,
    now: datetime | None = None,
) -> list[Moment]:
    """
    The moments of a broadcast date, by time.

    Named are the stations of short moments, what did not simply air, of the slot ``opened`` every
    station, and with ``now`` what is over for an hour and nobody has told of.
    """
    asked = _Asked(session, on, unit_ids)
    told_by = now - _TOLD_WITHIN if now else None
    counts: _Counts = defaultdict(dict)
    rows: list[DayRow] | None = None
    if unit_ids is not None and len(unit_ids) <= _FEW_UNITS:
        rows = asked.rows(_FIRST_OF, most=most_named + 1)
    if rows is not None and len(rows) <= most_named:
        for one in rows:
            of = counts[one.planned_at, one.slot_id]
            of[one.state] = of.get(one.state, 0) + 1
    else:
        firsts: dict[tuple[datetime, int], int] = {}
        for row in asked.found(_COUNTS):
            key = (row.planned_at, row.slot_id)
            counts[key][row.state] = row.number
            firsts[key] = min(row.first, firsts.get(key, row.first))
        rows = _named(asked, counts, firsts, opened, most_named, told_by)
    named: dict[tuple[datetime, int], list[DayRow]] = defaultdict(list)
    for one in rows:
        named[one.planned_at, one.slot_id].append(one)
    return [
        Moment(
            planned_at=key[0],
            first=named[key][0],
            counts=tuple((state, of[state]) for state in AiringState if state in of),
            airings=tuple(one for one in named[key] if _is_shown(one, of, opened, told_by)),
        )
        for key, of in sorted(counts.items())
        if named[key]
    ]


@dataclass(frozen=True)
class _Asked:
    """Who asks about which day of which units (``None``: all)."""

    session: Session
    on: date
    unit_ids: Collection[int] | None

    def found(self, statement: _Statement, **more: object) -> Sequence[Row[Any]]:
        asked = {"on": self.on, **more}
        if self.unit_ids is None:
            return self.session.execute(statement(False), asked).all()
        return self.session.execute(
            statement(True), {**asked, "unit_ids": sorted(self.unit_ids)}
        ).all()

    def rows(self, statement: _Statement, **more: object) -> list[DayRow]:
        return [day_row(one) for one in self.found(statement, **more)]


def _named(
    asked: _Asked,
    counts: _Counts,
    firsts: dict[tuple[datetime, int], int],
    opened: int | None,
    most_named: int,
    told_by: datetime | None,
) -> list[DayRow]:
    """The rows behind the counts that are looked at, by time; of every moment at least one."""
    short = {key for key, of in counts.items() if sum(of.values()) <= SHOWN_AT_ONCE}
    found = asked.rows(_ODD, most=most_named)
    if short:
        found += asked.rows(_OF_MOMENTS, moments=sorted(short))
    of_many = [(key[0], firsts[key]) for key in sorted(counts.keys() - short)]
    if of_many:
        found += asked.rows(_THESE, airings=of_many)
    if told_by is not None:
        found += asked.rows(_UNTOLD, told_by=told_by, most=most_named)
    if opened is not None:
        found += asked.rows(_OPENED, opened=opened, most=MOST_OPENED)
    once = {(one.planned_at, one.station_id): one for one in found}
    return [once[key] for key in sorted(once)]


def _is_shown(
    airing: DayRow,
    counts: dict[AiringState, int],
    opened: int | None,
    told_by: datetime | None,
) -> bool:
    is_short = sum(counts.values()) <= SHOWN_AT_ONCE
    is_untold = (
        told_by is not None and airing.state in OPEN_AIRINGS and airing.planned_at <= told_by
    )
    return is_short or is_untold or airing.state not in CALM or airing.slot_id == opened


def waits_of(
    session: Session, role: str, now: datetime, *, on: date, unit_ids: Collection[int] | None
) -> Waits:
    """What waits for the people of a role who look at these units."""
    to_confirm = count_to_confirm(session, now, on=on, unit_ids=unit_ids)
    contested = contested_of(session, on=on, unit_ids=unit_ids)
    return brought_of(session, now).for_role(role, to_confirm, contested)


def brought_of(session: Session, now: datetime) -> Waits:
    """What people brought and what became of it, of all of them; and of no airing."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    since = now - _RETURNED_SINCE
    for kind, person_id, number in session.execute(_BROUGHT, {"since": since}):
        found[kind][person_id] = number
    return Waits(found["ready"], found["rejected"], found["upload"], 0, {})


def count_to_confirm(
    session: Session, now: datetime, *, on: date, unit_ids: Collection[int] | None
) -> int:
    """Airings of today and yesterday of which only a person can say how they went."""
    before = now - timedelta(minutes=15)
    day_before = on - timedelta(days=1)
    # Of what was never told, years of it, only the part of the index that is so young.
    since = datetime.combine(day_before, time(), UTC) - timedelta(days=2)
    asked = _Asked(session, on, unit_ids)
    found = asked.found(_TO_CONFIRM, before=before, since=since, day_before=day_before)
    return int(found[0][0])


def contested_of(session: Session, *, on: date, unit_ids: Collection[int] | None) -> dict[int, int]:
    """Words of the last days that stand against a log, by whose they are."""
    since = on - timedelta(days=CONTESTED_DAYS - 1)
    asked: dict[str, object] = {"on": on, **words_between(since, on)}
    if unit_ids is None:
        rows = session.execute(_CONTESTED, asked)
    else:
        rows = session.execute(_CONTESTED_INSIDE, {**asked, "unit_ids": sorted(unit_ids)})
    return {row[0]: row[1] for row in rows}


def pulse(session: Session, on: date) -> Sequence[object]:
    """What differs as soon as a page of this day would look different."""
    airings = (
        select(Airing.state, func.count(), func.count(Airing.started_at))
        .where(Airing.broadcast_date == on)
        .group_by(Airing.state)
    )
    deliveries = (
        select(Delivery.state, func.count(), func.sum(Delivery.attempts))
        .where(Delivery.for_date.between(on, on + timedelta(days=1)))
        .group_by(Delivery.state)
    )
    programmes = select(Programme.state, func.count()).group_by(Programme.state)
    found: list[object] = [on, session.scalar(select(func.max(LedgerEntry.seq)))]
    for statement in (airings, deliveries, programmes):
        found += sorted(tuple(map(str, row)) for row in session.execute(statement))
    return found


# ── Statements ─────────────────────────────────────────────────────────────────────────────────
# Prepared once, on the bare tables, each for everywhere and for some units: after every commit all
# who look at their day ask them, and to put one together takes longer than to answer it.

_airing: Any = Airing.__table__
_programme: Any = Programme.__table__
_upload: Any = PartialUpload.__table__
_ON: Any = bindparam("on", type_=Date)
_MOST: Any = bindparam("most", type_=Integer)
_DAY = (_airing.c.broadcast_date == _ON, _airing.c.state != AiringState.CANCELLED)


def _for_both(statement: Select[Any]) -> _Statement:
    """The statement by whether it asks for some units only."""
    inside = statement.where(_airing.c.station_id.in_(serving_param()))
    return lambda is_inside: inside if is_inside else statement


_COUNTS = _for_both(
    select(
        _airing.c.planned_at, _airing.c.slot_id, _airing.c.state,
        func.count().label("number"), func.min(_airing.c.station_id).label("first"),
    )
    .where(*_DAY)
    .group_by(_airing.c.planned_at, _airing.c.slot_id, _airing.c.state)
)  # fmt: skip
_ROWS = select_day_rows().where(*_DAY).order_by(_airing.c.planned_at, _airing.c.station_id)
_FIRST_OF = _for_both(_ROWS.limit(_MOST))
_ODD = _for_both(_ROWS.where(~one_of(_airing.c.state, CALM)).limit(_MOST))
_OF_MOMENTS = _for_both(
    _ROWS.where(
        tuple_(_airing.c.planned_at, _airing.c.slot_id).in_(bindparam("moments", expanding=True))
    )
)
_THESE = _for_both(
    _ROWS.where(
        tuple_(_airing.c.planned_at, _airing.c.station_id).in_(bindparam("airings", expanding=True))
    )
)
_UNTOLD = _for_both(
    _ROWS.where(
        one_of(_airing.c.state, OPEN_AIRINGS), _airing.c.planned_at <= bindparam("told_by")
    ).limit(_MOST)
)
_OPENED = _for_both(_ROWS.where(_airing.c.slot_id == bindparam("opened")).limit(_MOST))
_TO_CONFIRM = _for_both(
    select(func.count())
    .select_from(_airing)
    .where(
        _airing.c.broadcast_date.between(bindparam("day_before", type_=Date), _ON),
        _airing.c.planned_at.between(bindparam("since"), bindparam("before")),
        one_of(_airing.c.state, (*OPEN_AIRINGS, AiringState.UNKNOWN)),
    )
)


def _programmes(kind: str, state: ProgrammeState) -> Select[Any]:
    counted = select(literal(kind), _programme.c.uploaded_by, func.count())
    return counted.where(_programme.c.state == state).group_by(_programme.c.uploaded_by)


_BROUGHT = union_all(
    _programmes("ready", ProgrammeState.READY),
    _programmes("rejected", ProgrammeState.REJECTED).where(
        _programme.c.uploaded_at > bindparam("since")
    ),
    select(literal("upload"), _upload.c.person_id, func.count()).group_by(_upload.c.person_id),
)
_CONTESTED = (
    WORDS.with_only_columns(Objection.said_by, func.count())
    .group_by(Objection.said_by)
    .order_by(None)
)
_CONTESTED_INSIDE = _CONTESTED.where(Objection.station_id.in_(serving_param()))
