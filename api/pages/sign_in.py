"""Signing in and out, the own password, the language."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from api.auth import (
    Viewer,
    checked_form,
    clear_session_cookie,
    half_signed_in,
    hub_of,
    set_session_cookie,
    viewer_of,
)
from api.errors import status_of
from api.i18n import mark
from api.pages.render import LANGUAGE_COOKIE, local_path, page, redirect, translator_of
from scheduler import people
from scheduler.errors import CoreError, PasswordTooWeak, SignInRefused, TooManySignIns
from scheduler.store.models import Person

router = APIRouter()

HalfSignedIn = Annotated[Viewer, Depends(half_signed_in)]
_A_YEAR_S = 365 * 86_400


@router.get("/sign-in")
def show_sign_in(request: Request, next: str = "") -> Response:  # noqa: A002 - the address says so
    if viewer_of(request) is not None:
        return redirect(local_path(next))
    return page(request, "sign_in.html", next=next, username="", error=None)


@router.post("/sign-in")
def sign_in(
    request: Request,
    username: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=400)] = "",
    next: Annotated[str, Form(max_length=2000)] = "",  # noqa: A002 - the field's name
) -> Response:
    hub = hub_of(request)
    try:
        token = people.sign_in(
            hub.database,
            username=username,
            password=password,
            now=hub.clock.now(),
            address=request.client.host if request.client else None,
            hours=hub.settings.web.session_hours,
        )
    except (SignInRefused, TooManySignIns) as error:
        return page(
            request, "sign_in.html", status=status_of(error), next=next, username=username,
            error=translator_of(request).error(error),
        )  # fmt: skip
    response = redirect(local_path(next))
    set_session_cookie(response, hub, token)
    return response


@router.post("/sign-out", dependencies=[Depends(checked_form)])
def sign_out(request: Request, viewer: HalfSignedIn) -> Response:
    hub = hub_of(request)
    with hub.database.write() as session:
        people.sign_out(session, viewer.token)
    response = redirect("/sign-in")
    clear_session_cookie(response, hub)
    # The back button of a shared computer finds nothing.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.get("/password")
def show_password(request: Request, viewer: HalfSignedIn) -> Response:
    return _password_page(request, viewer, None)


@router.post("/password", dependencies=[Depends(checked_form)])
def change_password(
    request: Request,
    viewer: HalfSignedIn,
    old: Annotated[str, Form(max_length=400)] = "",
    new: Annotated[str, Form(max_length=400)] = "",
    again: Annotated[str, Form(max_length=400)] = "",
) -> Response:
    if new != again:
        return _password_page(
            request, viewer, mark("The two new passwords differ. Type both again.")
        )
    hub = hub_of(request)
    now = hub.clock.now()
    try:
        with hub.database.write() as session:
            person = session.get_one(Person, viewer.person.id)
            people.change_password(session, person, old=old, new=new, now=now)
            token = people.open_session(
                session, person, now=now, address=request.client.host if request.client else None,
                hours=hub.settings.web.session_hours,
            )  # fmt: skip
    except SignInRefused:
        return _password_page(request, viewer, mark("The password that you use now is wrong."))
    except (PasswordTooWeak, TooManySignIns) as error:
        return _password_page(request, viewer, error)
    response = redirect("/", done="password")
    set_session_cookie(response, hub, token)
    return response


@router.get("/language/{language}")
def choose_language(
    language: Literal["vi", "en"],
    next: Annotated[str, Query(max_length=2000)] = "/",  # noqa: A002 - the address says so
) -> Response:
    response = redirect(local_path(next))
    response.set_cookie(LANGUAGE_COOKIE, language, max_age=_A_YEAR_S, samesite="lax", httponly=True)
    return response


def _password_page(request: Request, viewer: Viewer, error: CoreError | str | None) -> Response:
    tr = translator_of(request)
    sentence = tr.error(error) if isinstance(error, CoreError) else error and tr.text(error)
    return page(
        request, "password.html", status=422 if error else 200, viewer=viewer, error=sentence,
        at_least=people.MIN_PASSWORD,
    )  # fmt: skip
