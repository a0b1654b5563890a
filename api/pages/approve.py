"""The queue of the approver: what waits, oldest first, one after another."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from api.auth import Viewer, hub_of, needs
from api.fields import MAX_ID
from api.pages.programme import shown
from api.pages.render import page
from api.pages.routes import page_routes
from scheduler.programmelist import approval_queue

router = page_routes()


@router.get("/approve")
def queue(
    request: Request,
    viewer: Annotated[Viewer, Depends(needs("approver"))],
    after: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """The first that waits for somebody else's ears than those of who brought it, and the next."""
    with hub_of(request).database.read() as session:
        found = approval_queue(session, viewer.person.id, after=after)
    first = shown(request, found.first) if found.first is not None else None
    return page(request, "approve.html", viewer=viewer, one=first, queue=found, after=after)
