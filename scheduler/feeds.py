"""Calendars that telephones read by themselves: each has an address that is a secret of its own.

A calendar program cannot sign in, so the address says who may read. It opens the timetable of one
unit and nothing else, is shown once, kept only as a hash, and can be taken back at any time.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.errors import InputInvalid, NotFound, OutsideUnit
from scheduler.hub import Hub
from scheduler.secrets import derived_key
from scheduler.store import ledger
from scheduler.store.among import among
from scheduler.store.models import Feed, Person, Unit
from scheduler.text import one_line
from scheduler.units import find_unit, owns, unit_ids_below

_LABEL_LETTERS = 120
_SEEN_EVERY = timedelta(hours=1)  # a feed that is read every minute is no row written a minute


def add_feed(hub: Hub, unit_code: str, label: str, *, by: Person) -> tuple[Feed, str]:
    """
    A new calendar of a unit, for somebody; gives its token, which is shown once.

    Raises:
        NotFound: no such unit. OutsideUnit: another one's. InputInvalid: nobody is named.
    """
    label = one_line(label, _LABEL_LETTERS)
    if not label:
        raise InputInvalid(problem="say for whom the calendar is")
    token, now = secrets.token_urlsafe(24), hub.clock.now()
    with hub.database.write() as session:
        unit = find_unit(session, unit_code, hub.today())
        _refuse_foreign(hub, session, unit.id, by)
        feed = Feed(
            token_hash=_hash(token), unit_id=unit.id, label=label, created_by=by.id,
            created_at=now, unit=unit,
        )  # fmt: skip
        session.add(feed)
        session.flush()
        ledger.record(
            session, at=now, who=by.username, what="feed_added", subject=f"feed {feed.id}",
            unit=unit.code, label=label,
        )  # fmt: skip
    return feed, token


def list_feeds(
    session: Session, unit_ids: set[int] | None = None, *, before: int | None = None,
    limit: int | None = None,
) -> list[Feed]:  # fmt: skip
    """
    Those that may still be read, in these units (``None``: all), the newest first.

    Args:
        before: only those older than the one of this id.
    """
    statement = select(Feed).where(Feed.revoked_at.is_(None)).options(joinedload(Feed.unit))
    if unit_ids is not None:
        statement = statement.where(among(Feed.unit_id, unit_ids))
    if before is not None:
        statement = statement.where(Feed.id < before)
    return list(session.scalars(statement.order_by(Feed.id.desc()).limit(limit)))


def seen_feeds(
    hub: Hub, session: Session, person: Person, *, before: int | None = None,
    limit: int | None = None,
) -> list[Feed]:  # fmt: skip
    """Those that a person may take back: of the own unit and below it, and of what it was."""
    units = _seen_units(session, person, hub.today())
    return list_feeds(session, units, before=before, limit=limit)


def _seen_units(session: Session, person: Person, today: date) -> set[int] | None:
    mine = unit_ids_below(session, person.unit_id, today)
    if mine is None:
        return None
    statement = select(Feed.unit_id).join(Unit).where(Feed.revoked_at.is_(None))
    ended = session.scalars(statement.where(Unit.valid_to <= today).distinct())
    return mine | {one for one in ended if owns(session, person.unit_id, [one], today)}


def path_of(token: str) -> str:
    """Below the address of this Loa."""
    return f"/feeds/{token}.ics"


def revoke_feed(hub: Hub, feed_id: int, *, by: Person) -> Feed:
    """From now on its address opens nothing."""
    now = hub.clock.now()
    with hub.database.write() as session:
        feed = session.get(Feed, feed_id, options=[joinedload(Feed.unit)])
        if feed is None or feed.revoked_at is not None:
            raise NotFound(what="calendar", key=feed_id)
        _refuse_foreign(hub, session, feed.unit_id, by)
        feed.revoked_at = now
        ledger.record(
            session, at=now, who=by.username, what="feed_revoked", subject=f"feed {feed.id}",
            label=feed.label,
        )  # fmt: skip
    return feed


def feed_of(session: Session, token: str) -> Feed | None:
    """Which calendar an address opens; none when it was taken back or never was."""
    statement = select(Feed).where(Feed.token_hash == _hash(token), Feed.revoked_at.is_(None))
    return session.scalar(statement.options(joinedload(Feed.unit)))


def note_read(hub: Hub, feed: Feed) -> None:
    """When it was read last, to the hour: a calendar that nobody reads may be taken back."""
    now = hub.clock.now()
    if feed.last_read_at is not None and now - feed.last_read_at < _SEEN_EVERY:
        return
    with hub.database.write() as session:
        session.get_one(Feed, feed.id).last_read_at = _to_the_hour(now)


def domain_of(hub: Hub) -> str:
    """What stands behind the @ in the names of our events: of this Loa and of no other."""
    return f"{derived_key(hub.master_secret(), 'calendar').hex()[:12]}.loa"


def _refuse_foreign(hub: Hub, session: Session, unit_id: int, by: Person) -> None:
    if not owns(session, by.unit_id, [unit_id], hub.today()):
        raise OutsideUnit(who=by.full_name, unit=by.unit.name if by.unit else "")


def _to_the_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
