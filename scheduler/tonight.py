"""A day at one look: what airs, what went wrong, what waits for whom. Counted in the database.

A nation's day has 60,000 airings; what a person reads are some tens of lines of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session, joinedload

from scheduler.airing_log import below, serving, standing_words
from scheduler.airings import OBJECTORS
from scheduler.store.models import (
    Airing,
    Delivery,
    LedgerEntry,
    Objection,
    PartialUpload,
    Programme,
    Station,
)
from scheduler.store.states import OPEN_AIRINGS, AiringState, ProgrammeState

SHOWN_AT_ONCE = 4  # few stations are shown one by one, many behind one line that counts them
MOST_NAMED = 60  # airings of a day that went wrong and are named; the log has them all
MOST_OPENED = 400
CALM = (AiringState.PLANNED, AiringState.ON_STATION, AiringState.AIRED)
_RETURNED_SINCE = timedelta(days=14)
CONTESTED_DAYS = 7  # as many as the log shows at first; older words are in the log alone
_APPROVERS, _CONFIRMERS = ("approver", "administrator"), ("district", "commune")
_TOLD_WITHIN = timedelta(hours=1)  # logs are fetched every ten minutes


@dataclass(frozen=True)
class Moment:
    """One slot at one time: how many stations stand where, and the airings that are named."""

    planned_at: datetime
    first: Airing
    counts: tuple[tuple[AiringState, int], ...]
    airings: tuple[Airing, ...]

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
    counts: dict[tuple[datetime, int], dict[AiringState, int]] = defaultdict(dict)
    firsts: dict[tuple[datetime, int], int] = {}
    grouped = (
        select(
            Airing.planned_at, Airing.slot_id, Airing.state,
            func.count(), func.min(Airing.station_id),
        )
        .where(Airing.broadcast_date == on, Airing.state != AiringState.CANCELLED)
        .group_by(Airing.planned_at, Airing.slot_id, Airing.state)
    )  # fmt: skip
    for planned_at, slot_id, state, number, station_id in session.execute(
        below(grouped, unit_ids, on)
    ):
        key = (planned_at, slot_id)
        counts[key][state] = number
        firsts[key] = min(station_id, firsts.get(key, station_id))
    told_by = now - _TOLD_WITHIN if now else None
    named = _named(session, on, unit_ids, counts, firsts, opened, most_named, told_by)
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


def _named(
    session: Session,
    on: date,
    unit_ids: Collection[int] | None,
    counts: dict[tuple[datetime, int], dict[AiringState, int]],
    firsts: dict[tuple[datetime, int], int],
    opened: int | None,
    most_named: int,
    told_by: datetime | None,
) -> dict[tuple[datetime, int], list[Airing]]:
    """The rows behind the counts that are looked at; of every moment at least one."""
    base = (
        select(Airing)
        .options(joinedload(Airing.station), joinedload(Airing.programme), joinedload(Airing.slot))
        .where(Airing.broadcast_date == on, Airing.state != AiringState.CANCELLED)
    )
    base = below(base, unit_ids, on).order_by(Airing.planned_at, Airing.station_id)
    short = [key for key, of in counts.items() if sum(of.values()) <= SHOWN_AT_ONCE]
    firsts_of_many = [
        (planned_at, station_id)
        for (planned_at, slot_id), station_id in firsts.items()
        if (planned_at, slot_id) not in short
    ]
    looks: list[Select[Any]] = [base.where(Airing.state.not_in(CALM)).limit(most_named)]
    if short:
        looks.append(base.where(tuple_(Airing.planned_at, Airing.slot_id).in_(short)))
    if firsts_of_many:
        first = tuple_(Airing.planned_at, Airing.station_id)
        looks.append(base.where(first.in_(firsts_of_many)))
    if told_by is not None:
        untold = base.where(Airing.state.in_(OPEN_AIRINGS), Airing.planned_at <= told_by)
        looks.append(untold.limit(most_named))
    if opened is not None:
        looks.append(base.where(Airing.slot_id == opened).limit(MOST_OPENED))
    rows: dict[tuple[datetime, int], Airing] = {}
    for look in looks:
        for one in session.scalars(look):
            rows[one.planned_at, one.station_id] = one
    found: dict[tuple[datetime, int], list[Airing]] = defaultdict(list)
    for one in rows.values():
        found[one.planned_at, one.slot_id].append(one)
    return found


def _is_shown(
    airing: Airing,
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
    approves, confirms = role in _APPROVERS, role in _CONFIRMERS
    return Waits(
        to_approve=_by_person(session, _ready()) if approves else {},
        returned=_by_person(session, _rejected(now)),
        unfinished=_by_person(session, _uploads()),
        to_confirm=_to_confirm(session, now, on, unit_ids) if confirms else 0,
        contested=_contested(session, on, unit_ids) if role in OBJECTORS else {},
    )


def _by_person(session: Session, statement: Select[int, int]) -> dict[int, int]:
    return {row[0]: row[1] for row in session.execute(statement)}


def _ready() -> Select[int, int]:
    return _programmes().where(Programme.state == ProgrammeState.READY)


def _rejected(now: datetime) -> Select[int, int]:
    return _programmes().where(
        Programme.state == ProgrammeState.REJECTED, Programme.uploaded_at > now - _RETURNED_SINCE
    )


def _programmes() -> Select[int, int]:
    return select(Programme.uploaded_by, func.count()).group_by(Programme.uploaded_by)


def _uploads() -> Select[int, int]:
    return select(PartialUpload.person_id, func.count()).group_by(PartialUpload.person_id)


def _to_confirm(session: Session, now: datetime, on: date, unit_ids: Collection[int] | None) -> int:
    """Airings of today and yesterday of which only a person can say how they went."""
    statement = (
        select(func.count())
        .select_from(Airing)
        .join(Station, Station.id == Airing.station_id)
        .where(
            Airing.broadcast_date.between(on - timedelta(days=1), on),
            Airing.planned_at <= now - timedelta(minutes=15),
            Airing.state.in_((*OPEN_AIRINGS, AiringState.UNKNOWN)),
        )
    )
    return session.scalar(below(statement, unit_ids, on)) or 0


def _contested(session: Session, on: date, unit_ids: Collection[int] | None) -> dict[int, int]:
    """Words of the last days that stand against a log, by whose they are."""
    words = standing_words(on - timedelta(days=CONTESTED_DAYS - 1), on)
    if unit_ids is not None:
        words = words.where(Objection.station_id.in_(serving(unit_ids, on)))
    return _by_person(
        session,
        words.with_only_columns(Objection.said_by, func.count()).group_by(Objection.said_by),
    )


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
