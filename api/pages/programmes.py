"""Programmes: bring one, hear it, approve or return it."""

from __future__ import annotations

import mimetypes
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from api.auth import SignedIn, Viewer, check_form_token, checked_form, hub_of, needs
from api.errors import status_of
from api.fields import PathId
from api.i18n import LoaError
from api.pages.render import page, redirect, translator_of
from api.uploads import Upload, receive
from audio.errors import AudioError, EmptyFile
from audio.facts import Facts
from scheduler import checks, programmes, uploads
from scheduler.errors import CoreError, InputInvalid, NotFound, UploadUnfinished
from scheduler.hub import Hub
from scheduler.store.models import Programme
from scheduler.store.states import ProgrammeState

router = APIRouter()

UPLOADERS = ("editor", "approver", "district", "commune")
Uploader = Annotated[Viewer, Depends(needs(*UPLOADERS))]
Approver = Annotated[Viewer, Depends(needs("approver"))]
Withdrawer = Annotated[Viewer, Depends(needs("approver", "editor"))]
Reason = Annotated[str, Form(max_length=500)]

# What browsers play. Anything else is offered as a file: its name was typed by somebody.
_PLAYED = {".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac"}


@router.get("/programmes")
def list_page(
    request: Request,
    viewer: SignedIn,
    search: Annotated[str, Query(max_length=100)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    return _list_page(request, viewer, search=search, state=state)


@router.post("/programmes")
async def upload(request: Request, viewer: Uploader) -> Response:
    hub = hub_of(request)
    tr = translator_of(request)
    limit = hub.settings.programmes.max_bytes
    typed: dict[str, str] = {}

    def ours(fields: dict[str, str]) -> None:
        typed.update(fields)
        check_form_token(viewer, fields.get("form_token", ""))

    try:
        async with receive(
            request, hub.tmp, max_bytes=limit, shown_limit=tr.size(limit), before_file=ours
        ) as form:
            programme = await run_in_threadpool(keep, request, viewer, form)
    except (CoreError, AudioError) as error:
        return await run_in_threadpool(_list_page, request, viewer, error=error, typed=typed)
    return redirect(f"/programmes/{programme.id}", done="uploaded")


@router.get("/programmes/{programme_id}")
def show(request: Request, viewer: SignedIn, programme_id: PathId) -> Response:
    return _programme_page(request, viewer, programme_id)


@router.get("/programmes/{programme_id}/audio")
def listen(request: Request, viewer: SignedIn, programme_id: PathId) -> Response:
    """The master, in ranges, so that a phone can jump to the middle."""
    hub = hub_of(request)
    with hub.database.read() as session:
        programme = programmes.get_programme(session, programme_id)
    path = hub.master_path(programme)
    if not path.exists():
        raise NotFound(what="programme", key=programme.title)
    suffix = Path(programme.file_name).suffix.lower()
    is_played = suffix in _PLAYED
    kind = mimetypes.guess_type(f"x{suffix}")[0] if is_played else None
    return FileResponse(
        path,
        media_type=kind if kind and kind.startswith("audio/") else "application/octet-stream",
        filename=programme.file_name,
        content_disposition_type="inline" if is_played else "attachment",
    )


@router.post("/programmes/{programme_id}/approve", dependencies=[Depends(checked_form)])
def approve(request: Request, viewer: Approver, programme_id: PathId) -> Response:
    try:
        programmes.approve(hub_of(request), programme_id, by=viewer.person)
    except CoreError as error:
        return _programme_page(request, viewer, programme_id, error)
    if request.app.state.engine is not None:
        request.app.state.engine.render(programme_id)
    return redirect(f"/programmes/{programme_id}", done="approved")


@router.post("/programmes/{programme_id}/reject", dependencies=[Depends(checked_form)])
def reject(
    request: Request, viewer: Approver, programme_id: PathId, reason: Reason = ""
) -> Response:
    try:
        programmes.reject(hub_of(request), programme_id, by=viewer.person, reason=reason)
    except CoreError as error:
        return _programme_page(request, viewer, programme_id, error)
    return redirect(f"/programmes/{programme_id}", done="rejected")


@router.post("/programmes/{programme_id}/withdraw", dependencies=[Depends(checked_form)])
def withdraw(
    request: Request, viewer: Withdrawer, programme_id: PathId, reason: Reason = ""
) -> Response:
    try:
        programmes.withdraw(hub_of(request), programme_id, by=viewer.person, reason=reason)
    except CoreError as error:
        return _programme_page(request, viewer, programme_id, error)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect(f"/programmes/{programme_id}", done="withdrawn")


def keep(request: Request, viewer: Viewer, form: Upload) -> Programme:
    """Bring what was uploaded into the archive; a worker judges it. Sent twice, it comes once."""
    hub, fields = hub_of(request), form.fields
    details = _details(fields)
    upload_id = fields.get("upload", "")
    if upload_id:
        programme = _of_upload(hub, viewer, upload_id, details)
    else:
        if form.file is None or not form.file_name:
            raise InputInvalid(problem="choose a sound file")
        if form.file.stat().st_size == 0:
            raise EmptyFile
        programme = checks.bring(
            hub, form.file, details, by=viewer.person, file_name=form.file_name
        )
    if request.app.state.engine is not None:
        request.app.state.engine.check(programme.id)
    return programme


def _of_upload(
    hub: Hub, viewer: Viewer, upload_id: str, details: programmes.ProgrammeDetails
) -> Programme:
    """
    Raises:
        UploadUnfinished: not all of it came.
    """
    with hub.database.read() as session:
        before = programmes.of_upload(session, upload_id)
    if before is not None and before.uploaded_by == viewer.person.id:
        return before
    upload = uploads.find(hub, upload_id, by=viewer.person)
    come = uploads.received_bytes(hub, upload)
    if come < upload.size_bytes:
        raise UploadUnfinished(file_name=upload.file_name, percent=100 * come // upload.size_bytes)
    programme = checks.bring(
        hub, uploads.path_of(hub, upload.id), details, by=viewer.person,
        file_name=upload.file_name, upload_id=upload.id,
    )  # fmt: skip
    uploads.give_up(hub, upload)
    return programme


def _details(fields: dict[str, str]) -> programmes.ProgrammeDetails:
    return programmes.ProgrammeDetails(
        title=fields.get("title", ""),
        programme_class=fields.get("programme_class", "normal"),
        language=fields.get("language", "vi"),
        theme=fields.get("theme", "").strip()[:80] or None,
        genre=fields.get("genre", "").strip()[:80] or None,
        plan_group=fields.get("plan_group", "communication"),
        expires_on=_expiry(fields.get("expires_on", "")),
    )


def _expiry(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputInvalid(problem="the last day is not a date") from None


def _list_page(
    request: Request,
    viewer: Viewer,
    *,
    search: str = "",
    state: str = "",
    error: LoaError | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    hub = hub_of(request)
    wanted = ProgrammeState(state) if state in set(ProgrammeState) else None
    with hub.database.read() as session:
        found = programmes.list_programmes(session, state=wanted, search=search)
    tr = translator_of(request)
    return page(
        request, "programmes.html", status=status_of(error) if error else 200, viewer=viewer,
        programmes=found, search=search, state_chosen=state, all_states=list(ProgrammeState),
        may_upload=viewer.may(*UPLOADERS), typed=defaultdict(str, typed or {}),
        error=tr.error(error) if error else None,
        limit=tr.size(hub.settings.programmes.max_bytes),
    )  # fmt: skip


def _programme_page(
    request: Request, viewer: Viewer, programme_id: int, error: CoreError | None = None
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        programme = programmes.get_programme(session, programme_id)
        uploader, approver = programme.uploader, programme.approver
        renditions = list(programme.renditions)
    facts = Facts.from_json(programme.facts) if programme.facts else None
    own = programme.uploaded_by == viewer.person.id
    is_ready = programme.state is ProgrammeState.READY
    return page(
        request, "programme.html", status=status_of(error) if error else 200, viewer=viewer,
        programme=programme, facts=facts, renditions=renditions,
        uploader=uploader.full_name, approver=approver.full_name if approver else None,
        may_approve=is_ready and viewer.may("approver") and not own,
        is_own=is_ready and viewer.may("approver") and own,
        may_withdraw=viewer.may("approver", "editor")
        and programme.state in (ProgrammeState.READY, ProgrammeState.APPROVED),
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip
