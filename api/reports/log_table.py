"""The airing log as a table for a spreadsheet: exactly the rows that a page shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from api import words
from api.i18n import Translator, mark
from scheduler.errors import InputInvalid, said
from scheduler.logrows import LogRow

if TYPE_CHECKING:
    import xlsxwriter

# A sheet holds 1,048,576 rows (Excel's own limit), one of which is the heading.
SHEET_ROWS = 1_048_575

# What a spreadsheet would take for a formula at the beginning of a cell (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PART_LETTERS = 65_536

Cell = str | float | date | None


@dataclass(frozen=True)
class Column:
    heading: str
    letters: int  # its width


COLUMNS = (
    Column(mark("Date"), 12),
    Column(mark("Time"), 8),
    Column(mark("Station code"), 16),
    Column(mark("Station"), 34),
    Column(mark("Slot"), 24),
    Column(mark("Programme"), 52),
    Column(mark("Class"), 12),
    Column(mark("Theme"), 24),
    Column(mark("Minutes planned"), 10),
    Column(mark("State"), 18),
    Column(mark("Began"), 10),
    Column(mark("Minutes sounded"), 10),
    Column(mark("Proof"), 8),
    Column(mark("How we know"), 44),
    Column(mark("Who confirmed"), 18),
    Column(mark("Reason"), 40),
    Column(mark("Said otherwise by a person"), 44),
)


def csv_parts(airings: Iterable[LogRow], tr: Translator) -> Iterator[bytes]:
    """The table as CSV in UTF-8, some hundred rows at a time; the mark tells Excel the encoding."""
    part = io.StringIO("\ufeff", newline="")
    part.seek(0, io.SEEK_END)
    writer = csv.writer(part)
    writer.writerow([tr.text(column.heading) for column in COLUMNS])
    for airing in airings:
        writer.writerow([_plain(cell) for cell in log_row(airing, tr)])
        if part.tell() > _PART_LETTERS:
            yield part.getvalue().encode()
            part.seek(0)
            part.truncate()
    yield part.getvalue().encode()


def write_xlsx(path: Path, airings: Iterable[LogRow], tr: Translator) -> int:
    """
    Write the table as a workbook, in the memory of one row; gives the number of rows.

    What does not fit into one sheet goes on in the next.
    """
    options = {"constant_memory": True, "tmpdir": str(path.parent), "strings_to_formulas": False,
               "strings_to_urls": False, "strings_to_numbers": False}  # fmt: skip
    written = 0
    import xlsxwriter  # 2 MB, for the few who ask for a workbook

    with xlsxwriter.Workbook(str(path), options) as book:
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        day = book.add_format({"num_format": "dd/mm/yyyy", "align": "left"})
        minutes = book.add_format({"num_format": "0.0"})
        for airing in airings:
            if written % SHEET_ROWS == 0:
                sheet = _sheet(book, bold, tr)
            number = written % SHEET_ROWS + 1
            for at, cell in enumerate(log_row(airing, tr)):
                if isinstance(cell, date):
                    sheet.write_datetime(number, at, cell, day)
                elif isinstance(cell, float):
                    sheet.write_number(number, at, cell, minutes)
                elif cell:
                    sheet.write_string(number, at, str(cell))
            written += 1
        if not written:
            _sheet(book, bold, tr)
    return written


def write_table(path: Path, airings: Iterable[LogRow], tr: Translator) -> int:
    """
    Write the table to a file, as its name says: ``.xlsx`` or ``.csv``; gives the number of rows.

    An older file stays as it is until the new one is whole.

    Raises:
        InputInvalid: another ending, or a folder that cannot be written to.
    """
    if path.suffix.lower() not in (".xlsx", ".csv"):
        raise InputInvalid(problem="the name of the table must end in .xlsx or .csv")
    part = path.with_name(f"{path.name}.part")
    try:
        rows = (write_xlsx if path.suffix.lower() == ".xlsx" else _write_csv)(part, airings, tr)
        part.replace(path)
    except OSError as error:
        raise InputInvalid(problem=said("{file} cannot be written: {detail}", file=path,
                                        detail=error.strerror)) from error  # fmt: skip
    finally:
        part.unlink(missing_ok=True)
    return rows


def log_row(airing: LogRow, tr: Translator) -> Sequence[Cell]:
    """One row of the table, in the order of ``COLUMNS``."""
    who = (airing.evidence or {}).get("who")
    return (
        airing.broadcast_date,
        tr.time(airing.planned_at),
        airing.station.code,
        airing.station.name,
        airing.slot.title,
        airing.programme.title,
        tr.text(words.CLASS_WORDS[airing.programme_class]),
        airing.programme.theme,
        round(airing.ms / 60_000, 1),
        tr.text(words.word_of(airing.state).text),
        tr.time(airing.started_at) if airing.started_at else None,
        None if airing.played_ms is None else round(airing.played_ms / 60_000, 1),
        airing.grade.value,
        tr.text(words.GRADES[airing.grade]),
        str(who) if who else None,
        tr.text(words.reason(airing.reason)) if airing.reason else None,
        words.objection_sentence(tr, airing.objection) if airing.objection else None,
    )


def _write_csv(path: Path, airings: Iterable[LogRow], tr: Translator) -> int:
    counted = count()
    with path.open("wb") as file:
        numbered = (airing for airing, _ in zip(airings, counted, strict=False))
        file.writelines(csv_parts(numbered, tr))
    return next(counted)


def _sheet(
    book: xlsxwriter.Workbook, bold: object, tr: Translator
) -> xlsxwriter.worksheet.Worksheet:
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    for at, column in enumerate(COLUMNS):
        sheet.set_column(at, at, column.letters)
        sheet.write_string(0, at, tr.text(column.heading), bold)
    return sheet


def _plain(cell: Cell) -> str:
    """Dates as people here write them; a decimal point, as CSV readers everywhere take it."""
    if isinstance(cell, date):
        return f"{cell:%d/%m/%Y}"
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
