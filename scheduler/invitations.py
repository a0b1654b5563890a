"""Invitations: an address that lets one person choose a password, once and for some days."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from scheduler import people
from scheduler.errors import InvitationOver
from scheduler.store import ledger
from scheduler.store.models import Invitation, Person

VALID_FOR = timedelta(days=3)


def invite(session: Session, person: Person, *, now: datetime, by: str) -> str:
    """The secret end of the address; earlier invitations of this person end."""
    _end(session, person, now)
    text = secrets.token_urlsafe(24)
    session.add(
        Invitation(
            token_hash=_hash(text), person_id=person.id, created_at=now,
            expires_at=now + VALID_FOR,
        )
    )  # fmt: skip
    ledger.record(session, at=now, who=by, what="person_invited", subject=person.username)
    return text


def invited(session: Session, text: str, *, now: datetime) -> Person:
    """
    Whom the address invites.

    Raises:
        InvitationOver: used, too old, or never given.
    """
    found = session.scalar(
        select(Invitation)
        .where(
            Invitation.token_hash == _hash(text),
            Invitation.used_at.is_(None),
            Invitation.expires_at > now,
        )
        .options(joinedload(Invitation.person).joinedload(Person.unit))
        .with_for_update(of=Invitation)
    )
    if found is None or not found.person.active:
        raise InvitationOver()
    return found.person


def accept(session: Session, text: str, password: str, *, now: datetime) -> Person:
    """
    The person chooses a password; the address opens nothing any more.

    Raises:
        InvitationOver, PasswordTooWeak: nothing was changed.
    """
    person = invited(session, text, now=now)
    people.set_password(session, person, password, now=now)
    _end(session, person, now)
    return person


def _end(session: Session, person: Person, now: datetime) -> None:
    session.execute(
        update(Invitation)
        .where(Invitation.person_id == person.id, Invitation.used_at.is_(None))
        .values(used_at=now)
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
