"""Engines, sessions and the column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    TypeDecorator,
    create_engine,
    event,
    literal,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from scheduler.errors import DatabaseBusy, DatabaseDamaged, DatabaseDown, DataNotWritable
from scheduler.store.version import Watcher

BUSY_TIMEOUT_MS = 5_000
_PATIENCE = f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}"
# One statement may carry 32,766 values on SQLite; a batch of 500 rows stays far below it.
BATCH_ROWS = 500
# PostgreSQL ended one of two that waited for each other, or one that saw too old a state.
_BEATEN = ("40P01", "40001")
_DISK_FULL = "53100"  # PostgreSQL's
_SQLITE_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DATA_CORRUPTED = ("XX001", "XX002")  # PostgreSQL's, of a table and of an index

Row = TypeVar("Row")


class UTCDateTime(TypeDecorator[datetime]):
    """An instant. SQLite forgets the zone of a datetime, so naive ones are refused at the door."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant needs a zone: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One database of Loa; hands out sessions that either commit whole or leave nothing behind."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._watcher = Watcher(engine)
        # Made once: SQLAlchemy joins all listeners anew for every engine with options of its own.
        self._reader = engine.execution_options(loa_write=False)
        self._writer = engine.execution_options(loa_write=True)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and changes nothing."""
        with self._session(write=False) as session:
            yield session  # closing rolls back and leaves what was loaded usable

    @contextmanager
    def write(self) -> Iterator[Session]:
        """
        A session that commits at the end, or rolls everything back on an exception.

        On SQLite it takes the write lock at once: a transaction that reads first and writes later
        fails in spite of the busy timeout, or silently loses an update.

        Raises:
            DatabaseBusy: another writer held the lock for longer than the busy timeout.
            DatabaseDown: the server does not answer.
            DatabaseDamaged: what lies on the disk is no whole database.
        """
        with self._session(write=True) as session:
            yield session
            session.commit()

    def version(self) -> object:
        """
        What differs as soon as any process committed anything; ask before reading what is kept.

        Raises:
            DatabaseDown: the server does not answer.
        """
        try:
            return self._watcher.version()
        except self.engine.dialect.loaded_dbapi.Error as error:  # the driver's own, unwrapped
            raise DatabaseDown(url=self.shown_url, detail=str(error).strip()) from error

    @contextmanager
    def _session(self, *, write: bool) -> Iterator[Session]:
        bind = self._writer if write else self._reader
        try:
            with Session(bind, expire_on_commit=False) as session:
                yield session
        except OperationalError as error:
            raise self._sorted(error) from error
        except DatabaseError as error:
            if _is_damage(error.orig):
                raise DatabaseDamaged(url=self.shown_url, detail=str(error.orig)) from error
            raise

    def _sorted(self, error: OperationalError) -> Exception:
        """Turn the driver's words into ours: busy, down, or the error as it is."""
        detail = str(error.orig).strip().splitlines()[0] if error.orig else str(error)
        if "locked" in detail or "busy" in detail or getattr(error.orig, "sqlstate", "") in _BEATEN:
            return DatabaseBusy()
        if getattr(error.orig, "sqlstate", "") == _DISK_FULL:
            return DataNotWritable(path=self.shown_url, detail="database or disk is full")
        if "full" in detail or "readonly" in detail or "disk I/O" in detail:
            return DataNotWritable(path=self.shown_url, detail=detail)
        lost = error.connection_invalidated or "connect" in detail or "closed" in detail
        if lost or "unable to open" in detail:
            return DatabaseDown(url=self.shown_url, detail=detail)
        return error

    @property
    def shown_url(self) -> str:
        return self.engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        self._watcher.close()
        self.engine.dispose()


def open_database(url: str, *, password: str | None = None, pool_size: int = 20) -> Database:
    """Open a database by its SQLAlchemy URL (``sqlite:///…`` or ``postgresql+psycopg://…``)."""
    parsed = make_url(url)
    if password is not None:
        parsed = parsed.set(password=password)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(
            parsed,
            pool_size=pool_size,
            pool_pre_ping=True,  # a restarted server costs one round trip, not one failed night
            connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"},
        )
    return Database(engine)


def _is_damage(error: BaseException | None) -> bool:
    """Whether the driver found that what lies on the disk is no database, or no whole one."""
    is_corrupt = getattr(error, "sqlite_errorcode", None) in _SQLITE_CORRUPT
    return is_corrupt or getattr(error, "sqlstate", None) in _DATA_CORRUPTED


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling begins too late (only at the first write).
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # an acknowledged delivery survives a power cut
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(_PATIENCE)


def _begin_sqlite(connection: Connection) -> None:
    # Past SQLAlchemy's own execution: there it takes as long as the statement that follows.
    driver: Any = connection.connection.driver_connection
    try:
        if connection.get_execution_options().get("loa_write", True):
            _begin_to_write(driver)
        else:
            driver.execute("BEGIN")
    except sqlite3.OperationalError as error:
        raise OperationalError("BEGIN", None, error) from error


def _begin_to_write(driver: sqlite3.Connection) -> None:
    """
    Take the write lock as soon as it is free.

    SQLite's own patience looks again after 1, 2, 5, 10, … 100 ms, and most of our transactions
    write for two: of two writers that are both busy one would sleep a quarter of its time.
    """
    driver.execute("PRAGMA busy_timeout=0")
    try:
        until_s, pause_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000, 0.0002
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > until_s:
                    raise
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.3, 0.01)
    finally:
        driver.execute(_PATIENCE)


def upsert(
    session: Session,
    model: type[DeclarativeBase],
    rows: Sequence[dict[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """Insert rows, or update the given columns where the key stands already (both databases)."""
    module: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = module.insert(model)
    statement = statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in update}
    )
    for batch in in_batches(rows):
        session.execute(statement, list(batch))


def one_of(column: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """
    ``column IN (…)`` with values that never change, for a statement that is prepared once.

    A plain list is written into the statement anew at every execution.
    """
    found: ColumnElement[bool] = column.in_([literal(value, column.type) for value in values])
    return found


def in_batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut long lists for statements that carry every row."""
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]


def lock(session: Session, key: int) -> None:
    """
    Let one transaction at a time past this point, until it ends.

    On SQLite every writer has the whole database to itself already.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
