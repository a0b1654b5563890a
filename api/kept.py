"""
Today's page, drawn once for many and given again, byte by byte, until anything changes.

What everybody of a unit and a role sees alike is drawn for nobody (`api.blanks`) and filled in for
each: their name, their form token, what waits for them. An answer that was filled in belongs to one
address, one set of cookies and one way of packing, so nobody gets what was filled in for somebody
else. Nothing counts unseen longer than until any process commits anything: then who asks, and what
the page was drawn from, are read again. Only where every row of it is the same, and the slice of
time too, is what was drawn given once more; so a confirmation, a sign-out or a new role ends it at
once, wherever it happened.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import aside
from api.auth import SignIns, Viewer, cookie_name, for_anybody, may_enter
from api.blanks import Sheet
from api.looks import Together, slice_of, version_of
from api.pages.render import LANGUAGE_COOKIE, language_of
from scheduler.errors import CoreError
from scheduler.hub import Hub

# Pages of rows, the clock and the cookies alone, which many look at and look at again.
KEPT_PATHS = frozenset({"/", "/tonight"})

_TURNS_OF_A_SERVER = 3
_MOST_KEPT = 500  # some 12 KiB each
# A part of a file, or a program with a token: not a page that a browser shows.
_NEVER_WITH = ("authorization", "range")
# What a browser wants to hear again when its copy still holds.
_TOLD_AGAIN = (b"cache-control", b"etag", b"vary", b"content-security-policy")
# Such a page lives for a moment: 0.08 ms instead of 0.19 for 22 kB, and 7 % longer than at 6.
_PACKED_AT_LEVEL = 3

# What goes into the blanks of a page for one person.
Fill = Callable[[Viewer], Mapping[str, str]]
# Looks again whether the page would be drawn from the same.
IsStill = Callable[[], bool]


@dataclass(frozen=True)
class Answer:
    """One page as it goes over the wire."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: str

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Answer:
        # Filled in anew it holds another form token, so nothing is lost by naming the filling.
        etag = f'"{secrets.token_hex(10)}"'
        return cls((*headers, (b"etag", etag.encode())), body, etag)


@dataclass(frozen=True)
class SharedPage:
    """A page with blanks, for all of a unit and a role; and how they are filled in."""

    sheet: Sheet
    headers: tuple[tuple[bytes, bytes], ...]
    fill: Fill
    is_still: IsStill
    drawn_in: int  # the slice of time

    def answer_for(self, viewer: Viewer, *, packed: bool) -> Answer:
        body, headers = self.sheet.filled(self.fill(viewer)).encode(), list(self.headers)
        if packed:
            body = gzip.compress(body, _PACKED_AT_LEVEL, mtime=0)
            headers.append((b"content-encoding", b"gzip"))
        return Answer.of([*headers, (b"content-length", b"%d" % len(body))], body)


@dataclass(frozen=True)
class Given:
    """What one person was given, and from what it was made: the same makes it again."""

    answer: Answer
    page: SharedPage
    viewer: Viewer
    version: object  # at which it was last found to be so


class KeptAnswers:
    """Stands before everything else: a kept answer costs no thread, no query and no drawing."""

    def __init__(self, app: ASGIApp, *, hub: Hub) -> None:
        self._app, self._hub = app, hub
        self._given: dict[bytes, Given] = {}
        self._versions, self._pages = Together(), Together()
        self._sign_ins = SignIns(hub)
        # Fifty communes at once take their turns: all of it is Python's work but what a server of
        # its own answers, and threads that wait for each other and for a connection cost as much.
        self._turns = asyncio.Semaphore(1 if hub.database.is_sqlite else _TURNS_OF_A_SERVER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _may_be_kept(scope):
            await self._app(scope, receive, send)
            return
        version, key = await self._ask(), _key(scope)
        given = self._given.get(key)
        if given is None or version is None or given.version != version:
            given = await self._made(scope, version, given)
            if given is None:
                await self._app(scope, receive, send)
                return
            self._keep(key, given)
        await _give(given.answer, Headers(scope=scope).get("if-none-match", ""), send)

    def _keep(self, key: bytes, given: Given) -> None:
        if key not in self._given and len(self._given) >= _MOST_KEPT:
            # Who asks now and then goes first; those who ask without a pause are here at once.
            self._given = {
                key: one for key, one in self._given.items() if one.version == given.version
            }
        if key in self._given or len(self._given) < _MOST_KEPT:
            self._given[key] = given

    async def _ask(self) -> object:
        try:
            if self._hub.database.is_sqlite:  # 5 µs in shared memory; a thread would take 100
                return version_of(self._hub)
            return await self._versions.get("version", self._asked_aside)
        except CoreError:  # the page itself says what is wrong
            return None

    async def _asked_aside(self) -> object:
        return await run_in_threadpool(version_of, self._hub)

    async def _made(self, scope: Scope, version: object, before: Given | None) -> Given | None:
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
        page = await self._page(scope, viewer, language_of(request), version)
        if page is None:
            return None
        # Something may be committed meanwhile: then it was true, and is looked at the next time.
        if before and before.page is page and before.viewer is viewer:
            return replace(before, version=version)
        return Given(page.answer_for(viewer, packed=_is_packed(scope)), page, viewer, version)

    async def _page(
        self, scope: Scope, viewer: Viewer, language: str, version: object
    ) -> SharedPage | None:
        async def make() -> SharedPage | None:
            async with self._turns:
                return await self._drawn(scope, viewer, language)

        async def renew(old: SharedPage | None) -> SharedPage | None:
            if old is not None and old.drawn_in == slice_of(self._hub):
                try:
                    async with self._turns:
                        if await run_in_threadpool(old.is_still):
                            return old
                except CoreError:  # the page itself says what is wrong
                    pass
            return await make()

        person = viewer.person
        address = (scope["path"], scope["query_string"], Headers(scope=scope).get("host"))
        where = (person.unit_id, person.unit.name if person.unit else "")
        key = (*address, *where, person.role, language)
        return await self._pages.get(key, make, version=version, ask=self._ask, renew=renew)

    async def _drawn(self, scope: Scope, viewer: Viewer, language: str) -> SharedPage | None:
        """What the page draws for anybody like this person; none when it refuses."""
        drawn_in = slice_of(self._hub)
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
        sheet = Sheet.of(collected.text)
        return SharedPage(sheet, kept, state["fill"], state["is_still"], drawn_in)


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
