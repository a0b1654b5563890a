"""Programmes to choose from on a form: all of them, or of many the newest and what was searched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.picker import NOTHING_PICKED, Picks
from scheduler.programmelist import ProgrammeTitle, find_titles
from scheduler.store.states import ProgrammeState

# A form of a slot has eight lists of them.
MOST_LISTED = 60
MOST_SHOWN = 40
FIELD = "programme"  # of the search; its text comes as programme_find

USABLE = (ProgrammeState.READY, ProgrammeState.APPROVED)


@dataclass(frozen=True)
class ProgrammePick:
    """What the lists of programmes on one form offer."""

    options: Sequence[ProgrammeTitle]
    is_list: bool  # few enough: all of them are offered
    find: str = ""
    found: int = 0  # by the search, offered or not


def programmes_to_pick(
    session: Session, picks: Picks = NOTHING_PICKED, *, chosen: Collection[str] = (),
    longest_ms: int | None = None, not_by: int | None = None,
) -> ProgrammePick:  # fmt: skip
    """
    Args:
        chosen: what stands in the form; of these the ids of programmes are always offered.
    """
    known = {int(one) for one in chosen if one.isascii() and one.isdigit() and len(one) < 10}
    every = find_titles(session, states=USABLE, known=known, longest_ms=longest_ms, not_by=not_by)
    if len(every) <= MOST_LISTED:
        return ProgrammePick(every, is_list=True)
    find = picks.asked(FIELD).find
    found = every
    if find:
        found = find_titles(
            session, states=USABLE, words=find, longest_ms=longest_ms, not_by=not_by
        )
    shown = {one.id for one in found[:MOST_SHOWN]} | known
    options = [one for one in every if one.id in shown]
    return ProgrammePick(options, is_list=False, find=find, found=len(found))
