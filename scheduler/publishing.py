"""What everybody may hear: approved programmes that somebody published, newest first."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload

from scheduler import people
from scheduler.errors import NotFound, WrongState
from scheduler.hub import Hub
from scheduler.programmes import get_programme
from scheduler.store import ledger
from scheduler.store.models import Person, Programme, Rendition
from scheduler.store.states import ProgrammeState, RenditionState
from scheduler.text import has_words

PUBLISHERS = ("editor", "approver")
PAGE_ROWS = 20
MOST_THEMES = 40  # each a button on every page; the others are found by their words


def publish(hub: Hub, programme_id: int, *, by: Person) -> Programme:
    """
    Put an approved programme on the public page.

    Raises:
        WrongState: nobody approved it, or it was withdrawn.
    """
    people.require_role(by, *PUBLISHERS)
    now = hub.clock.now()
    with hub.database.write() as session:
        programme = get_programme(session, programme_id)
        if programme.state is not ProgrammeState.APPROVED:
            raise WrongState(what=f"programme {programme}", state=programme.state.value)
        if programme.published_at is None:
            programme.published_at, programme.published_by = now, by.id
            _record(session, "programme_published", programme, by, now)
    return programme


def unpublish(hub: Hub, programme_id: int, *, by: Person) -> Programme:
    """Take a programme off the public page; on air it stays as it is planned."""
    people.require_role(by, *PUBLISHERS)
    with hub.database.write() as session:
        programme = get_programme(session, programme_id)
        if programme.published_at is not None:
            programme.published_at = programme.published_by = None
            _record(session, "programme_unpublished", programme, by, hub.clock.now())
    return programme


def published(
    session: Session,
    *,
    on: date,
    theme: str = "",
    words: str = "",
    before: int | None = None,
    limit: int = PAGE_ROWS,
) -> list[Programme]:
    """
    Published programmes, newest first.

    Args:
        on: today; what expired before it is left out.
        words: of the title or the theme, tones aside.
        before: the id that ended the page before.
    """
    statement = _public(on)
    if theme:
        statement = statement.where(Programme.theme == theme)
    if before is not None:
        last = session.get(Programme, before)
        if last is None or last.published_at is None:
            return []
        later = (Programme.published_at == last.published_at) & (Programme.id < last.id)
        statement = statement.where((Programme.published_at < last.published_at) | later)
    if not words.strip():
        return list(session.scalars(statement.limit(limit)))
    found = (one for one in session.scalars(statement) if has_words([one.title, one.theme], words))
    return [one for one, _ in zip(found, range(limit), strict=False)]


def find_published(session: Session, programme_id: int, on: date) -> Programme:
    """
    Raises:
        NotFound: there is none of that number that everybody may hear.
    """
    programme = session.scalar(_public(on).where(Programme.id == programme_id))
    if programme is None:
        raise NotFound(what="programme", key=programme_id)
    return programme


def public_themes(session: Session, on: date) -> list[str]:
    """The themes of what is published, each once; of very many those with most programmes."""
    statement = (
        _public(on)
        .with_only_columns(Programme.theme)
        .where(Programme.theme != "")
        .group_by(Programme.theme)
        .order_by(None)
        .order_by(func.count().desc(), Programme.theme)
        .limit(MOST_THEMES)
    )
    return sorted(session.scalars(statement))


def public_rendition(programme: Programme, profile: str) -> Rendition | None:
    """What the public page plays: the profile of the settings, else any that is ready."""
    ready = [one for one in programme.renditions if one.state is RenditionState.READY]
    return next((one for one in ready if one.profile == profile), ready[0] if ready else None)


def _public(on: date) -> Select[Programme]:
    return (
        select(Programme)
        .where(
            Programme.published_at.is_not(None),
            Programme.state == ProgrammeState.APPROVED,
            Programme.expires_on.is_(None) | (Programme.expires_on >= on),
            Programme.not_before.is_(None) | (Programme.not_before <= on),
        )
        .options(selectinload(Programme.renditions))
        .order_by(Programme.published_at.desc(), Programme.id.desc())
    )


def _record(session: Session, what: str, programme: Programme, by: Person, at: datetime) -> None:
    ledger.record(
        session, at=at, who=by.username, what=what, subject=f"programme {programme.id}",
        title=programme.title,
    )  # fmt: skip
