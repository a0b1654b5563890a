"""The timetable: its lines, and taking one out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.errors import status_of
from api.fields import MAX_ID, PathId
from api.i18n import LoaError
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.rulewords import describe
from api.slotwords import content_in_words
from scheduler import slots
from scheduler.errors import SlotChanged
from scheduler.hearing import rule_of
from scheduler.lines import draft_ids, is_draft
from scheduler.slotlist import slot_page
from scheduler.slotversions import version_of

router = page_routes()

PLANNERS = ("editor", "district", "commune")
Planner = Annotated[Viewer, Depends(needs(*PLANNERS))]


@router.get("/timetable")
def show(
    request: Request,
    viewer: SignedIn,
    search: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        lines, has_more = slot_page(session, words=search, after=after)
        drafts = len(draft_ids(session))
    return page(
        request, "timetable.html", viewer=viewer, slots=lines, has_more=has_more, search=search,
        after=after, drafts=drafts, is_draft=is_draft,
        may_plan=viewer.may(*PLANNERS), rule=_in_words(request), content=_content(request),
        is_in_quiet_hours=slots.is_in_quiet_hours,
    )  # fmt: skip


@router.get("/timetable/{slot_id}/remove")
def ask_remove(request: Request, viewer: Planner, slot_id: PathId) -> Response:
    return _ask(request, viewer, slot_id)


@router.post("/timetable/{slot_id}/remove", dependencies=[Depends(checked_form)])
def remove(
    request: Request, viewer: Planner, slot_id: PathId,
    version: Annotated[str, Form(max_length=20)] = "",
) -> Response:  # fmt: skip
    """Take a line out; one that changed since the question was asked is shown again first."""
    try:
        slots.remove_slot(hub_of(request), slot_id, by=viewer.person, expected=version or None)
    except SlotChanged as error:
        return _ask(request, viewer, slot_id, error)
    plan_again(request)
    return redirect("/timetable", done="slot_removed")


def plan_again(request: Request) -> None:
    if request.app.state.engine is not None:
        request.app.state.engine.plan()


def _ask(request: Request, viewer: Viewer, slot_id: int, error: LoaError | None = None) -> Response:
    with hub_of(request).database.read() as session:
        slot = slots.find_slot(session, slot_id)
    return page(
        request, "remove_slot.html", status=status_of(error) if error else 200, viewer=viewer,
        slot=slot, version=version_of(slot), rule=_in_words(request), content=_content(request),
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip


def _in_words(request: Request) -> object:
    translator = translator_of(request)
    return lambda slot: describe(rule_of(slot), translator)


def _content(request: Request) -> object:
    translator = translator_of(request)
    return lambda slot: content_in_words(slot, translator)
