"""Why an airing went as it did: the chain behind it, or the nearest airings to ask about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Query, Request, Response
from pydantic import AwareDatetime
from sqlalchemy.orm import Session

from api import whywords
from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.moments import moment_of
from api.pages.render import page, redirect
from api.pages.routes import page_routes
from api.scope import scope_of
from api.vietnamese import sort_key
from scheduler.airings import OBJECTORS, is_contestable, object_to_airing
from scheduler.board import station_board
from scheduler.clock import local_date
from scheduler.errors import OutsideUnit
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.store.models import Airing, Station
from scheduler.store.states import HEARD_AIRINGS
from scheduler.units import serves_own
from scheduler.why import Mark, find_airing, nearest_airings, why

router = page_routes()


@router.get("/why")
def ask(
    request: Request,
    viewer: SignedIn,
    station: Annotated[str, Query(max_length=40)] = "",
    at: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """A form for a station and a time; it leads to the airing, or offers the nearest."""
    hub = hub_of(request)
    near: list[Airing] = []
    with hub.database.read() as session:
        chosen = seen_station(hub, session, viewer, station) if station else None
        if chosen is not None and at:
            moment = moment_of(at, hub)
            found = find_airing(session, chosen, moment)
            if found is not None:
                return redirect(address_of(found))
            near = nearest_airings(session, chosen, moment)
        scope = scope_of(session, viewer.person, hub.today(), None)
        lines = station_board(session, hub.clock.now(), on=hub.today(), unit_ids=scope.unit_ids)
    stations = sorted((line.station for line in lines), key=lambda one: sort_key(one.name))
    return page(
        request, "why.html", viewer=viewer, stations=stations, station=station, at=at, near=near,
        chosen=chosen, address_of=address_of,
    )  # fmt: skip


@router.get("/airings/{station}/{planned_at}")
def one_airing(
    request: Request, viewer: SignedIn, station: str, planned_at: AwareDatetime
) -> Response:
    """The chain behind one airing; all who may see the station may see it."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = seen_station(hub, session, viewer, station, planned_at)
        airing = find_airing(session, found, planned_at)
        story = why(hub, session, airing) if airing else None
        near = [] if story else nearest_airings(session, found, planned_at)
    airing = story.airing if story else None
    stands = airing.objection if airing else None
    return page(
        request, "why_airing.html", status=200 if story else 404, viewer=viewer, station=found,
        planned_at=planned_at, story=story, near=near, address_of=address_of, say=whywords,
        broke=Mark.BROKEN,
        may_contest=airing is not None and is_contestable(airing) and viewer.may(*OBJECTORS),
        stands_heard=stands.heard if stands else airing and airing.state in HEARD_AIRINGS,
    )  # fmt: skip


@router.post("/airings/{station}/{planned_at}/objections", dependencies=[Depends(checked_form)])
def contest(
    request: Request,
    viewer: Annotated[Viewer, Depends(needs(*OBJECTORS))],
    station: str,
    planned_at: AwareDatetime,
    heard: Annotated[bool, Form()],
    reason: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """A person's word beside what a log has proved."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = seen_station(hub, session, viewer, station, planned_at)
    object_to_airing(hub, found.id, planned_at, by=viewer.person, heard=heard, reason=reason)
    moment = f"{planned_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return redirect(f"/airings/{quote(found.code)}/{moment}", done="contested")


def seen_station(
    hub: Hub, session: Session, viewer: Viewer, code: str, at: datetime | None = None
) -> Station:
    """
    A station that is the viewer's own on that day, or whose unit of that day is by now.

    Raises:
        NotFound: there is none.
        OutsideUnit: it lies outside the viewer's own unit.
    """
    station = find_station(session, code)
    on = local_date(at, hub.settings.zone) if at else hub.today()
    if not serves_own(session, viewer.person.unit_id, station.id, on, today=hub.today()):
        own = viewer.person.unit.name if viewer.person.unit else ""
        raise OutsideUnit(who=viewer.person.full_name, unit=own)
    return station


def address_of(airing: Airing) -> str:
    """The page of one airing."""
    moment = f"{airing.planned_at:%Y-%m-%dT%H:%M:%SZ}"
    return f"/airings/{quote(airing.station.code)}/{moment}"
