"""Series and themes: the lists from which slots take what they air."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler import people
from scheduler.errors import AlreadyExists, InputInvalid, NotFound, said
from scheduler.hub import Hub
from scheduler.programmes import get_programme
from scheduler.store import ledger
from scheduler.store.models import Person, Programme, Series, Theme
from scheduler.text import without_tones

ORDERS = ("number", "date")
Named = TypeVar("Named", Series, Theme)


def add_series(hub: Hub, name: str, *, order_by: str = "number", by: Person) -> Series:
    """
    Begin a series; its episodes air by their number or by the day on which they were made.

    Raises:
        AlreadyExists, InputInvalid, NotAllowed.
    """
    people.require_role(by, "editor")
    name = _name(name, 120)
    if order_by not in ORDERS:
        raise InputInvalid(problem=said("the order is one of {choices}", choices=", ".join(ORDERS)))
    with hub.database.write() as session:
        if _same(session, Series, name) is not None:
            raise AlreadyExists(what="series", key=name)
        made = Series(name=name, order_by=order_by, created_at=hub.clock.now())
        session.add(made)
        _note(hub, session, "series_added", name, by, order_by=order_by)
    return made


def add_theme(
    hub: Hub, name: str, *, valid_from: date | None = None, valid_to: date | None = None, by: Person
) -> Theme:
    """Add what programmes may be about, from one day to another (both included)."""
    people.require_role(by, "editor")
    name, begin = _name(name, 80), valid_from or hub.today()
    if valid_to is not None and valid_to < begin:
        raise InputInvalid(problem="the last day lies before the first")
    with hub.database.write() as session:
        if _same(session, Theme, name) is not None:
            raise AlreadyExists(what="theme", key=name)
        made = Theme(name=name, valid_from=begin, valid_to=valid_to)
        session.add(made)
        _note(hub, session, "theme_added", name, by)
    return made


def end_theme(hub: Hub, name: str, *, on: date | None = None, by: Person) -> Theme:
    """Let a theme hold until this day (none: yesterday); programmes keep it, slots find no more."""
    people.require_role(by, "editor")
    with hub.database.write() as session:
        theme = find_theme(session, name)
        theme.valid_to = on or hub.today() - timedelta(days=1)
        if theme.valid_to < theme.valid_from:
            raise InputInvalid(problem="the last day lies before the first")
        _note(hub, session, "theme_ended", theme.name, by, valid_to=theme.valid_to.isoformat())
    return theme


def put_into_series(
    hub: Hub, programme_id: int, name: str | None, *, episode: int | None = None,
    made_on: date | None = None, by: Person,
) -> Programme:  # fmt: skip
    """
    Make a programme an episode of a series, or of none; it may be on air already.

    Raises:
        AlreadyExists: another episode has that number.
        NotFound, NotAllowed.
    """
    people.require_role(by, "editor")
    with hub.database.write() as session:
        programme = get_programme(session, programme_id, locked=True)
        series = find_series(session, name) if name is not None else None
        if series is not None and episode is not None:
            _refuse_taken(session, series, episode, programme)
        programme.series_id = series.id if series else None
        programme.episode = episode if series else None
        programme.made_on = made_on or programme.made_on
        _note(hub, session, "programme_in_series", programme.title, by,
              series=series.name if series else None, episode=episode)  # fmt: skip
    return programme


def say_variant(hub: Hub, programme_id: int, base_id: int, *, by: Person) -> Programme:
    """
    Tell that a programme says another one in another language.

    Raises:
        InputInvalid: the same one, the same language, or a variant of a variant.
    """
    people.require_role(by, "editor")
    with hub.database.write() as session:
        programme = get_programme(session, programme_id, locked=True)
        base = get_programme(session, base_id)
        has_own = session.scalar(select(Programme.id).where(Programme.variant_of == programme.id))
        if base.id == programme.id or base.variant_of is not None or has_own is not None:
            raise InputInvalid(problem="a variant belongs to a programme that is none itself")
        if base.language == programme.language:
            raise InputInvalid(problem="both are in the same language")
        programme.variant_of = base.id
        _note(hub, session, "variant_said", programme.title, by, of=base.title)
    return programme


def find_series(session: Session, name: str) -> Series:
    """By its name, tones and capitals aside."""
    found = _same(session, Series, name)
    if found is None:
        raise NotFound(what="series", key=name)
    return found


def find_theme(session: Session, name: str) -> Theme:
    """By its name, tones and capitals aside."""
    found = _same(session, Theme, name)
    if found is None:
        raise NotFound(what="theme", key=name)
    return found


def list_series(session: Session) -> list[Series]:
    return list(session.scalars(select(Series).order_by(Series.name)))


def list_themes(session: Session, on: date | None = None) -> list[Theme]:
    """All themes, or those that hold on a day."""
    found = list(session.scalars(select(Theme).order_by(Theme.id)))
    return [
        one for one in found
        if on is None or (one.valid_from <= on and (one.valid_to is None or on <= one.valid_to))
    ]  # fmt: skip


def _same(session: Session, model: type[Named], name: str) -> Named | None:
    wanted = without_tones(name.strip())
    return next((one for one in session.scalars(select(model))
                 if without_tones(one.name) == wanted), None)  # fmt: skip


def _name(name: str, letters: int) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= letters or not name.isprintable() or ":" in name:
        raise InputInvalid(
            problem=said("a name has 1 to {limit} letters, on one line, without a colon",
                         limit=letters)
        )  # fmt: skip
    return name


def _refuse_taken(session: Session, series: Series, episode: int, mine: Programme) -> None:
    if not 1 <= episode <= 1_000_000:
        raise InputInvalid(problem="an episode has a number from 1 on")
    other = session.scalar(
        select(Programme).where(
            Programme.series_id == series.id, Programme.episode == episode,
            Programme.id != mine.id, Programme.variant_of.is_(None),
        )
    )  # fmt: skip
    if other is not None:
        raise AlreadyExists(what="episode", key=f"{series.name} {episode}")


def _note(
    hub: Hub, session: Session, what: str, subject: str, by: Person, **detail: object
) -> None:
    session.flush()
    ledger.record(
        session, at=hub.clock.now(), who=by.username, what=what, subject=subject, **detail
    )
