"""What is sent twice is done once, and the second gets the first one's answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import hub_of
from scheduler.answers import is_abandoned
from scheduler.errors import AnswerPending, DataNotWritable
from scheduler.forms import answer_to, begin_form, forget_form, keep_form_answer
from scheduler.hub import Hub
from scheduler.sealed import seal, unseal
from scheduler.store.models import FormAnswer

# A browser shows the answer to the second of two clicks, so the second waits for the first.
_LOOK_EVERY_S = 0.1
_LOOKS = 200
_MADE_ANEW = (b"content-length", b"transfer-encoding")


@dataclass(frozen=True)
class Sent:
    """One thing that was sent, by all that makes it different from others."""

    identity: bytes

    @property
    def key(self) -> str:
        return hashlib.sha256(b"key\n" + self.identity).hexdigest()


async def once(
    request: Request, sent: Sent, make: Callable[[], Awaitable[Response]], *,
    is_begun: bool = True, is_harmless: bool = False,
) -> Response:  # fmt: skip
    """
    Do what was sent, unless it was done: then its answer is given again.

    Args:
        is_begun: else only what is known already is given; nobody who may send this is signed in.
        is_harmless: done twice it does no harm, so where it cannot be remembered it is done all
            the same, and tells itself what is wrong.

    Raises:
        AnswerPending: the first one takes very long.
        DataNotWritable: it cannot be remembered, and nothing was done.
    """
    hub = hub_of(request)
    if not is_begun:
        known = await run_in_threadpool(answer_to, hub.database, sent.key)
        # The first click ended the sign-in itself; an old answer is nobody's any more.
        if known is None or is_abandoned(known.at, hub.clock.now()):
            return await make()
        return _again(sent, known) or await make()
    try:
        known = await _begun(hub, sent)
    except DataNotWritable:
        if is_harmless:
            return await make()
        raise
    if known is not None:
        return _again(sent, known) or await make()
    try:
        response = await make()
    except BaseException:
        with suppress(DataNotWritable):  # why it failed is to be told, not this
            await run_in_threadpool(forget_form, hub.database, sent.key)
        raise
    with suppress(DataNotWritable):  # the disk filled meanwhile: it is done, and that is told
        await run_in_threadpool(_keep, hub, sent, response)
    return response


async def _begun(hub: Hub, sent: Sent) -> FormAnswer | None:
    for _ in range(_LOOKS):
        try:
            return await run_in_threadpool(begin_form, hub.database, sent.key, hub.clock.now())
        except AnswerPending:
            await asyncio.sleep(_LOOK_EVERY_S)
    raise AnswerPending()


def _keep(hub: Hub, sent: Sent, response: Response) -> None:
    """What was refused changed nothing, and may come again; anything else is remembered."""
    if response.status_code >= 400:
        forget_form(hub.database, sent.key)
        return
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in response.raw_headers
        if name not in _MADE_ANEW
    ]
    text = json.dumps([response.status_code, headers, bytes(response.body).decode()])
    keep_form_answer(hub.database, sent.key, seal(sent.identity, text))


def _again(sent: Sent, known: FormAnswer) -> Response | None:
    text = unseal(sent.identity, known.sealed) if known.sealed else None
    if text is None:
        return None
    status, headers, body = json.loads(text)
    response = Response(body, status)
    response.raw_headers = [
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers),
        (b"content-length", str(len(body.encode())).encode()),
    ]
    return response
