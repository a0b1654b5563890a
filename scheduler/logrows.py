"""Airings as the log shows them: read, not loaded to be changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import Session, joinedload

from scheduler.store.among import among_param
from scheduler.store.models import Airing, Base, Objection, Programme, Slot, Station
from scheduler.store.models.airings import standing_objection
from scheduler.store.states import AiringState, Grade


class StationName(NamedTuple):
    """What the log says of a station."""

    id: int
    code: str
    name: str
    kind: str
    phone: str | None
    active: bool


class SlotName(NamedTuple):
    """What the log says of a line of the timetable."""

    id: int
    title: str


class ProgrammeName(NamedTuple):
    """What the log says of a programme."""

    id: int
    title: str
    theme: str | None


class LogRow(NamedTuple):
    """
    An airing as it was when it was read; the fields have the names of ``Airing``.

    A row that a session looks after, with its station, slot and programme, takes five times the
    processor, and most of an answer of the log was that.
    """

    station_id: int
    planned_at: datetime
    broadcast_date: date
    slot_id: int
    programme_id: int
    programme_class: str
    ms: int
    state: AiringState
    grade: Grade
    evidence: dict[str, Any] | None
    started_at: datetime | None
    played_ms: int | None
    reason: str | None
    station: StationName
    slot: SlotName
    programme: ProgrammeName
    objection: Objection | None


class DayRow(NamedTuple):
    """An airing as the page of its day shows it; the fields have the names of ``Airing``."""

    station_id: int
    planned_at: datetime
    slot_id: int
    programme_id: int
    programme_class: str
    ms: int
    state: AiringState
    grade: Grade
    started_at: datetime | None
    played_ms: int | None
    reason: str | None
    station: StationName
    slot: SlotName
    programme: ProgrammeName


AnyAiring = Airing | LogRow
Name = TypeVar("Name", StationName, SlotName, ProgrammeName)

_airings: Any = Airing.__table__
_stations: Any = Station.__table__
_slots: Any = Slot.__table__
_programmes: Any = Programme.__table__
_NAMES = ("station", "slot", "programme", "objection")
_ROWS = select(*(_airings.c[name] for name in LogRow._fields if name not in _NAMES))


def _columns(kind: type[Any], model: type[Base]) -> list[Any]:
    columns: Any = model.__table__.c
    return [columns[name] for name in kind._fields if name not in _NAMES]


_OWN = len(_columns(DayRow, Airing))
_TO_SLOT = _OWN + len(StationName._fields)
_TO_NAME = _TO_SLOT + len(SlotName._fields)
_DAY_ROWS = (
    select(
        *_columns(DayRow, Airing), *_columns(StationName, Station), *_columns(SlotName, Slot),
        *_columns(ProgrammeName, Programme),
    )
    .select_from(_airings)
    .join(_stations, _stations.c.id == _airings.c.station_id)
    .join(_slots, _slots.c.id == _airings.c.slot_id)
    .join(_programmes, _programmes.c.id == _airings.c.programme_id)
)  # fmt: skip


def _named(kind: type[Name], model: type[Base]) -> Select[*tuple[Any, ...]]:
    columns: Any = model.__table__.c
    names = select(*(columns[name] for name in kind._fields))
    return names.where(among_param(columns.id, "ids"))


_NAMED: Mapping[type[Any], Select[*tuple[Any, ...]]] = {
    StationName: _named(StationName, Station),
    SlotName: _named(SlotName, Slot),
    ProgrammeName: _named(ProgrammeName, Programme),
}
_OBJECTIONS = (
    select(Objection)
    .where(
        among_param(Objection.station_id, "ids"),
        Objection.planned_at.between(bindparam("first"), bindparam("last")),
    )
    .options(joinedload(Objection.person))
    .order_by(Objection.id)
)


def select_rows() -> Select[*tuple[Any, ...]]:
    """The columns of a row; add where and in which order, and give it to ``read_rows``."""
    return _ROWS


def read_rows(session: Session, statement: Select[*tuple[Any, ...]]) -> list[LogRow]:
    """
    The rows with their names.

    Each name is read once. Joined to the rows, a station's month would bring its station 180 times,
    and for a page of the log the database would go through all stations of the country.
    """
    found = session.execute(statement).all()
    stations = _names(session, StationName, {row.station_id for row in found})
    slots = _names(session, SlotName, {row.slot_id for row in found})
    programmes = _names(session, ProgrammeName, {row.programme_id for row in found})
    said = _objections(session, [row for row in found if row.grade is Grade.A])
    return [
        LogRow._make(
            (
                *row, stations[row.station_id], slots[row.slot_id], programmes[row.programme_id],
                standing_objection(
                    row.state, row.grade, said.get((row.station_id, row.planned_at), ())
                ),
            )
        )
        for row in found
    ]  # fmt: skip


def select_day_rows() -> Select[*tuple[Any, ...]]:
    """A day's rows joined to their names, for ``day_row``: they are few."""
    return _DAY_ROWS


def day_row(row: Sequence[Any]) -> DayRow:
    """One row of ``select_day_rows``."""
    return DayRow._make(
        (
            *row[:_OWN], StationName._make(row[_OWN:_TO_SLOT]),
            SlotName._make(row[_TO_SLOT:_TO_NAME]), ProgrammeName._make(row[_TO_NAME:]),
        )
    )  # fmt: skip


def _names(session: Session, kind: type[Name], ids: Collection[int]) -> dict[int, Name]:
    if not ids:
        return {}
    found = session.execute(_NAMED[kind], {"ids": sorted(ids)})
    return {row.id: kind(*row) for row in found}


def _objections(
    session: Session, proved: Sequence[Row[*tuple[Any, ...]]]
) -> Mapping[tuple[int, datetime], Sequence[Objection]]:
    """What persons say against logs, of some airings and of those between them: it is little."""
    found: dict[tuple[int, datetime], list[Objection]] = defaultdict(list)
    if proved:
        instants = [row.planned_at for row in proved]
        between = {"ids": sorted({row.station_id for row in proved}),
                   "first": min(instants), "last": max(instants)}  # fmt: skip
        for one in session.scalars(_OBJECTIONS, between):
            found[one.station_id, one.planned_at].append(one)
    return found
