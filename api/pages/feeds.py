"""Calendars for telephones: their secret addresses, made, listed and taken back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from api.auth import SignedIn, Viewer, checked_form, hub_of
from api.errors import status_of
from api.fields import MAX_ID, FormId
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.picker import NOTHING_PICKED, Picked, Picks, Places
from scheduler import feeds
from scheduler.errors import CoreError

router = page_routes("/feeds")

_SHOWN = 50  # at once


@router.get("")
def show(
    request: Request, viewer: SignedIn, before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None
) -> Response:
    return _page(request, viewer, before=before)


@router.post("", dependencies=[Depends(checked_form)])
def add(
    request: Request,
    viewer: SignedIn,
    picks: Picked,
    unit: Annotated[str, Form(max_length=20)] = "",
    label: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """The address stands on this answer and nowhere else."""
    if picks.is_asked:
        return _page(request, viewer, typed=(unit, label), picks=picks)
    try:
        feed, token = feeds.add_feed(hub_of(request), unit, label, by=viewer.person)
    except CoreError as error:
        return _page(request, viewer, error=error, typed=(unit, label))
    address = str(request.url_for("read_feed", token=token))
    response = _page(request, viewer, made=(feed.label, address))
    response.headers["Cache-Control"] = "no-store"  # shown once means once
    return response


@router.post("/revoke", dependencies=[Depends(checked_form)])
def revoke(request: Request, viewer: SignedIn, feed_id: FormId) -> Response:
    feeds.revoke_feed(hub_of(request), feed_id, by=viewer.person)
    return redirect("/feeds", done="feed_revoked")


def _page(
    request: Request,
    viewer: Viewer,
    *,
    error: CoreError | None = None,
    typed: tuple[str, str] = ("", ""),
    made: tuple[str, str] | None = None,
    picks: Picks = NOTHING_PICKED,
    before: int | None = None,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        found = feeds.seen_feeds(hub, session, viewer.person, before=before, limit=_SHOWN + 1)
        picker = Places(session, viewer.person, hub.today()).picker("unit", [typed[0]], picks)
    return page(
        request, "feeds.html", status=status_of(error) if error else 200, viewer=viewer,
        feeds=found[:_SHOWN], before=before,
        older=found[_SHOWN - 1].id if len(found) > _SHOWN else None,
        picker=picker, is_picking=picks.is_asked, typed=typed, made=made,
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip
