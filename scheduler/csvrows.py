"""Tables that people give us: decoded once, checked row by row, every problem told at once."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler.errors import FileRefused, RowProblem, Said, WrongEncoding, said

MAX_BYTES = 8 << 20
MAX_ROWS = 20_000

_SEPARATOR_LINE = re.compile(r"sep=([,;\t])[ ]*(?:\n|$)")

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods, .xls


@dataclass(frozen=True)
class Column:
    """One column of a table that a person fills in."""

    name: str
    required: bool
    meaning: str
    example: str


def read_csv_text(source: Path | bytes, name: str) -> str:
    """
    Decode a table: UTF-8 with or without its mark, or UTF-16 with one ("Unicode text" of Excel).

    Raises:
        WrongEncoding: it is neither (Excel's plain "CSV" is not).
        FileRefused: it is larger than 8 MiB, or a workbook of Excel.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    else:
        data = source
    if len(data) > MAX_BYTES:
        raise FileRefused(
            name=name, problems=[RowProblem(line=1, reason=said("the file is larger than 8 MiB"))]
        )
    if data.startswith(_WORKBOOKS):
        reason = said('it is a workbook: in Excel choose "Save as", then "CSV UTF-8"')
        raise FileRefused(name=name, problems=[RowProblem(line=1, reason=reason)])
    has_mark = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if has_mark else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongEncoding(name=name, position=error.start) from error


def rows_of(
    text: str, columns: Sequence[Column], name: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """
    The rows as ``(line, {column: trimmed text})``; empty lines are passed over.

    Cells are divided by commas, by semicolons (Excel where the comma is the decimal sign) or by
    tabs, whichever the first line uses; Excel's own line ``sep=;`` is understood.

    Raises:
        FileRefused: the header lacks a column or has an unknown one, or a row has too many cells.
    """
    known = {column.name for column in columns}
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text), strict=True)
    try:
        if _SEPARATOR_LINE.match(text):
            next(reader)
        header = [cell.strip() for cell in next(reader, [])]
        _check_header(header, columns, known, name)
        for count, cells in enumerate(reader):
            if count >= MAX_ROWS:
                raise _refused(
                    name,
                    reader.line_num,
                    said("the file has more than {limit} rows", limit=MAX_ROWS),
                )
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                reason = said(
                    "{cells} cells, but {columns} columns", cells=len(cells), columns=len(header)
                )
                raise _refused(name, reader.line_num, reason)
            padded = cells + [""] * (len(header) - len(cells))
            yield reader.line_num, dict(zip(header, map(clean, padded), strict=True))
    except csv.Error as error:
        raise _refused(
            name, reader.line_num, said("not a table: {detail}", detail=error)
        ) from error


def _delimiter(text: str) -> str:
    """What divides the cells of the first line; a comma where nothing does."""
    said_so = _SEPARATOR_LINE.match(text)
    if said_so:
        return said_so[1]
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)  # of equals the first one: a comma


def clean(cell: str) -> str:
    """A cell as it counts: composed, without blanks around it."""
    # Half of Vietnam's keyboards write "ế" as three characters; a name is one name all the same.
    return unicodedata.normalize("NFC", cell).strip()


def _check_header(
    header: Sequence[str], columns: Sequence[Column], known: set[str], name: str
) -> None:
    missing = [column.name for column in columns if column.required and column.name not in header]
    unknown = [cell for cell in header if cell not in known]
    doubled = sorted({cell for cell in header if header.count(cell) > 1})
    problems = [said('the column "{column}" is missing', column=cell) for cell in missing]
    problems += [said('the column "{column}" is unknown', column=cell) for cell in unknown]
    problems += [
        said('the column "{column}" stands twice', column=cell) for cell in sorted(doubled)
    ]
    if problems:
        raise FileRefused(
            name=name, problems=[RowProblem(line=1, reason=reason) for reason in problems]
        )


def _refused(name: str, line: int, reason: Said) -> FileRefused:
    return FileRefused(name=name, problems=[RowProblem(line=line, reason=reason)])
