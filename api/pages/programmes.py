"""Programmes: the list, and how one is brought."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import aside
from api.auth import SignedIn, Viewer, check_form_token, checked_form, hub_of, needs
from api.errors import ForeignForm, UploadTooLarge, status_of
from api.fields import MAX_ID
from api.i18n import LoaError
from api.once import Sent, once
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.uploads import Upload, receive
from audio.errors import AudioError, EmptyFile, NotAudio
from scheduler import checks, programmes, uploads
from scheduler.errors import (
    AlreadyExists,
    CoreError,
    InputInvalid,
    NotFound,
    UploadUnfinished,
)
from scheduler.hub import Hub
from scheduler.programmelist import programme_page
from scheduler.store.models import PartialUpload, Programme
from scheduler.store.states import ProgrammeState

router = page_routes()

UPLOADERS = programmes.UPLOADERS
Uploader = Annotated[Viewer, Depends(needs(*UPLOADERS))]
UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@router.get("/programmes")
def list_page(
    request: Request,
    viewer: SignedIn,
    search: Annotated[str, Query(max_length=100)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    return _list_page(request, viewer, search=search, state=state, before=before)


@router.post("/programmes")
async def upload(request: Request, viewer: Uploader) -> Response:
    hub = hub_of(request)
    tr = translator_of(request)
    limit = hub.settings.programmes.max_bytes
    request.state.upload = came = Upload()

    def ours(fields: dict[str, str]) -> None:
        check_form_token(viewer, fields.get("form_token", ""))

    try:
        async with receive(
            request, hub.tmp, max_bytes=limit, too_large=UploadTooLarge(limit=tr.size(limit)),
            before_file=ours,
            reads_on=lambda fields: True, upload=came,
        ) as form:  # fmt: skip
            if form.file is None:
                ours(form.fields)
            return await once(request, _sent(viewer, form), partial(_kept, request, viewer, form))
    except ForeignForm:
        raise
    except (CoreError, AudioError) as error:
        return await run_in_threadpool(_list_page, request, viewer, error=error, typed=came.fields)


async def _kept(request: Request, viewer: Viewer, form: Upload) -> Response:
    programme = await run_in_threadpool(keep, request, viewer, form)
    return redirect(f"/programmes/{programme.id}", done="uploaded")


def _sent(viewer: Viewer, form: Upload) -> Sent:
    """The form as one that may come twice; its file by name and length, not by two gigabytes."""
    size = form.file.stat().st_size if form.file else 0
    told = [viewer.token, sorted(form.fields.items()), form.file_name, size]
    return Sent(json.dumps(told).encode())


@router.post("/programmes/uploads/{upload_id}/discard", dependencies=[Depends(checked_form)])
def discard(request: Request, viewer: Uploader, upload_id: UploadId) -> Response:
    """Give an unfinished upload up, also without a script."""
    hub = hub_of(request)
    uploads.give_up(hub, uploads.find(hub, upload_id, by=viewer.person))
    return redirect("/programmes", done="discarded")


@dataclass(frozen=True)
class _Unfinished:
    """An upload that stopped, as the page shows it."""

    upload: PartialUpload
    percent: int


def keep(request: Request, viewer: Viewer, form: Upload) -> Programme:
    """Bring what was uploaded into the archive; a worker judges it. Sent twice, it comes once."""
    hub, fields = hub_of(request), form.fields
    details = details_of(fields)
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
    try:
        upload = uploads.find(hub, upload_id, by=viewer.person)
    except NotFound:
        raise InputInvalid(problem="the file sent ahead is gone: choose it again") from None
    if (percent := uploads.percent(hub, upload)) < 100:
        raise UploadUnfinished(file_name=upload.file_name, percent=percent)
    try:
        programme = checks.bring(
            hub, uploads.path_of(hub, upload.id), details, by=viewer.person,
            file_name=upload.file_name, upload_id=upload.id,
        )  # fmt: skip
    except (NotAudio, AlreadyExists):
        uploads.give_up(hub, upload)  # these bytes will never do
        raise
    uploads.give_up(hub, upload)
    return programme


def details_of(fields: Mapping[str, str]) -> programmes.ProgrammeDetails:
    """What a form says about a programme, checked."""
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
    before: int | None = None,
    error: LoaError | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    hub = hub_of(request)
    typed = typed or aside.typed_before(request, viewer.person.id, "/programmes")
    wanted = ProgrammeState(state) if state in set(ProgrammeState) else None
    with hub.database.read() as session:
        found, has_more = programme_page(session, state=wanted, words=search, before=before)
        unfinished = uploads.of_person(session, viewer.person)
    here = {one.id for one in unfinished if uploads.percent(hub, one) == 100}
    if typed.get("upload") not in here:  # it was swept or given up: the file has to come anew
        typed.pop("upload", None)
    tr = translator_of(request)
    return page(
        request, "programmes.html", status=status_of(error) if error else 200, viewer=viewer,
        programmes=found, has_more=has_more, before=before, search=search,
        state_chosen=state, all_states=list(ProgrammeState),
        may_upload=viewer.may(*UPLOADERS), typed=defaultdict(str, typed),
        error=tr.error(error) if error else None,
        limit=tr.size(hub.settings.programmes.max_bytes),
        limit_bytes=hub.settings.programmes.max_bytes,
        unfinished=[_Unfinished(one, uploads.percent(hub, one)) for one in unfinished],
        kept_h=hub.settings.programmes.upload_kept_h,
    )  # fmt: skip
