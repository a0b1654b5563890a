"""Requests that carry an ``Idempotency-Key``: asked twice, done once, answered the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from api.auth import hub_of, viewer_of
from scheduler.answers import MAX_KEY_LETTERS, begin_answer, forget_answer, keep_answer
from scheduler.errors import InputInvalid, KeyTaken, SealBroken
from scheduler.sealing import Seal
from scheduler.store.models import Person

HEADER = "idempotency-key"
REPLAYED = "Idempotent-Replayed"
_MEDIA_TYPE = "application/json"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """A route whose POST may be sent again after a broken line: its key says so."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER, "")
            if request.method != "POST" or not key:
                return await handle(request)
            if len(key) > MAX_KEY_LETTERS or not key.isprintable():
                raise InputInvalid(problem="an idempotency key has at most 100 printable letters")
            viewer = await run_in_threadpool(viewer_of, request)
            if viewer is None:
                return await handle(request)  # which refuses it
            return await _once(request, handle, viewer.person, key)

        return once


async def _once(request: Request, handle: Handler, person: Person, key: str) -> Response:
    hub = hub_of(request)
    asked = await _asked(request)
    known = await run_in_threadpool(begin_answer, hub.database, person, key, asked, hub.clock.now())
    seal = Seal(hub.master_secret(), "answers")
    if known is not None:
        headers = {REPLAYED: "true"}
        try:
            return Response(seal.open(known.body or ""), known.status or 200, headers, _MEDIA_TYPE)
        except SealBroken:  # under another master secret: it was done, and cannot be told again
            raise KeyTaken(key=key) from None
    try:
        response = await handle(request)
    except BaseException:
        # What was refused changed nothing: corrected, it may come under the same key.
        await run_in_threadpool(forget_answer, hub.database, person, key)
        raise
    # Sealed: some answers hold a secret that is told only once, and lies in no row as it is.
    body = seal.close(bytes(response.body).decode())
    await run_in_threadpool(keep_answer, hub.database, person, key, response.status_code, body)
    return response


async def _asked(request: Request) -> str:
    """What is asked for, as a hash; of an upload its length stands for its two gigabytes."""
    is_form = request.headers.get("content-type", "").startswith("multipart/")
    length = request.headers.get("content-length", "")
    if promised := request.headers.get("upload-length", ""):  # of tus, which says it in a header
        length, is_form = f"{promised} {request.headers.get('upload-metadata', '')}", True
    body = length.encode() if is_form else await request.body()
    return hashlib.sha256(f"{request.url.path}?{request.url.query}\n".encode() + body).hexdigest()
