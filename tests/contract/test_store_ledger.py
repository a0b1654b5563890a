"""The book of deeds: one chain, whoever writes, and a changed line is found."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from scheduler.hub import Hub
from scheduler.store import ledger
from scheduler.store.db import Database
from scheduler.store.models import LedgerEntry

AT = datetime(2022, 10, 17, 5, 0, 0, 120_000, tzinfo=timezone(timedelta(hours=7)))
THREADS, EACH = 6, 5
# Of the first entry that ``write`` makes: another way to hash would break every ledger there is.
FIRST_HASH = "74ca85cbc6eb1fdb42b4af50d33c7a5e7b4fc5c7141b87a3c36c1b007f547f3c"


@pytest.fixture
def database(hub: Hub) -> Database:
    """With the tables that the migrations make, and no entry yet."""
    with hub.database.write() as session:
        session.execute(delete(LedgerEntry))
    return hub.database


def write(database: Database, count: int, who: str = "Nguyễn Văn Ái") -> None:
    for number in range(count):
        with database.write() as session:
            ledger.record(
                session, at=AT, who=who, what="programme_approved", subject=f"programme {number}",
                title='Gương "sáng" \\ thoát nghèo', n=number, ratio=0.1, none=None, many=[1, "a"],
            )  # fmt: skip


def chain(database: Database) -> list[LedgerEntry]:
    with database.read() as session:
        return list(session.scalars(select(LedgerEntry).order_by(LedgerEntry.seq)))


def first_break(database: Database) -> int | None:
    with database.read() as session:
        return ledger.verify(session)


def test_what_was_written_verifies_as_it_comes_back(database: Database) -> None:
    """Zones, Vietnamese, quotes, fractions: the hash is of what the database gives back."""
    write(database, 3)

    entries = chain(database)

    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert entries[0].prev_hash == ledger.GENESIS
    assert entries[0].hash == FIRST_HASH
    assert entries[0].at == AT
    assert entries[0].at.tzinfo is UTC
    assert first_break(database) is None


def test_a_ledger_with_nothing_in_it_is_whole(database: Database) -> None:
    assert first_break(database) is None


def test_many_entries_at_once_are_links_of_the_same_chain(database: Database) -> None:
    """Whether one by one or together: each follows the one before, and a changed one is found."""
    write(database, 2)
    with database.write() as session:
        many = ((f"station {n}", {"aired": n > 0, "note": 'nghe "rõ"\t'}) for n in range(3))
        ledger.record_all(session, many, at=AT, who="Nguyễn Văn Ái", what="airing_confirmed")
        ledger.record_all(session, (), at=AT, who="nobody", what="nothing")
    write(database, 1)

    entries = chain(database)

    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert entries[2].detail == {"aired": False, "note": 'nghe "rõ"\t'}
    with database.write() as session:
        assert ledger.verify(session) is None
        session.execute(update(LedgerEntry).where(LedgerEntry.seq == 4).values(detail={}))
        assert ledger.verify(session) == 4


CHANGES = {
    "who": "Somebody else",
    "what": "programme_rejected",
    "subject": "programme 99",
    "at": AT + timedelta(microseconds=1),
    "detail": {"title": "another"},
    "hash": "0" * 64,
    "prev_hash": "0" * 64,
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_line_is_found(database: Database, column: str) -> None:
    """Whichever column somebody edits behind our back."""
    write(database, 4)

    with database.write() as session:
        session.execute(
            update(LedgerEntry).where(LedgerEntry.seq == 2).values({column: CHANGES[column]})
        )

    assert first_break(database) == 2


@pytest.mark.parametrize("added", [" x", "{}"])
def test_a_detail_that_is_no_document_any_more_is_found(database: Database, added: str) -> None:
    """SQLite takes any text; PostgreSQL takes none that is no document."""
    write(database, 3)
    spoil = text(f"UPDATE ledger SET detail = detail || '{added}' WHERE seq = 2")

    if not database.is_sqlite:
        with pytest.raises(DBAPIError), database.write() as session:
            session.execute(spoil)
        return
    with database.write() as session:
        session.execute(spoil)
    assert first_break(database) == 2


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_a_removed_line_is_found(database: Database, seq: int) -> None:
    """The one after it does not follow any more."""
    write(database, 4)

    with database.write() as session:
        session.execute(delete(LedgerEntry).where(LedgerEntry.seq == seq))

    assert first_break(database) == seq + 1


def test_many_writers_at_once_make_one_chain(database: Database) -> None:
    """A web worker, a collector and a planner: no two lines follow the same one."""
    threads = [
        threading.Thread(target=write, args=(database, EACH, f"w{n}")) for n in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    entries = chain(database)

    assert [entry.seq for entry in entries] == [*range(1, THREADS * EACH + 1)]
    assert first_break(database) is None


def test_a_deed_that_failed_has_no_line(database: Database) -> None:
    """The deed and its record are one transaction."""
    write(database, 1)

    with pytest.raises(ZeroDivisionError), database.write() as session:
        ledger.record(session, at=AT, who="a", what="b", subject="c")
        _ = 1 / 0

    write(database, 1)
    assert [entry.seq for entry in chain(database)] == [1, 2]
    assert first_break(database) is None


def test_a_subject_longer_than_its_column_is_cut_and_verifies(database: Database) -> None:
    """A file name may have 255 letters; PostgreSQL would refuse the whole import for it."""
    with database.write() as session:
        ledger.record(session, at=AT, who="a", what="b", subject="ế" * 300)

    [entry] = chain(database)

    assert len(entry.subject) == 200
    assert first_break(database) is None
