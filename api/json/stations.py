"""Stations for programs: what they are, how they stand tonight; never a key or password."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict

from api import words
from api.auth import SignedIn, hub_of
from api.json.idempotency import IdempotentRoute
from api.pages.render import translator_of
from api.scope import Scope, scope_of
from scheduler.board import StationLine, station_board
from scheduler.errors import OutsideUnit
from scheduler.registry import find_station
from scheduler.store.models import Delivery
from scheduler.store.states import DeliveryState

router = APIRouter(prefix="/stations", tags=["stations"], route_class=IdempotentRoute)


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


@router.get("")
def list_stations(
    request: Request,
    viewer: SignedIn,
    unit: Annotated[str, Query(max_length=20, description="code; with all below it")] = "",
) -> list[StationOut]:
    hub = hub_of(request)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit)
        lines = station_board(session, hub.clock.now(), on=hub.today(), unit_ids=scope.unit_ids)
    return [_shown(request, scope, line) for line in lines]


@router.get("/{code}")
def get_station(request: Request, viewer: SignedIn, code: str) -> StationOut:
    hub = hub_of(request)
    with hub.database.read() as session:
        station = find_station(session, code)
        scope = scope_of(session, viewer.person, hub.today(), None)
        if not scope.covers(station.id):
            own = viewer.person.unit.name if viewer.person.unit else ""
            raise OutsideUnit(who=viewer.person.full_name, unit=own)
        lines = station_board(session, hub.clock.now(), on=hub.today(), unit_ids=scope.unit_ids)
    line = next(line for line in lines if line.station.id == station.id)
    return _shown(request, scope, line)


def _shown(request: Request, scope: Scope, line: StationLine) -> StationOut:
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
