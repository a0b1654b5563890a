"""What the draft of the timetable would change, the button that releases it, and the way back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.errors import status_of
from api.i18n import LoaError
from api.pages.forms import FormRoute
from api.pages.render import page, redirect, translator_of
from api.releasewords import shown_changes
from scheduler import releases
from scheduler.errors import CoreError

router = APIRouter(route_class=FormRoute)

Releaser = Annotated[Viewer, Depends(needs(*releases.ROLES))]
_SHOWN = 10


@router.get("/timetable/changes")
def show(request: Request, viewer: SignedIn) -> Response:
    return _page(request, viewer)


@router.post("/timetable/release", dependencies=[Depends(checked_form)])
def release(
    request: Request, viewer: Releaser, note: Annotated[str, Form(max_length=400)] = ""
) -> Response:
    try:
        releases.release(hub_of(request), by=viewer.person, note=note)
    except CoreError as error:
        return _page(request, viewer, error)
    return _planned(request, "timetable_released")


@router.post("/timetable/restore", dependencies=[Depends(checked_form)])
def restore(
    request: Request, viewer: Releaser, version: Annotated[int, Form(ge=0, le=1_000_000_000)]
) -> Response:
    try:
        releases.restore(hub_of(request), version, by=viewer.person)
    except CoreError as error:
        return _page(request, viewer, error)
    return _planned(request, "timetable_restored")


def _planned(request: Request, done: str) -> Response:
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect("/timetable/changes", done=done)


def _page(request: Request, viewer: Viewer, error: LoaError | None = None) -> Response:
    hub, translator = hub_of(request), translator_of(request)
    with hub.database.read() as session:
        changes = shown_changes(hub, session, translator)
        made = releases.list_releases(session, _SHOWN)
    return page(
        request, "changes.html", status=status_of(error) if error else 200, viewer=viewer,
        changes=changes, releases=made, may_release=viewer.may(*releases.ROLES),
        error=translator.error(error) if error else None,
    )  # fmt: skip
