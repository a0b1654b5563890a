"""One's own account: the password, the second factor, where one is signed in."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import Depends, Form, Request, Response

from api.auth import SignedIn, Viewer, WithPassword, checked_form, hub_of
from api.errors import status_of
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from scheduler import people, second_factor
from scheduler.errors import CodeRefused, CoreError, SealBroken
from scheduler.hub import Hub
from scheduler.store.models import Person

router = page_routes("/account")

Code = Annotated[str, Form(max_length=40)]


@router.get("")
def show(request: Request, viewer: WithPassword) -> Response:
    return _page(request, viewer)


@router.post("/second-factor", dependencies=[Depends(checked_form)])
def begin(request: Request, viewer: WithPassword) -> Response:
    """Show a secret for the app; it counts only after a code of the app came back."""
    hub = hub_of(request)
    with hub.database.write() as session:
        second_factor.begin(hub, session, session.get_one(Person, viewer.person.id))
    return redirect("/account")


@router.post("/second-factor/confirm", dependencies=[Depends(checked_form)])
def confirm(request: Request, viewer: WithPassword, code: Code = "") -> Response:
    hub = hub_of(request)
    try:
        with hub.database.write() as session:
            person = session.get_one(Person, viewer.person.id)
            codes = second_factor.confirm(hub, session, person, code)
    except (CodeRefused, SealBroken) as error:
        return _page(request, viewer, error=error)
    response = _page(request, viewer, codes=codes)
    response.headers["Cache-Control"] = "no-store"  # shown once means once
    return response


@router.post("/second-factor/remove", dependencies=[Depends(checked_form)])
def remove(request: Request, viewer: SignedIn) -> Response:
    hub = hub_of(request)
    with hub.database.write() as session:
        person = session.get_one(Person, viewer.person.id)
        second_factor.remove(session, person, now=hub.clock.now(), by=person.username)
    return redirect("/account", done="factor_removed")


@router.post("/end", dependencies=[Depends(checked_form)])
def end(
    request: Request, viewer: SignedIn, handle: Annotated[str, Form(max_length=16)] = ""
) -> Response:
    """A telephone that was lent or lost: its sign-in ends."""
    hub = hub_of(request)
    with hub.database.write() as session:
        people.end_sign_in(
            session, viewer.person, handle, now=hub.clock.now(), by=viewer.person.username
        )
    return redirect("/account", done="ended")


def _page(
    request: Request,
    viewer: Viewer,
    *,
    error: CoreError | None = None,
    codes: list[str] | None = None,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        person = session.get_one(Person, viewer.person.id)
        sign_ins = people.sign_ins_of(session, person, hub.clock.now(), rows=people.MOST_SHOWN)
        tries = people.tries_of(session, person.username, rows=10)
    pending, drawn = _pending(hub, person), None
    if pending is not None:
        drawn = segno.make(second_factor.address_of(person, pending), error="m").svg_inline(
            scale=5, dark="#000", light="#fff", omitsize=False
        )
    return page(
        request, "account.html", status=status_of(error) if error else 200, viewer=viewer,
        person=person, sign_ins=sign_ins, tries=tries, handle_of=people.handle_of, drawn=drawn,
        pending=pending, is_demanded=second_factor.is_demanded(hub, person),
        this=people.token_hash(viewer.token)[:16], codes=codes,
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip


def _pending(hub: Hub, person: Person) -> str | None:
    """What an app is to be shown; none where it can no longer be read, then it begins anew."""
    try:
        return second_factor.pending_of(hub, person)
    except SealBroken:
        return None
