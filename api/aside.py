"""What was typed into a form that could not be taken: put aside, and shown in the form again.

It is never sent by itself and never stands in an address: a cookie opens it, for one person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from fastapi import Request, Response

from api.auth import hub_of
from api.refill import Fields, refill
from scheduler.forms import TYPED_KEPT_FOR, drop_kept, kept_form, put_aside

# What opens something is typed anew, and lies nowhere.
_SECRET_FIELDS = frozenset({"form_token", "password", "old", "new", "again"})
_DRAWN_BY_PAGE = frozenset({"/programmes"})
_SECRET_PATHS = ("/sign-in", "/sign-out", "/second", "/welcome/", "/password", "/account/")


@dataclass(frozen=True)
class Aside:
    """What lies aside: where the form leads, where it stood, what was typed."""

    action: str
    page: str
    fields: Sequence[tuple[str, str]]
    file_name: str = ""  # of a file that came with it: no byte of it is kept

    @classmethod
    def from_json(cls, text: str) -> Aside:
        found = json.loads(text)
        fields = [(name, value) for name, value in found["fields"]]
        return cls(found["action"], found["page"], fields, found.get("file_name", ""))


def lay_aside(request: Request, person_id: int, fields: Fields, file_name: str = "") -> str | None:
    """Keep what was typed, if there is something; gives what the cookie has to hold."""
    typed = [(name, value) for name, value in fields if name not in _SECRET_FIELDS]
    path = request.url.path
    if path.startswith(_SECRET_PATHS) or not (file_name or any(value for _, value in typed)):
        return None
    hub = hub_of(request)
    kept = Aside(path, page_before(request), typed, file_name)
    text = json.dumps(asdict(kept))
    return put_aside(hub.database, person_id, text, hub.clock.now())


def page_before(request: Request) -> str:
    """The page of ours on which the form stood; browsers tell it within one site."""
    before = urlsplit(request.headers.get("referer", ""))
    if before.netloc != request.headers.get("host") or not before.path.startswith("/"):
        return ""
    page = f"{before.path}?{before.query}" if before.query else before.path
    return page[:2000] if page.isprintable() and not page.startswith("//") else ""


def is_waiting(request: Request) -> bool:
    """Whether this browser holds something that waits for a sign-in."""
    return bool(request.cookies.get(cookie_name(request)))


def refilled(
    request: Request, person_id: int, html: str, note_on: Callable[[Aside], str]
) -> str | None:
    """The page with the form filled in again, if what lies aside belongs on it."""
    aside = _aside_of(request, person_id)
    if aside is None:
        return None
    # A page that filled the form in by itself, and one whose file is missing, still say so.
    is_told = bool(aside.file_name) or aside.action in _DRAWN_BY_PAGE
    return refill(html, aside.action, aside.fields, note_on(aside), is_told=is_told)


def typed_before(request: Request, person_id: int, action: str) -> dict[str, str]:
    """What lies aside for one form, where the page draws more by it than the fields."""
    aside = _aside_of(request, person_id) if is_waiting(request) else None
    return dict(aside.fields) if aside and aside.action == action else {}


def _aside_of(request: Request, person_id: int) -> Aside | None:
    """What another person typed is thrown away: they are not the one who signed in."""
    token = request.cookies.get(cookie_name(request), "")
    hub = hub_of(request)
    kept = kept_form(hub.database, token, hub.clock.now())
    if kept is None:
        return None
    if kept.person_id != person_id:
        drop_kept(hub.database, token)
        return None
    return Aside.from_json(kept.text)


def let_go(request: Request, response: Response) -> None:
    """That form was taken now: what lay aside of it is no longer needed."""
    token = request.cookies.get(cookie_name(request), "")
    hub = hub_of(request)
    kept = kept_form(hub.database, token, hub.clock.now())
    if kept is not None and Aside.from_json(kept.text).action != request.url.path:
        return
    drop_kept(hub.database, token)
    response.delete_cookie(
        cookie_name(request), httponly=True, samesite="lax", secure=_is_secure(request)
    )


def set_cookie(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=int(TYPED_KEPT_FOR.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=_is_secure(request),
    )


def cookie_name(request: Request) -> str:
    return "__Host-loa_kept" if _is_secure(request) else "loa_kept"


def _is_secure(request: Request) -> bool:
    return hub_of(request).settings.web.secure_cookies
