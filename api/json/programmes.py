"""Programmes for programs."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api import words
from api.auth import SignedIn, hub_of
from api.errors import UploadTooLarge
from api.fields import PathId
from api.json.following import IN_PARTS, LastSeen, Limit, name_next
from api.json.routes import program_routes
from api.pages import programme as pages
from api.pages.listen import Publisher
from api.pages.programme import Approver, Withdrawer
from api.pages.programmes import Uploader, keep
from api.pages.render import translator_of
from api.uploads import receive
from audio.facts import Facts
from scheduler import programmes, publishing
from scheduler.preview import horn_preview
from scheduler.programmelist import programme_page
from scheduler.store.models import Programme
from scheduler.store.states import ProgrammeState, RenditionState

router = program_routes("/programmes", tag="programmes")


class FindingOut(BaseModel):
    """One thing that the quality check found."""

    code: str
    severity: str
    sentence: str
    at_ms: int | None


class RenditionOut(BaseModel):
    profile: str
    state: RenditionState
    sha256: str | None
    size_bytes: int | None
    lufs: float | None
    error: str | None


class ProgrammeOut(BaseModel):
    """A programme as it stands."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 7,
                "title": "Gương thoát nghèo: chị Lan nuôi bò",
                "programme_class": "normal",
                "language": "vi",
                "theme": None,
                "genre": "phóng sự",
                "plan_group": "communication",
                "file_name": "chi-lan.wav",
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "size_bytes": 80640044,
                "ms": 840000,
                "lufs": -19.4,
                "state": "ready",
                "uploaded_by": "huong",
                "uploaded_at": "2022-03-11T02:10:00Z",
                "approved_at": None,
                "published_at": None,
                "expires_on": None,
                "returned_reason": None,
                "findings": [],
                "renditions": [],
            }
        }
    )

    id: int
    title: str
    programme_class: str
    language: str
    theme: str | None
    genre: str | None
    plan_group: str
    file_name: str
    sha256: str
    size_bytes: int
    ms: int | None
    lufs: float | None
    state: ProgrammeState
    uploaded_by: str
    uploaded_at: AwareDatetime
    approved_at: AwareDatetime | None
    published_at: AwareDatetime | None
    expires_on: date | None
    returned_reason: str | None = Field(
        description="why it was returned or withdrawn, the last time; stays when it is sent again"
    )
    findings: list[FindingOut]
    renditions: list[RenditionOut]


class DetailsIn(BaseModel):
    """What is to be said anew; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"title": "Chị Lan nuôi bò", "genre": "phóng sự"}},
    )

    title: str | None = Field(None, min_length=1, max_length=200)
    programme_class: Literal["normal", "priority", "urgent"] | None = None
    language: str | None = Field(None, pattern="^[a-z]{2,3}$")
    theme: str | None = Field(None, max_length=80)
    genre: str | None = Field(None, max_length=80)
    plan_group: Literal["communication", "information"] | None = None
    expires_on: date | None = None

    def said(self) -> dict[str, Any]:
        """What was said; null takes a theme, a genre or a last day away."""
        said = self.model_dump(exclude_unset=True)
        return {
            name: value
            for name, value in said.items()
            if value is not None or name in ("theme", "genre", "expires_on")
        }


class TrimIn(BaseModel):
    """The part that airs; none: from the beginning, to the end."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"start_ms": 1200, "end_ms": 838000}}
    )

    start_ms: int | None = Field(None, ge=0, le=86_400_000)
    end_ms: int | None = Field(None, ge=1, le=86_400_000)


