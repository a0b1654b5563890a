"""Signing in and out, the own password, the language."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Form, Path, Query, Request, Response

from api.auth import (
    Viewer,
    checked_form,
    clear_session_cookie,
    cookie_name,
    half_signed_in,
    hub_of,
    set_session_cookie,
    viewer_of,
)
from api.errors import NoRoomToSignIn, status_of
from api.i18n import mark
from api.pages.render import LANGUAGE_COOKIE, local_path, page, redirect, translator_of
from api.pages.routes import page_routes
from scheduler import invitations, people, second_factor
from scheduler.errors import (
    CodeRefused,
    CoreError,
    DataNotWritable,
    NotFound,
    PasswordTooWeak,
    SealBroken,
    SignInRefused,
    TooManySignIns,
)
from scheduler.store.models import Person

router = page_routes()

HalfSignedIn = Annotated[Viewer, Depends(half_signed_in)]
Invited = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{20,64}$")]
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
            address=_address(request),
            agent=request.headers.get("user-agent"),
            hours=hub.settings.web.session_hours,
        )
    except (SignInRefused, TooManySignIns, DataNotWritable) as refused:
        error = _told(refused)
        return page(
            request, "sign_in.html", status=status_of(error), next=next, username=username,
            error=translator_of(request).error(error),
        )  # fmt: skip
    response = (
        redirect("/second", next=next) if token.waits_for_code else redirect(local_path(next))
    )
    set_session_cookie(response, hub, token)
    return response


@router.get("/second")
def show_second(request: Request, next: str = "") -> Response:  # noqa: A002 - the address says so
    hub = hub_of(request)
    with hub.database.read() as session:
        person = people.person_of(session, _token(request), hub.clock.now(), waits_for_code=True)
    if person is None:
        return redirect("/sign-in", next=next)
    return page(request, "second.html", next=next, error=None)


@router.post("/second")
def second(
    request: Request,
    code: Annotated[str, Form(max_length=40)] = "",
    next: Annotated[str, Form(max_length=2000)] = "",  # noqa: A002 - the field's name
) -> Response:
    hub = hub_of(request)
    try:
        token = second_factor.complete(
            hub, _token(request), code, address=_address(request),
            agent=request.headers.get("user-agent"),
        )  # fmt: skip
    except NotFound:
        return redirect("/sign-in", next=next)
    except (CodeRefused, SealBroken, DataNotWritable) as refused:
        error = _told(refused)
        return page(
            request, "second.html", status=status_of(error), next=next,
            error=translator_of(request).error(error),
        )  # fmt: skip
    response = redirect(local_path(next))
    set_session_cookie(response, hub, token)
    return response


@router.get("/welcome/{token}")
def show_welcome(request: Request, token: Invited) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        person = invitations.invited(session, token, now=hub.clock.now())
    return _welcome_page(request, token, person, None)


@router.post("/welcome/{token}")
def welcome(
    request: Request,
    token: Invited,
    new: Annotated[str, Form(max_length=400)] = "",
    again: Annotated[str, Form(max_length=400)] = "",
) -> Response:
    """The one time that the address opens: a password is chosen, and the person is signed in."""
    hub, now = hub_of(request), hub_of(request).clock.now()
    with hub.database.read() as session:
        person = invitations.invited(session, token, now=now)
    if new != again:
        error = mark("The two new passwords differ. Type both again.")
        return _welcome_page(request, token, person, translator_of(request).text(error))
    try:
        with hub.database.write() as session:
            person = invitations.accept(session, token, new, now=now)
            came_from = (_address(request), request.headers.get("user-agent"))
            opened = people.open_session(
                session, person, now=now, address=came_from[0], agent=came_from[1],
                hours=hub.settings.web.session_hours,
                waits_for_code=person.totp_secret is not None,
            )  # fmt: skip
            if not opened.waits_for_code:
                people.remember_try(session, person.username, "opened", now, came_from)
    except (PasswordTooWeak, TooManySignIns, DataNotWritable) as refused:
        sentence = translator_of(request).error(_told(refused))
        return _welcome_page(request, token, person, sentence)
    response = redirect("/second" if opened.waits_for_code else "/", done="password")
    set_session_cookie(response, hub, opened)
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


def _welcome_page(request: Request, token: str, person: Person, error: str | None) -> Response:
    response = page(
        request, "welcome.html", status=422 if error else 200, invitation=token, person=person,
        error=error, at_least=people.MIN_PASSWORD,
    )  # fmt: skip
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the secret
    return response


def _told(error: CoreError) -> CoreError:
    """Of a full disk in words for who stands at the door."""
    if isinstance(error, DataNotWritable):
        return NoRoomToSignIn(detail=error.fields["detail"])
    return error


def _token(request: Request) -> str:
    return request.cookies.get(cookie_name(hub_of(request)), "")


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


def _password_page(request: Request, viewer: Viewer, error: CoreError | str | None) -> Response:
    tr = translator_of(request)
    sentence = tr.error(error) if isinstance(error, CoreError) else error and tr.text(error)
    return page(
        request, "password.html", status=422 if error else 200, viewer=viewer, error=sentence,
        at_least=people.MIN_PASSWORD,
    )  # fmt: skip
