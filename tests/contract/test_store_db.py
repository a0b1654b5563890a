"""What both databases promise alike: whole transactions, no lost update, instants with a zone."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from scheduler.errors import DatabaseBusy, DatabaseDamaged, DatabaseDown, DataNotWritable
from scheduler.store import db
from scheduler.store.db import Database, UTCDateTime, in_batches, open_database, upsert
from tests.postgres import PostgresServer

THREADS, EACH = 8, 40
NOON = datetime(2022, 10, 17, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=7)))

_META = MetaData()
COUNTER = Table("counter", _META, Column("id", Integer, primary_key=True), Column("n", Integer))
MOMENT = Table("moment", _META, Column("id", Integer, primary_key=True), Column("at", UTCDateTime))


class Own(DeclarativeBase):
    """Not the tables of Loa: what autogenerate compares must not know of these."""

    metadata = _META


class Named(Own):
    __tablename__ = "named"

    id: Mapped[int] = mapped_column(primary_key=True)
    n: Mapped[int]
    kept: Mapped[int]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    _META.create_all(opened.engine)
    with opened.write() as session:
        session.execute(insert(COUNTER).values(id=1, n=0))
    yield opened
    opened.close()


def in_threads(count: int, work: Callable[[], object]) -> list[BaseException]:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return failed


def test_reading_first_and_writing_later_loses_no_update(database: Database) -> None:
    """Fault 25: 8 threads count at once; without the lock at the start most counts vanished."""

    def count() -> None:
        for _ in range(EACH):
            with database.write() as session:
                db.lock(session, 1)
                seen = session.scalar(select(COUNTER.c.n))
                assert seen is not None
                session.execute(update(COUNTER).values(n=seen + 1))

    assert in_threads(THREADS, count) == []

    with database.read() as session:
        assert session.scalar(select(COUNTER.c.n)) == THREADS * EACH


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    """Whole or not at all."""
    with pytest.raises(ZeroDivisionError), database.write() as session:
        session.execute(update(COUNTER).values(n=99))
        _ = 1 / 0

    with database.read() as session:
        assert session.scalar(select(COUNTER.c.n)) == 0


def test_reading_never_commits(database: Database) -> None:
    """What somebody writes in a reading session is gone with it."""
    with database.read() as session:
        session.execute(update(COUNTER).values(n=99))

    with database.read() as session:
        assert session.scalar(select(COUNTER.c.n)) == 0


def test_a_reader_is_not_held_up_by_a_writer(database: Database) -> None:
    """The page of tonight opens while the planner writes."""
    with database.write() as writer:
        writer.execute(update(COUNTER).values(n=5))
        with database.read() as reader:
            assert reader.scalar(select(COUNTER.c.n)) == 0


def test_instants_come_back_as_they_were_in_utc(database: Database) -> None:
    """A zone does not survive SQLite; the instant does, to the microsecond."""
    with database.write() as session:
        session.execute(insert(MOMENT).values(id=1, at=NOON))
        session.execute(insert(MOMENT).values(id=2, at=None))

    with database.read() as session:
        found = session.scalars(select(MOMENT.c.at).order_by(MOMENT.c.id)).all()
        same = session.scalars(select(MOMENT.c.id).where(MOMENT.c.at == NOON)).all()

    assert found == [NOON, None]
    assert found[0] is not None
    assert found[0].tzinfo is UTC
    assert same == [1]


def test_a_naive_instant_is_refused_at_the_door(database: Database) -> None:
    """Nobody could say later which zone was meant."""
    with pytest.raises(StatementError, match="needs a zone"), database.write() as session:
        session.execute(insert(MOMENT).values(id=1, at=NOON.replace(tzinfo=None)))


def test_an_upsert_adds_and_changes_and_nothing_else(database: Database) -> None:
    """More rows than one statement carries, half of them known."""

    rows = [{"id": n, "n": 1, "kept": n} for n in range(1200)]
    with database.write() as session:
        upsert(session, Named, rows[:600], key=("id",), update=("n",))
    with database.write() as session:
        changed = [{**row, "n": 2, "kept": -1} for row in rows]
        upsert(session, Named, changed, key=("id",), update=("n",))
    with database.read() as session:
        found = session.scalars(select(Named).order_by(Named.id)).all()

    assert len(found) == 1200
    assert all(row.n == 2 for row in found)
    assert [row.kept for row in found] == [*range(600), *[-1] * 600]


def test_batches_hold_everything_once_in_order() -> None:
    """Also of nothing, of one, and of exactly one batch."""
    for count in (0, 1, 500, 501, 1234):
        rows = list(range(count))
        assert [row for batch in in_batches(rows) for row in batch] == rows


def test_a_busy_database_is_said_in_a_sentence_and_nothing_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer; who waited in vain is told to try again."""
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 100)
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    _META.create_all(database.engine)
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(DatabaseBusy) as busy, database.write() as session:
        session.execute(insert(COUNTER).values(id=1, n=1))

    assert busy.value.retry
    other.execute("ROLLBACK")
    other.close()
    with database.read() as session:
        assert session.scalars(select(COUNTER.c.n)).all() == []
    database.close()


