"""A line of the timetable written on a page: a new one, or one that stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Form, Query, Request, Response

from api.auth import Viewer, checked_form, hub_of
from api.errors import SlotGone
from api.fields import MAX_ID, PathId
from api.pages.render import local_path, page, redirect
from api.pages.routes import page_routes
from api.pages.slotconflict import conflict_page, picked
from api.pages.slotform import Writing, slot_page, told, tried
from api.pages.slottyped import Typed, typed_form
from api.pages.timetable import Planner, plan_again
from api.picker import Picked
from api.slotfields import mixed
from scheduler import slots
from scheduler.errors import CoreError, NotFound, SlotChanged
from scheduler.slotcontent import own_length_s
from scheduler.slotowners import refuse_foreign_unit
from scheduler.slots import SlotDetails, details_of
from scheduler.store.models import Slot

router = page_routes("/timetable")

TypedForm = Annotated[Typed, Depends(typed_form)]
Short = Annotated[str, Form(max_length=20)]
Back = Annotated[str, Form(max_length=300)]
_NOT_TYPED = ("uid", "unit_code")


@router.get("/new")
def new(
    request: Request, viewer: Planner, back: Annotated[str, Query(max_length=300)] = ""
) -> Response:
    """An empty form, or one that a drag, a day of the calendar or a programme fills in."""
    tomorrow = hub_of(request).today() + timedelta(days=1)
    typed = Typed(valid_from=tomorrow.isoformat()).filled(request.query_params)
    return slot_page(request, viewer, Writing(typed, back=back))


@router.get("/check")
def check(
    request: Request, viewer: Planner,
    slot_id: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> Response:  # fmt: skip
    """What stands in the way of what is typed so far: a part of the page, asked for by a script."""
    writing = Writing(Typed.read(request.query_params))
    if slot_id:
        writing = replace(writing, slot=_slot(request, slot_id))
    try:
        parts = told(request, writing, None, tried(request, viewer, writing))
    except CoreError as error:
        parts = told(request, writing, error, None)
    parts["proposal_does"] = "preview"
    return page(request, "slot_check.html", viewer=viewer, writing=writing, **parts)


@router.post("", dependencies=[Depends(checked_form)])
def add(
    request: Request, viewer: Planner, typed: TypedForm, picks: Picked, do: Short = "add",
    back: Back = "",
) -> Response:  # fmt: skip
    """Add a line, or only say when it would air."""
    hub, writing = hub_of(request), Writing(typed, back=back)
    if picks.is_asked:
        return slot_page(request, viewer, writing, picks=picks)
    try:
        if do == "preview":
            return slot_page(request, viewer, writing, trial=tried(request, viewer, writing))
        with hub.database.read() as session:
            details = writing.details(session, viewer, request)
        slots.add_slot(hub, details, by=viewer.person)
    except CoreError as error:
        return slot_page(request, viewer, writing, error)
    plan_again(request)
    return _back(back, "slot_added")


@router.get("/{slot_id}/edit")
def edit(
    request: Request, viewer: Planner, slot_id: PathId,
    back: Annotated[str, Query(max_length=300)] = "",
) -> Response:  # fmt: skip
    """The form of a line that stands; what the address carries is typed over it, and checked."""
    hub = hub_of(request)
    with hub.database.read() as session:
        slot = slots.find_slot(session, slot_id)
        # Told before anything is typed.
        refuse_foreign_unit(hub, session, slot, viewer.person)
    writing = Writing.of(slot, details_of(slot), back)
    if not set(request.query_params) & set(vars(writing.typed)):
        return slot_page(request, viewer, writing)
    writing = replace(writing, typed=writing.typed.filled(request.query_params))
    try:
        return slot_page(request, viewer, writing, trial=tried(request, viewer, writing))
    except CoreError as error:
        return slot_page(request, viewer, writing, error)


@router.post("/{slot_id}/edit", dependencies=[Depends(checked_form)])
def save(
    request: Request, viewer: Planner, slot_id: PathId, typed: TypedForm,
    takes: Annotated[frozenset[str], Depends(picked)], picks: Picked, do: Short = "save",
    version: Short = "", opened: Annotated[str, Form(max_length=40_000)] = "", back: Back = "",
) -> Response:  # fmt: skip
    """
    Save a line, or only say what would become of it.

    Where somebody else changed it meanwhile, the person sees both versions and chooses.
    """
    try:
        slot = _slot(request, slot_id)
    except NotFound:
        return _gone(request, viewer, slot_id, typed, back)
    writing = Writing(typed, slot, version, opened, back)
    if picks.is_asked:
        return slot_page(request, viewer, writing, picks=picks)
    if do == "theirs":
        return redirect(f"/timetable/{slot_id}/edit", done="slot_theirs", back=back)
    try:
        if do == "preview":
            return slot_page(request, viewer, writing, trial=tried(request, viewer, writing))
        mine = _mine(request, viewer, writing)
        if do == "merge" and version:
            writing, mine = _mix(writing, mine, takes)
        _save(request, viewer, slot_id, mine, version)
    except SlotChanged as error:
        return conflict_page(request, viewer, writing, mine, error)
    except CoreError as error:
        return slot_page(request, viewer, writing, error)
    plan_again(request)
    return _back(back, "slot_changed")


def _save(request: Request, viewer: Viewer, slot_id: int, mine: SlotDetails, version: str) -> None:
    changes = {name: value for name, value in vars(mine).items() if name not in _NOT_TYPED}
    # A form without a version is none of ours, and may not write over anybody unseen.
    slots.edit_slot(hub_of(request), slot_id, changes, by=viewer.person, expected=version)


def _mine(request: Request, viewer: Viewer, writing: Writing) -> SlotDetails:
    """What was typed, with the length that an empty field means."""
    with hub_of(request).database.read() as session:
        mine = writing.details(session, viewer, request)
        if mine.seconds is None:
            mine = replace(mine, seconds=own_length_s(session, mine.programme_id))
    return mine


def _mix(writing: Writing, mine: SlotDetails, picks: frozenset[str]) -> tuple[Writing, SlotDetails]:
    """Theirs, with what was chosen of mine; from now on that is what was typed."""
    assert writing.slot is not None
    wanted = mixed(details_of(writing.slot), mine, picks)
    return replace(writing, typed=Typed.of(wanted)), wanted


def _slot(request: Request, slot_id: int) -> Slot:
    with hub_of(request).database.read() as session:
        return slots.find_slot(session, slot_id)


def _back(back: str, done: str) -> Response:
    """To where the person came from: the week of the calendar, or the lines."""
    path, _, query = (local_path(back) if back else "/timetable").partition("?")
    return redirect(path, **{**dict(parse_qsl(query)), "done": done})


def _gone(request: Request, viewer: Viewer, slot_id: int, typed: Typed, back: str) -> Response:
    """Taken out while somebody edited it: nothing that was typed is lost."""
    with hub_of(request).database.read() as session:
        if session.get(Slot, slot_id) is None:
            raise NotFound(what="slot", key=slot_id)
    return slot_page(request, viewer, Writing(typed, back=back), SlotGone())
