"""Stations for programs: what they are, how they stand tonight; never a key or password."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api import words
from api.auth import SignedIn, Viewer, hub_of, needs
from api.json.following import IN_PARTS, name_next
from api.json.routes import program_routes
from api.pages.render import translator_of
from api.pages.stations import RETRIERS, resend
from api.pages.wall import seen_station
from api.scope import Scope, scope_of
from api.visitwords import told_visits, visit_document
from scheduler.board import StationLine, station_board
from scheduler.stationlist import Spot, Standing, StationQuery, fitting, spots_on
from scheduler.store.models import Delivery
from scheduler.store.states import DeliveryState
from scheduler.visitlog import Purpose

PathCode = Annotated[str, Path(max_length=40)]

router = program_routes("/stations", tag="stations")


class DeliveryOut(BaseModel):
    """A station's day on its way."""

    for_date: date
    seq: int
    state: DeliveryState
    attempts: int
    next_try_at: AwareDatetime
    error_code: str | None
    error: str | None  # the sentence, in the language of the request


class StationOut(BaseModel):
    """A station as it stands."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "dao-ly",
                "name": "Đài truyền thanh xã Đạo Lý",
                "unit": "Xã Đạo Lý",
                "unit_above": "Huyện Lý Nhân",
                "technology": "ip",
                "kind": "player",
                "phone": "0912 345 678",
                "profile": "loa-48",
                "last_seen_at": "2022-03-12T12:00:00Z",
                "clock_skew_s": 0.4,
                "free_bytes": 12000000000,
                "player_version": "1",
                "audited_at": "2022-03-12T17:31:00Z",
                "audit": {"files": 12, "bad": 0, "healed": 0, "removed": 1},
                "delivery": None,
                "standing": "ready",
                "active": True,
                "lat": 20.5443,
                "lon": 106.0872,
                "notes": "Chìa khóa ở nhà văn hóa",
            }
        }
    )

    code: str
    name: str
    unit: str | None
    unit_above: str | None
    technology: str
    kind: str
    phone: str | None
    profile: str
    last_seen_at: AwareDatetime | None
    clock_skew_s: float | None
    free_bytes: int | None
    player_version: str | None
    audited_at: AwareDatetime | None
    audit: dict[str, Any] | None  # what the last look at its files found
    delivery: DeliveryOut | None
    standing: Standing  # how it stands tonight, in one word
    active: bool
    lat: float | None
    lon: float | None
    notes: str | None


@router.get("", responses=IN_PARTS)
def list_stations(
    request: Request,
    response: Response,
    viewer: SignedIn,
    unit: Annotated[str, Query(max_length=20, description="code; with all below it")] = "",
    search: Annotated[str, Query(max_length=100, description="words, tones aside")] = "",
    technology: Annotated[str, Query(max_length=20)] = "",
    standing: Annotated[Standing | None, Query(description="closed ones only if asked for")] = None,
    after: Annotated[str, Query(max_length=40, description="code of the last one seen")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> list[StationOut]:
    """
    The stations that fit, by their codes.

    Where there are more, the header ``Link`` names the address of the next ones.
    """
    hub = hub_of(request)
    query = StationQuery(search, technology, standing.value if standing else "")
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit)
        spots = spots_on(session, hub.clock.now(), on=hub.today(), unit_ids=scope.unit_ids)
        found = sorted((one for one in fitting(spots, query) if one.code > after), key=_code)
        shown = _outs(request, session, scope, found[:limit])
    if len(found) > limit:
        name_next(request, response, after=shown[-1].code)
    return shown


@router.get("/{code}")
def get_station(request: Request, viewer: SignedIn, code: PathCode) -> StationOut:
    hub = hub_of(request)
    with hub.database.read() as session:
        station, scope = seen_station(session, viewer, code, hub.today())
        return _one(request, session, scope, station.id)


class StepOut(BaseModel):
    """What was done in a visit, in the order in which it began."""

    step: str  # call, host_key, sign_in, room, file, day, receipt, log, close …
    text: str  # in the language of the request
    state: Literal["done", "broke_off", "unfinished"]
    started_at: AwareDatetime
    ms: int | None
    facts: dict[str, Any]  # count: how many steps this one stands for
    error_code: str | None
    error: str | None  # the sentence, in the language of the request


class VisitOut(BaseModel):
    """A visit to a station, step by step."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "purpose": "send",
                "started_at": "2022-03-12T11:02:07Z",
                "took_ms": 41800,
                "is_broken": False,
                "error_code": None,
                "error": None,
                "steps": [
                    {
                        "step": "call",
                        "text": "gọi thiết bị",
                        "state": "done",
                        "started_at": "2022-03-12T11:02:07Z",
                        "ms": 95,
                        "facts": {"count": 1},
                        "error_code": None,
                        "error": None,
                    }
                ],
            }
        }
    )

    purpose: Purpose
    started_at: AwareDatetime
    took_ms: int
    is_broken: bool  # it did not come to its end
    error_code: str | None
    error: str | None
    steps: list[StepOut]


