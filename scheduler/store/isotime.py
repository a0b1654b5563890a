"""An instant as text inside a statement, as the rest of the house writes it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _IsoUtc(FunctionElement[str]):
    name = "iso_utc"
    type = Text()
    inherit_cache = True


@compiles(_IsoUtc, "postgresql")
def _on_postgresql(element: _IsoUtc, compiler: SQLCompiler, **options: Any) -> str:
    at = compiler.process(element.clauses, **options)
    return f"to_char({at} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"


@compiles(_IsoUtc, "sqlite")
def _on_sqlite(element: _IsoUtc, compiler: SQLCompiler, **options: Any) -> str:
    at = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%dT%H:%M:%SZ', {at})"


def iso_utc(at: Any) -> ColumnElement[str]:
    """2022-10-15T22:00:00Z of a column of instants, on both databases."""
    return _IsoUtc(at)
