"""Who asks, and whether the question came from our own page."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request, Response
from starlette.concurrency import run_in_threadpool

from api import blanks
from api.bearer import bearer
from api.errors import ForeignForm, MustChangePassword, NotSignedIn
from api.looks import Together
from scheduler import second_factor
from scheduler.errors import MustSetSecondFactor
from scheduler.hub import Hub
from scheduler.people import (
    ROLES,
    SignInRow,
    Token,
    people_of,
    person_of,
    require_role,
    sign_in_rows,
)
from scheduler.store.models import Person
from scheduler.tokens import Bearer

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_MOST_KNOWN = 1000  # sign-ins


@dataclass(frozen=True)
class Viewer:
    """The person who asks, and the sign-in that says so."""

    person: Person
    token: str
    program: Bearer | None = None  # with whose token it asks, instead of a sign-in
    is_anybody: bool = False  # nobody in particular: a page is drawn for many at once

    @property
    def is_administrator(self) -> bool:
        return self.person.role == "administrator"

    def may(self, *roles: str) -> bool:
        """Whether the person has one of the roles; pages show only what may be used."""
        return self.is_administrator or self.person.role in roles

    def __repr__(self) -> str:
        return f"Viewer({self.person})"


def hub_of(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


# ── The cookie ─────────────────────────────────────────────────────────────────────────────────


def cookie_name(hub: Hub) -> str:
    # The prefix makes the browser refuse the cookie from a neighbouring host or without TLS.
    return "__Host-loa" if hub.settings.web.secure_cookies else "loa"


def set_session_cookie(response: Response, hub: Hub, token: Token) -> None:
    response.set_cookie(
        cookie_name(hub),
        token.text,
        max_age=hub.settings.web.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=hub.settings.web.secure_cookies,
    )


def clear_session_cookie(response: Response, hub: Hub) -> None:
    response.delete_cookie(
        cookie_name(hub), httponly=True, samesite="lax", secure=hub.settings.web.secure_cookies
    )


# ── Who asks ───────────────────────────────────────────────────────────────────────────────────


def viewer_of(request: Request) -> Viewer | None:
    """Whose sign-in, or whose program's token, the request carries, if any."""
    hub = hub_of(request)
    program = bearer(request, hub)
    if program is not None:
        return Viewer(program.person, "", program)
    token = request.cookies.get(cookie_name(hub), "")
    if not token:
        return None
    with hub.database.read() as session:
        person = person_of(session, token, hub.clock.now())
    return Viewer(person, token) if person else None


