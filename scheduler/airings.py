"""The airings of a day, and a person's word for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from scheduler import people
from scheduler.airing_log import (
    Cursor,
    LogFilter,
    at_instants_of,
    below,
    below_then,
    narrowing,
    served_then,
)
from scheduler.errors import InputInvalid, NotFound, OutsideUnit, said
from scheduler.hub import Hub
from scheduler.logrows import AnyAiring, DayRow, LogRow, read_rows, select_rows
from scheduler.store import ledger
from scheduler.store.among import among
from scheduler.store.models import Airing, Objection, Person, Station
from scheduler.store.states import HEARD_AIRINGS, OPEN_AIRINGS, AiringState, Grade, move, moving
from scheduler.text import one_line
from scheduler.units import serves_own, unit_ids_below

_UNTOLD = (*OPEN_AIRINGS, AiringState.UNKNOWN)
_LONGEST = timedelta(hours=24)  # nothing that airs is longer
MAX_CONFIRMED = 100_000  # at once: a province's month and a half

# Who answers for more than one place; a commune tells its district.
OBJECTORS = ("district", "editor", "approver")

Key = tuple[int, datetime]  # station, planned_at


def day_schedule(
    session: Session,
    on: date,
    *,
    unit_ids: Collection[int] | None = None,
    station_id: int | None = None,
    after: Cursor | None = None,
    limit: int | None = None,
) -> list[LogRow]:
    """
    What is planned for a broadcast date, by time, then station; cancelled ones left out.

    Args:
        after: only what comes behind this one.
    """
    statement = _scheduled(on, on, station_id).limit(limit)
    if after is not None:
        _, planned_at, seen_id = after
        here = tuple_(planned_at.astimezone(UTC), seen_id)
        statement = statement.where(tuple_(Airing.planned_at, Airing.station_id) > here)
    return list(read_rows(session, below(statement, unit_ids, on)))


def schedule(
    session: Session,
    first: date,
    last: date,
    *,
    unit_ids: Collection[int] | None = None,
    station_id: int | None = None,
) -> dict[date, list[LogRow]]:
    """``day_schedule`` of each day from the first to the last, in one question."""
    by_day: dict[date, list[LogRow]] = {
        first + timedelta(days=n): [] for n in range((last - first).days + 1)
    }
    statement = _scheduled(first, last, station_id)
    is_one_map = first == last
    statement = below(statement, unit_ids, first) if is_one_map else below_then(statement, unit_ids)
    for row in read_rows(session, statement):
        by_day[row.broadcast_date].append(row)
    return by_day


def _scheduled(first: date, last: date, station_id: int | None) -> Select[Any]:
    statement = (
        select_rows()
        .where(Airing.broadcast_date.between(first, last), Airing.state != AiringState.CANCELLED)
        .order_by(Airing.broadcast_date, Airing.planned_at, Airing.station_id)
    )
    return statement if station_id is None else statement.where(Airing.station_id == station_id)


def is_confirmable(airing: AnyAiring | DayRow, now: datetime) -> bool:
    """Whether a person's word still helps: it is over, and nothing has told how it went."""
    is_over = airing.planned_at + timedelta(milliseconds=airing.ms) <= now
    return is_over and airing.state in _UNTOLD


def confirm_airing(
    hub: Hub, station_id: int, planned_at: datetime, *, by: Person, aired: bool, note: str = ""
) -> Airing:
    """
    A named person says whether it was heard (grade B).

    The player's own log (grade A) is never overruled: a person who knows better says so beside it
    (``object_to_airing``), and both stand.

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
        _refuse_foreign(hub, session, airing, by)
        if airing.planned_at > now:
            raise InputInvalid(problem="it has not begun yet")
        if airing.grade is Grade.A:
            raise InputInvalid(
                problem="the player's log has proved this airing already; who knows better says "
                "so beside it, with a reason, at the airing's page or with: loa object"
            )
        move(airing, AiringState.AIRED if aired else AiringState.MISSED)
        airing.grade = Grade.B
        airing.evidence = {"source": "person", "who": by.username, "at": now.isoformat()}
        airing.reason = one_line(note, 80) or None
        ledger.record(
            session, at=now, who=by.username, what="airing_confirmed",
            subject=_subject((station_id, planned_at)), aired=aired,
            note=one_line(note, 500),
        )  # fmt: skip
    return airing


def is_contestable(airing: Airing) -> bool:
    """Whether a person may say that it was otherwise than the player's own log has it."""
    return airing.grade is Grade.A and airing.state is not AiringState.CANCELLED


