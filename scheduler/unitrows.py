"""The table of units: its columns, and complete maps of it or what is wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from scheduler.csvrows import Column, rows_of
from scheduler.errors import FileRefused, RowProblem, said
from scheduler.unitevents import BASIS_LETTERS, MAX_UNITS

UNIT_COLUMNS = (
    Column("valid_from", True, "first day of this map, YYYY-MM-DD", "2020-01-01"),
    Column("code", True, "code of the statistics office", "13579"),
    Column("name", True, "name with its level", "Xã Đạo Lý"),
    Column("level", True, "tỉnh, huyện, xã, phường, thị trấn …", "xã"),
    Column("parent_code", False, "code of the unit above; empty for the province", "353"),
    Column("made_of", False, "codes of the day before of which it was made, with spaces", ""),
    Column("basis", False, "decision by which it was made of them", ""),
)
_LIMITS = (("code", 20), ("name", 120), ("level", 30))

_EXAMPLE = """\
2020-01-01,35,Tỉnh Hà Nam,tỉnh,,,
2020-01-01,353,Huyện Lý Nhân,huyện,35,,
2020-01-01,13579,Xã Đạo Lý,xã,353,,
2020-01-01,13588,Xã Bắc Lý,xã,353,,
2025-07-01,35,Tỉnh Hà Nam,tỉnh,,,
2025-07-01,13579,Xã Bắc Lý,xã,35,13579 13588,Nghị quyết số …
"""


@dataclass(frozen=True)
class UnitRow:
    """One row of the table: a unit as it is on one map."""

    line: int
    code: str
    name: str
    level: str
    parent_code: str
    made_of: tuple[str, ...] = ()
    basis: str = ""


def unit_template_csv() -> str:
    """A table to fill in: two small maps, of which the second merges two communes."""
    return f"{','.join(column.name for column in UNIT_COLUMNS)}\n{_EXAMPLE}"


def read_maps(text: str, name: str) -> Mapping[date, Sequence[UnitRow]]:
    """
    The maps of a table by their first days, the oldest first.

    Raises:
        FileRefused: with every bad row.
    """
    maps: dict[date, list[UnitRow]] = defaultdict(list)
    problems: list[RowProblem] = []
    for line, cells in rows_of(text, UNIT_COLUMNS, name):
        try:
            on = date.fromisoformat(cells["valid_from"])
        except ValueError:
            reason = said('"{cell}" is not a date like 2020-01-31', cell=cells["valid_from"][:60])
            problems.append(RowProblem(line=line, reason=reason))
            continue
        row = _row(line, cells)
        problems += _row_problems(row)
        maps[on].append(row)
    for rows in maps.values():
        problems += _map_problems(rows)
    if not maps and not problems:
        problems.append(RowProblem(line=1, reason=said("the file has no rows")))
    if problems:
        raise FileRefused(name=name, problems=sorted(problems, key=lambda p: p.fields["line"]))
    return dict(sorted(maps.items()))


def parents_first(rows: Sequence[UnitRow]) -> list[UnitRow]:
    """A map level by level, the province first."""
    by_code = {row.code: row for row in rows}

    def depth(row: UnitRow) -> int:
        return 1 + depth(by_code[row.parent_code]) if row.parent_code else 0

    return sorted(rows, key=depth)


def _row(line: int, cells: Mapping[str, str]) -> UnitRow:
    made_of = cells.get("made_of", "").replace(",", " ").replace(";", " ").split()
    return UnitRow(
        line, cells["code"], cells["name"], cells["level"], cells.get("parent_code", ""),
        tuple(dict.fromkeys(made_of)), cells.get("basis", ""),
    )  # fmt: skip


def _row_problems(row: UnitRow) -> Iterator[RowProblem]:
    for column, limit in _LIMITS:
        value = getattr(row, column)
        if not value:
            yield RowProblem(line=row.line, reason=said('"{column}" is empty', column=column))
        elif len(value) > limit:
            reason = said('"{column}" is longer than {limit} letters', column=column, limit=limit)
            yield RowProblem(line=row.line, reason=reason)
        elif not value.isprintable():
            reason = said('"{column}" has a control character', column=column)
            yield RowProblem(line=row.line, reason=reason)
    if bool(row.made_of) != bool(row.basis):
        yield RowProblem(line=row.line, reason=said('"made_of" and "basis" go together'))
    if len(row.basis) > BASIS_LETTERS:
        reason = said(
            '"{column}" is longer than {limit} letters', column="basis", limit=BASIS_LETTERS
        )
        yield RowProblem(line=row.line, reason=reason)
    if not row.basis.isprintable():
        reason = said('"{column}" has a control character', column="basis")
        yield RowProblem(line=row.line, reason=reason)
    if len(row.made_of) > MAX_UNITS:
        reason = said("at most {most} units on each side", most=MAX_UNITS)
        yield RowProblem(line=row.line, reason=reason)


def _map_problems(rows: Sequence[UnitRow]) -> Iterator[RowProblem]:
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
