"""The draft of the timetable and its releases, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth import SignedIn, Viewer, hub_of, needs
from api.fields import MAX_ID
from api.json.following import IN_PARTS, Limit, name_next
from api.json.routes import program_routes
from api.pages.render import translator_of
from api.releasewords import change_document, shown_changes
from scheduler import releases
from scheduler.store.models import Release

router = program_routes("/timetable", tag="timetable")

Releaser = Annotated[Viewer, Depends(needs(*releases.ROLES))]


Version = Annotated[str, Field(max_length=40)]


class FieldChange(BaseModel):
    name: str
    before: str
    after: str


class ChangeOut(BaseModel):
    """What a release would make of one slot, and for whom in the days that are planned ahead."""

    slot_id: int
    title: str
    kind: str = Field(description="added, changed or removed")
    fields: list[FieldChange]
    airings_added: int
    airings_removed: int
    airings_changed: int
    stations: list[str]
    units: list[str]
    version: str = Field(description="of the draft; goes into `seen` of the release")


class DiffOut(BaseModel):
    version: int = Field(description="of the release that airs; 0: there is none yet")
    changes: list[ChangeOut]


class ReleaseIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"note": "Lịch tháng 11", "slot_ids": [3]}}
    )

    note: str = Field("", max_length=300)
    slot_ids: list[Annotated[int, Field(ge=1, le=MAX_ID)]] | None = Field(
        None, min_length=1, max_length=1000, description="none: all that the person may change"
    )
    seen: dict[Annotated[int, Field(ge=1, le=MAX_ID)], Version] | None = Field(
        None, max_length=1000,
        description="the version of each draft that was looked at, by slot; with it a release of "
        "a draft that changed since is refused with 412 slot_changed",
    )  # fmt: skip


class RestoreIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"version": 4, "note": "Nhầm giờ"}}
    )

    version: int | None = Field(None, ge=0, le=MAX_ID, description="none: the one before the last")
    note: str = Field("", max_length=300)


class ReleaseOut(BaseModel):
    version: int
    at: datetime
    by: str
    note: str
    restores: int | None
    slots: list[int]


@router.get("/diff")
def get_diff(request: Request, viewer: SignedIn) -> DiffOut:
    """What the draft would change, and for whom."""
    hub = hub_of(request)
    with hub.database.read() as session:
        shown = shown_changes(hub, session, translator_of(request), releases.pending(session))
        version = releases.last_version(session)
    changes = [ChangeOut.model_validate(change_document(one)) for one in shown]
    return DiffOut(version=version, changes=changes)


@router.get("/releases", responses=IN_PARTS)
def list_releases(
    request: Request,
    response: Response,
    viewer: SignedIn,
    before: Annotated[
        int | None, Query(ge=1, le=MAX_ID, description="version of the last one seen")
    ] = None,
    limit: Limit = releases.PAGE,
) -> list[ReleaseOut]:
    """The newest first."""
    with hub_of(request).database.read() as session:
        found = releases.list_releases(session, limit + 1, before=before)
        shown = [_out(one) for one in found[:limit]]
    if len(found) > limit:
        name_next(request, response, before=shown[-1].version)
    return shown


@router.post("/releases", status_code=201)
def release(request: Request, viewer: Releaser, body: ReleaseIn) -> ReleaseOut:
    """Let the draft air from the next planning on."""
    made = releases.release(
        hub_of(request), by=viewer.person, note=body.note, slot_ids=body.slot_ids, seen=body.seen
    )
    return _planned(request, made)


@router.post("/restore", status_code=201)
def restore(request: Request, viewer: Releaser, body: RestoreIn) -> ReleaseOut:
    """Return to an earlier release in one step, as a new version."""
    made = releases.restore(hub_of(request), body.version, by=viewer.person, note=body.note)
    return _planned(request, made)


def _planned(request: Request, made: Release) -> ReleaseOut:
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    with hub_of(request).database.read() as session:
        found = releases.list_releases(session)
    return _out(next(one for one in found if one.version == made.version))


def _out(one: Release) -> ReleaseOut:
    return ReleaseOut(
        version=one.version, at=one.at, by=one.person.username, note=one.note,
        restores=one.restores, slots=[change.slot_id for change in one.changes],
    )  # fmt: skip
