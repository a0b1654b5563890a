"""Whether anything changed in the database: told without reading a row, also across processes."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

_ASK = {
    # Counts the commits of every other connection, of whichever process; a look into shared
    # memory that takes 5 µs and no lock.
    "sqlite": "PRAGMA data_version",
    # Which transactions are visible. Two equal snapshots see the same rows; one that committed,
    # anywhere on the server, makes them differ before its writer hears of it.
    "postgresql": "SELECT pg_current_snapshot()::text",
}


class Watcher:
    """
    One connection that never writes and only tells which state of the database is visible now.

    Equal answers mean that nothing whatsoever was committed in between. Different ones may be a
    false alarm. Whoever keeps what it read must have asked *before* it read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._ask = engine, _ASK[engine.dialect.name]
        self._lock = threading.Lock()
        self._connection: PoolProxiedConnection | None = None
        self._opened = 0  # SQLite counts for each connection anew

    def version(self) -> tuple[object, ...]:
        """
        Something that differs as soon as a transaction of any process was committed.

        Raises:
            The driver's own error: the database does not answer.
        """
        with self._lock:
            if self._connection is not None:
                try:
                    return self._asked(self._connection)
                except self._engine.dialect.loaded_dbapi.Error:  # the server was restarted
                    self._drop()
            self._connection = self._open()
            return self._asked(self._connection)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _open(self) -> PoolProxiedConnection:
        connection = self._engine.raw_connection()
        if self._engine.dialect.name == "postgresql":
            driver: Any = connection.driver_connection
            driver.autocommit = True  # each question sees its own moment
        connection.detach()  # the pool's places are for those that work
        self._opened += 1
        return connection

    def _asked(self, connection: PoolProxiedConnection) -> tuple[object, ...]:
        cursor = connection.cursor()
        try:
            cursor.execute(self._ask)
            return (self._opened, *cursor.fetchone())  # type: ignore[misc]
        finally:
            cursor.close()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
