"""What a person says that a slot airs: a programme, a series, a theme, or a list of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.orm import Session

from scheduler.errors import InputInvalid, NotFound, WrongState, said
from scheduler.programmes import get_programme
from scheduler.series import find_series, find_theme
from scheduler.store.models import Programme, Series, Slot, Theme
from scheduler.store.states import ProgrammeState

_USABLE = (ProgrammeState.READY, ProgrammeState.APPROVED)
_MOST_ITEMS = 20
SOURCES = ("programme_id", "series", "theme", "items")  # one of them


class ContentWish(Protocol):
    """The part of ``SlotDetails`` that says what airs."""

    @property
    def programme_id(self) -> int | None: ...
    @property
    def series(self) -> str | None: ...
    @property
    def theme(self) -> str | None: ...
    @property
    def items(self) -> tuple[str, ...]: ...
    @property
    def no_repeat_days(self) -> int: ...
    @property
    def ident_id(self) -> int | None: ...
    @property
    def filler_id(self) -> int | None: ...


def fill_content(session: Session, slot: Slot, wish: ContentWish) -> int | None:
    """
    Bring a line to what it is to air; gives the length in seconds that follows from it, if any.

    Raises:
        InputInvalid: none or several of the four. NotFound, WrongState.
    """
    if sum(1 for name in SOURCES if getattr(wish, name)) != 1:
        raise InputInvalid(
            problem="a slot airs a programme, a series, a theme or a list: choose one of them"
        )
    known = {slot.programme_id, slot.ident_id, slot.filler_id,
             *(number for kind, number in slot.items or () if kind == "programme")}  # fmt: skip
    programme = _usable(session, wish.programme_id, known)
    slot.programme_id = programme.id if programme else None
    slot.series_id = find_series(session, wish.series).id if wish.series else None
    slot.theme_id = find_theme(session, wish.theme).id if wish.theme else None
    slot.items = _items(session, wish.items, known) if wish.items else None
    slot.no_repeat_days = wish.no_repeat_days
    ident = _usable(session, wish.ident_id, known)
    filler = _usable(session, wish.filler_id, known)
    slot.ident_id = ident.id if ident else None
    slot.filler_id = filler.id if filler else None
    return None if programme is None else _whole_minutes(programme)


def own_length_s(session: Session, programme_id: int | None) -> int | None:
    """What a programme needs, up to the next minute; none before it was measured."""
    programme = get_programme(session, programme_id) if programme_id is not None else None
    return _whole_minutes(programme) if programme is not None and programme.ms else None


def items_of(slot: Slot) -> tuple[str, ...]:
    """A list as a person would say it again, by numbers."""
    return tuple(f"{kind}:{number}" for kind, number in slot.items or ())


def _items(session: Session, entries: Sequence[str], known: set[int | None]) -> list[object]:
    if len(entries) > _MOST_ITEMS:
        raise InputInvalid(problem=said("a list has {limit} entries at most", limit=_MOST_ITEMS))
    return [_item(session, entry, known) for entry in entries]


def _item(session: Session, entry: str, known: set[int | None]) -> list[object]:
    kind, _, name = entry.partition(":")
    name = name.strip()
    if name.isascii() and name.isdigit() and len(name) < 10:
        return [kind, _numbered(session, kind, int(name), known)]
    if kind == "series" and name:
        return [kind, find_series(session, name).id]
    if kind == "theme" and name:
        return [kind, find_theme(session, name).id]
    raise InputInvalid(
        problem=said('"{entry}" is not programme:NUMBER, series:NAME or theme:NAME', entry=entry)
    )


def _numbered(session: Session, kind: str, number: int, known: set[int | None]) -> int:
    if kind == "programme":
        programme = _usable(session, number, known)
        assert programme is not None
    elif kind not in ("series", "theme"):
        raise InputInvalid(problem=said('"{entry}" is no part of a list', entry=kind))
    elif session.get(Series if kind == "series" else Theme, number) is None:
        raise NotFound(what=kind, key=number)
    return number


def _usable(session: Session, programme_id: int | None, known: set[int | None]
) -> Programme | None:  # fmt: skip
    """A programme that may come to air; what stands in the line already may be withdrawn since."""
    if programme_id is None:
        return None
    programme = get_programme(session, programme_id)
    if programme.id not in known and programme.state not in _USABLE:
        raise WrongState(what=str(programme), state=programme.state.value)
    return programme


def _whole_minutes(programme: Programme) -> int:
    assert programme.heard_ms is not None, "only measured programmes are ready"
    return max(1, -(-programme.heard_ms // 60_000)) * 60
