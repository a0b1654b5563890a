"""The airing log: its rows by a filter, page after page, and how many ended how."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_
from sqlalchemy.orm import Session, joinedload

from scheduler.store.db import Database
from scheduler.store.models import Airing, Programme, Station, StationUnit
from scheduler.store.states import AiringState, Grade
from scheduler.text import has_words
from scheduler.units import valid_on

PAGE_ROWS = 100
_WHOLE_LOG_PAGE = 1000

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])
Cursor = tuple[datetime, int]  # planned_at, station_id of the last row of a page


@dataclass(frozen=True)
class LogFilter:
    """Which rows of the log: broadcast dates, both included, and whatever narrows them."""

    first: date
    last: date
    unit_ids: Collection[int] | None = None  # None: everywhere
    station_id: int | None = None
    state: AiringState | None = None
    grade: Grade | None = None
    words: str = ""  # of the programme's title, its theme or the station's name, tones aside


def airing_log(
    session: Session, wanted: LogFilter, *, after: Cursor | None = None, limit: int = PAGE_ROWS
) -> list[Airing]:
    """Rows of the log, newest first; ``after`` is the last row of the page before."""
    statement = with_names(select(Airing)).order_by(
        Airing.planned_at.desc(), Airing.station_id.desc()
    )
    if after is not None:
        # In UTC: inside a tuple the instant goes to SQLite as it is, and is compared as a text.
        key = tuple_(after[0].astimezone(UTC), after[1])
        statement = statement.where(tuple_(Airing.planned_at, Airing.station_id) < key)
    return list(session.scalars(_narrowed(session, statement, wanted).limit(limit)))


def whole_log(database: Database, wanted: LogFilter) -> Iterator[Airing]:
    """
    Every row, newest first, a thousand in memory at a time.

    Each page is read by itself: a slow reader holds no transaction open.
    """
    after: Cursor | None = None
    while True:
        with database.read() as session:
            page = airing_log(session, wanted, after=after, limit=_WHOLE_LOG_PAGE)
        yield from page
        if len(page) < _WHOLE_LOG_PAGE:
            return
        after = (page[-1].planned_at, page[-1].station_id)


def count_by_state(session: Session, wanted: LogFilter) -> dict[AiringState, int]:
    """How many airings ended how; states without any are left out."""
    statement = select(Airing.state, func.count()).group_by(Airing.state)
    rows = session.execute(_narrowed(session, statement, wanted))
    return {AiringState(state): count for state, count in rows}


def count_by_grade(session: Session, wanted: LogFilter) -> dict[Grade, int]:
    """How well we know; the grades are never added together."""
    statement = select(Airing.grade, func.count()).group_by(Airing.grade)
    statement = statement.where(Airing.state != AiringState.CANCELLED)
    rows = session.execute(_narrowed(session, statement, wanted))
    return {Grade(grade): count for grade, count in rows}


def with_names(statement: Select[tuple[Airing]]) -> Select[tuple[Airing]]:
    return statement.options(
        joinedload(Airing.station), joinedload(Airing.programme), joinedload(Airing.slot)
    )


def below(statement: Query, unit_ids: Collection[int] | None, on: date) -> Query:
    """Only stations that serve one of these units on that day; ``None`` means all."""
    if unit_ids is None:
        return statement
    serving = select(StationUnit.station_id).where(
        StationUnit.unit_id.in_(sorted(unit_ids)), *valid_on(StationUnit, on)
    )
    return statement.where(Airing.station_id.in_(serving))


def _narrowed(session: Session, statement: Query, wanted: LogFilter) -> Query:
    statement = statement.where(Airing.broadcast_date.between(wanted.first, wanted.last))
    if wanted.station_id is not None:
        statement = statement.where(Airing.station_id == wanted.station_id)
    if wanted.state is not None:
        statement = statement.where(Airing.state == wanted.state)
    if wanted.grade is not None:
        statement = statement.where(Airing.grade == wanted.grade)
    if wanted.words.strip():
        statement = statement.where(_named(session, wanted.words))
    return below(statement, wanted.unit_ids, wanted.last)


def _named(session: Session, words: str) -> ColumnElement[bool]:
    """What the words mean: no database of ours folds Vietnamese, and names are few beside rows."""
    programmes = session.execute(select(Programme.id, Programme.title, Programme.theme))
    stations = session.execute(select(Station.id, Station.name))
    return or_(
        Airing.programme_id.in_([i for i, *texts in programmes if has_words(texts, words)]),
        Airing.station_id.in_([i for i, name in stations if has_words([name], words)]),
    )
