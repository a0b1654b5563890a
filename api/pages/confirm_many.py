"""A person's word for all airings of a choice that nothing has told of."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Form, Request, Response

from api.auth import Viewer, checked_form, hub_of, needs
from api.pages.airings import Chosen
from api.pages.render import page, redirect
from api.pages.routes import page_routes
from api.pages.wall import CONFIRMERS
from scheduler.airings import MAX_CONFIRMED, confirm_airings, waiting_for_a_word

router = page_routes("/airings/confirm")

Confirmer = Annotated[Viewer, Depends(needs(*CONFIRMERS))]


@router.get("")
def ask(request: Request, viewer: Confirmer, chosen: Chosen) -> Response:
    """How many there are, before anything is written."""
    hub = hub_of(request)
    with hub.database.read() as session:
        scope = chosen.scope(session, viewer)
        waiting = waiting_for_a_word(
            session, chosen.wanted(scope), hub.clock.now(), by=viewer.person
        )
    return page(
        request, "airings_confirm.html", viewer=viewer, scope=scope, chosen=chosen,
        count=waiting.total(), stations=len(waiting), most=MAX_CONFIRMED,
    )  # fmt: skip


@router.post("", dependencies=[Depends(checked_form)])
def confirm(
    request: Request,
    viewer: Confirmer,
    chosen: Chosen,
    aired: Annotated[bool, Form()],
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        wanted = chosen.wanted(chosen.scope(session, viewer))
    confirm_airings(hub, wanted, by=viewer.person, aired=aired, note=note)
    return redirect("/airings", **dict(parse_qsl(chosen.address)), done="confirmed")
