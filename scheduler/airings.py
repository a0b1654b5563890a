"""The airing log: what airs on a day, what was proved, and a person's word for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session, joinedload

from scheduler import people
from scheduler.errors import InputInvalid, NotFound, OutsideUnit
from scheduler.hub import Hub
from scheduler.store import ledger
from scheduler.store.models import Airing, Person, Station, StationUnit
from scheduler.store.states import AiringState, Grade, move
from scheduler.text import one_line
from scheduler.units import unit_ids_below, valid_on

PAGE_ROWS = 100

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])
Cursor = tuple[datetime, int]  # planned_at, station_id of the last row of a page


def day_schedule(
    session: Session,
    on: date,
    *,
    unit_ids: Collection[int] | None = None,
    station_id: int | None = None,
) -> list[Airing]:
    """What is planned for a broadcast date, by time, then station; cancelled ones left out."""
    statement = (
        _with_names(select(Airing))
        .where(Airing.broadcast_date == on, Airing.state != AiringState.CANCELLED)
        .order_by(Airing.planned_at, Airing.station_id)
    )
    if station_id is not None:
        statement = statement.where(Airing.station_id == station_id)
    return list(session.scalars(_below(statement, unit_ids, on)))


def airing_log(
    session: Session,
    *,
    first: date,
    last: date,
    station_id: int | None = None,
    unit_ids: Collection[int] | None = None,
    state: AiringState | None = None,
    grade: Grade | None = None,
    after: Cursor | None = None,
    limit: int = PAGE_ROWS,
) -> list[Airing]:
    """Rows of the log, newest first; ``after`` is the last row of the page before."""
    statement = (
        _with_names(select(Airing))
        .where(Airing.broadcast_date.between(first, last))
        .order_by(Airing.planned_at.desc(), Airing.station_id.desc())
        .limit(limit)
    )
    if station_id is not None:
        statement = statement.where(Airing.station_id == station_id)
    if state is not None:
        statement = statement.where(Airing.state == state)
    if grade is not None:
        statement = statement.where(Airing.grade == grade)
    if after is not None:
        # In UTC: inside a tuple the instant goes to SQLite as it is, and is compared as a text.
        key = tuple_(after[0].astimezone(UTC), after[1])
        statement = statement.where(tuple_(Airing.planned_at, Airing.station_id) < key)
    return list(session.scalars(_below(statement, unit_ids, last)))


def count_by_state(
    session: Session, first: date, last: date, *, unit_ids: Collection[int] | None = None
) -> dict[AiringState, int]:
    """How many airings ended how; states without any are left out."""
    statement = (
        select(Airing.state, func.count())
        .where(Airing.broadcast_date.between(first, last))
        .group_by(Airing.state)
    )
    rows = session.execute(_below(statement, unit_ids, last))
    return {AiringState(state): count for state, count in rows}


def count_by_grade(
    session: Session, first: date, last: date, *, unit_ids: Collection[int] | None = None
) -> dict[Grade, int]:
    """How well we know; the grades are never added together."""
    statement = (
        select(Airing.grade, func.count())
        .where(Airing.broadcast_date.between(first, last), Airing.state != AiringState.CANCELLED)
        .group_by(Airing.grade)
    )
    rows = session.execute(_below(statement, unit_ids, last))
    return {Grade(grade): count for grade, count in rows}


def confirm_airing(
    hub: Hub, station_id: int, planned_at: datetime, *, by: Person, aired: bool, note: str = ""
) -> Airing:
    """
    A named person says whether it was heard (grade B).

    The player's own log (grade A) is never overruled: a person who knows better writes a note into
    the ledger, and both stand.

    Raises:
        NotFound: nothing was planned there at that time.
        InputInvalid: not begun yet, not the person's unit, or proved by the log already.
    """
    people.require_role(by, "editor", "approver", "district", "commune")
    now = hub.clock.now()
    with hub.database.write() as session:
        # Locked on PostgreSQL: a log may be proving it at this moment.
        airing = session.get(Airing, (station_id, planned_at), with_for_update=True)
        if airing is None:
            raise NotFound(what="airing", key=f"{station_id} {planned_at:%d/%m/%Y %H:%M}")
        _refuse_foreign(session, airing, by)
        if airing.planned_at > now:
            raise InputInvalid(problem="it has not begun yet")
        if airing.grade is Grade.A:
            raise InputInvalid(problem="the player's log has proved this airing already")
        move(airing, AiringState.AIRED if aired else AiringState.MISSED)
        airing.grade = Grade.B
        airing.evidence = {"source": "person", "who": by.username, "at": now.isoformat()}
        airing.reason = one_line(note, 80) or None
        ledger.record(
            session, at=now, who=by.username, what="airing_confirmed",
            subject=f"station {station_id} {planned_at.isoformat()}", aired=aired,
            note=one_line(note, 500),
        )  # fmt: skip
    return airing


def _with_names(statement: Select[tuple[Airing]]) -> Select[tuple[Airing]]:
    return statement.options(
        joinedload(Airing.station), joinedload(Airing.programme), joinedload(Airing.slot)
    )


def _below(statement: Query, unit_ids: Collection[int] | None, on: date) -> Query:
    """Only stations that serve one of these units on that day; ``None`` means all."""
    if unit_ids is None:
        return statement
    serving = select(StationUnit.station_id).where(
        StationUnit.unit_id.in_(sorted(unit_ids)), *valid_on(StationUnit, on)
    )
    return statement.where(Airing.station_id.in_(serving))


def _refuse_foreign(session: Session, airing: Airing, by: Person) -> None:
    mine = unit_ids_below(session, by.unit_id, airing.broadcast_date)
    if mine is None:
        return
    served = session.scalars(
        select(StationUnit.unit_id)
        .join(Station)
        .where(
            StationUnit.station_id == airing.station_id,
            *valid_on(StationUnit, airing.broadcast_date),
        )
    ).all()
    if not mine & set(served):
        raise OutsideUnit(who=by.full_name, unit=by.unit.name if by.unit else "")