@router.get("/{code}/visits")
def list_visits(request: Request, viewer: SignedIn, code: PathCode) -> list[VisitOut]:
    """
    The last visits to a station, step by step, the newest first.

    Kept of each purpose: the last that came to its end, and the last that did not.
    """
    hub = hub_of(request)
    with hub.database.read() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        visits = told_visits(translator_of(request), session, station)
    return [VisitOut.model_validate(visit_document(visit)) for visit in visits]


def station_out(request: Request, viewer: Viewer, code: str) -> StationOut:
    """A station as it stands now, after something was changed."""
    hub = hub_of(request)
    with hub.database.read() as session:
        station, scope = seen_station(session, viewer, code, hub.today())
        return _one(request, session, scope, station.id)


def _one(request: Request, session: Session, scope: Scope, station_id: int) -> StationOut:
    hub = hub_of(request)
    spots = spots_on(session, hub.clock.now(), on=hub.today(), station_ids=[station_id])
    return _outs(request, session, scope, spots)[0]


def _outs(
    request: Request, session: Session, scope: Scope, spots: Sequence[Spot]
) -> list[StationOut]:
    hub = hub_of(request)
    ids = [spot.id for spot in spots]
    board = station_board(session, hub.clock.now(), on=hub.today(), station_ids=ids)
    lines = {line.station.id: line for line in board}
    return [_shown(request, scope, lines[spot.id], spot.standing) for spot in spots]


def _code(spot: Spot) -> str:
    return spot.code


class RetriedOut(BaseModel):
    days: int = Field(description="how many that failed or waited are sent now")


@router.post("/{code}/retry")
def send_again(
    request: Request, viewer: Annotated[Viewer, Depends(needs(*RETRIERS))], code: PathCode
) -> RetriedOut:
    """A person says "send again"."""
    return RetriedOut(days=resend(request, viewer, code))


def _shown(request: Request, scope: Scope, line: StationLine, standing: Standing) -> StationOut:
    station, place = line.station, scope.places.get(line.station.id)
    return StationOut(
        code=station.code,
        name=station.name,
        unit=place.unit if place else None,
        unit_above=place.above if place else None,
        technology=station.technology,
        kind=station.kind,
        phone=station.phone,
        profile=station.profile,
        last_seen_at=station.last_seen_at,
        clock_skew_s=station.clock_skew_s,
        free_bytes=station.free_bytes,
        player_version=station.player_version,
        audited_at=station.audited_at,
        audit=station.audit,
        delivery=_delivery(request, line.delivery) if line.delivery else None,
        standing=standing,
        active=station.active,
        lat=station.lat,
        lon=station.lon,
        notes=station.notes,
    )


def _delivery(request: Request, delivery: Delivery) -> DeliveryOut:
    tr = translator_of(request)
    return DeliveryOut(
        for_date=delivery.for_date,
        seq=delivery.seq,
        state=delivery.state,
        attempts=delivery.attempts,
        next_try_at=delivery.next_try_at,
        error_code=delivery.error_code,
        error=words.delivery_error(tr, delivery) if delivery.error_code else None,
    )
