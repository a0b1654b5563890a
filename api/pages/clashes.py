"""Priority slots that collide: the commune says which of them airs first."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from api.auth import SignedIn, checked_form, hub_of
from api.pages.forms import FormRoute
from api.pages.render import page, redirect
from api.pages.timetable import PLANNERS, Planner
from api.scope import scope_of
from scheduler.precedence import Collision, collisions, decide_order

router = APIRouter(route_class=FormRoute)

_DAYS = 7  # shown ahead


@router.get("/clashes")
def clashes(
    request: Request, viewer: SignedIn, unit: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    hub = hub_of(request)
    found: list[Collision] = []
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit)
        for on in (hub.today() + timedelta(days=n) for n in range(_DAYS)):
            there = scope_of(session, viewer.person, on, None) if not unit else scope
            found += collisions(session, on, hub.settings.zone, there.unit_ids)
    return page(
        request, "clashes.html", viewer=viewer, scope=scope, unit=unit, clashes=found,
        may_decide=viewer.may(*PLANNERS),
    )  # fmt: skip


@router.post("/clashes", dependencies=[Depends(checked_form)])
def decide(
    request: Request,
    viewer: Planner,
    unit_code: Annotated[str, Form(max_length=20)],
    on: Annotated[date, Form()],
    order: Annotated[str, Form(max_length=200, pattern="^[0-9]{1,9}( [0-9]{1,9})*$")],
) -> Response:
    """One touch: this one first, the others after it as they stand."""
    numbers = [int(number) for number in order.split()]
    decide_order(hub_of(request), unit_code, [on], numbers, by=viewer.person)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect("/clashes", done="ordered")
