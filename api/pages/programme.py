"""One programme: how its check goes, what it sounds like, what is decided about it."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request, Response
from fastapi.responses import FileResponse

from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.errors import status_of
from api.fields import PathId
from api.i18n import LoaError
from api.outline import Outline, outline
from api.pages.programmes import details_of
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.spans import read_span, written_span
from audio.facts import Facts
from scheduler import previews, programmes
from scheduler.errors import CoreError, NotFound
from scheduler.store.models import Programme, Rendition
from scheduler.store.states import ProgrammeState, RenditionState

router = page_routes("/programmes/{programme_id}")

Approver = Annotated[Viewer, Depends(needs("approver"))]
Uploader = Annotated[Viewer, Depends(needs(*programmes.UPLOADERS))]
Withdrawer = Annotated[Viewer, Depends(needs("approver", "editor"))]
Reason = Annotated[str, Form(max_length=500)]

# What browsers play. Anything else is offered as a file: its name was typed by somebody.
_PLAYED = {".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac"}
_CHECKING = (ProgrammeState.UPLOADED, ProgrammeState.MEASURING)


@dataclass(frozen=True)
class Shown:
    """A programme with what its page needs, loaded in one session."""

    programme: Programme
    facts: Facts | None
    outline: Outline | None
    renditions: list[Rendition]
    uploader: str
    approver: str | None
    returner: str | None

    @property
    def is_checking(self) -> bool:
        return self.programme.state in _CHECKING

    @property
    def heard(self) -> Rendition | None:
        """The lightest encoding that is there: what a phone can listen to."""
        ready = [one for one in self.renditions if one.state is RenditionState.READY]
        return min(ready, key=lambda one: one.size_bytes or 0, default=None)


def shown(request: Request, programme_id: int) -> Shown:
    """
    Raises:
        NotFound: there is no such programme.
    """
    with hub_of(request).database.read() as session:
        programme = programmes.get_programme(session, programme_id)
        facts = Facts.from_json(programme.facts) if programme.facts else None
        return Shown(
            programme, facts, outline(programme, facts), list(programme.renditions),
            uploader=programme.uploader.full_name,
            approver=programme.approver.full_name if programme.approver else None,
            returner=programme.returner.full_name if programme.returner else None,
        )  # fmt: skip


@router.get("")
def show(request: Request, viewer: SignedIn, programme_id: PathId) -> Response:
    return _page(request, viewer, programme_id)


@router.get("/check")
def show_check(request: Request, viewer: SignedIn, programme_id: PathId) -> Response:
    """Only the part of the page that changes while the sound is checked."""
    one = shown(request, programme_id)
    return page(request, "programme_check.html", viewer=viewer, one=one, **_rights(viewer, one))


# ── Listening ──────────────────────────────────────────────────────────────────────────────────


@router.get("/audio")
def listen(request: Request, viewer: SignedIn, programme_id: PathId) -> Response:
    """The master, in ranges, so that a phone can jump to the middle."""
    hub = hub_of(request)
    with hub.database.read() as session:
        programme = programmes.get_programme(session, programme_id)
    suffix = Path(programme.file_name).suffix.lower()
    return _sound(hub.master_path(programme), programme, programme.file_name, suffix)


@router.get("/rendition")
def listen_to_rendition(request: Request, viewer: SignedIn, programme_id: PathId) -> Response:
    """What the stations get: a few hundred kilobytes a minute instead of ten megabytes."""
    one = shown(request, programme_id)
    heard = one.heard
    if heard is None or heard.extension is None:
        raise NotFound(what="rendition", key=one.programme.title)
    path = hub_of(request).rendition_path(heard)
    return _sound(path, one.programme, path.name, f".{heard.extension}")


@router.get("/horn")
def listen_to_horn(
    request: Request,
    viewer: SignedIn,
    programme_id: PathId,
    at: Annotated[int | None, Query(ge=0, le=86_400)] = None,
) -> Response:
    """Twenty seconds as the villagers will hear them, from about that second on."""
    hub = hub_of(request)
    with hub.database.read() as session:
        programme = programmes.get_programme(session, programme_id)
    path = previews.horn(hub, programme, at)
    return FileResponse(path, media_type="audio/mpeg", content_disposition_type="inline")


def _sound(path: Path, programme: Programme, name: str, suffix: str) -> Response:
    if not path.exists():
        raise NotFound(what="programme", key=programme.title)
    is_played = suffix in _PLAYED
    kind = mimetypes.guess_type(f"x{suffix}")[0] if is_played else None
    return FileResponse(
        path,
        media_type=kind if kind and kind.startswith("audio/") else "application/octet-stream",
        filename=name,
        content_disposition_type="inline" if is_played else "attachment",
    )


# ── Changing ───────────────────────────────────────────────────────────────────────────────────


def typed_details(
    title: Annotated[str, Form(max_length=400)] = "",
    programme_class: Annotated[str, Form(max_length=20)] = "normal",
    language: Annotated[str, Form(max_length=20)] = "vi",
    theme: Annotated[str, Form(max_length=80)] = "",
    genre: Annotated[str, Form(max_length=80)] = "",
    plan_group: Annotated[str, Form(max_length=20)] = "communication",
    expires_on: Annotated[str, Form(max_length=10)] = "",
) -> dict[str, str]:
    """A dependency: the form about a programme; here alone stands which fields it has."""
    return dict(locals())


_DETAILS = tuple(signature(typed_details).parameters)


@router.post("/details", dependencies=[Depends(checked_form)])
def change(
    request: Request,
    viewer: Uploader,
    programme_id: PathId,
    typed: Annotated[dict[str, str], Depends(typed_details)],
) -> Response:
    try:
        with hub_of(request).database.read() as session:
            first_day = programmes.get_programme(session, programme_id).not_before
        details = replace(details_of(typed), not_before=first_day)  # the form does not ask for it
        programmes.change_details(hub_of(request), programme_id, details, by=viewer.person)
    except CoreError as error:
        return _page(request, viewer, programme_id, error, typed=typed)
    return redirect(f"/programmes/{programme_id}", done="changed")


@router.post("/trim", dependencies=[Depends(checked_form)])
def trim(
    request: Request,
    viewer: Uploader,
    programme_id: PathId,
    start: Annotated[str, Form(max_length=12)] = "",
    end: Annotated[str, Form(max_length=12)] = "",
) -> Response:
    try:
        programmes.trim(
            hub_of(request), programme_id, read_span(start), read_span(end), by=viewer.person
        )
    except CoreError as error:
        return _page(request, viewer, programme_id, error, trimmed=(start, end))
    if request.app.state.engine is not None:
        request.app.state.engine.render(programme_id)
    return redirect(f"/programmes/{programme_id}", done="trimmed")


# ── Deciding ───────────────────────────────────────────────────────────────────────────────────


@router.post("/approve", dependencies=[Depends(checked_form)])
def approve(
    request: Request,
    viewer: Approver,
    programme_id: PathId,
    next: Annotated[str, Form(max_length=20)] = "",  # noqa: A002 - the field's name
) -> Response:
    try:
        programmes.approve(hub_of(request), programme_id, by=viewer.person)
    except CoreError as error:
        return _page(request, viewer, programme_id, error)
    if request.app.state.engine is not None:
        request.app.state.engine.render(programme_id)
    return _decided(programme_id, next, "approved")


@router.post("/reject", dependencies=[Depends(checked_form)])
def reject(
    request: Request,
    viewer: Approver,
    programme_id: PathId,
    reason: Reason = "",
    next: Annotated[str, Form(max_length=20)] = "",  # noqa: A002 - the field's name
) -> Response:
    try:
        programmes.reject(hub_of(request), programme_id, by=viewer.person, reason=reason)
    except CoreError as error:
        return _page(request, viewer, programme_id, error)
    return _decided(programme_id, next, "rejected")


@router.post("/resubmit", dependencies=[Depends(checked_form)])
def resubmit(request: Request, viewer: Uploader, programme_id: PathId) -> Response:
    try:
        programmes.resubmit(hub_of(request), programme_id, by=viewer.person)
    except CoreError as error:
        return _page(request, viewer, programme_id, error)
    if request.app.state.engine is not None:
        request.app.state.engine.render(programme_id)
    return redirect(f"/programmes/{programme_id}", done="resubmitted")


@router.post("/withdraw", dependencies=[Depends(checked_form)])
def withdraw(
    request: Request, viewer: Withdrawer, programme_id: PathId, reason: Reason = ""
) -> Response:
    try:
        programmes.withdraw(hub_of(request), programme_id, by=viewer.person, reason=reason)
    except CoreError as error:
        return _page(request, viewer, programme_id, error)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect(f"/programmes/{programme_id}", done="withdrawn")


def _decided(programme_id: int, came_from: str, done: str) -> Response:
    return redirect(
        "/approve" if came_from == "queue" else f"/programmes/{programme_id}", done=done
    )


# ── Drawing ────────────────────────────────────────────────────────────────────────────────────


def _rights(viewer: Viewer, one: Shown) -> dict[str, bool]:
    programme = one.programme
    own = programme.uploaded_by == viewer.person.id
    is_ready = programme.state is ProgrammeState.READY
    may_change = viewer.may(*programmes.UPLOADERS) and (own or viewer.may("editor", "approver"))
    is_fit = one.facts is not None and not one.facts.is_refused
    return {
        "may_approve": is_ready and viewer.may("approver") and not own,
        "is_own": is_ready and viewer.may("approver") and own,
        "may_change": may_change and programme.state in programmes.OPEN_PROGRAMMES,
        "may_resubmit": may_change and programme.state is ProgrammeState.REJECTED and is_fit,
        "may_plan": viewer.may("editor", "district", "commune")
        and programme.state in (ProgrammeState.READY, ProgrammeState.APPROVED),
        "may_withdraw": viewer.may("approver", "editor")
        and programme.state in (ProgrammeState.READY, ProgrammeState.APPROVED),
    }


def _page(
    request: Request,
    viewer: Viewer,
    programme_id: int,
    error: LoaError | None = None,
    *,
    typed: dict[str, str] | None = None,
    trimmed: tuple[str, str] | None = None,
) -> Response:
    one = shown(request, programme_id)
    programme = one.programme
    kept: dict[str, Any] = {name: getattr(programme, name) or "" for name in _DETAILS}
    start, end = trimmed or (
        written_span(programme.trim_start_ms or 0),
        written_span(programme.trim_end_ms if programme.trim_end_ms else programme.ms or 0),
    )
    return page(
        request, "programme.html", status=status_of(error) if error else 200, viewer=viewer,
        one=one, programme=programme, facts=one.facts, typed=typed or kept, is_typed=bool(typed),
        trim_start=start, trim_end=end, is_trimmed=bool(trimmed),
        error=translator_of(request).error(error) if error else None, **_rights(viewer, one),
    )  # fmt: skip
