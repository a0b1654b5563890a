"""The lines that stations share, for programs."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.fields import PathId
from api.json.routes import program_routes
from api.pages.links import changeable_link
from api.stationforms import Changer
from scheduler import links
from scheduler.links import LEAST_KBPS, MAX_SESSIONS, MOST_KBPS
from scheduler.store.models import Link

router = program_routes("/links", tag="stations")

_EXAMPLE: dict[str, Any] = {"name": "Cột 3G Bình Lục", "max_sessions": 4, "kbps": 2000}


class LinkIn(BaseModel):
    """A line that several stations share."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    name: str = Field(min_length=1, max_length=80)
    max_sessions: int = Field(4, ge=1, le=MAX_SESSIONS, description="visits at once")
    kbps: int | None = Field(
        None, ge=LEAST_KBPS, le=MOST_KBPS, description="for all of them; null: as fast as it goes"
    )


class LinkOut(BaseModel):
    """A link as it stands."""

    model_config = ConfigDict(json_schema_extra={"example": {"id": 1, **_EXAMPLE}})

    id: int
    name: str
    max_sessions: int
    kbps: int | None


@router.get("")
def list_links(request: Request, viewer: SignedIn) -> list[LinkOut]:
    hub = hub_of(request)
    with hub.database.read() as session:
        return [_shown(one.link) for one in links.list_links(session, hub.clock.now())]


@router.post("", status_code=201)
def add(request: Request, viewer: Changer, body: LinkIn) -> LinkOut:
    hub = hub_of(request)
    with hub.database.write() as session:
        link = links.add_link(
            session, name=body.name, max_sessions=body.max_sessions, kbps=body.kbps,
            by=viewer.person.username, now=hub.clock.now(),
        )  # fmt: skip
        session.flush()
        return _shown(link)


@router.put("/{link_id}")
def change(request: Request, viewer: Changer, link_id: PathId, body: LinkIn) -> LinkOut:
    """Bring a link to what is given; visits that are under way follow within a minute."""
    hub = hub_of(request)
    with hub.database.write() as session:
        link = changeable_link(request, session, viewer, link_id)
        links.change_link(
            session, link, name=body.name, max_sessions=body.max_sessions, kbps=body.kbps,
            is_unlimited=body.kbps is None, by=viewer.person.username, now=hub.clock.now(),
        )  # fmt: skip
        return _shown(link)


@router.delete("/{link_id}", status_code=204)
def remove(request: Request, viewer: Changer, link_id: PathId) -> None:
    """Remove a link that no station uses."""
    hub = hub_of(request)
    with hub.database.write() as session:
        link = changeable_link(request, session, viewer, link_id)
        links.remove_link(session, link, by=viewer.person.username, now=hub.clock.now())


def _shown(link: Link) -> LinkOut:
    return LinkOut(id=link.id, name=link.name, max_sessions=link.max_sessions, kbps=link.kbps)
