"""Urgent bulletins for programs: ordered, followed, withdrawn."""

from __future__ import annotations

from itertools import accumulate
from typing import Annotated, Self

from fastapi import Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, Viewer, hub_of
from api.bulletinwords import bulletin_document
from api.fields import MAX_ID, PathId
from api.json.following import IN_PARTS, LastSeen, name_next
from api.json.routes import program_routes
from api.pages.render import translator_of
from scheduler import bulletins, people
from scheduler.hub import Hub
from scheduler.store.models import Bulletin

router = program_routes("/bulletins", tag="urgent")

_MOST_STATIONS = 5_000  # in one answer, of all bulletins together; or those of one
_Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,20}$")]


def _allowed(request: Request, viewer: SignedIn) -> Viewer:
    """
    Raises:
        NotAllowed: the person's role is not named in the settings.
    """
    people.require_role(viewer.person, *hub_of(request).settings.urgent.roles)
    return viewer


Allowed = Annotated[Viewer, Depends(_allowed)]


class BulletinIn(BaseModel):
    """On air at once, everywhere below these units; or the drill of it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "programme_id": 7,
                "units": ["353"],
                "reason": "Lũ lên nhanh, di dời ngay",
                "minutes": 60,
            }
        },
    )

    programme_id: int = Field(ge=1, le=MAX_ID)
    units: list[_Code] = Field(min_length=1, max_length=500, description="each with all below it")
    reason: str = Field(min_length=1, max_length=300)
    minutes: int | None = Field(
        None, ge=1, le=bulletins.MOST_MINUTES, description="then it expires"
    )
    is_drill: bool = Field(False, description="all of it but play")


class WithdrawIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reason": "Nước đã rút"}}
    )

    reason: str = Field(min_length=1, max_length=300)


class BulletinStationOut(BaseModel):
    """How it stands at one station; seconds are counted from the order."""

    code: str
    name: str
    phone: str | None
    state: str
    brought_after_s: float | None
    checked_after_s: float | None
    would_have_played_after_s: float | None
    airing_state: str | None
    started_at: AwareDatetime | None
    played_ms: int | None
    error_code: str | None
    error: str | None


class BulletinOut(BaseModel):
    """What was ordered on air at once."""

    id: int
    programme_id: int
    title: str
    reason: str
    is_drill: bool
    issued_by: str
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    withdrawn_at: AwareDatetime | None
    stations: list[BulletinStationOut]

    @classmethod
    def of(cls, request: Request, hub: Hub, bulletin_id: int) -> Self:
        with hub.database.read() as session:
            bulletin = bulletins.get_bulletin(session, bulletin_id)
            airings = bulletins.airings_by_station(session, bulletin)
        return cls(**bulletin_document(bulletin, airings, translator_of(request)))


@router.get("", responses=IN_PARTS)
def list_bulletins(
    request: Request,
    response: Response,
    viewer: Allowed,
    before: LastSeen = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[BulletinOut]:
    """The last ones, newest first; fewer than ``limit`` where they reach very many stations."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found: list[Bulletin] = bulletins.list_bulletins(
            session, limit + 1, before=before, with_stations=False
        )
        counts = bulletins.station_counts(session, [one.id for one in found])
    reached = accumulate(counts.get(one.id, 0) for one in found[:limit])
    fitting = sum(1 for stations in reached if stations <= _MOST_STATIONS)
    shown = found[: max(1, fitting)]
    if len(found) > len(shown):
        name_next(request, response, before=shown[-1].id)
    return [BulletinOut.of(request, hub, one.id) for one in shown]


@router.post("", status_code=201)
def issue(request: Request, viewer: Allowed, body: BulletinIn) -> BulletinOut:
    """Put a recording on air at once; it interrupts what plays, also in quiet hours."""
    hub = hub_of(request)
    order = bulletins.Order(
        body.programme_id, tuple(body.units), body.reason, body.minutes, body.is_drill
    )
    made = bulletins.issue(hub, order, by=viewer.person)
    bring(request)
    return BulletinOut.of(request, hub, made.id)


class ReachOut(BaseModel):
    """Whom an order would reach."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"stations": ["dao-ly"], "to_call": ["bac-ly"]}}
    )

    stations: list[str] = Field(description="codes of those that play it at once")
    to_call: list[str] = Field(description="codes of those where a person must act")


@router.get("/reach")
def get_reach(
    request: Request,
    viewer: Allowed,
    unit: Annotated[list[_Code], Query(min_length=1, max_length=500, description="codes")],
) -> ReachOut:
    """What would happen, before anything happens."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = bulletins.reach_of(hub, session, unit, by=viewer.person)
    return ReachOut(
        stations=[one.code for one in found.stations], to_call=[one.code for one in found.to_call]
    )


@router.get("/{bulletin_id}")
def get_bulletin(request: Request, viewer: Allowed, bulletin_id: PathId) -> BulletinOut:
    return BulletinOut.of(request, hub_of(request), bulletin_id)


@router.post("/{bulletin_id}/withdraw")
def withdraw(
    request: Request, viewer: Allowed, bulletin_id: PathId, body: WithdrawIn
) -> BulletinOut:
    """Take it back; where it plays it is stopped."""
    hub = hub_of(request)
    bulletins.withdraw(hub, bulletin_id, by=viewer.person, reason=body.reason)
    bring(request)
    return BulletinOut.of(request, hub, bulletin_id)


def bring(request: Request) -> None:
    """Without an engine here the next tick finds it."""
    if request.app.state.engine is not None:
        request.app.state.engine.bring_urgent()
