"""
Files in pieces, for programs: tus 1.0 (tus.io) with a token, as the pages speak it with a sign-in.

POST makes room, HEAD asks how much is here, PATCH sends what is missing, DELETE gives it up.
``POST /programmes`` with the field ``upload`` makes a programme of what is whole.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Path, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api import tus
from api.auth import hub_of
from api.json.idempotency import Handler, IdempotentRoute
from api.json.routes import program_routes
from api.pages.programmes import Uploader
from scheduler import uploads
from scheduler.hub import Hub
from scheduler.store.models import PartialUpload


class TusRoute(IdempotentRoute):
    """Says to a client of tus what it looks for in the headers, also when it asks a second time."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            response = await handle(request)
            response.headers["Tus-Resumable"] = tus.VERSION
            if response.status_code == 201:
                made = json.loads(bytes(response.body))
                response.headers["Location"] = f"{request.url.path}/{made['id']}"
            return response

        return told


router = program_routes("/uploads", tag="programmes", route_class=TusRoute)

UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


class UploadOut(BaseModel):
    """A file that is still coming; it goes on under its ``id`` (tus 1.0)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "5f0c3a1e9b7d4c2f8a6e1d3b5c7f9a0e",
                "file_name": "chi-lan.wav",
                "size_bytes": 80640044,
                "percent": 62,
                "created_at": "2022-10-16T12:00:00Z",
                "touched_at": "2022-10-16T12:04:00Z",
            }
        }
    )

    id: str
    file_name: str
    size_bytes: int
    percent: int = Field(description="100 only when all of it is here")
    created_at: AwareDatetime
    touched_at: AwareDatetime


def _header(name: str, what: str, example: str, *, is_needed: bool = True) -> dict[str, Any]:
    return {
        "name": name, "in": "header", "required": is_needed, "description": what,
        "schema": {"type": "string"}, "example": example,
    }  # fmt: skip


_VERSION = _header("Tus-Resumable", "the version of tus", tus.VERSION)
_CREATION = [
    _VERSION,
    _header("Upload-Length", "the size of the file in bytes", "80640044"),
    _header(
        "Upload-Metadata",
        "in base64 of UTF-8: filename, and modified (whatever tells this file from another one of "
        "its name and size): with it the unfinished upload of the same file goes on",
        "filename Y2hpLWxhbi53YXY=", is_needed=False,
    ),
]  # fmt: skip
_WHERE = {
    "Upload-Offset": {"description": "bytes that are here", "schema": {"type": "string"}},
}


@router.get("")
def list_uploads(request: Request, viewer: Uploader) -> list[UploadOut]:
    """One's own, newest first."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = uploads.of_person(session, viewer.person)
    return [_shown(hub, one) for one in found]


@router.post("", status_code=201, openapi_extra={"parameters": _CREATION})
def begin_upload(request: Request, viewer: tus.Uploader) -> UploadOut:
    """Make room for a file; its address stands in ``Location``. Bytes come with PATCH."""
    return _shown(hub_of(request), tus.begun_by(request, viewer))


@router.head(
    "/{upload_id}",
    response_class=Response,
    responses={200: {"description": "how much of it is here", "headers": _WHERE}},
    openapi_extra={"parameters": [_VERSION]},
)
def ask_upload(request: Request, viewer: tus.Uploader, upload_id: UploadId) -> Response:
    """How much is here: go on from ``Upload-Offset``."""
    return tus.where(request, viewer, upload_id)


@router.patch(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "they are on the disk", "headers": _WHERE}},
    openapi_extra={
        "parameters": [_VERSION, _header("Upload-Offset", "where these bytes begin", "0")],
        "requestBody": {
            "required": True,
            "content": {tus.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def send_upload(request: Request, viewer: tus.Uploader, upload_id: UploadId) -> Response:
    """The next bytes, in one piece or many; after a cut what came stays."""
    return await tus.append(request, viewer, upload_id)


@router.delete("/{upload_id}", status_code=204)
def discard_upload(request: Request, viewer: Uploader, upload_id: UploadId) -> None:
    hub = hub_of(request)
    uploads.give_up(hub, uploads.find(hub, upload_id, by=viewer.person))


def _shown(hub: Hub, upload: PartialUpload) -> UploadOut:
    return UploadOut(
        id=upload.id, file_name=upload.file_name, size_bytes=upload.size_bytes,
        percent=uploads.percent(hub, upload), created_at=upload.created_at,
        touched_at=upload.touched_at,
    )  # fmt: skip
