"""
Today's page, drawn once for many and given again, byte by byte, until anything changes.

What everybody of a unit and a role sees alike is drawn for nobody (`api.blanks`) and filled in for
each: their name, their form token, what waits for them. An answer that was filled in belongs to one
address, one set of cookies and one way of packing, so nobody gets what was filled in for somebody
else. Nothing counts longer than until any process commits anything: a confirmation, a sign-out or
a new role ends it at once, wherever it happened.
"""

from __future__ import annotations

import gzip
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import aside
from api.auth import SignIns, Viewer, cookie_name, for_anybody, may_enter
from api.blanks import Sheet
from api.looks import Together, version_of
from api.pages.render import LANGUAGE_COOKIE, language_of
from scheduler.errors import CoreError
from scheduler.hub import Hub

# Pages of rows, the clock and the cookies alone, which many look at and look at again.
KEPT_PATHS = frozenset({"/", "/tonight"})

_MOST_KEPT = 500  # some 12 KiB each
# A part of a file, or a program with a token: not a page that a browser shows.
_NEVER_WITH = ("authorization", "range")
# What a browser wants to hear again when its copy still holds.
_TOLD_AGAIN = (b"cache-control", b"etag", b"vary", b"content-security-policy")
# Such a page lives for a moment: 0.08 ms instead of 0.19 for 22 kB, and 7 % longer than at 6.
_PACKED_AT_LEVEL = 3

# What goes into the blanks of a page for one person.
Fill = Callable[[Viewer], Mapping[str, str]]


@dataclass(frozen=True)
class Answer:
    """One page as it goes over the wire."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: str

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Answer:
        # Drawn anew it holds another form token, so nothing is lost by naming the drawing.
        etag = f'"{secrets.token_hex(10)}"'
        return cls((*headers, (b"etag", etag.encode())), body, etag)


@dataclass(frozen=True)
class SharedPage:
    """A page with blanks, for all of a unit and a role; and how they are filled in."""

    sheet: Sheet
    headers: tuple[tuple[bytes, bytes], ...]
    fill: Fill

    def answer_for(self, viewer: Viewer, *, packed: bool) -> Answer:
        body, headers = self.sheet.filled(self.fill(viewer)).encode(), list(self.headers)
        if packed:
            body = gzip.compress(body, _PACKED_AT_LEVEL, mtime=0)
            headers.append((b"content-encoding", b"gzip"))
        return Answer.of([*headers, (b"content-length", b"%d" % len(body))], body)


class KeptAnswers:
    """Stands before everything else: a kept answer costs no thread, no query and no drawing."""

    def __init__(self, app: ASGIApp, *, hub: Hub) -> None:
        self._app, self._hub = app, hub
        self._version: object = None
        self._answers: dict[bytes, Answer] = {}  # all of them made at this version
        self._versions, self._pages = Together(), Together()
        self._sign_ins = SignIns(hub)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _may_be_kept(scope):
            await self._app(scope, receive, send)
            return
        version, key = await self._ask(), _key(scope)
        if version != self._version:
            self._version, self._answers = version, {}
        answer = self._answers.get(key) if version else None
        if answer is None:
            answer = await self._filled(scope, version)
            if answer is None:
                await self._app(scope, receive, send)
                return
            # Something may have been committed meanwhile: then it was true, and is not kept.
            if version and version == self._version and len(self._answers) < _MOST_KEPT:
                self._answers[key] = answer
        await _give(answer, Headers(scope=scope).get("if-none-match", ""), send)

    async def _ask(self) -> object:
        try:
            if self._hub.database.is_sqlite:  # 5 µs in shared memory; a thread would take 100
                return version_of(self._hub)
            return await self._versions.get("version", self._asked_aside)
        except CoreError:  # the page itself says what is wrong
            return None

    async def _asked_aside(self) -> object:
        return await run_in_threadpool(version_of, self._hub)

    async def _filled(self, scope: Scope, version: object) -> Answer | None:
        """The page of a unit and a role, filled in; none where only the page itself can tell."""
        request = Request(scope)
        if version is None or aside.is_waiting(request):
            return None
        try:
            viewer = await self._sign_ins.viewer(request.cookies.get(cookie_name(self._hub), ""))
        except CoreError:
            return None
        if viewer is None or not may_enter(self._hub, viewer):
            return None
        person, language = viewer.person, language_of(request)

        async def make() -> SharedPage | None:
            return await self._drawn(scope, viewer, language)

        address = (scope["path"], scope["query_string"], Headers(scope=scope).get("host"))
        key = (*address, person.unit_id, person.role, language)
        page = await self._pages.get(key, make, version=version, ask=self._ask)
        return page.answer_for(viewer, packed=_is_packed(scope)) if page else None

    async def _drawn(self, scope: Scope, viewer: Viewer, language: str) -> SharedPage | None:
        """What the page draws for anybody like this person; none when it refuses."""
        cookie = f"{LANGUAGE_COOKIE}={language}".encode()  # all that may make a difference
        state: dict[str, Any] = {**scope.get("state", {}), "viewer": for_anybody(viewer)}
        headers = [(b"host", Headers(scope=scope).get("host", "").encode()), (b"cookie", cookie)]
        collected = _Collected()
        try:
            await self._app({**scope, "headers": headers, "state": state}, _nothing, collected)
        except Exception:  # noqa: BLE001 - it is written down; whoever asked meets it themselves
            return None
        if not collected.is_page or "fill" not in state:
            return None
        made_anew = (b"content-length", b"content-encoding")
        kept = tuple(one for one in collected.start["headers"] if one[0].lower() not in made_anew)
        return SharedPage(Sheet.of(collected.text), kept, state["fill"])


class _Collected:
    """What the application sends, held back."""

    def __init__(self) -> None:
        self.start: Message = {}
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self._body += message.get("body", b"")

    @property
    def is_page(self) -> bool:
        """A whole page that sets no cookie."""
        return self.start.get("status") == 200 and not any(
            name == b"set-cookie" for name, _ in self.start["headers"]
        )

    @property
    def text(self) -> str:
        return self._body.decode()


async def _nothing() -> Message:
    """The body of a question that has none."""
    return {"type": "http.request", "body": b"", "more_body": False}


def _may_be_kept(scope: Scope) -> bool:
    if scope["method"] != "GET" or scope["path"] not in KEPT_PATHS:
        return False
    headers = Headers(scope=scope)
    return not any(name in headers for name in _NEVER_WITH)


def _is_packed(scope: Scope) -> bool:
    return "gzip" in Headers(scope=scope).get("accept-encoding", "")


def _key(scope: Scope) -> bytes:
    """Whose answer to what; a digest, so that no sign-in lies about in a table."""
    cookies = Headers(scope=scope).getlist("cookie")
    digest = hashlib.sha256(scope["query_string"])
    for part in (scope["path"], *cookies, str(_is_packed(scope))):
        digest.update(b"\0" + part.encode())
    return digest.digest()


async def _give(answer: Answer, known: str, send: Send) -> None:
    is_known = answer.etag in known
    headers = [one for one in answer.headers if not is_known or one[0].lower() in _TOLD_AGAIN]
    status = 304 if is_known else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_known else answer.body})
