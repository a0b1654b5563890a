"""All the ids in one value, however many there are: asked for by ``column IN ids``, and answered.

A value for each id is limited (32,766 on SQLite, 65,535 on PostgreSQL), makes another statement of
every length, and costs the driver 20 ms for ten thousand of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Dialect,
    Integer,
    Label,
    Text,
    TypeDecorator,
    bindparam,
    cast,
    false,
    func,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Ids(TypeDecorator[list[int]]):
    """An array on PostgreSQL, a JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        is_array = dialect.name == "postgresql"
        return dialect.type_descriptor(ARRAY(Integer) if is_array else Text())

    def process_bind_param(self, value: list[int] | None, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else json.dumps(value)


class _Among(FunctionElement[bool]):
    name = "among"
    type = Boolean()
    inherit_cache = True


class _AmongFew(_Among):
    inherit_cache = True

    def self_group(self, against: Any = None) -> _AmongFew:
        """Itself: what SQLAlchemy adds for SQLite, ``… = 1``, hides it from every index."""
        return self


@compiles(_Among, "postgresql")
def _on_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} = ANY ({ids})"


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 - compiled parts


def among(column: Any, ids: Iterable[int]) -> ColumnElement[bool]:
    """Whether the column is one of these ids; of none, never."""
    wanted = sorted(ids)
    if not wanted:
        return false()
    return _Among(column, bindparam(None, wanted, type_=_Ids(), unique=True))


def among_param(column: Any, name: str, *, are_few: bool = False) -> ColumnElement[bool]:
    """
    The same for a statement that is made once: its ids, at least one, are given by this name.

    Args:
        are_few: each is looked up in an index; else SQLite reads what the other conditions leave.
    """
    return (_AmongFew if are_few else _Among)(column, bindparam(name, type_=_Ids()))


def ids_together(column: Any) -> Label[str]:
    """
    Of rows that are grouped by what they have in common all their ids, for ``ids_of``.

    Ten thousand rows that differ only in their station take the driver and SQLAlchemy 0.1 s.
    """
    return func.aggregate_strings(cast(column, Text), ",").label("ids")


def ids_of(together: str) -> Iterator[int]:
    """The ids of ``ids_together``, in no order."""
    return map(int, together.split(","))
