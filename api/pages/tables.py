"""What pages of tables share: brought as a file or pasted, looked at, then applied as seen."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

from fastapi import UploadFile

from api.errors import FormUnreadable, status_of
from api.i18n import Translator, mark
from scheduler.csvrows import MAX_BYTES, MAX_ROWS, read_csv_text
from scheduler.errors import CoreError, FileRefused, InputInvalid

SHOWN_ROWS = 200  # of each outcome; the command and the JSON show all of them
NAME_LETTERS = 120


def brought(file: UploadFile | None, pasted: str) -> tuple[str, str]:
    """
    The name and the text of the table that came with a form.

    Raises:
        InputInvalid: nothing came.
        WrongEncoding, FileRefused: it is no text, or too large.
    """
    if file is not None and file.filename:
        name = file_name_of(file)
        return name, read_csv_text(file.file.read(MAX_BYTES + 1), name)
    if not pasted.strip():
        raise InputInvalid(problem="choose a file, or paste the rows of the table")
    return mark("pasted rows"), read_csv_text(pasted.encode(), "pasted rows")


def file_name_of(file: UploadFile) -> str:
    """Without the folders that some browsers name."""
    return (file.filename or "").replace("\\", "/").rpartition("/")[2][-NAME_LETTERS:]


def pack(text: str) -> str:
    """A table as one field of a form: what is applied is what was seen, to the letter."""
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()


def unpack(field: str) -> str:
    """
    Raises:
        FormUnreadable: it is none of ours, or unpacks to more than a table may hold.
    """
    try:
        opened = zlib.decompressobj()
        data = opened.decompress(base64.b64decode(field, validate=True), MAX_BYTES + 1)
        if len(data) > MAX_BYTES or not opened.eof:
            raise ValueError("more than a table may hold")
        return data.decode()
    except (ValueError, binascii.Error, zlib.error) as error:
        raise FormUnreadable(detail=mark("the table is damaged")) from error


def as_shown(
    tr: Translator, text: str | None, pasted: str, error: CoreError | None
) -> Mapping[str, Any]:
    """What every page of a table is drawn with; ``text`` of one that may be applied."""
    problems = error.problems if isinstance(error, FileRefused) else []
    return {
        "status": status_of(error) if error else 200,
        "error": tr.error(error) if error else None,
        "problems": [tr.error(one) for one in problems[:SHOWN_ROWS]],
        "more_problems": max(0, len(problems) - SHOWN_ROWS),
        "table": pack(text) if text is not None else "",
        "pasted": pasted,
        "shown": SHOWN_ROWS,
        "most_rows": MAX_ROWS,
        "most_bytes": MAX_BYTES,
    }
