"""Very many new rows at once: COPY on PostgreSQL, batches elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import JSON, insert
from sqlalchemy.orm import DeclarativeBase, Session

from scheduler.store.db import BATCH_ROWS


def bulk_insert(
    session: Session, model: type[DeclarativeBase], columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:  # fmt: skip
    """
    Add rows as they come, holding none of them; values in the order of the columns.

    Columns that are not named are empty or as the database fills them. An enum is given by its
    value.
    """
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        _copy(session, model, columns, rows)
        return
    coming = iter(rows)
    while batch := list(islice(coming, BATCH_ROWS)):
        session.execute(insert(model), [dict(zip(columns, row, strict=True)) for row in batch])


def _copy(
    session: Session, model: type[DeclarativeBase], columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:  # fmt: skip
    driver: Any = session.connection().connection.driver_connection
    names = ", ".join(f'"{name}"' for name in columns)
    kinds = [model.__table__.c[name].type for name in columns]
    documents = [at for at, kind in enumerate(kinds) if isinstance(kind, JSON)]
    with (
        driver.cursor() as cursor,
        cursor.copy(f'COPY "{model.__tablename__}" ({names}) FROM STDIN') as copy,
    ):
        for row in rows:
            copy.write_row(_with_documents(row, documents) if documents else row)


def _with_documents(row: Sequence[Any], places: Sequence[int]) -> Sequence[Any]:
    cells = list(row)
    for at in places:
        cells[at] = None if cells[at] is None else json.dumps(cells[at])
    return cells
