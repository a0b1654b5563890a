"""A station's key: handed out as a file, replaced, or the change given up; all is recorded."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Form, Request, Response

from api.auth import checked_form, hub_of
from api.pages.render import redirect
from api.pages.routes import page_routes
from api.pages.wall import seen_station
from api.stationforms import Changer
from scheduler.errors import InputInvalid
from scheduler.keys import begin_rotation, give_out, give_up_rotation

router = page_routes("/stations/{code}/key")

Sure = Annotated[bool, Form()]


@router.post("/file", dependencies=[Depends(checked_form)])
def download(
    request: Request,
    viewer: Changer,
    code: str,
    which: Annotated[Literal["current", "next"], Form()],
) -> Response:
    """The key as a file for the box: the only place at which a secret leaves through a page."""
    hub = hub_of(request)
    with hub.database.write() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        text = give_out(hub, session, station, is_next=which == "next", by=viewer.person.username)
    name = f"loa-{code}{'-next' if which == 'next' else ''}.key"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",  # a shared computer keeps no copy of it
    }
    return Response(text, headers=headers, media_type="application/octet-stream")


@router.post("/begin", dependencies=[Depends(checked_form)])
def begin(request: Request, viewer: Changer, code: str, sure: Sure = False) -> Response:
    hub = hub_of(request)
    if not sure:
        raise InputInvalid(problem="tick the box that says that you are sure")
    with hub.database.write() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        if station.kind != "player":
            raise InputInvalid(problem="only a box with our player has a key")
        begin_rotation(hub, session, station, by=viewer.person.username)
    return redirect(f"/stations/{code}", done="key_begun")


@router.post("/keep", dependencies=[Depends(checked_form)])
def keep(request: Request, viewer: Changer, code: str, sure: Sure = False) -> Response:
    hub = hub_of(request)
    if not sure:
        raise InputInvalid(problem="tick the box that says that you are sure")
    with hub.database.write() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        if station.next_key_number is None:
            raise InputInvalid(problem="no change of keys is under way at this station")
        give_up_rotation(hub, session, station, by=viewer.person.username)
    return redirect(f"/stations/{code}", done="key_kept")
