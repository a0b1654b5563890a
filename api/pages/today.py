"""Today's schedule: what airs when, where, and what is known of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse

from api.auth import SignedIn, checked_form, hub_of
from api.fields import MAX_ID, FormId
from api.moments import in_sight
from api.pages.render import page, redirect
from api.pages.routes import page_routes
from api.pages.tonight import days_around, tonight
from scheduler.airings import confirm_airing
from scheduler.store.states import Grade

router = page_routes()

Unit = Annotated[str, Query(max_length=20)]
Opened = Annotated[int | None, Query(ge=1, le=MAX_ID)]


@router.get("/")
def today(
    request: Request,
    viewer: SignedIn,
    on: date | None = None,
    unit: Unit = "",
    opened: Opened = None,
) -> Response:
    """What is on tonight, what failed, what waits for me: without a click."""
    on = in_sight(on or hub_of(request).today(), hub_of(request))
    shown = tonight(request, viewer, on, unit, opened)
    look = shown.look
    return page(
        request, "today.html", viewer=viewer, unit=unit, options=shown.options, scope=look.scope,
        moments=look.moments, tonight=shown.html,
        grades=list(Grade), **days_around(hub_of(request), on),
    )  # fmt: skip


@router.get("/tonight")
def fresh(
    request: Request,
    viewer: SignedIn,
    on: date | None = None,
    unit: Unit = "",
    opened: Opened = None,
) -> Response:
    """Only the part of the page that changes while one looks at it."""
    on = in_sight(on or hub_of(request).today(), hub_of(request))
    return HTMLResponse(tonight(request, viewer, on, unit, opened).html)


@router.post("/confirm", dependencies=[Depends(checked_form)])
def confirm(
    request: Request,
    viewer: SignedIn,
    station_id: FormId,
    planned_at: Annotated[datetime, Form()],
    aired: Annotated[bool, Form()],
    note: Annotated[str, Form(max_length=500)] = "",
    unit: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    airing = confirm_airing(
        hub_of(request), station_id, planned_at, by=viewer.person, aired=aired, note=note
    )
    return redirect("/", on=airing.broadcast_date.isoformat(), unit=unit, done="confirmed")
