"""Forms of pages that were sent: each is done once, and nothing that was typed is lost."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete

from scheduler.answers import KEPT_FOR, is_abandoned, take
from scheduler.errors import AnswerPending
from scheduler.people import token_hash
from scheduler.sealed import seal, unseal
from scheduler.store.db import Database
from scheduler.store.models import FormAnswer, KeptForm

# Long enough to find the password again; short enough for a computer that others use too.
TYPED_KEPT_FOR = timedelta(hours=2)

# ── Done once ──────────────────────────────────────────────────────────────────────────────────


def answer_to(database: Database, key: str) -> FormAnswer | None:
    """What is known of a form, without taking it."""
    with database.read() as session:
        return session.get(FormAnswer, key)


def begin_form(database: Database, key: str, now: datetime) -> FormAnswer | None:
    """
    Take a form for answering; gives what was answered to it already, if it was.

    Raises:
        AnswerPending: the same form is being answered at this moment.
    """
    with database.write() as session:
        session.execute(delete(FormAnswer).where(FormAnswer.at < now - KEPT_FOR))
        known = session.get(FormAnswer, key, with_for_update=True)
        if known is None or (known.sealed is None and is_abandoned(known.at, now)):
            take(session, FormAnswer(key=key, at=now, sealed=None))
            return None
        if known.sealed is None:
            raise AnswerPending()
        return known


def keep_form_answer(database: Database, key: str, sealed: str) -> None:
    """What was answered; the same form gets it again for a day."""
    with database.write() as session:
        session.get_one(FormAnswer, key).sealed = sealed


def forget_form(database: Database, key: str) -> None:
    """It was refused and changed nothing: it may come again."""
    with database.write() as session:
        session.execute(delete(FormAnswer).where(FormAnswer.key == key))


# ── Not lost ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Kept:
    """What lay aside, and for whom."""

    person_id: int
    text: str


def put_aside(database: Database, person_id: int, text: str, now: datetime) -> str:
    """Keep what somebody typed; only who has the token that is given back can read it."""
    token = secrets.token_urlsafe(32)
    with database.write() as session:
        session.execute(delete(KeptForm).where(KeptForm.at < now - TYPED_KEPT_FOR))
        session.add(
            KeptForm(
                token_hash=token_hash(token), person_id=person_id, at=now,
                sealed=seal(token.encode(), text),
            )
        )  # fmt: skip
    return token


def kept_form(database: Database, token: str, now: datetime) -> Kept | None:
    """What was put aside under a token, as long as it is kept."""
    with database.read() as session:
        row = session.get(KeptForm, token_hash(token))
    if row is None or row.at < now - TYPED_KEPT_FOR:
        return None
    text = unseal(token.encode(), row.sealed)
    return None if text is None else Kept(row.person_id, text)


def drop_kept(database: Database, token: str) -> None:
    with database.write() as session:
        session.execute(delete(KeptForm).where(KeptForm.token_hash == token_hash(token)))
