"""Airings as the log shows them: read, not loaded to be changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import CompoundSelect, Select, bindparam, literal_column, null, select, union_all
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
_said: Any = Objection.__table__
_ADDED = ("station", "slot", "programme", "objection")
_ROWS = select(*(_airings.c[name] for name in LogRow._fields if name not in _ADDED))


def _columns(kind: type[Any], model: type[Base]) -> list[Any]:
    columns: Any = model.__table__.c
    return [columns[name] for name in kind._fields if name not in _ADDED]


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


def _part(kind: str, table: Any, fields: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """What it is, its fields, and nothing where it has fewer than a station."""
    missing = (null() for _ in StationName._fields[len(fields) :])
    return select(literal_column(f"'{kind}'"), *(table.c[name] for name in fields), *missing)


def _additions() -> CompoundSelect[Any]:
    """
    What rows are to be completed with, in one question: four would take twice as long.

    Stations first, for the first part says of which type a column is. Of what persons say against
    logs only the numbers: it is little.
    """
    return union_all(
        _part("station", _stations, StationName._fields)
        .where(among_param(_stations.c.id, "station_ids")),
        _part("slot", _slots, SlotName._fields)
        .where(among_param(_slots.c.id, "slot_ids")),
        _part("programme", _programmes, ProgrammeName._fields)
        .where(among_param(_programmes.c.id, "programme_ids")),
        _part("objection", _said, ["id"])
        .where(among_param(_said.c.station_id, "station_ids"),
               _said.c.planned_at.between(bindparam("first"), bindparam("last"))),
    )  # fmt: skip


_ADDITIONS = _additions()  # prepared once
_OBJECTIONS = (
    select(Objection)
    .where(among_param(Objection.id, "ids"))
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
    # Past the session, which would go through every row again in search of its own.
    connection = session.connection()
    found = connection.execute(statement).all()
    if not found:
        return []
    station_ids, instants, _, slot_ids, programme_ids, *_ = zip(*found, strict=True)
    asked = {
        "station_ids": sorted(set(station_ids)),
        "slot_ids": sorted(set(slot_ids)),
        "programme_ids": sorted(set(programme_ids)),
        "first": min(instants),
        "last": max(instants),
    }
    of_kind: dict[str, dict[int, Sequence[Any]]] = defaultdict(dict)
    for kind, *fields in connection.execute(_ADDITIONS, asked).all():
        of_kind[kind][fields[0]] = fields
    stations = _names(StationName, of_kind["station"])
    slots = _names(SlotName, of_kind["slot"])
    programmes = _names(ProgrammeName, of_kind["programme"])
    rows = [
        LogRow._make((*row, stations[station_id], slots[slot_id], programmes[programme_id], None))
        for row, station_id, slot_id, programme_id in zip(
            found, station_ids, slot_ids, programme_ids, strict=True
        )
    ]
    return _contested(session, rows, of_kind["objection"]) if of_kind["objection"] else rows


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


def _names(kind: type[Name], fields: Mapping[int, Sequence[Any]]) -> dict[int, Name]:
    return {one_id: kind._make(some[: len(kind._fields)]) for one_id, some in fields.items()}


def _contested(session: Session, rows: Sequence[LogRow], ids: Iterable[int]) -> list[LogRow]:
    """The rows with what persons say against logs, of these and of others between them."""
    said: dict[tuple[int, datetime], list[Objection]] = defaultdict(list)
    for one in session.scalars(_OBJECTIONS, {"ids": sorted(ids)}):
        said[one.station_id, one.planned_at].append(one)
    return [
        row._replace(
            objection=standing_objection(
                row.state, row.grade, said.get((row.station_id, row.planned_at), ())
            )
        )
        for row in rows
    ]
