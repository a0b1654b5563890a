"""Tokens for programs: one's own; the administrator sees and ends everybody's."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from api.auth import SignedIn, Viewer, checked_form, hub_of
from api.errors import status_of
from api.fields import MAX_ID, FormId
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from scheduler.errors import CoreError
from scheduler.store.models import Person
from scheduler.tokens import ACCESS, EVERYTHING, issue_token, list_tokens, revoke_token

router = page_routes("/tokens")

LIFETIMES_DAYS = (30, 90, 366)
_SHOWN = 50  # at once


@router.get("")
def tokens(
    request: Request, viewer: SignedIn, before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None
) -> Response:
    return _tokens_page(request, viewer, before=before)


@router.post("", dependencies=[Depends(checked_form)])
def issue(
    request: Request,
    viewer: SignedIn,
    name: Annotated[str, Form(max_length=200)] = "",
    scope: Annotated[list[str], Form(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    days: Annotated[int, Form(ge=1, le=100_000)] = LIFETIMES_DAYS[0],
) -> Response:
    hub = hub_of(request)
    try:
        with hub.database.write() as session:
            issued = issue_token(
                session, viewer.person, name=name, scopes=[one for one in scope if one], days=days,
                parts=request.app.state.parts, now=hub.clock.now(), by=viewer.person.username,
            )  # fmt: skip
    except CoreError as error:
        return _tokens_page(request, viewer, error=error, name=name, scopes=scope)
    return _tokens_page(request, viewer, secret=issued.text)


@router.post("/revoke", dependencies=[Depends(checked_form)])
def revoke(request: Request, viewer: SignedIn, token_id: FormId) -> Response:
    hub = hub_of(request)
    with hub.database.write() as session:
        revoke_token(
            session, token_id, of=_whose(viewer), now=hub.clock.now(), by=viewer.person.username
        )
    return redirect("/tokens", done="token_revoked")


def _whose(viewer: Viewer) -> Person | None:
    return None if viewer.is_administrator else viewer.person


def _tokens_page(
    request: Request,
    viewer: Viewer,
    *,
    error: CoreError | None = None,
    secret: str | None = None,
    name: str = "",
    scopes: list[str] | None = None,
    before: int | None = None,
) -> Response:
    with hub_of(request).database.read() as session:
        found = list_tokens(session, _whose(viewer), before=before, limit=_SHOWN + 1)
    return page(
        request, "tokens.html", viewer=viewer, tokens=found[:_SHOWN], secret=secret, before=before,
        older=found[_SHOWN - 1].id if len(found) > _SHOWN else None, name=name,
        scopes=scopes or [], parts=(EVERYTHING, *request.app.state.parts), access=ACCESS,
        lifetimes=LIFETIMES_DAYS, status=status_of(error) if error else 200,
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip
