"""Tokens of programs: a part of what their person may do, until a day, and revocable."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from scheduler.errors import InputInvalid, NotFound, TokenTooWide, said
from scheduler.store import ledger
from scheduler.store.models import ApiToken, Person
from scheduler.text import one_line

PREFIX = "loa_"  # by which a leaked token is recognised
ACCESS = ("read", "write")  # to write is also to read
EVERYTHING = "*"
MAX_DAYS = 366
_NAME_LETTERS = 80
_SEEN_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class IssuedToken:
    """A new token; its text is shown once, the table holds only the hash."""

    text: str
    row: ApiToken

    def __repr__(self) -> str:
        return f"IssuedToken(••••, {self.row})"


@dataclass(frozen=True)
class Bearer:
    """Whose program asks, and what its token is for."""

    person: Person
    scopes: frozenset[str]
    expires_at: datetime
    last_used_at: datetime | None = None

    def is_stale(self, now: datetime) -> bool:
        """Whether it is time to write down again that the token is in use."""
        return self.last_used_at is None or self.last_used_at < now - _SEEN_EVERY

    def may(self, part: str, access: str) -> bool:
        """Whether the token opens a part of the API (``airings``) to ``read`` or to ``write``."""
        enough = ("write",) if access == "write" else ACCESS
        return any(f"{name}:{one}" in self.scopes for name in (part, EVERYTHING) for one in enough)

    @property
    def may_everything(self) -> bool:
        """Whether it does all that its person does."""
        return f"{EVERYTHING}:write" in self.scopes

    def lacks(self, scopes: Collection[str]) -> list[str]:
        """What of these it does not have itself."""
        return sorted(one for one in set(scopes) if not self.may(*one.split(":", 1)))


def issue_token(
    session: Session,
    person: Person,
    *,
    name: str,
    scopes: Collection[str],
    days: int,
    parts: Collection[str],
    now: datetime,
    by: str,
    within: Bearer | None = None,
) -> IssuedToken:
    """
    A new token for a person's program.

    Args:
        scopes: ``airings:read``, ``programmes:write``, ``*:read`` …
        parts: what there is to open.
        within: the token with which this one is asked for; it gives what it has, while it works.

    Raises:
        InputInvalid: no name, a scope that there is not, or more than a year.
        TokenTooWide: the asking token does not have that itself.
    """
    name = one_line(name, _NAME_LETTERS)
    if not name:
        raise InputInvalid(problem="say in a few words which program the token is for")
    if not 1 <= days <= MAX_DAYS:
        raise InputInvalid(problem=said("a token works 1 to {most} days", most=MAX_DAYS))
    if not scopes:
        raise InputInvalid(problem="choose at least one thing that the token may do")
    known = {f"{part}:{access}" for part in (*parts, EVERYTHING) for access in ACCESS}
    wrong = sorted(set(scopes) - known)
    if wrong:
        raise InputInvalid(
            problem=said(
                "choose what the token may do ({wrong} is none of them): {known}",
                known=", ".join(sorted(known)),
                wrong=", ".join(wrong),
            )
        )
    expires_at = now + timedelta(days=days)
    if within is not None:
        if lacking := within.lacks(scopes):
            raise TokenTooWide(scopes=", ".join(lacking))
        expires_at = min(expires_at, within.expires_at)
    text = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        person_id=person.id, name=name, token_hash=_hash(text), scopes=sorted(set(scopes)),
        created_at=now, expires_at=expires_at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    ledger.record(
        session, at=now, who=by, what="token_issued", subject=person.username, token=row.id,
        name=name, scopes=row.scopes, expires_at=row.expires_at.isoformat(),
    )  # fmt: skip
    return IssuedToken(text, row)


def bearer_of(session: Session, text: str, now: datetime) -> Bearer | None:
    """Whose token this is; nobody's when it was revoked, is over, or the person was closed."""
    row = session.scalar(
        select(ApiToken)
        .join(Person)
        .where(
            ApiToken.token_hash == _hash(text),
            ApiToken.expires_at > now,
            ApiToken.revoked_at.is_(None),
            Person.active,
        )
        .options(joinedload(ApiToken.person).joinedload(Person.unit))
    )
    if row is None:
        return None
    return Bearer(row.person, frozenset(row.scopes), row.expires_at, row.last_used_at)


def saw_token(session: Session, text: str, now: datetime) -> None:
    """Write down that a token is in use: one that nobody uses can be revoked."""
    statement = update(ApiToken).where(ApiToken.token_hash == _hash(text))
    session.execute(statement.values(last_used_at=now))


def list_tokens(
    session: Session, person: Person | None = None, *, before: int | None = None,
    limit: int | None = None,
) -> list[ApiToken]:  # fmt: skip
    """
    The tokens that were not revoked, of one person or of all, newest first.

    Args:
        before: only those older than the one of this id.
    """
    statement = (
        select(ApiToken)
        .where(ApiToken.revoked_at.is_(None))
        .options(joinedload(ApiToken.person))
        .order_by(ApiToken.id.desc())
        .limit(limit)
    )
    if person is not None:
        statement = statement.where(ApiToken.person_id == person.id)
    if before is not None:
        statement = statement.where(ApiToken.id < before)
    return list(session.scalars(statement))


def revoke_token(
    session: Session, token_id: int, *, of: Person | None, now: datetime, by: str
) -> ApiToken:
    """
    End a token at once.

    Raises:
        NotFound: there is none of that number, or it belongs to somebody other than ``of``.
    """
    row = session.get(ApiToken, token_id)
    if row is None or row.revoked_at is not None or (of is not None and row.person_id != of.id):
        raise NotFound(what="token", key=token_id)
    row.revoked_at = now
    ledger.record(
        session, at=now, who=by, what="token_revoked", subject=row.person.username, token=row.id,
        name=row.name,
    )  # fmt: skip
    return row


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