class ReasonIn(BaseModel):
    """Why a programme is returned or withdrawn; the editor reads it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reason": "Số liệu ở phút thứ 3 đã cũ."}}
    )

    reason: str = Field(min_length=1, max_length=500)


@router.get("", responses=IN_PARTS)
def list_programmes(
    request: Request,
    response: Response,
    viewer: SignedIn,
    state: ProgrammeState | None = None,
    search: Annotated[str, Query(max_length=100, description="tones do not matter")] = "",
    before: LastSeen = None,
    limit: Limit = 100,
) -> list[ProgrammeOut]:
    """
    Programmes, the newest first.

    Where there are more, the header ``Link`` names the address of the next ones.
    """
    with hub_of(request).database.read() as session:
        found, has_more = programme_page(
            session, state=state, words=search, before=before, limit=limit
        )
    if has_more:
        name_next(request, response, before=found[-1].id)
    return [_shown(request, programme) for programme in found]


_UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "anyOf": [{"required": ["file"]}, {"required": ["upload"]}],
                    "properties": {
                        "upload": {
                            "type": "string",
                            "pattern": "^[0-9a-f]{32}$",
                            "description": "instead of a file: one that came by /uploads",
                        },
                        "title": {"type": "string", "maxLength": 200},
                        "programme_class": {"enum": list(programmes.CLASSES)},
                        "language": {"type": "string", "default": "vi"},
                        "theme": {"type": "string", "maxLength": 80},
                        "genre": {"type": "string", "maxLength": 80},
                        "plan_group": {"enum": list(programmes.PLAN_GROUPS)},
                        "expires_on": {"type": "string", "format": "date"},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


@router.post("", status_code=201, openapi_extra=_UPLOAD_BODY)
async def upload_programme(request: Request, viewer: Uploader) -> ProgrammeOut:
    """Bring a sound file. A worker checks it: look again until it is ``ready`` or ``rejected``."""
    hub = hub_of(request)
    limit = hub.settings.programmes.max_bytes
    too_large = UploadTooLarge(limit=translator_of(request).size(limit))
    async with receive(request, hub.tmp, max_bytes=limit, too_large=too_large) as form:
        programme = await run_in_threadpool(keep, request, viewer, form)
    return await run_in_threadpool(_found, request, programme.id)


@router.get("/{programme_id}")
def get_programme(request: Request, viewer: SignedIn, programme_id: PathId) -> ProgrammeOut:
    return _found(request, programme_id)


@router.get(
    "/{programme_id}/preview",
    response_class=Response,
    responses={200: {"content": {"audio/mpeg": {}}, "description": "an MP3 of 20 s at most"}},
)
def hear_horn_preview(
    request: Request,
    viewer: SignedIn,
    programme_id: PathId,
    from_s: Annotated[float | None, Query(ge=0, le=86_400)] = None,
) -> Response:
    """As a horn on a pole makes it: for the ears of whoever approves it."""
    hub = hub_of(request)
    with TemporaryDirectory(dir=hub.tmp, prefix="preview-") as folder:
        made = horn_preview(hub, programme_id, Path(folder) / "horn.mp3", start_s=from_s)
        sound = made.read_bytes()
    # A master never changes, but where its programme begins may.
    return Response(sound, media_type="audio/mpeg", headers={"Cache-Control": "private, no-cache"})


@router.get(
    "/{programme_id}/audio",
    response_class=FileResponse,
    responses={
        200: {
            "content": {"application/octet-stream": {}, "audio/*": {}},
            "description": "the master, whole or in ranges",
        }
    },
)
def hear_master(request: Request, viewer: SignedIn, programme_id: PathId) -> Response:
    """What was brought, as it was brought."""
    return pages.listen(request, viewer, programme_id)


@router.get(
    "/{programme_id}/rendition",
    response_class=FileResponse,
    responses={
        200: {
            "content": {"application/octet-stream": {}, "audio/*": {}},
            "description": "the lightest encoding, whole or in ranges",
        }
    },
)
def hear_rendition(request: Request, viewer: SignedIn, programme_id: PathId) -> Response:
    """What the stations get."""
    return pages.listen_to_rendition(request, viewer, programme_id)


@router.patch("/{programme_id}")
def change_programme(
    request: Request, viewer: Uploader, programme_id: PathId, body: DetailsIn
) -> ProgrammeOut:
    """Say anew what it is; after its approval it stays as the approver heard of it."""
    hub = hub_of(request)
    with hub.database.read() as session:
        programme = programmes.get_programme(session, programme_id)
        known = {
            field.name: getattr(programme, field.name)
            for field in fields(programmes.ProgrammeDetails)
        }
    details = programmes.ProgrammeDetails(**known | body.said())
    programmes.change_details(hub, programme_id, details, by=viewer.person)
    return _found(request, programme_id)


@router.post("/{programme_id}/trim")
def trim_programme(
    request: Request, viewer: Uploader, programme_id: PathId, body: TrimIn
) -> ProgrammeOut:
    """Only this part airs; the master stays whole. The encodings are made anew."""
    programmes.trim(hub_of(request), programme_id, body.start_ms, body.end_ms, by=viewer.person)
    return _rendered(request, programme_id)


@router.post("/{programme_id}/reject")
def return_programme(
    request: Request, viewer: Approver, programme_id: PathId, body: ReasonIn
) -> ProgrammeOut:
    """Send it back to its editor."""
    programmes.reject(hub_of(request), programme_id, by=viewer.person, reason=body.reason)
    return _found(request, programme_id)


@router.post("/{programme_id}/resubmit")
def resubmit_programme(request: Request, viewer: Uploader, programme_id: PathId) -> ProgrammeOut:
    """What was returned and mended waits for an approver again."""
    programmes.resubmit(hub_of(request), programme_id, by=viewer.person)
    return _rendered(request, programme_id)


@router.post("/{programme_id}/approve")
def approve_programme(request: Request, viewer: Approver, programme_id: PathId) -> ProgrammeOut:
    """Let it on air. Whoever brought it may not."""
    programmes.approve(hub_of(request), programme_id, by=viewer.person)
    return _rendered(request, programme_id)


@router.post("/{programme_id}/withdraw")
def withdraw_programme(
    request: Request, viewer: Withdrawer, programme_id: PathId, body: ReasonIn
) -> ProgrammeOut:
    """Take it off the air, out of every day that has not begun."""
    programmes.withdraw(hub_of(request), programme_id, by=viewer.person, reason=body.reason)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return _found(request, programme_id)


@router.post("/{programme_id}/publish")
def publish_programme(request: Request, viewer: Publisher, programme_id: PathId) -> ProgrammeOut:
    """Put an approved programme on the public page."""
    publishing.publish(hub_of(request), programme_id, by=viewer.person)
    return _found(request, programme_id)


@router.post("/{programme_id}/unpublish")
def unpublish_programme(request: Request, viewer: Publisher, programme_id: PathId) -> ProgrammeOut:
    """Take it off the public page; on air it stays as it is planned."""
    publishing.unpublish(hub_of(request), programme_id, by=viewer.person)
    return _found(request, programme_id)


def _rendered(request: Request, programme_id: int) -> ProgrammeOut:
    """Without an engine here the next tick finds what is to be encoded."""
    if request.app.state.engine is not None:
        request.app.state.engine.render(programme_id)
    return _found(request, programme_id)


def _found(request: Request, programme_id: int) -> ProgrammeOut:
    with hub_of(request).database.read() as session:
        return _shown(request, programmes.get_programme(session, programme_id))


def _shown(request: Request, programme: Programme) -> ProgrammeOut:
    tr = translator_of(request)
    facts = Facts.from_json(programme.facts) if programme.facts else None
    findings = [
        FindingOut(
            code=one.code,
            severity=one.severity,
            sentence=words.finding_sentence(tr, one),
            at_ms=one.at_ms,
        )
        for one in (facts.findings if facts else ())
    ]
    renditions = [
        RenditionOut.model_validate(one, from_attributes=True) for one in programme.renditions
    ]
    columns = {
        name: getattr(programme, name)
        for name in ProgrammeOut.model_fields
        if name not in ("findings", "renditions", "uploaded_by")
    }
    return ProgrammeOut(
        **columns, findings=findings, renditions=renditions,
        uploaded_by=programme.uploader.username,
    )  # fmt: skip
