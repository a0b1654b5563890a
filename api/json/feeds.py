"""Calendars behind secret addresses, for programs: made, listed, taken back."""

from __future__ import annotations

from typing import Self

from fastapi import Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.fields import PathId, UnitCode
from api.json.following import IN_PARTS, MOST_ROWS, LastSeen, Limit, name_next
from api.json.routes import program_routes
from scheduler import feeds
from scheduler.store.models import Feed

router = program_routes("/feeds", tag="feeds")


class FeedIn(BaseModel):
    """A calendar of one unit's timetable, for somebody."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"unit": "13579", "label": "Chị Đào, xã Đạo Lý"}},
    )

    unit: UnitCode
    label: str = Field(min_length=1, max_length=120, description="who reads it")


class FeedOut(BaseModel):
    """A calendar that may be read; nobody can read its address again."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 2,
                "unit": "13579",
                "label": "Chị Đào, xã Đạo Lý",
                "created_at": "2022-10-16T12:00:00Z",
                "last_read_at": None,
            }
        }
    )

    id: int
    unit: str
    label: str
    created_at: AwareDatetime
    last_read_at: AwareDatetime | None = Field(description="to the hour")

    @classmethod
    def of(cls, feed: Feed, **more: object) -> Self:
        columns = {name: getattr(feed, name) for name in ("id", "label", "created_at")}
        return cls(unit=feed.unit.code, last_read_at=feed.last_read_at, **columns, **more)


class MadeFeedOut(FeedOut):
    path: str = Field(description="below the address of this Loa; told only here")


@router.get("", responses=IN_PARTS)
def list_feeds(
    request: Request, response: Response, viewer: SignedIn, before: LastSeen = None,
    limit: Limit = MOST_ROWS,
) -> list[FeedOut]:  # fmt: skip
    """Those of one's own units that may be read, the newest first."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = feeds.seen_feeds(hub, session, viewer.person, before=before, limit=limit + 1)
        shown = [FeedOut.of(one) for one in found[:limit]]
    if len(found) > limit:
        name_next(request, response, before=shown[-1].id)
    return shown


@router.post("", status_code=201)
def add_feed(request: Request, viewer: SignedIn, body: FeedIn) -> MadeFeedOut:
    """Whoever has the address reads the timetable of this unit, and nothing else."""
    feed, token = feeds.add_feed(hub_of(request), body.unit, body.label, by=viewer.person)
    return MadeFeedOut.of(feed, path=feeds.path_of(token))


@router.delete("/{feed_id}", status_code=204)
def revoke_feed(request: Request, viewer: SignedIn, feed_id: PathId) -> None:
    """Its address opens nothing any more."""
    feeds.revoke_feed(hub_of(request), feed_id, by=viewer.person)
