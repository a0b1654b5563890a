"""One station, changed by a person who saw how it stands; two who change it do not lose a word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from audio.profiles import PROFILES
from scheduler.config import Settings
from scheduler.csvrows import clean
from scheduler.errors import (
    AlreadyExists,
    InputInvalid,
    StationCellsInvalid,
    StationMovedOn,
    said,
)
from scheduler.stationimport import (
    CellChange,
    Places,
    changes_between,
    told_of,
)
from scheduler.stationrows import STATION_COLUMNS, CellProblem, cell_of, read_row
from scheduler.store import ledger
from scheduler.store.models import LedgerEntry, Station

# What a form holds: all but the code, which never changes, and the key, which is compared.
EDITABLE = tuple(
    column.name for column in STATION_COLUMNS if column.name not in ("code", "host_key")
)
_HISTORY_ROWS = 12
_WINDOW = ("push_from", "push_until")


@dataclass(frozen=True)
class StationSheet:
    """A station as the cells of its form, and the version that says whether they still hold."""

    cells: Mapping[str, str]
    version: str


def sheet_of(session: Session, station: Station, on: date) -> StationSheet:
    return _sheet(Places(session, on, tuple(PROFILES), None), station)


def edit_station(
    session: Session,
    station: Station,
    cells: Mapping[str, str],
    *,
    seen: str | None,
    on: date,
    profiles: Collection[str] = tuple(PROFILES),
    unit_ids: Collection[int] | None = None,
    by: str,
    now: datetime,
) -> tuple[CellChange, ...]:
    """
    Change a station to what these cells say; a cell that is not given stays.

    Args:
        seen: the version that the person looked at; ``None`` overwrites whatever is there.

    Raises:
        StationMovedOn: somebody else changed it meanwhile; nothing was changed.
        StationCellsInvalid: with what is wrong, cell by cell.
    """
    places = Places(session, on, profiles, unit_ids)
    before = places.values_of(station)
    if seen is not None and seen != _sheet(places, station).version:
        raise StationMovedOn(station=station.name)
    given = {name: clean(cells[name]) for name in EDITABLE if name in cells}
    values, problems = read_row(given, places.known, before)
    if not problems and places.is_outside(values):
        reason = said("it lies outside the unit that you work for")
        problems = [CellProblem("unit_code", reason)]
    if problems:
        raise StationCellsInvalid(station=station.name, problems=problems)
    changes = changes_between(before, values)
    if changes:
        places.write(station, values)
        ledger.record(
            session, at=now, who=by, what="station_changed", subject=station.code,
            **told_of(changes),
        )  # fmt: skip
    return changes


def with_window(
    cells: Mapping[str, str], station: Station, settings: Settings, no_window: bool = False
) -> Mapping[str, str]:
    """
    The cells with both ends of the window where one is given: the other one stays, or is that of
    the settings.

    Raises:
        InputInvalid: nothing was given, or both a window and none.
    """
    has_time = any(name in cells for name in _WINDOW)
    if not cells and not no_window:
        raise InputInvalid(problem="say what to change")
    if has_time and no_window:
        raise InputInvalid(problem="say a window, or that it has none of its own")
    if no_window:
        return {**cells, **dict.fromkeys(_WINDOW, "")}
    if not has_time:
        return cells
    first = station.push_from or settings.push.window_from
    last = station.push_until or settings.push.window_until
    return {"push_from": f"{first:%H:%M}", "push_until": f"{last:%H:%M}", **cells}


def add_station(
    session: Session,
    cells: Mapping[str, str],
    *,
    on: date,
    profiles: Collection[str] = tuple(PROFILES),
    unit_ids: Collection[int] | None = None,
    by: str,
    now: datetime,
) -> Station:
    """
    Add one station, as a table with one row would.

    Raises:
        AlreadyExists: a station has this code.
        StationCellsInvalid: with what is wrong, cell by cell.
    """
    places = Places(session, on, profiles, unit_ids)
    given = {name: clean(cell) for name, cell in cells.items()}
    values, problems = read_row(given, places.known)
    if not problems and places.is_outside(values):
        reason = said("it lies outside the unit that you work for")
        problems = [CellProblem("unit_code", reason)]
    if problems:
        raise StationCellsInvalid(station=given.get("name", ""), problems=problems)
    if session.scalar(select(Station.id).where(Station.code == values["code"])) is not None:
        raise AlreadyExists(what="station", key=values["code"])
    station = places.add(values)
    changes = changes_between(None, values)
    ledger.record(
        session, at=now, who=by, what="station_added", subject=station.code, **told_of(changes)
    )
    return station


def set_active(session: Session, station: Station, active: bool, *, by: str, now: datetime) -> None:
    """Close a station (nothing is sent there any more; what aired stays), or open it again."""
    if station.active == active:
        raise InputInvalid(problem="the station is so already")
    station.active = active
    what = "station_opened" if active else "station_closed"
    ledger.record(session, at=now, who=by, what=what, subject=station.code)


def history_of(session: Session, station: Station) -> Sequence[LedgerEntry]:
    """What was done to a station, by whom and when; the newest first."""
    statement = select(LedgerEntry).where(LedgerEntry.subject == station.code)
    return session.scalars(statement.order_by(LedgerEntry.seq.desc()).limit(_HISTORY_ROWS)).all()


def _sheet(places: Places, station: Station) -> StationSheet:
    values = places.values_of(station)
    cells = {name: cell_of(name, values[name]) for name in EDITABLE}
    told = json.dumps([cells, station.active], ensure_ascii=False, sort_keys=True)
    return StationSheet(cells, hashlib.sha256(told.encode()).hexdigest()[:16])
