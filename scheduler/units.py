"""The administrative map, which changes: who is where on which day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, literal, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from scheduler.csvrows import Column, rows_of
from scheduler.errors import FileRefused, NotFound, RowProblem, said
from scheduler.store import ledger
from scheduler.store.models import StationUnit, Unit

UNIT_COLUMNS = (
    Column("valid_from", True, "first day of this map, YYYY-MM-DD", "2020-01-01"),
    Column("code", True, "code of the statistics office", "13579"),
    Column("name", True, "name with its level", "Xã Đạo Lý"),
    Column("level", True, "tỉnh, huyện, xã, phường, thị trấn …", "xã"),
    Column("parent_code", False, "code of the unit above; empty for the province", "353"),
)


@dataclass(frozen=True)
class UnitsImported:
    added: int
    ended: int
    unchanged: int
    stations_without_unit: int  # whose unit has ended with no successor of the same name


@dataclass(frozen=True)
class _Row:
    line: int
    code: str
    name: str
    level: str
    parent_code: str


def import_units(
    session: Session, text: str, *, name: str, now: datetime, by: str
) -> UnitsImported:
    """
    Import one or several complete maps of the province, each with the day from which it holds.

    A unit that is the same on the next map (code, name, level, parent) goes on; one that is not
    ends, and another begins. Stations follow a unit that only moved below another parent.

    Raises:
        FileRefused: with every bad row; nothing was imported.
    """
    maps = _checked(text, name)
    # One table tells of one territory, also where the province itself was merged away (35 → 37).
    roots: set[str] = set()
    counts = []
    for on, rows in sorted(maps.items()):
        roots |= {row.code for row in rows if not row.parent_code}
        counts.append(_apply(session, on, rows, roots, name))
    added, ended, unchanged = (sum(column) for column in zip(*counts, strict=True))
    lost = _stations_without_unit(session)
    result = UnitsImported(added, ended, unchanged, lost)
    ledger.record(
        session, at=now, who=by, what="units_imported", subject=name, added=result.added,
        ended=result.ended,
    )  # fmt: skip
    return result


def units_on(session: Session, on: date) -> list[Unit]:
    """All units of the map of one day."""
    return list(session.scalars(select(Unit).where(*valid_on(Unit, on)).order_by(Unit.code)))


def find_unit(session: Session, code: str, on: date) -> Unit:
    """
    The unit that has this code on this day.

    Raises:
        NotFound: no unit has it on that day.
    """
    unit = session.scalar(select(Unit).where(Unit.code == code, *valid_on(Unit, on)))
    if unit is None:
        raise NotFound(what="unit", key=code)
    return unit


def unit_path(session: Session, unit: Unit) -> list[Unit]:
    """The unit and those above it, the province last."""
    path = [unit]
    while path[-1].parent_id is not None:
        parent = session.get(Unit, path[-1].parent_id)
        assert parent is not None
        path.append(parent)
    return path


def unit_ids_below(session: Session, unit_id: int | None, on: date) -> set[int] | None:
    """The unit and all below it on that day; ``None`` (everywhere) stays ``None``."""
    if unit_id is None:
        return None
    # The database goes down: of a country's 10,600 units a province has three hundred.
    found = select(literal(unit_id).label("id")).cte("found", recursive=True)
    found = found.union(
        select(Unit.id).join(found, Unit.parent_id == found.c.id).where(*valid_on(Unit, on))
    )
    return set(session.scalars(select(found.c.id)))


def stations_by_unit(session: Session, on: date) -> dict[int, set[int]]:
    """
    For each unit of that day the stations in it and in all that is below it.

    A unit that has ended stands for the stations of its last day: when a commune is merged in the
    middle of the week, its stations still hear what was planned for them.
    """
    inside = _stations_on(session, on)
    ended: dict[date, set[int]] = defaultdict(set)
    for row in session.execute(select(Unit.id, Unit.valid_to).where(Unit.valid_to <= on)):
        ended[row.valid_to].add(row.id)
    for end, unit_ids in ended.items():
        last_day = _stations_on(session, end - timedelta(days=1))
        for unit_id in unit_ids & last_day.keys():
            inside[unit_id] = last_day[unit_id]
    return inside


def maps_of(session: Session, days: Sequence[date]) -> dict[date, dict[int, set[int]]]:
    """``stations_by_unit`` of several days in a row; read once where nothing changes between."""
    first, last = min(days), max(days)
    changes = False
    for model in (Unit, StationUnit):
        edges = or_(model.valid_from.between(first, last), model.valid_to.between(first, last))
        changes = (
            changes or session.scalar(select(model.valid_from).where(edges).limit(1)) is not None
        )
    if changes:
        return {on: stations_by_unit(session, on) for on in days}
    return dict.fromkeys(days, stations_by_unit(session, first))


def station_units(session: Session, on: date) -> dict[int, int]:
    """Which unit each station serves on that day."""
    statement = select(StationUnit.station_id, StationUnit.unit_id)
    rows = session.execute(statement.where(*valid_on(StationUnit, on)))
    return {row.station_id: row.unit_id for row in rows}


def _stations_on(session: Session, on: date) -> dict[int, set[int]]:
    parents = {unit.id: unit.parent_id for unit in units_on(session, on)}
    inside: dict[int, set[int]] = defaultdict(set)
    for station_id, unit_id in station_units(session, on).items():
        above: int | None = unit_id
        while above is not None:
            inside[above].add(station_id)
            above = parents.get(above)
    return inside


def valid_on(
    model: type[Unit] | type[StationUnit], on: date | InstrumentedAttribute[date]
) -> tuple[ColumnElement[bool], ...]:
    """Conditions: the row holds on that day, which may be a column of another table."""
    return (model.valid_from <= on, or_(model.valid_to.is_(None), model.valid_to > on))


def _checked(text: str, name: str) -> Mapping[date, Sequence[_Row]]:
    maps: dict[date, list[_Row]] = defaultdict(list)
    problems: list[RowProblem] = []
    for line, cells in rows_of(text, UNIT_COLUMNS, name):
        try:
            on = date.fromisoformat(cells["valid_from"])
        except ValueError:
            reason = said('"{cell}" is not a date like 2020-01-31', cell=cells["valid_from"])
            problems.append(RowProblem(line=line, reason=reason))
            continue
        row = _Row(line, cells["code"], cells["name"], cells["level"], cells.get("parent_code", ""))
        problems += _row_problems(row)
        maps[on].append(row)
    for rows in maps.values():
        problems += _map_problems(rows)
    if not maps and not problems:
        problems.append(RowProblem(line=1, reason=said("the file has no rows")))
    if problems:
        raise FileRefused(name=name, problems=sorted(problems, key=lambda p: p.fields["line"]))
    return maps


def _row_problems(row: _Row) -> Iterable[RowProblem]:
    for value, column, limit in ((row.code, "code", 20), (row.name, "name", 120),
                                 (row.level, "level", 30)):  # fmt: skip
        if not value:
            yield RowProblem(line=row.line, reason=said('"{column}" is empty', column=column))
        elif len(value) > limit:
            reason = said('"{column}" is longer than {limit} letters', column=column, limit=limit)
            yield RowProblem(line=row.line, reason=reason)
        elif not value.isprintable():
            reason = said('"{column}" has a control character', column=column)
            yield RowProblem(line=row.line, reason=reason)


def _map_problems(rows: Sequence[_Row]) -> Iterable[RowProblem]:
    lines: dict[str, int] = {}
    for row in rows:
        if row.code in lines:
            reason = said(
                'code "{code}" stands on line {other} already', code=row.code, other=lines[row.code]
            )
            yield RowProblem(line=row.line, reason=reason)
        lines.setdefault(row.code, row.line)
    parents = {row.code: row.parent_code for row in rows}
    for row in rows:
        if row.parent_code and row.parent_code not in lines:
            reason = said('parent "{code}" is not on this map', code=row.parent_code)
            yield RowProblem(line=row.line, reason=reason)
        elif _is_circle(row.code, parents):
            yield RowProblem(
                line=row.line, reason=said('"{code}" lies below itself', code=row.code)
            )


def _is_circle(code: str, parents: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    while code:
        if code in seen:
            return True
        seen.add(code)
        code = parents.get(code, "")
    return False


def _apply(
    session: Session, on: date, rows: Sequence[_Row], roots: Collection[str], name: str
) -> tuple[int, int, int]:
    """Lay one map over what holds on that day; gives added, ended, unchanged."""
    now_valid = {unit.code: unit for unit in units_on(session, on)}
    # Another province's units are none of this map's business.
    mine = {c: u for c, u in now_valid.items() if unit_path(session, u)[-1].code in roots}
    _refuse_foreign_codes(rows, now_valid, mine, name)
    kept: dict[str, Unit] = {}
    added: list[tuple[Unit | None, Unit]] = []
    for row in _parents_first(rows):
        parent = kept.get(row.parent_code)
        old = mine.pop(row.code, None)
        same = old and (old.name, old.level, old.parent_id) == (
            row.name, row.level, parent.id if parent else None,
        )  # fmt: skip
        if old and same:
            kept[row.code] = old
            continue
        unit = Unit(code=row.code, name=row.name, level=row.level, valid_from=on,
                    parent_id=parent.id if parent else None)  # fmt: skip
        if old and old.valid_from == on:  # the same day told anew: a correction, not an event
            old.name, old.level, old.parent_id = unit.name, unit.level, unit.parent_id
            kept[row.code] = old
            continue
        session.add(unit)
        session.flush()
        kept[row.code] = unit
        added.append((old, unit))
    ended = [old for old, _ in added if old] + list(mine.values())
    if added or ended:
        _refuse_older_map(session, on, rows, roots, name)
    _end(session, on, ended, rows, name)
    for old, unit in added:
        if old and old.name == unit.name:
            _move_stations(session, old, unit, on)
    session.flush()
    return len(added), len(ended), len(rows) - len(added)


def _parents_first(rows: Sequence[_Row]) -> list[_Row]:
    by_code = {row.code: row for row in rows}

    def depth(row: _Row) -> int:
        return 1 + depth(by_code[row.parent_code]) if row.parent_code else 0

    return sorted(rows, key=depth)


def _refuse_foreign_codes(
    rows: Sequence[_Row], now_valid: Mapping[str, Unit], mine: Mapping[str, Unit], name: str
) -> None:
    """A code is one place at a time; who takes over another province tells of both in one file."""
    problems = []
    for row in rows:
        if row.code in now_valid and row.code not in mine:
            reason = said(
                'code "{code}" is "{other}" of another province on this day: '
                "give the maps of both in one file",
                code=row.code,
                other=now_valid[row.code].name,
            )
            problems.append(RowProblem(line=row.line, reason=reason))
    if problems:
        raise FileRefused(name=name, problems=problems)


def _refuse_older_map(
    session: Session, on: date, rows: Sequence[_Row], roots: Collection[str], name: str
) -> None:
    """An older map laid below a newer one would hold beside it for ever."""
    newer = session.scalars(select(Unit).where(Unit.valid_from > on).order_by(Unit.valid_from))
    for unit in newer:
        if unit_path(session, unit)[-1].code in roots:
            reason = said("a newer map, of {day}, is here already", day=f"{unit.valid_from}")
            raise FileRefused(name=name, problems=[RowProblem(line=rows[0].line, reason=reason)])


def _end(
    session: Session, on: date, units: Sequence[Unit], rows: Sequence[_Row], name: str
) -> None:
    """End units on a day; one that began on it was a mistake, and goes if nothing hangs on it."""
    for unit in units:
        if unit.valid_from < on:
            unit.valid_to = on
    mistakes = [unit for unit in units if unit.valid_from == on]
    deepest_first = sorted(mistakes, key=lambda unit: -len(unit_path(session, unit)))
    session.flush()
    for unit in deepest_first:
        try:
            with session.begin_nested():
                session.delete(unit)
        except IntegrityError as error:
            reason = said('"{code}" is left out, but something belongs to it', code=unit.code)
            problem = RowProblem(line=rows[0].line, reason=reason)
            raise FileRefused(name=name, problems=[problem]) from error


def _move_stations(session: Session, old: Unit, new: Unit, on: date) -> None:
    """Stations of the old unit serve the new one from that day, those that came later too."""
    still_there = or_(StationUnit.valid_to.is_(None), StationUnit.valid_to > on)
    for served in session.scalars(
        select(StationUnit).where(StationUnit.unit_id == old.id, still_there)
    ):
        session.add(
            StationUnit(
                station_id=served.station_id,
                unit_id=new.id,
                valid_from=max(served.valid_from, on),
                valid_to=served.valid_to,
            )
        )
        if served.valid_from < on:
            served.valid_to = on
        else:
            session.delete(served)


def _stations_without_unit(session: Session) -> int:
    statement = (
        select(StationUnit.station_id)
        .join(Unit)
        .where(StationUnit.valid_to.is_(None), Unit.valid_to.is_not(None))
    )
    return len(set(session.scalars(statement)))
