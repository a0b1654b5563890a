"""Programmes found by their titles, a part at a time: a province has thousands of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, selectinload

from scheduler.store.among import among
from scheduler.store.models import Person, Programme
from scheduler.store.states import ProgrammeState
from scheduler.text import has_words

PAGE_ROWS = 50
QUEUE_ROWS = 20  # named behind the one that is heard first


class ProgrammeTitle(NamedTuple):
    """What a list says of a programme; its facts and outline stay unread."""

    id: int
    title: str
    ms: int | None  # of what airs
    state: ProgrammeState


def find_titles(
    session: Session, *, states: Collection[ProgrammeState], words: str = "",
    known: Collection[int] = (), longest_ms: int | None = None, not_by: int | None = None,
) -> list[ProgrammeTitle]:  # fmt: skip
    """
    Programmes in these states, newest first.

    Args:
        words: that their titles have, tones aside.
        known: ids that are found whatever their state and title.
        not_by: the id of a person whose own are left out.
    """
    columns = (Programme.id, Programme.title, Programme.heard_ms, Programme.state)
    wanted = or_(Programme.state.in_(states), among(Programme.id, known))
    statement = select(*columns).where(wanted).order_by(Programme.id.desc())
    if longest_ms is not None:
        statement = statement.where(func.coalesce(Programme.heard_ms, 0) <= longest_ms)
    if not_by is not None:
        statement = statement.where(Programme.uploaded_by != not_by)
    found = [ProgrammeTitle(*row) for row in session.execute(statement)]
    return [one for one in found if one.id in known or has_words([one.title], words)]


def programme_page(
    session: Session, *, state: ProgrammeState | None, words: str, before: int | None,
    limit: int = PAGE_ROWS,
) -> tuple[list[Programme], bool]:  # fmt: skip
    """
    A page of programmes, newest first, those brought before one; and whether more follow.

    Each with its uploader and its renditions.
    """
    states = [state] if state is not None else list(ProgrammeState)
    ids = _ids(session, states, words, before, limit + 1)
    statement = (
        select(Programme)
        .options(selectinload(Programme.uploader), selectinload(Programme.renditions))
        .where(among(Programme.id, ids[:limit]))
        .order_by(Programme.id.desc())
    )
    return list(session.scalars(statement)), len(ids) > limit


def _ids(
    session: Session, states: Collection[ProgrammeState], words: str, before: int | None, limit: int
) -> list[int]:
    statement = (
        select(Programme.id, Programme.title)
        .where(Programme.state.in_(states))
        .order_by(Programme.id.desc())
    )
    if before is not None:
        statement = statement.where(Programme.id < before)
    if not words.strip():
        statement = statement.limit(limit)
    # Without words all that comes is wanted; with them only as much is read as it takes.
    with session.execute(statement.execution_options(yield_per=500)) as rows:
        return list(islice((row.id for row in rows if has_words([row.title], words)), limit))


class Waiting(NamedTuple):
    """A programme that waits for an approver, as the queue names it."""

    id: int
    title: str
    ms: int | None
    uploader: str
    uploaded_at: datetime


@dataclass(frozen=True)
class Queue:
    """What waits for approval: by others, which one may approve, and by oneself."""

    first: int | None  # the id of the one that waits longest
    rest: Sequence[Waiting]  # some of those after it, oldest first
    total: int  # how many wait for this person, with the first
    has_more: bool
    own: Sequence[Waiting]  # some of those that somebody else must approve, oldest first
    own_total: int


def approval_queue(
    session: Session, person_id: int, *, after: int | None = None, limit: int = QUEUE_ROWS
) -> Queue:
    """
    What waits for somebody else's ears than those of who brought it, oldest first.

    Args:
        after: the rest begins behind this one; none: behind the first.
    """
    is_own = Programme.uploaded_by == person_id
    ready = select(func.count()).where(Programme.state == ProgrammeState.READY)
    total = session.scalar(ready.where(~is_own)) or 0
    own_total = session.scalar(ready.where(is_own)) or 0
    oldest = _waiting(session, ~is_own, 0, 1)
    first = oldest[0].id if oldest else None
    rest = _waiting(session, ~is_own, max(after or 0, first), limit + 1) if first else []
    return Queue(
        first, rest[:limit], total, len(rest) > limit,
        _waiting(session, is_own, 0, limit), own_total,
    )  # fmt: skip


def _waiting(session: Session, whose: ColumnElement[bool], after: int, limit: int) -> list[Waiting]:
    one = Programme
    statement = (
        select(one.id, one.title, one.heard_ms, Person.full_name, one.uploaded_at)
        .join(Person, Person.id == Programme.uploaded_by)
        .where(Programme.state == ProgrammeState.READY, whose, Programme.id > after)
        .order_by(Programme.id)
        .limit(limit)
    )
    return [Waiting(*row) for row in session.execute(statement)]
