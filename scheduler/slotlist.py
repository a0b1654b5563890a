"""The lines of the timetable a part at a time, and found by their words."""

from __future__ import annotations

from itertools import islice

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from scheduler.lines import with_all
from scheduler.store.among import among
from scheduler.store.models import Slot, Unit
from scheduler.text import has_words

PAGE_ROWS = 50


def slot_page(
    session: Session, *, words: str = "", after: int | None = None, limit: int = PAGE_ROWS
) -> tuple[list[Slot], bool]:
    """
    Lines in force by time of day, those behind one; and whether more follow.

    Args:
        words: of the title or of the unit whose line it is, tones aside.
    """
    order = (Slot.starts_at, Slot.id)
    statement = (
        select(Slot.id, Slot.title, Unit.name)
        .join(Unit, Unit.id == Slot.unit_id)
        .where(Slot.removed_at.is_(None))
        .order_by(*order)
    )
    if after is not None:
        last = session.get(Slot, after)
        if last is None:
            return [], False
        later = and_(Slot.starts_at == last.starts_at, Slot.id > last.id)
        statement = statement.where(or_(Slot.starts_at > last.starts_at, later))
    with session.execute(statement) as rows:
        ids = list(islice((row.id for row in rows if has_words(row[1:], words)), limit + 1))
    found: list[Slot] = list(
        session.scalars(with_all(select(Slot)).where(among(Slot.id, ids[:limit])).order_by(*order))
    )
    return found, len(ids) > limit
