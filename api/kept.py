"""
Answers that are given again, byte by byte, to the same browser until anything changes.

A kept answer belongs to one address, one set of cookies and one way of packing, so nobody gets what
was drawn for somebody else. It counts only while no process has committed anything since before
it was made: a confirmation, a sign-out or a new role ends it at once, wherever it happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.looks import version_of
from scheduler.errors import CoreError
from scheduler.hub import Hub

# Pages of rows, the clock and the cookies alone, which many look at and look at again.
KEPT_PATHS = frozenset({"/", "/tonight"})

_MOST_KEPT = 500  # some 12 KiB each
# A part of a file, or a program with a token: not a page that a browser shows.
_NEVER_WITH = ("authorization", "range")
# What a browser wants to hear again when its copy still holds.
_TOLD_AGAIN = (b"cache-control", b"etag", b"vary", b"content-security-policy")


@dataclass(frozen=True)
class Answer:
    """One page as it goes over the wire."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: str


class KeptAnswers:
    """Stands before everything else: a kept answer costs no thread, no query and no drawing."""

    def __init__(self, app: ASGIApp, *, hub: Hub) -> None:
        self._app, self._hub = app, hub
        self._version: object = None
        self._answers: dict[bytes, Answer] = {}  # all of them made at this version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _may_be_kept(scope):
            await self._app(scope, receive, send)
            return
        version, key = await self._ask(), _key(scope)
        if version != self._version:
            self._version, self._answers = version, {}
        answer = self._answers.get(key) if version else None
        if answer is None:
            answer = await self._made(scope, receive, send)
            if answer is None:
                return
            # Something may have been committed meanwhile: then it was true, and is not kept.
            if version and version == self._version and len(self._answers) < _MOST_KEPT:
                self._answers[key] = answer
        await _give(answer, Headers(scope=scope).get("if-none-match", ""), send)

    async def _ask(self) -> object:
        try:
            if self._hub.database.is_sqlite:  # 5 µs in shared memory; a thread would take 100
                return version_of(self._hub)
            return await run_in_threadpool(version_of, self._hub)
        except CoreError:  # the page itself says what is wrong
            return None

    async def _made(self, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        """A page that may be kept; whatever else comes is passed on, and nothing is given."""
        start: Message = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif not start:
                await send(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, collect)
        if not start:
            return None
        body = b"".join(parts)
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["ETag"] = etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        return Answer(tuple(headers.raw), body, etag)


def _may_be_kept(scope: Scope) -> bool:
    if scope["method"] != "GET" or scope["path"] not in KEPT_PATHS:
        return False
    headers = Headers(scope=scope)
    return not any(name in headers for name in _NEVER_WITH)


def _is_page(start: Message) -> bool:
    """A whole page that sets no cookie."""
    return start["status"] == 200 and b"set-cookie" not in dict(start["headers"])


def _key(scope: Scope) -> bytes:
    """Whose answer to what; a digest, so that no sign-in lies about in a table."""
    headers = Headers(scope=scope)
    packed = "gzip" in headers.get("accept-encoding", "")
    parts: Iterable[str] = (scope["path"], *headers.getlist("cookie"), str(packed))
    digest = hashlib.sha256(scope["query_string"])
    for part in parts:
        digest.update(b"\0" + part.encode())
    return digest.digest()


async def _give(answer: Answer, known: str, send: Send) -> None:
    is_known = answer.etag in known
    headers = [one for one in answer.headers if not is_known or one[0].lower() in _TOLD_AGAIN]
    status = 304 if is_known else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_known else answer.body})
