"""The ledger as it is read: by person, deed and day, page after page; and how far it is proved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.hub import Hub
from scheduler.store import ledger
from scheduler.store.models import ChainCheck, LedgerEntry, Person
from scheduler.timetable import to_utc

CHECK_EVERY = timedelta(hours=24)
_ONLY = 1  # the table holds one row
_FIRST, _LAST = date(1970, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True)
class Wanted:
    """Which entries are looked for; empty means all."""

    who: str = ""
    what: str = ""
    subject: str = ""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class ChainState:
    """How far the chain was read last, and what came after that."""

    head: int  # the newest entry
    head_hash: str | None  # whoever wrote it down elsewhere can tell later whether all is there
    checked: ChainCheck | None
    unchecked: int


def entries(
    hub: Hub, session: Session, wanted: Wanted, *, before: int | None = None, limit: int = 50
) -> list[LedgerEntry]:
    """The newest first; ``before`` is the number of the last one of the page before."""
    statement = select(LedgerEntry).order_by(LedgerEntry.seq.desc()).limit(limit)
    for column, value in (
        (LedgerEntry.who, wanted.who),
        (LedgerEntry.what, wanted.what),
        (LedgerEntry.subject, wanted.subject),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.first is not None:
        statement = statement.where(LedgerEntry.at >= _midnight(hub, wanted.first))
    if wanted.last is not None:
        statement = statement.where(LedgerEntry.at < _midnight(hub, wanted.last, days=1))
    if before is not None:
        statement = statement.where(LedgerEntry.seq < before)
    return list(session.scalars(statement))


def deeds(session: Session) -> list[str]:
    """What was done at least once."""
    return list(session.scalars(select(LedgerEntry.what).distinct()))


def doers(session: Session) -> list[str]:
    """Who did something at least once."""
    return sorted(session.scalars(select(LedgerEntry.who).distinct()))


def full_names(session: Session) -> dict[str, str]:
    """Of people, by their user names."""
    rows = session.execute(select(Person.username, Person.full_name))
    return {row.username: row.full_name for row in rows}


# ── The chain ──────────────────────────────────────────────────────────────────────────────────


def chain_state(session: Session) -> ChainState:
    checked = session.get(ChainCheck, _ONLY)
    head = _head(session)
    since = checked.seq if checked else 0
    unchecked = select(func.count()).where(LedgerEntry.seq > since)
    return ChainState(
        head.seq if head else 0, head.hash if head else None, checked,
        session.scalar(unchecked) or 0,
    )  # fmt: skip


def check_chain(hub: Hub) -> ChainCheck:
    """
    Read the whole chain again and remember what was found.

    Also that what was checked last is still what it was: who cuts the end off leaves a chain that
    follows, but not the one that was seen.
    """
    with hub.database.read() as session:
        before = session.get(ChainCheck, _ONLY)
        broken = ledger.verify(session)
        head = _head(session)
        kept = session.get(LedgerEntry, before.seq) if before and before.seq else None
        if broken is None and before is not None and before.seq:
            is_same = kept is not None and kept.hash == before.hash
            broken = None if is_same else before.seq
    whole = (head.seq, head.hash) if head else (0, ledger.GENESIS)
    if broken is not None:  # that does not move the mark: the next look must find it again
        whole = (before.seq, before.hash) if before else (0, ledger.GENESIS)
    with hub.database.write() as session:
        return session.merge(
            ChainCheck(id=_ONLY, at=hub.clock.now(), seq=whole[0], hash=whole[1], broken_seq=broken)
        )


def check_daily(hub: Hub) -> None:
    """Read the chain when a day has gone by since the last time."""
    with hub.database.read() as session:
        checked = session.get(ChainCheck, _ONLY)
    if checked is None or checked.at <= hub.clock.now() - CHECK_EVERY:
        check_chain(hub)


def _head(session: Session) -> LedgerEntry | None:
    return session.scalar(select(LedgerEntry).order_by(LedgerEntry.seq.desc()).limit(1))


def _midnight(hub: Hub, on: date, *, days: int = 0) -> datetime:
    on = min(max(on, _FIRST), _LAST)  # beyond them the reckoning of zones ends
    return to_utc(datetime.combine(on, time(0)), hub.settings.zone) + timedelta(days=days)
