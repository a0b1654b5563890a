"""Uploads that stopped, for programs: what is here of each, and giving one up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import hub_of
from api.pages.programmes import Uploader
from scheduler import uploads

router = APIRouter(prefix="/uploads", tags=["programmes"])


class UploadOut(BaseModel):
    """A file that is still coming; it goes on under ``/uploads/{id}`` (tus 1.0)."""

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


@router.get("")
def list_uploads(request: Request, viewer: Uploader) -> list[UploadOut]:
    """One's own, newest first."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = uploads.of_person(session, viewer.person)
    return [
        UploadOut(
            id=one.id, file_name=one.file_name, size_bytes=one.size_bytes,
            percent=uploads.percent(hub, one), created_at=one.created_at,
            touched_at=one.touched_at,
        )
        for one in found
    ]  # fmt: skip


@router.delete("/{upload_id}", status_code=204)
def discard_upload(
    request: Request,
    viewer: Uploader,
    upload_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
) -> None:
    hub = hub_of(request)
    uploads.give_up(hub, uploads.find(hub, upload_id, by=viewer.person))
