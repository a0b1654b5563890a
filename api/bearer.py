"""Programs that ask with a token instead of a sign-in: only below ``/api/v1``, only their part."""

from __future__ import annotations

from fastapi import Request

from api.errors import TokenRefused, TokenScope
from scheduler.hub import Hub
from scheduler.tokens import Bearer, bearer_of, saw_token

API_PREFIX = "/api/v1"
_SAFE = frozenset({"GET", "HEAD"})


def bearer(request: Request, hub: Hub) -> Bearer | None:
    """
    Whose program asks, if it brings a token.

    Raises:
        TokenRefused: the token is not, or no more, one of ours, or asks for a page.
        TokenScope: it is not for this.
    """
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return None
    now = hub.clock.now()
    with hub.database.read() as session:
        found = bearer_of(session, text.strip(), now)
    if found is None or not request.url.path.startswith(f"{API_PREFIX}/"):
        raise TokenRefused()
    part = request.url.path.removeprefix(API_PREFIX).split("/")[1]
    access = "read" if request.method in _SAFE else "write"
    if part != "openapi.json" and not found.may(part, access):
        raise TokenScope(scope=f"{part}:{access}")
    if found.is_stale(now):
        with hub.database.write() as session:
            saw_token(session, text.strip(), now)
    return found
