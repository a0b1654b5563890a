"""The append-only book of what was done: each entry carries the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Text, cast, insert, select
from sqlalchemy.orm import Session

from scheduler.store.bulk import bulk_insert
from scheduler.store.db import lock
from scheduler.store.models import LedgerEntry

GENESIS = "0" * 64
_SUBJECT_LETTERS = 200
_LEDGER_LOCK = 0x4C6F61  # "Loa": one writer of the chain at a time

_READ_AT_ONCE = 2000

_COLUMNS = ("seq", "at", "who", "what", "subject", "detail", "prev_hash", "hash")
_entries: Any = LedgerEntry.__table__
_encoded = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
_decoded = json.JSONDecoder().raw_decode

_LAST = select(_entries.c.seq, _entries.c.hash).order_by(_entries.c.seq.desc()).limit(1)
_APPENDED = insert(_entries)
# Plain columns, and each detail as the text that lies there: what would be done for an entry beside
# its hash takes as long again.
_CHAIN = select(
    *(cast(_entries.c[name], Text) if name == "detail" else _entries.c[name] for name in _COLUMNS)
).order_by(_entries.c.seq)


def record(
    session: Session, *, at: datetime, who: str, what: str, subject: str, **detail: Any
) -> None:
    """Append one entry in the caller's transaction, so that the deed and its record are one."""
    lock(session, _LEDGER_LOCK)
    session.flush()  # the deed first
    last = session.execute(_LAST).first()
    seq, prev_hash = (last.seq + 1, last.hash) if last else (1, GENESIS)
    subject = subject[:_SUBJECT_LETTERS]  # a file name may be longer than the column
    hashed = _hash(prev_hash, seq, _instant(at), who, what, subject, detail)
    entry = (seq, at, who, what, subject, detail, prev_hash, hashed)
    session.execute(_APPENDED, dict(zip(_COLUMNS, entry, strict=True)))


def record_all(
    session: Session, entries: Iterable[tuple[str, dict[str, Any]]], *, at: datetime, who: str,
    what: str,
) -> None:  # fmt: skip
    """Append one entry for each subject and its detail: as ``record`` would, at once."""
    lock(session, _LEDGER_LOCK)
    session.flush()
    last = session.execute(_LAST).first()
    instant = _instant(at)

    def rows() -> Iterator[tuple[Any, ...]]:
        seq, prev_hash = (last.seq, last.hash) if last else (0, GENESIS)
        for whole_subject, detail in entries:
            seq += 1
            subject = whole_subject[:_SUBJECT_LETTERS]
            hashed = _hash(prev_hash, seq, instant, who, what, subject, detail)
            yield seq, at, who, what, subject, detail, prev_hash, hashed
            prev_hash = hashed

    bulk_insert(session, LedgerEntry, _COLUMNS, rows())


def verify(session: Session) -> int | None:
    """
    Read the whole chain again, some thousand entries in memory at a time.

    Gives the seq of the first entry that was changed, or that does not follow the one before.
    """
    found = session.execute(_CHAIN, execution_options={"yield_per": _READ_AT_ONCE})
    last, expected_seq = GENESIS, 1
    for seq, at, who, what, subject, detail, prev_hash, hashed in found:
        try:
            document = _document(detail)
        except ValueError:  # SQLite takes any text
            return int(seq)
        is_chained = prev_hash == last and seq == expected_seq
        expected = _hash(prev_hash, seq, _instant(at), who, what, subject, document)
        if not is_chained or hashed != expected:
            return int(seq)
        last, expected_seq = hashed, seq + 1
    return None


def _document(text: str) -> Any:
    """As ``json.loads``, which takes five times as long for a short one."""
    text = text.strip()
    document, end = _decoded(text)
    if end != len(text):
        raise ValueError("more than one document")
    return document


def _instant(at: datetime) -> str:
    """As it comes back from the database, whatever zone it was given in."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _hash(
    prev_hash: str, seq: int, instant: str, who: str, what: str, subject: str,
    detail: dict[str, Any],
) -> str:  # fmt: skip
    body = _encoded([prev_hash, seq, instant, who, what, subject, detail])
    return hashlib.sha256(body.encode()).hexdigest()
