"""What every answer tells the browser: nothing foreign is loaded, framed or guessed."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",  # files of ours; nothing inline, nothing made from text
        "connect-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

# The back button shows what was typed; a shared computer forgets it at the sign-out.
_PAGE_CACHE = "private, no-cache"
_ASSET_CACHE = "public, max-age=31536000, immutable"  # its address changes with its content


def _open_to_others(scope: Scope, headers: MutableHeaders) -> None:
    """What is public may be used elsewhere: the sound by everybody, the frame by named sites."""
    if not scope["path"].startswith("/listen"):
        return
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    sites = scope.get("state", {}).get("framed_by", ())
    if sites:
        policy = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", "frame-ancestors {}")
        headers["Content-Security-Policy"] = policy.format(" ".join(sites))
        del headers["X-Frame-Options"]  # it cannot name sites


class SecurityHeaders:
    """Adds the headers to every answer, also to errors and files."""

    def __init__(self, app: ASGIApp, *, strict_transport: bool) -> None:
        self._app = app
        self._headers = dict(ALWAYS)
        if strict_transport:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_asset = scope["path"].startswith("/static/") and b"v=" in scope["query_string"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                _open_to_others(scope, headers)
                kept = _ASSET_CACHE if is_asset and message["status"] == 200 else _PAGE_CACHE
                headers.setdefault("Cache-Control", kept)
            await send(message)

        await self._app(scope, receive, send_with_headers)
