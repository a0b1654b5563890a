"""Programmes found by their titles, a part at a time: a province has thousands of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, selectinload

from scheduler.store.among import among
from scheduler.store.models import Programme
from scheduler.store.states import ProgrammeState
from scheduler.text import has_words

PAGE_ROWS = 50


class ProgrammeTitle(NamedTuple):
    """What a list says of a programme; its facts and outline stay unread."""

    id: int
    title: str
    ms: int | None
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
    columns = (Programme.id, Programme.title, Programme.ms, Programme.state)
    wanted = or_(Programme.state.in_(states), among(Programme.id, known))
    statement = select(*columns).where(wanted).order_by(Programme.id.desc())
    if longest_ms is not None:
        statement = statement.where(func.coalesce(Programme.ms, 0) <= longest_ms)
    if not_by is not None:
        statement = statement.where(Programme.uploaded_by != not_by)
    found = [ProgrammeTitle(*row) for row in session.execute(statement)]
    return [one for one in found if one.id in known or has_words([one.title], words)]


def programme_page(
    session: Session, *, state: ProgrammeState | None, words: str, before: int | None,
    limit: int = PAGE_ROWS,
) -> tuple[list[Programme], bool]:  # fmt: skip
    """A page of programmes, newest first, those brought before one; and whether more follow."""
    states = [state] if state is not None else list(ProgrammeState)
    titles = find_titles(session, states=states, words=words)
    ids = [one.id for one in titles if before is None or one.id < before][: limit + 1]
    statement = (
        select(Programme)
        .options(selectinload(Programme.uploader))
        .where(among(Programme.id, ids[:limit]))
        .order_by(Programme.id.desc())
    )
    return list(session.scalars(statement)), len(ids) > limit