def object_to_airing(
    hub: Hub, station_id: int, planned_at: datetime, *, by: Person, heard: bool, reason: str
) -> Objection:
    """
    A named person says that it was otherwise than the player's own log has it.

    The log proves what the box did; whether it was heard in the village the box cannot know: an
    amplifier that is off, a torn wire. So state and grade A stay as they were proved, the word
    stands beside them wherever they are shown, and nobody can make one of the two go away. Said
    again the other way round it takes back what was said before; each is an entry of its own.

    Raises:
        NotFound: nothing was planned there at that time.
        InputInvalid: no log has proved it (confirm it instead), no reason was given, or this is
            what stands there already.
        OutsideUnit: the station is of others.
    """
    people.require_role(by, *OBJECTORS)
    said_why = one_line(reason, 300)
    if not said_why:
        raise InputInvalid(problem="a reason is needed")
    now = hub.clock.now()
    with hub.database.write() as session:
        airing = session.get(Airing, (station_id, planned_at), with_for_update=True)
        if airing is None:
            raise NotFound(what="airing", key=f"{station_id} {planned_at:%d/%m/%Y %H:%M}")
        _refuse_foreign(hub, session, airing, by)
        if not is_contestable(airing):
            raise InputInvalid(problem="no log has proved this airing: confirm it instead")
        standing = airing.objection
        if heard is (standing.heard if standing else airing.state in HEARD_AIRINGS):
            raise InputInvalid(problem="that is what stands there already")
        made = Objection(
            station_id=station_id, planned_at=planned_at, heard=heard, reason=said_why,
            said_by=by.id, at=now,
        )  # fmt: skip
        session.add(made)
        ledger.record(
            session, at=now, who=by.username, what="airing_contested",
            subject=_subject((station_id, planned_at)), aired=heard, reason=said_why,
            proved=airing.state.value,
        )  # fmt: skip
    return made


def confirm_airings(hub: Hub, wanted: LogFilter, *, by: Person, aired: bool, note: str = "") -> int:
    """
    A named person's word (grade B) for every airing of a choice that still waits for one.

    What is not over, what a log or a person has told already, and what lies outside of the
    person's own unit stays as it is. Each airing has its own entry in the ledger; all or nothing
    is written. Gives their number.

    Raises:
        InputInvalid: more than can be answered for at once; nothing was written.
    """
    people.require_role(by, "editor", "approver", "district", "commune")
    now = hub.clock.now()
    with hub.database.write() as session:
        waiting = waiting_for_a_word(session, wanted, now, by=by)
        if waiting.total() > MAX_CONFIRMED:
            raise InputInvalid(
                problem=said("that are {count} airings; choose {limit} at the most",
                             count=waiting.total(), limit=MAX_CONFIRMED)
            )  # fmt: skip
        if not waiting:
            return 0
        _lock_stations(session, waiting)
        evidence = {"source": "person", "who": by.username, "at": now.isoformat()}
        # Asked again of each row: a log that came meanwhile is better proof, and stays.
        statement = (
            moving(Airing, AiringState.AIRED if aired else AiringState.MISSED)
            .where(among(Airing.station_id, waiting), *_waits(session, wanted, now, by=by))
            .values(grade=Grade.B, evidence=evidence, reason=one_line(note, 80) or None)
            .returning(Airing.station_id, Airing.planned_at)
        )
        rows = session.execute(statement, execution_options={"synchronize_session": False})
        told = sorted((station_id, planned_at) for station_id, planned_at in rows)
        detail = {"aired": aired, "note": one_line(note, 500)}
        entries = ((_subject(key), detail) for key in told)
        ledger.record_all(session, entries, at=now, who=by.username, what="airing_confirmed")
    return len(told)


def waiting_for_a_word(
    session: Session, wanted: LogFilter, now: datetime, *, by: Person
) -> Counter[int]:
    """
    Of a choice: what is over, what nothing has told of, and what this person may tell of.

    Gives the number at each station, by its id.
    """
    statement = select(Airing.station_id, func.count()).group_by(Airing.station_id)
    rows = session.execute(statement.where(*_waits(session, wanted, now, by=by)))
    return Counter({row[0]: row[1] for row in rows})


def _waits(
    session: Session, wanted: LogFilter, now: datetime, *, by: Person
) -> Iterator[ColumnElement[bool]]:
    yield from narrowing(session, replace(wanted, state=None))
    yield Airing.state.in_([one for one in _UNTOLD if wanted.state in (None, one)])
    # By the instant too: of all that is open or unknown, an index has what lies in these days.
    yield from at_instants_of(wanted.first, wanted.last)
    yield _is_over(session, wanted, now)
    if by.unit_id is not None:
        mine = {
            one
            for on in (wanted.first, wanted.last)
            for one in unit_ids_below(session, by.unit_id, on) or ()
        }
        yield served_then(mine)


def _is_over(session: Session, wanted: LogFilter, now: datetime) -> ColumnElement[bool]:
    """No two databases add milliseconds to an instant alike; of lengths that sound now are few."""
    long_over = Airing.planned_at <= now - _LONGEST
    if wanted.last < (now - 3 * _LONGEST).date():  # in whatever zone: an index tells, unread
        return long_over
    lengths = session.scalars(
        select(Airing.ms)
        .where(Airing.planned_at.between(now - _LONGEST, now), Airing.state.in_(_UNTOLD))
        .distinct()
    )
    over = ((ms, now - timedelta(milliseconds=ms)) for ms in lengths)
    return or_(long_over, *(and_(Airing.ms == ms, Airing.planned_at <= end) for ms, end in over))


def _lock_stations(session: Session, station_ids: Collection[int]) -> None:
    """In the order in which workers and collectors lock: the station, then what belongs to it."""
    session.execute(
        select(Station.id)
        .where(among(Station.id, station_ids))
        .order_by(Station.id)
        .with_for_update()
    )


def _subject(key: Key) -> str:
    station_id, planned_at = key
    return f"station {station_id} {planned_at.isoformat()}"


def _refuse_foreign(hub: Hub, session: Session, airing: Airing, by: Person) -> None:
    on, today = airing.broadcast_date, hub.today()
    if not serves_own(session, by.unit_id, airing.station_id, on, today=today):
        raise OutsideUnit(who=by.full_name, unit=by.unit.name if by.unit else "")
