"""People found by their names, a part at a time: a country has ten thousand of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.store.among import among
from scheduler.store.models import Person, Unit
from scheduler.text import has_words


class PersonName(NamedTuple):
    """What a list looks for and sorts by."""

    id: int
    username: str
    full_name: str
    unit: str | None


def find_names(session: Session, words: str) -> list[PersonName]:
    """Those whose name, user name or unit has these words, tones aside; by their user names."""
    statement = select(Person.id, Person.username, Person.full_name, Unit.name)
    rows = session.execute(
        statement.outerjoin(Unit, Unit.id == Person.unit_id).order_by(Person.username)
    )
    return [PersonName._make(row) for row in rows if has_words(row[1:], words)]


def people_named(session: Session, names: Sequence[PersonName]) -> list[Person]:
    """These people in this order, each with the unit."""
    ids = [one.id for one in names]
    statement = select(Person).options(joinedload(Person.unit)).where(among(Person.id, ids))
    known = {one.id: one for one in session.scalars(statement)}
    return [known[one] for one in ids]


def people_after(session: Session, username: str, limit: int) -> list[Person]:
    """People by their user names, behind one of them."""
    statement = select(Person).options(joinedload(Person.unit)).where(Person.username > username)
    return list(session.scalars(statement.order_by(Person.username).limit(limit)))
