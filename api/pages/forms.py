"""A form of our pages, as it comes: bounded, done once, and not lost when it cannot be taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from api import aside
from api.auth import (
    cookie_name,
    drawn_for,
    form_key,
    hub_of,
    same_origin,
    viewer_of,
)
from api.errors import ForeignForm, FormTooLarge, FormUnreadable, NotSignedIn, UploadTooLarge
from api.once import Sent, once
from api.pages.render import redirect, translator_of
from api.uploads import Upload, arriving, fields_of, receive
from audio.errors import AudioError
from scheduler.errors import CoreError
from stations.errors import StationError

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# The largest form of ours holds a table of stations (8 MiB).
MAX_FORM_BYTES = 10 << 20
# Takes its two gigabytes apart itself, while they come.
STREAMED = frozenset({"/programmes"})
# Here nobody is signed in yet.
_OPEN = ("/sign-in", "/second", "/welcome/")

_TOKEN_IN_MULTIPART = re.compile(rb'name="form_token"\r\n\r\n([0-9a-f.]+)\r\n')
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_SALT = re.compile("[0-9a-f]{16}")


class FormRoute(APIRoute):
    """A route of a page: a form that is sent twice is done once, and what was typed is kept."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            if request.method != "POST":
                return await handle(request)
            same_origin(request)  # before anything is read
            if self.path in STREAMED:
                return await _take_streamed(request, handle)
            form = await read_form(request)
            take = partial(_take, request, form, handle)
            if not _SALT.match(form.token):
                return await take()  # drawn by no page of ours: it is refused, or asks a program
            sent = Sent(form.identity(request))
            is_known = await run_in_threadpool(viewer_of, request) is not None
            is_open = request.url.path.startswith(_OPEN)
            return await once(
                request, sent, take, is_begun=is_known or is_open, is_harmless=is_open
            )

        return guarded


@dataclass(frozen=True)
class Form:
    """What came: the fields (of a form with a file only when they are kept), and its bytes."""

    token: str
    fields: list[tuple[str, str]]
    body: bytes
    file_name: str = ""

    def identity(self, request: Request) -> bytes:
        """What makes this form this one: who sends what to where. A secret, as its cookie is."""
        cookie = request.cookies.get(cookie_name(hub_of(request)), "")
        where = f"{cookie}\n{request.url.path}?{request.url.query}\n"
        return where.encode() + self.body


async def read_form(request: Request) -> Form:
    """
    Read a form into memory; the framework finds it there.

    Raises:
        FormTooLarge: no form of ours is so long.
    """
    body = bytearray()
    announced = request.headers.get("content-length", "")
    too_long = announced.isdigit() and int(announced) > MAX_FORM_BYTES
    if not too_long:
        async for chunk in arriving(request):
            body += chunk
            if too_long := len(body) > MAX_FORM_BYTES:
                break
    if too_long:
        raise FormTooLarge(limit=translator_of(request).size(MAX_FORM_BYTES))
    request._body = bytes(body)  # as request.body() leaves it, which has no limit
    return _form(request.headers.get("content-type", ""), bytes(body))


def _form(content_type: str, body: bytes) -> Form:
    if content_type.startswith("multipart/"):
        found = _TOKEN_IN_MULTIPART.search(body)
        boundary = _BOUNDARY.search(content_type)
        if boundary:  # a browser makes up another one for every click
            body = body.replace(boundary[1].encode(), b"")
        return Form(found[1].decode() if found else "", [], body)
    text = body.decode("ascii", "replace")
    fields = parse_qsl(text, keep_blank_values=True, max_num_fields=None)
    return Form(dict(fields).get("form_token", ""), fields, body)


async def _take(request: Request, form: Form, handle: Handler) -> Response:
    try:
        response = await handle(request)
    except (NotSignedIn, ForeignForm):
        back = await run_in_threadpool(_kept_for_later, request, form)
        if back is None:
            raise
        return back
    except (CoreError, AudioError, StationError, RequestValidationError):
        # The page that says why leads back to the form, and the form holds what was typed.
        await run_in_threadpool(_kept_for_error, request, form)
        raise
    if aside.is_waiting(request):
        await run_in_threadpool(aside.let_go, request, response)
    return response


async def _take_streamed(request: Request, handle: Handler) -> Response:
    """A form with a large file: of one that cannot be taken the text is kept, the file is not."""
    try:
        response = await handle(request)
    except (NotSignedIn, ForeignForm):
        back = await run_in_threadpool(_kept_for_later, request, await _rest_of(request))
        if back is None:
            raise
        return back
    if aside.is_waiting(request) and response.status_code < 400:
        await run_in_threadpool(aside.let_go, request, response)
    return response


async def _rest_of(request: Request) -> Form:
    """
    What was typed into a form that was not, or not wholly, read yet.

    Nobody is signed in: what shows that a page of ours drew it stands first, and without it
    nothing more is read.
    """
    hub, key = hub_of(request), form_key(request)
    came: Upload | None = getattr(request.state, "upload", None)
    if came is None:
        came = Upload()

        def nobody(fields: dict[str, str]) -> None:
            raise NotSignedIn()

        def is_ours(fields: dict[str, str]) -> bool:
            return drawn_for(fields.get("form_token", ""), key) is not None

        with suppress(CoreError):
            async with receive(
                request, hub.tmp, max_bytes=hub.settings.programmes.max_bytes,
                too_large=UploadTooLarge(limit=""),
                before_file=nobody, reads_on=is_ours, upload=came,
            ):  # fmt: skip
                pass
    token = came.fields.get("form_token", "")
    return Form(token, list(came.fields.items()), b"", came.file_name)


def _kept_for_later(request: Request, form: Form) -> Response | None:
    """The sign-in ended or was renewed while somebody typed: the way back to the form."""
    owner = drawn_for(form.token, form_key(request))
    viewer = viewer_of(request)
    if owner is None or (viewer is not None and viewer.person.id != owner):
        return None
    form = _with_fields(request, form)
    token = aside.lay_aside(request, owner, form.fields, form.file_name)
    page = aside.page_before(request)
    if token is None or (viewer is not None and not page):
        return None
    response = redirect(page) if viewer else redirect("/sign-in", next=page)
    aside.set_cookie(request, response, token)
    return response


def _kept_for_error(request: Request, form: Form) -> None:
    viewer = getattr(request.state, "viewer", None)
    if viewer is not None and aside.page_before(request):
        form = _with_fields(request, form)
        request.state.kept = aside.lay_aside(request, viewer.person.id, form.fields, form.file_name)


def _with_fields(request: Request, form: Form) -> Form:
    """A form with a file is taken apart only now, when its fields have to be kept."""
    if form.fields or not form.body:
        return form
    with suppress(FormUnreadable):
        found = fields_of(request, request._body)
        return replace(form, fields=list(found.fields.items()), file_name=found.file_name)
    return form
