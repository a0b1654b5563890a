"""Whether anything changed is told by both databases, whoever changed it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from scheduler.errors import DatabaseDown
from scheduler.store.db import Database, open_database
from tests.postgres import PostgresServer

_WRITER = """
import sys
from sqlalchemy import text
from scheduler.store.db import open_database
with open_database(sys.argv[1]).write() as session:
    session.execute(text("UPDATE counter SET n = n + 1"))
"""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    with opened.write() as session:
        session.execute(text("CREATE TABLE counter (n INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))
    yield opened
    opened.close()


def add_one(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE counter SET n = n + 1"))


def test_reading_changes_no_version(database: Database) -> None:
    """Readers do not make each other look again."""
    before = database.version()

    with database.read() as session:
        session.execute(text("SELECT n FROM counter")).all()

    assert database.version() == before


def test_commit_of_this_process_is_another_version(database: Database) -> None:
    """Also what this very process committed, once more each time."""
    seen = {database.version()}
    for _ in range(5):
        add_one(database)
        seen.add(database.version())
    assert len(seen) == 6


def test_commit_of_another_process_is_another_version(database: Database) -> None:
    """A command typed at a terminal, or a worker elsewhere, is noticed at the next question."""
    before = database.version()
    url = database.engine.url.render_as_string(hide_password=False)

    subprocess.run([sys.executable, "-c", _WRITER, url], check=True, timeout=60)

    assert database.version() != before


def test_commit_is_told_although_its_beginning_was_seen(database: Database) -> None:
    """Who asked while somebody was still writing is told again when it is committed."""
    with database.write() as session:
        session.execute(text("UPDATE counter SET n = n + 1"))
        during = database.version()

    assert database.version() != during


def test_version_asked_first_is_never_newer_than_what_is_read(database: Database) -> None:
    """Same version before and after means that what was read between is what stands there now."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            add_one(database)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        kept: dict[object, int] = {}
        for _ in range(300):
            version = database.version()
            with database.read() as session:
                n = session.execute(text("SELECT n FROM counter")).scalar_one()
            if database.version() == version:
                assert kept.setdefault(version, n) == n
    finally:
        stop.set()
        writer.join()
    assert kept, "no quiet moment was met"


def test_line_that_died_is_opened_anew(postgres: PostgresServer) -> None:
    """A server that was restarted costs one more look, and no error."""
    database = open_database(postgres.new_database())
    before = database.version()
    other = open_database(database.shown_url)
    with other.read() as session:
        session.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE datname = current_database() AND pid <> pg_backend_pid()")
        )  # fmt: skip
    other.close()

    assert database.version() != before
    database.close()


def test_server_that_is_down_is_said_to_be_down() -> None:
    """Nobody takes silence for "nothing changed"."""
    database = open_database("postgresql+psycopg://loa@127.0.0.1:1/loa")
    with pytest.raises(DatabaseDown):
        database.version()