def test_two_that_wait_for_each_other_are_one_beaten_and_one_served(
    postgres: PostgresServer,
) -> None:
    """PostgreSQL ends one of the two, and that one hears a sentence: busy, try again."""
    database = open_database(postgres.new_database())
    _META.create_all(database.engine)
    with database.write() as session:
        session.execute(insert(COUNTER), [{"id": 1, "n": 0}, {"id": 2, "n": 0}])
    both_hold = threading.Barrier(2)

    def cross(first: int, second: int) -> None:
        with database.write() as session:
            session.execute(update(COUNTER).where(COUNTER.c.id == first).values(n=1))
            both_hold.wait(30)
            session.execute(update(COUNTER).where(COUNTER.c.id == second).values(n=1))

    orders = iter([(1, 2), (2, 1)])
    failed = in_threads(2, lambda: cross(*next(orders)))

    assert [type(error) for error in failed] == [DatabaseBusy]
    database.close()


def test_a_server_that_is_down_is_named_with_its_address_and_without_its_password() -> None:
    """ "PostgreSQL down" is a sentence with what to do."""
    database = open_database("postgresql+psycopg://loa@127.0.0.1:1/loa", password="geheim")

    with pytest.raises(DatabaseDown) as down, database.read() as session:
        session.execute(text("SELECT 1"))

    assert "127.0.0.1:1/loa" in str(down.value)
    assert "geheim" not in str(down.value)
    assert down.value.retry


def test_a_server_whose_disk_is_full_is_told_as_that(postgres: PostgresServer) -> None:
    """With the words of the other database, which have a translation; it is no error of ours."""
    database = open_database(postgres.new_database())
    full = (
        "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device'"
        " USING ERRCODE = 'disk_full'; END $$"
    )

    with pytest.raises(DataNotWritable) as refused, database.write() as session:
        session.execute(text(full))

    assert refused.value.fields["detail"] == "database or disk is full"
    database.close()


def test_a_database_in_a_folder_that_is_not_there_is_down(tmp_path: Path) -> None:
    """Somebody moved the data; nothing is made in its place."""
    database = open_database(f"sqlite:///{tmp_path / 'gone' / 'loa.db'}")

    with pytest.raises(DatabaseDown), database.read() as session:
        session.execute(text("SELECT 1"))


def test_a_server_that_was_restarted_costs_no_night(postgres: PostgresServer) -> None:
    """Fault 27: connections that died in the pool are found out and replaced."""
    database = open_database(postgres.new_database())
    with database.read() as session:
        session.execute(text("SELECT 1"))
    other = open_database(database.shown_url)
    with other.read() as session:
        session.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE datname = current_database() AND pid <> pg_backend_pid()")
        )  # fmt: skip

    with database.read() as session:
        assert session.scalar(text("SELECT 1")) == 1
    other.close()
    database.close()


def test_sqlite_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """WAL, flushed at each commit, with its foreign keys: on every connection of the pool."""
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    with database.read() as session:
        found = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert found == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000,
    }  # fmt: skip
    database.close()


def test_a_file_that_is_no_database_is_said_in_a_sentence(tmp_path: Path) -> None:
    """Overwritten, or torn by a dying disk: who reads it knows that a backup has to come back."""
    (tmp_path / "x.db").write_bytes(b"no database, only its name" * 400)
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")

    with pytest.raises(DatabaseDamaged) as damaged, database.read() as session:
        session.execute(text("SELECT 1"))

    assert "x.db" in str(damaged.value) and "backup" in str(damaged.value)
    database.close()
