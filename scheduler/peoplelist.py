"""People found by their names, a part at a time: a country has ten thousand of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.store.among import among
from scheduler.store.models import Person, Unit
from scheduler.text import has_words

PAGE_ROWS = 50


@dataclass(frozen=True)
class PeoplePage:
    """One page of those who were found."""

    people: Sequence[Person]  # each with the unit
    found: int
    page: int
    pages: int


def people_page(
    session: Session, words: str, number: int, *, key: Callable[[str], Any]
) -> PeoplePage:
    """
    A page of people, by their full names; behind the last page is the last one.

    Args:
        words: of the name, the user name or the unit, tones aside.
        key: sorts names as people do.
    """
    rows = session.execute(
        select(Person.id, Person.username, Person.full_name, Unit.name)
        .outerjoin(Unit, Unit.id == Person.unit_id)
        .order_by(Person.username)
    )
    found = [row for row in rows if has_words(row[1:], words)]
    found.sort(key=lambda row: key(row.full_name))
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = min(number, pages)
    ids = [row.id for row in found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]]
    statement = select(Person).options(joinedload(Person.unit)).where(among(Person.id, ids))
    known = {one.id: one for one in session.scalars(statement)}
    return PeoplePage([known[one] for one in ids], len(found), page, pages)


def people_after(session: Session, username: str, limit: int) -> list[Person]:
    """People by their user names, behind one of them."""
    statement = select(Person).options(joinedload(Person.unit)).where(Person.username > username)
    return list(session.scalars(statement.order_by(Person.username).limit(limit)))
