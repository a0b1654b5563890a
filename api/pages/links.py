"""The lines that stations share: so many visits at once, so many kilobits a second for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Form, Request, Response
from sqlalchemy.orm import Session

from api.auth import SignedIn, Viewer, checked_form, hub_of
from api.errors import status_of
from api.fields import FormId
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.stationforms import CHANGERS, Changer, outside, own_unit_ids
from scheduler import links
from scheduler.errors import CoreError, InputInvalid, LinkMovedOn, NotFound
from scheduler.store.models import Link

router = page_routes()

Name = Annotated[str, Form(max_length=200)]
Figure = Annotated[str, Form(max_length=12)]


@router.get("/links")
def show(request: Request, viewer: SignedIn) -> Response:
    return _links_page(request, viewer)


@router.post("/links", dependencies=[Depends(checked_form)])
def add(
    request: Request, viewer: Changer, name: Name = "", sessions: Figure = "4", kbps: Figure = ""
) -> Response:
    hub = hub_of(request)
    try:
        with hub.database.write() as session:
            links.add_link(
                session, name=name, max_sessions=_figure(sessions), by=viewer.person.username,
                kbps=_figure(kbps) if kbps.strip() else None, now=hub.clock.now(),
            )  # fmt: skip
    except CoreError as error:
        typed = {"name": name, "sessions": sessions, "kbps": kbps}
        return _links_page(request, viewer, error=error, typed=typed)
    return redirect("/links", done="link_saved")


@router.post("/links/change", dependencies=[Depends(checked_form)])
def change(
    request: Request,
    viewer: Changer,
    link_id: FormId,
    name: Name = "",
    sessions: Figure = "",
    kbps: Figure = "",
    was: Name = "",
) -> Response:
    """Change a link, if it is still as the form showed it."""
    hub = hub_of(request)
    typed = {"name": name, "sessions": sessions, "kbps": kbps, "id": str(link_id)}
    try:
        with hub.database.write() as session:
            link = changeable_link(request, session, viewer, link_id)
            if was != version_of(link):
                raise LinkMovedOn(name=link.name)
            links.change_link(
                session, link, name=name, max_sessions=_figure(sessions),
                kbps=_figure(kbps) if kbps.strip() else None, is_unlimited=not kbps.strip(),
                by=viewer.person.username, now=hub.clock.now(),
            )  # fmt: skip
    except CoreError as error:
        return _links_page(request, viewer, error=error, typed=typed)
    return redirect("/links", done="link_saved")


@router.post("/links/remove", dependencies=[Depends(checked_form)])
def remove(
    request: Request, viewer: Changer, link_id: FormId, sure: Annotated[bool, Form()] = False
) -> Response:
    hub = hub_of(request)
    try:
        if not sure:
            raise InputInvalid(problem="tick the box that says that you are sure")
        with hub.database.write() as session:
            link = changeable_link(request, session, viewer, link_id)
            links.remove_link(session, link, by=viewer.person.username, now=hub.clock.now())
    except CoreError as error:
        return _links_page(request, viewer, error=error)
    return redirect("/links", done="link_removed")


def changeable_link(request: Request, session: Session, viewer: Viewer, link_id: int) -> Link:
    """
    A link that this technician may change: every station on it lies in the own unit.

    Raises:
        NotFound: there is none. OutsideUnit: it carries stations of others.
    """
    link = session.get(Link, link_id)
    if link is None:
        raise NotFound(what="link", key=str(link_id))
    mine = own_unit_ids(request, session, viewer)
    if mine is not None and not links.carried_units(session, link, hub_of(request).today()) <= mine:
        raise outside(viewer)
    return link


def version_of(link: Link) -> str:
    return f"{link.name}|{link.max_sessions}|{link.kbps or ''}"


def _figure(text: str) -> int:
    try:
        return int(text.replace(".", "").replace(" ", ""))
    except ValueError:
        raise InputInvalid(problem="visits at once and kilobits are whole numbers") from None


def _links_page(
    request: Request,
    viewer: Viewer,
    *,
    error: CoreError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        found = links.list_links(session, hub.clock.now())
    return page(
        request, "links.html", viewer=viewer, links=found, typed=typed or {},
        status=status_of(error) if error else 200, version_of=version_of,
        error=translator_of(request).error(error) if error else None,
        may_change=viewer.may(*CHANGERS), most=links.MAX_SESSIONS,
    )  # fmt: skip
