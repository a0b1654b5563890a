"""The queue of the approver: what waits, oldest first, one after another."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.auth import Viewer, hub_of, needs
from api.pages.programme import shown
from api.pages.render import page
from scheduler import programmes
from scheduler.store.states import ProgrammeState

router = APIRouter()


@router.get("/approve")
def queue(request: Request, viewer: Annotated[Viewer, Depends(needs("approver"))]) -> Response:
    """Everything that waits for somebody else's ears than those of who brought it."""
    with hub_of(request).database.read() as session:
        found = programmes.list_programmes(session, state=ProgrammeState.READY)
    waiting = [one.id for one in reversed(found) if one.uploaded_by != viewer.person.id]
    own = [one for one in found if one.uploaded_by == viewer.person.id]
    first = shown(request, waiting[0]) if waiting else None
    return page(
        request, "approve.html", viewer=viewer, one=first, own=own,
        rest=[one for one in reversed(found) if one.id in waiting[1:]],
    )  # fmt: skip
