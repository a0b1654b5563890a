"""The append-only book of what was done: each entry carries the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, insert, select
from sqlalchemy.orm import Session

from scheduler.store.bulk import bulk_insert
from scheduler.store.db import lock
from scheduler.store.models import LedgerEntry

GENESIS = "0" * 64
_SUBJECT_LETTERS = 200
_LEDGER_LOCK = 0x4C6F61  # "Loa": one writer of the chain at a time

_entries: Any = LedgerEntry.__table__
_encoded = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode

_LAST = select(_entries.c.seq, _entries.c.hash).order_by(_entries.c.seq.desc()).limit(1)
_APPENDED = insert(_entries)


class _Link(NamedTuple):
    """An entry that is not a row yet: thousands of rows to look after take a second more."""

    seq: int
    at: datetime
    who: str
    what: str
    subject: str
    detail: dict[str, Any]
    prev_hash: str


_COLUMNS = (*_Link._fields, "hash")


def record(
    session: Session, *, at: datetime, who: str, what: str, subject: str, **detail: Any
) -> None:
    """Append one entry in the caller's transaction, so that the deed and its record are one."""
    lock(session, _LEDGER_LOCK)
    session.flush()  # the deed first
    last = session.execute(_LAST).first()
    entry = LedgerEntry(
        seq=last.seq + 1 if last else 1,
        at=at,
        who=who,
        what=what,
        subject=subject[:_SUBJECT_LETTERS],  # a file name may be longer than the column
        detail=detail,
        prev_hash=last.hash if last else GENESIS,
    )
    entry.hash = _hash(entry)
    session.execute(_APPENDED, {name: getattr(entry, name) for name in _COLUMNS})


def record_all(
    session: Session, entries: Iterable[tuple[str, dict[str, Any]]], *, at: datetime, who: str,
    what: str,
) -> None:  # fmt: skip
    """Append one entry for each subject and its detail: as ``record`` would, at once."""
    lock(session, _LEDGER_LOCK)
    session.flush()
    last = session.execute(_LAST).first()

    def rows() -> Iterator[tuple[Any, ...]]:
        seq, prev_hash = (last.seq, last.hash) if last else (0, GENESIS)
        for subject, detail in entries:
            seq += 1
            link = _Link(seq, at, who, what, subject[:_SUBJECT_LETTERS], detail, prev_hash)
            prev_hash = _hash(link)
            yield (*link, prev_hash)

    bulk_insert(session, LedgerEntry, _COLUMNS, rows())


def verify(session: Session) -> int | None:
    """Read the whole chain again; as ``first_break``, in the memory of a thousand entries."""
    # Columns, not rows that the session looks after: a million of those takes twice as long.
    columns = (LedgerEntry.__table__.c[name] for name in _COLUMNS)
    statement = select(*columns).order_by(LedgerEntry.seq)
    return first_break(session.execute(statement.execution_options(yield_per=1000)))


def first_break(entries: Iterable[LedgerEntry | Row[Any]]) -> int | None:
    """The seq of the first entry that was changed, or that does not follow the one before."""
    prev, expected_seq = GENESIS, 1
    for entry in entries:
        chained = entry.prev_hash == prev and entry.seq == expected_seq
        if not chained or entry.hash != _hash(entry):
            return entry.seq
        prev, expected_seq = entry.hash, entry.seq + 1
    return None


def _hash(entry: LedgerEntry | Row[Any] | _Link) -> str:
    body = _encoded(
        [
            entry.prev_hash,
            entry.seq,
            # As it comes back from the database, whatever zone it was given in.
            entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            entry.who,
            entry.what,
            entry.subject,
            entry.detail,
        ]
    )
    return hashlib.sha256(body.encode()).hexdigest()
