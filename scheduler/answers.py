"""What was answered to a program, so that asking the same twice does not do it twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from scheduler.errors import AnswerPending, KeyTaken
from scheduler.store.db import Database
from scheduler.store.models import Answer, FormAnswer, Person

KEPT_FOR = timedelta(hours=24)
# A program that died in the middle of an answer leaves its key behind; then it may ask again.
PENDING_FOR = timedelta(minutes=10)
MAX_KEY_LETTERS = 100


def begin_answer(
    database: Database, person: Person, key: str, asked: str, now: datetime
) -> Answer | None:
    """
    Take a key for one request; gives what was answered to it already, if it was.

    Args:
        asked: a hash of what is asked for.

    Raises:
        KeyTaken: the key stands for another request.
        AnswerPending: the same request is being answered at this moment.
    """
    with database.write() as session:
        session.execute(delete(Answer).where(Answer.at < now - KEPT_FOR))
        known = session.get(Answer, (person.id, key), with_for_update=True)
        if known is None or (known.status is None and is_abandoned(known.at, now)):
            take(session, Answer(person_id=person.id, key=key, asked=asked, at=now, status=None))
            return None
        if known.asked != asked:
            raise KeyTaken(key=key)
        if known.status is None:
            raise AnswerPending()
        return known


def is_abandoned(begun_at: datetime, now: datetime) -> bool:
    """Whether who began to answer must have died over it."""
    return begun_at < now - PENDING_FOR


def take(session: Session, row: Answer | FormAnswer) -> None:
    """
    Write down that this is being answered.

    Raises:
        AnswerPending: another process took it between the look and the write.
    """
    try:
        with session.begin_nested():
            session.merge(row)
    except IntegrityError:
        raise AnswerPending() from None


def keep_answer(database: Database, person: Person, key: str, status: int, body: str) -> None:
    """What was answered; the same key gives it again for a day."""
    with database.write() as session:
        known = session.get_one(Answer, (person.id, key))
        known.status, known.body = status, body


def forget_answer(database: Database, person: Person, key: str) -> None:
    """It did not come to anything: the same key may try again."""
    with database.write() as session:
        session.execute(delete(Answer).where(Answer.person_id == person.id, Answer.key == key))
