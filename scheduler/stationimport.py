"""Stations come as a table: first what it would change, row by row, then exactly that."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from audio.profiles import PROFILES
from scheduler.csvrows import rows_of
from scheduler.errors import FileRefused, PreviewOutdated, RowProblem, Said, said
from scheduler.registry import list_stations, serve
from scheduler.stationrows import STATION_COLUMNS, Known, cell_of, read_row
from scheduler.store import ledger
from scheduler.store.models import Jump, Link, Station, StationUnit, Unit
from scheduler.units import station_units, units_on

ADDED, CHANGED, UNCHANGED, REFUSED = "added", "changed", "unchanged", "refused"
OUTCOMES = (REFUSED, ADDED, CHANGED, UNCHANGED)


@dataclass(frozen=True)
class CellChange:
    """One cell that would not be as it was."""

    column: str
    before: str
    after: str


@dataclass(frozen=True)
class RowPlan:
    """What one row of the table would do."""

    line: int
    code: str
    name: str
    outcome: str  # of OUTCOMES
    changes: tuple[CellChange, ...] = ()
    reasons: tuple[Said, ...] = ()  # why it is refused
    keeps_host_key: bool = False  # the table has another one: it is not taken


@dataclass(frozen=True)
class ImportPlan:
    """What a table would do to the stations as they are now."""

    name: str
    rows: tuple[RowPlan, ...]
    digest: str  # of all of it: what is applied is what somebody saw

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(row.outcome for row in self.rows)
        return {outcome: found[outcome] for outcome in OUTCOMES}

    @property
    def problems(self) -> list[RowProblem]:
        return [RowProblem(line=row.line, reason=one) for row in self.rows for one in row.reasons]


@dataclass(frozen=True)
class StationsImported:
    added: int
    changed: int
    unchanged: int


class Places:
    """The stations and what a table may name, as they are on one day."""

    def __init__(
        self,
        session: Session,
        on: date,
        profiles: Collection[str],
        unit_ids: Collection[int] | None,
    ) -> None:
        self.session, self.on, self.unit_ids = session, on, unit_ids
        self.units = {unit.code: unit for unit in units_on(session, on)}
        self.links = {link.name: link.id for link in session.scalars(select(Link))}
        self.jumps = {jump.name: jump.id for jump in session.scalars(select(Jump))}
        self.known = Known(self.units, self.links, self.jumps, profiles)
        self._link_names = {number: name for name, number in self.links.items()}
        self._jump_names = {number: name for name, number in self.jumps.items()}
        self._codes = {unit.id: unit.code for unit in self.units.values()}
        self._serving = station_units(session, on)

    def values_of(self, station: Station) -> dict[str, Any]:
        """What a station is now, by the columns of the table."""
        values = {column: getattr(station, column) for column in _OWN}
        values["unit_code"] = self._codes.get(self._serving.get(station.id, 0), "")
        values["link"] = self._link_names.get(station.link_id or 0)
        values["jump"] = self._jump_names.get(station.jump_id or 0)
        return values

    def is_outside(self, values: Mapping[str, Any]) -> bool:
        """Whether what a row speaks of lies outside the units of who brings it."""
        unit = self.units.get(values["unit_code"])
        return self.unit_ids is not None and (unit is None or unit.id not in self.unit_ids)

    def write(self, station: Station, values: Mapping[str, Any]) -> None:
        """Bring a station to what the columns say; a host key is never touched here."""
        for column in _OWN:
            if column not in ("code", "host_key"):
                setattr(station, column, values[column])
        station.link_id = self.links.get(values["link"] or "")
        station.jump_id = self.jumps.get(values["jump"] or "")
        unit = self.units[values["unit_code"]]
        if self._serving.get(station.id) != unit.id:
            serve(self.session, station, unit, self.on)

    def add(self, values: Mapping[str, Any]) -> Station:
        unit: Unit = self.units[values["unit_code"]]
        station = Station(
            **{column: values[column] for column in _OWN},
            link_id=self.links.get(values["link"] or ""),
            jump_id=self.jumps.get(values["jump"] or ""),
            units=[StationUnit(unit_id=unit.id, valid_from=self.on)],
        )
        self.session.add(station)
        return station


# Columns that are attributes of a station by the same name.
_OWN = tuple(
    column.name for column in STATION_COLUMNS if column.name not in ("unit_code", "link", "jump")
)


def plan_import(
    session: Session,
    text: str,
    *,
    name: str,
    on: date,
    profiles: Collection[str] = tuple(PROFILES),
    unit_ids: Collection[int] | None = None,
) -> ImportPlan:
    """
    What a table would do, row by row; nothing is changed.

    Args:
        unit_ids: the units that the person may change (``None``: all).

    Raises:
        FileRefused: it is no table of stations at all.
    """
    plan, _, _ = _planned(session, text, name, on, profiles, unit_ids)
    return plan


def import_stations(
    session: Session,
    text: str,
    *,
    name: str,
    now: datetime,
    by: str,
    on: date,
    profiles: Collection[str] = tuple(PROFILES),
    unit_ids: Collection[int] | None = None,
    seen: str | None = None,
) -> StationsImported:
    """
    Add the stations of a table and bring known ones (same code) to what it says.

    Stations that the table does not name stay as they are, and so does what a known station has
    where the table lacks a column. A pinned host key is only ever set here for a new station:
    replacing one is a decision of its own (``accept_host_key``).

    Args:
        seen: the digest of the preview that a person agreed to.

    Raises:
        FileRefused: with every bad row; nothing was imported.
        PreviewOutdated: it would do something else by now than what was seen.
    """
    plan, values, places = _planned(session, text, name, on, profiles, unit_ids)
    if plan.problems:
        raise FileRefused(name=name, problems=plan.problems)
    if seen is not None and seen != plan.digest:
        raise PreviewOutdated()
    stations = {station.code: station for station in list_stations(session)}
    for row in plan.rows:
        if row.outcome == ADDED:
            places.add(values[row.line])
        elif row.outcome == CHANGED:
            places.write(stations[row.code], values[row.line])
    counts = {one: plan.counts[one] for one in (ADDED, CHANGED, UNCHANGED)}
    for outcome in (ADDED, CHANGED):
        told = [(row.code, told_of(row.changes)) for row in plan.rows if row.outcome == outcome]
        ledger.record_all(session, told, at=now, who=by, what=f"station_{outcome}")
    ledger.record(session, at=now, who=by, what="stations_imported", subject=name, **counts)
    return StationsImported(**counts)


def told_of(changes: Sequence[CellChange]) -> dict[str, Any]:
    """What the ledger says of one station, cell by cell; a host key as it is, it is no secret."""
    return {
        "before": {one.column: one.before for one in changes},
        "after": {one.column: one.after for one in changes},
    }


def changes_between(
    before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> tuple[CellChange, ...]:
    """The cells that differ, in the order of the columns; a new station has none before."""
    was = before or {}
    cells = (
        CellChange(
            one.name, cell_of(one.name, was.get(one.name)), cell_of(one.name, after[one.name])
        )
        for one in STATION_COLUMNS
    )
    return tuple(cell for cell in cells if cell.before != cell.after)


def _planned(
    session: Session, text: str, name: str, on: date, profiles: Collection[str],
    unit_ids: Collection[int] | None,
) -> tuple[ImportPlan, dict[int, dict[str, Any]], Places]:  # fmt: skip
    places = Places(session, on, profiles, unit_ids)
    known = {station.code: station for station in list_stations(session)}
    rows: list[RowPlan] = []
    values: dict[int, dict[str, Any]] = {}
    lines: dict[str, int] = {}
    for line, cells in rows_of(text, STATION_COLUMNS, name):
        station = known.get(cells["code"])
        row, values[line] = _row(places, line, cells, station, lines)
        rows.append(row)
    if not rows:
        problem = RowProblem(line=1, reason=said("the file has no rows"))
        raise FileRefused(name=name, problems=[problem])
    return ImportPlan(name, tuple(rows), _digest(rows)), values, places


def _row(
    places: Places, line: int, cells: Mapping[str, str], station: Station | None,
    lines: dict[str, int],
) -> tuple[RowPlan, dict[str, Any]]:  # fmt: skip
    code = cells["code"]
    before = places.values_of(station) if station else None
    values, problems = read_row(cells, places.known, before)
    reasons = [problem.reason for problem in problems]
    if code in lines:
        reasons.append(
            said('code "{code}" stands on line {other} already', code=code, other=lines[code])
        )
    lines.setdefault(code, line)
    if not reasons and any(map(places.is_outside, filter(None, (before, values)))):
        reasons.append(said("it lies outside the unit that you work for"))
    if reasons:
        return RowPlan(line, code, cells["name"], REFUSED, reasons=tuple(reasons)), values
    has_other_key = bool(before and values["host_key"] not in (None, before["host_key"]))
    if before:
        values["host_key"] = before["host_key"]
    changes = changes_between(before, values)
    outcome = ADDED if before is None else CHANGED if changes else UNCHANGED
    return RowPlan(line, code, values["name"], outcome, changes, (), has_other_key), values


def _digest(rows: Sequence[RowPlan]) -> str:
    told = [
        [row.line, row.code, row.outcome, [[c.column, c.before, c.after] for c in row.changes]]
        for row in rows
    ]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()
