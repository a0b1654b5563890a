"""The application: routes, error pages, headers."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from api import aside, health, live, tus
from api.auth import Viewer, viewer_of
from api.bearer import API_PREFIX
from api.errors import (
    FormUnreadable,
    MustChangePassword,
    NotSignedIn,
    PageMissing,
    Unexpected,
    in_readers_words,
    status_of,
)
from api.headers import ALWAYS, SecurityHeaders
from api.i18n import LoaError, mark
from api.json import api_router, parts
from api.json.problems import fields_invalid, problem, validation_problem
from api.kept import KeptAnswers
from api.looks import Looks
from api.pages import page_router
from api.pages.render import page, redirect, translator_of
from api.routes import all_of
from audio.errors import AudioError
from scheduler.engine import Engine
from scheduler.errors import CoreError, MustSetSecondFactor
from scheduler.hub import Hub
from stations.errors import StationError

log = structlog.get_logger()

# Where a script reads the answer: an error is a problem, and never the way to another page.
_FOR_PROGRAMS = (f"{API_PREFIX}/", "/uploads", "/live/")

# What is served, the same for every Loa.
ROUTES = all_of((health.router, api_router(), tus.router, live.router, page_router()))
ROUTES.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")

LastTick = Callable[[], datetime | None]


def create_app(
    hub: Hub, engine: Engine | None = None, *, last_tick: LastTick | None = None
) -> FastAPI:
    """
    The web application of one Loa.

    Args:
        engine: is told what became due (encoding, planning); without it the next tick finds it.
        last_tick: when the clock beat last, for ``/health``.
    """
    app = FastAPI(
        title="Loa",
        version=version("loa"),
        # The shipped viewers load scripts from elsewhere; the document itself is at our address.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.router = ROUTES
    app.state.hub, app.state.engine, app.state.last_tick = hub, engine, last_tick
    app.state.pulse, app.state.looks = live.Pulse(hub), Looks(hub)
    app.state.parts = parts()  # what a token may open
    for kind in (CoreError, AudioError, StationError):
        app.add_exception_handler(kind, _told)
    app.add_exception_handler(RequestValidationError, _told_invalid)
    app.add_exception_handler(HTTPException, _told_http)
    app.add_exception_handler(Exception, _told_unexpected)
    # Level 6 is within 2 % of the size of 9 on our pages, at a third of the time.
    app.add_middleware(GZipMiddleware, minimum_size=600, compresslevel=6)
    app.add_middleware(SecurityHeaders, strict_transport=hub.settings.web.secure_cookies)
    app.add_middleware(KeptAnswers, hub=hub)
    return app


def _told(request: Request, error: Exception) -> Response:
    """An error of ours as a page, as a problem, or as the way to the page that helps."""
    assert isinstance(error, CoreError | AudioError | StationError)
    if request.url.path.startswith(_FOR_PROGRAMS):
        return problem(request, error)
    if isinstance(error, NotSignedIn):
        return redirect("/sign-in", next=_came_from(request))
    if isinstance(error, MustChangePassword):
        return redirect("/password")
    if isinstance(error, MustSetSecondFactor):
        return redirect("/account")
    return _error_page(request, error)


def _told_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if request.url.path.startswith(_FOR_PROGRAMS):
        return validation_problem(request, error)
    if all(one["loc"][0] == "path" for one in error.errors()):
        return _error_page(request, PageMissing())  # no field that somebody typed
    return _error_page(request, fields_invalid(error))


def _told_http(request: Request, error: Exception) -> Response:
    """What the framework refuses: an unknown address, a wrong method, a body that is no form."""
    assert isinstance(error, HTTPException)
    is_unread = error.status_code == HTTPStatus.BAD_REQUEST
    told = FormUnreadable(detail=mark("it is damaged")) if is_unread else PageMissing()
    response = _told(request, told)
    response.status_code = error.status_code
    response.headers.update(error.headers or {})
    return response


def _told_unexpected(request: Request, error: Exception) -> Response:
    # As text: a renderer that draws tracebacks also prints the local variables, and a password
    # that somebody just typed may be one of them.
    told = "".join(traceback.format_exception(error))
    log.error("request_failed", path=request.url.path, method=request.method, traceback=told)
    response = _told(request, Unexpected())
    response.headers.update(ALWAYS)  # this handler stands outside of every middleware
    return response


def _error_page(request: Request, error: LoaError) -> Response:
    """Why it did not work, and the way back; to a form that still holds what was typed."""
    token = getattr(request.state, "kept", None)
    viewer = getattr(request.state, "viewer", None) or _viewer(request)
    if (told := in_readers_words(error)) is not error:
        log.error("server_in_trouble", path=request.url.path, code=error.code, said=str(error))
    response = page(
        request,
        "error.html",
        status=status_of(error),
        viewer=viewer,
        sentence=translator_of(request).error(told),
        code=error.code,
        back=aside.page_before(request) if request.method == "POST" else "",
        is_kept=token is not None,
        home=_home(request, viewer),
    )
    if token is not None:
        aside.set_cookie(request, response, token)
    return response


def _home(request: Request, viewer: Viewer | None) -> str:
    """Villagers have no sign-in: from a public page the way leads to the public page."""
    is_public = request.app.state.hub.settings.public.enabled
    is_stranger = viewer is None and request.url.path.startswith("/listen")
    return "/listen" if is_public and is_stranger else "/"


def _viewer(request: Request) -> Viewer | None:
    """Who reads an error that came before anybody asked: the way on is the menu."""
    try:
        viewer = viewer_of(request)
    except (CoreError, SQLAlchemyError):  # the database may be what is wrong
        return None
    return viewer if viewer and not viewer.person.must_change_password else None


def _came_from(request: Request) -> str:
    """Where to go on after signing in: the page that was asked for, or on which the form stood."""
    if request.method != "GET":
        return aside.page_before(request)
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