class SignIns:
    """
    Who asks, looked up in one go for all who ask at the same moment.

    Whose sign-in, person and unit are the same rows as before is the same viewer as before.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub, self._together = hub, Together()
        self._asked: set[str] = set()
        self._known: dict[str, tuple[SignInRow, Viewer]] = {}

    async def viewer(self, token: str) -> Viewer | None:
        """Whose sign-in this is, as it stood when or after the question came."""
        if not token:
            return None
        self._asked.add(token)

        async def look() -> dict[str, Viewer]:
            tokens, self._asked = self._asked | {token}, set()
            return await run_in_threadpool(self._read, tokens)

        return (await self._together.get("sign-ins", look)).get(token)

    def _read(self, tokens: set[str]) -> dict[str, Viewer]:
        with self._hub.database.read() as session:
            rows = sign_in_rows(session, tokens, self._hub.clock.now())
            known = {one: self._known[one] for one in rows if one in self._known}
            new = {one for one in rows if one not in known or known[one][0] != rows[one]}
            people = people_of(session, new, self._hub.clock.now()) if new else {}
        found = {one: viewer for one, (_, viewer) in known.items() if one not in new}
        found |= {one: Viewer(person, one) for one, person in people.items()}
        if len(self._known) >= _MOST_KNOWN:
            self._known = {}
        self._known |= {one: (rows[one], found[one]) for one in people}
        return found


def for_anybody(like: Viewer) -> Viewer:
    """Who stands for all of the same unit and role, and whose name and tokens are left blank."""
    person = Person(
        full_name=blanks.NAME, role=like.person.role, unit_id=like.person.unit_id,
        unit=like.person.unit, must_change_password=False,
    )  # fmt: skip
    return Viewer(person, "", is_anybody=True)


def may_enter(hub: Hub, viewer: Viewer) -> bool:
    """Whether the person has all that their role needs to get in."""
    return not viewer.person.must_change_password and not _lacks_factor(hub, viewer)


def _lacks_factor(hub: Hub, viewer: Viewer) -> bool:
    is_asked = viewer.program is None and not viewer.is_anybody
    return is_asked and second_factor.is_demanded(hub, viewer.person)


def half_signed_in(request: Request) -> Viewer:
    """
    Somebody with a password or with a one-time secret that still has to be changed.

    Raises:
        NotSignedIn: nobody is.
    """
    # Whoever stands before the pages (`api.kept`) has asked already.
    viewer = getattr(request.state, "viewer", None) or viewer_of(request)
    if viewer is None:
        raise NotSignedIn()
    # Error pages show the name and the menu without asking the database again.
    request.state.viewer = viewer
    return viewer


async def with_password(viewer: Annotated[Viewer, Depends(half_signed_in)]) -> Viewer:
    """
    Somebody with a password of their own.

    Raises:
        NotSignedIn: nobody is.
        MustChangePassword: the one-time secret opens nothing but the page that changes it.
    """
    if viewer.person.must_change_password:
        raise MustChangePassword()
    return viewer


async def signed_in(request: Request, viewer: Annotated[Viewer, Depends(with_password)]) -> Viewer:
    """
    Somebody who has all that their role needs to get in; a program came in with its token.

    Raises:
        MustSetSecondFactor: until it is set up, only the page of the account opens.
    """
    if _lacks_factor(hub_of(request), viewer):
        raise MustSetSecondFactor()
    return viewer


def needs(*roles: str) -> Callable[[Viewer], Awaitable[Viewer]]:
    """A dependency: somebody with one of the roles; the administrator has them all."""
    assert set(roles) <= set(ROLES), roles

    async def check(viewer: Annotated[Viewer, Depends(signed_in)]) -> Viewer:
        require_role(viewer.person, *roles)
        return viewer

    return check


SignedIn = Annotated[Viewer, Depends(signed_in)]
WithPassword = Annotated[Viewer, Depends(with_password)]  # the second factor may be missing

# ── Whether it came from our own page ──────────────────────────────────────────────────────────


def same_origin(request: Request) -> None:
    """
    Refuse a change that another site's page sent; runs before every route.

    Every current browser says where a POST comes from. One that says nothing (a script, a very old
    phone) still needs the cookie, which SameSite keeps at home, and in forms the token below.

    Raises:
        ForeignForm: it came from elsewhere.
    """
    if request.method not in UNSAFE:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise ForeignForm()
        return
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ForeignForm()


async def from_here(request: Request) -> None:
    """``same_origin`` of every route; as a coroutine, for a thread would cost more than it does."""
    same_origin(request)


def form_token(viewer: Viewer, key: bytes = b"") -> str:
    """
    A token for one form; it differs on every page, so a compressed page leaks nothing of it.

    With the key of the house it also says for whom the form was drawn, which outlives the sign-in.
    """
    salt = secrets.token_hex(8)
    token = f"{salt}.{_form_mac(viewer, salt)}"
    return f"{token}.{viewer.person.id}.{_owner_mac(key, salt, viewer.person.id)}" if key else token


def token_for(request: Request, viewer: Viewer) -> str:
    """What a page draws into its forms."""
    return blanks.FORM_TOKEN if viewer.is_anybody else form_token(viewer, form_key(request))


def check_form_token(viewer: Viewer, sent: str) -> None:
    salt, _, rest = sent.partition(".")
    mac = rest.partition(".")[0]
    if not hmac.compare_digest(mac.encode(), _form_mac(viewer, salt).encode()):
        raise ForeignForm()


def drawn_for(sent: str, key: bytes) -> int | None:
    """The id of the person for whom a form was drawn, also when that sign-in is over."""
    salt, *_, owner, mac = sent.split(".") if sent.count(".") == 3 else ("", "", "")
    if not owner.isascii() or not owner.isdigit() or len(owner) > 10:
        return None
    is_ours = hmac.compare_digest(mac.encode(), _owner_mac(key, salt, int(owner)).encode())
    return int(owner) if is_ours else None


def form_key(request: Request) -> bytes:
    """The key of the house for forms; read once."""
    state = request.app.state
    if not hasattr(state, "form_key"):
        state.form_key = hmac.digest(hub_of(request).master_secret(), b"forms", "sha256")
    key: bytes = state.form_key
    return key


def checked_form(
    viewer: Annotated[Viewer, Depends(half_signed_in)], form_token: Annotated[str, Form()] = ""
) -> None:
    """A dependency of every route that takes a form."""
    check_form_token(viewer, form_token)


def _form_mac(viewer: Viewer, salt: str) -> str:
    return hmac.digest(viewer.token.encode(), f"form:{salt}".encode(), "sha256").hex()


def _owner_mac(key: bytes, salt: str, person_id: int) -> str:
    return hmac.digest(key, f"owner:{salt}:{person_id}".encode(), "sha256").hex()[:32]
