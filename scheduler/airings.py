"""The airings of a day, and a person's word for one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler import people
from scheduler.airing_log import below, with_names
from scheduler.errors import InputInvalid, NotFound, OutsideUnit
from scheduler.hub import Hub
from scheduler.store import ledger
from scheduler.store.models import Airing, Person, Station, StationUnit
from scheduler.store.states import OPEN_AIRINGS, AiringState, Grade, move
from scheduler.text import one_line
from scheduler.units import unit_ids_below, valid_on


def day_schedule(
    session: Session,
    on: date,
    *,
    unit_ids: Collection[int] | None = None,
    station_id: int | None = None,
) -> list[Airing]:
    """What is planned for a broadcast date, by time, then station; cancelled ones left out."""
    statement = (
        with_names(select(Airing))
        .where(Airing.broadcast_date == on, Airing.state != AiringState.CANCELLED)
        .order_by(Airing.planned_at, Airing.station_id)
    )
    if station_id is not None:
        statement = statement.where(Airing.station_id == station_id)
    return list(session.scalars(below(statement, unit_ids, on)))


def is_confirmable(airing: Airing, now: datetime) -> bool:
    """Whether a person's word still helps: it is over, and nothing has told how it went."""
    is_over = airing.planned_at + timedelta(milliseconds=airing.ms) <= now
    return is_over and airing.state in (*OPEN_AIRINGS, AiringState.UNKNOWN)


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
