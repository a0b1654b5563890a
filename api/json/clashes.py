"""Priority lines that collide, for programs: which, and in which order they air."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Self

from fastapi import Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.fields import MAX_ID, UnitCode
from api.json.routes import program_routes
from api.moments import in_sight
from api.pages.timetable import Planner
from api.scope import scope_of
from scheduler.precedence import Collision, collisions, decide_order

router = program_routes("/clashes", tag="timetable")

MOST_DAYS = 31
_DAYS = Annotated[int, Query(ge=1, le=MOST_DAYS)]


class CollidingOut(BaseModel):
    slot_id: int
    title: str
    starts_at: AwareDatetime = Field(description="in the order that holds now")


class ClashOut(BaseModel):
    """Priority lines that want the same time in one unit, in the order in which they air."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "unit": "13579",
                "on": "2022-10-17",
                "slots": [
                    {"slot_id": 3, "title": "Tin tỉnh", "starts_at": "2022-10-16T22:00:00Z"},
                    {"slot_id": 8, "title": "Tin huyện", "starts_at": "2022-10-16T22:15:00Z"},
                ],
                "decided_by": None,
            }
        }
    )

    unit: str
    on: date
    slots: list[CollidingOut]
    decided_by: str | None = Field(description="null: by time, then by number")

    @classmethod
    def of(cls, one: Collision) -> Self:
        slots = [
            CollidingOut(slot_id=slot.id, title=slot.title, starts_at=at)
            for (slot, _), at in zip(one.items, one.starts, strict=True)
        ]
        decided = one.decided.person.username if one.decided else None
        return cls(unit=one.unit.code, on=one.on, slots=slots, decided_by=decided)


class OrderIn(BaseModel):
    """Which airs first where priority lines collide."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"unit": "13579", "days": ["2022-10-17"], "slot_ids": [8, 3]}
        },
    )

    unit: UnitCode
    days: list[date] = Field(min_length=1, max_length=MOST_DAYS)
    slot_ids: list[Annotated[int, Field(ge=1, le=MAX_ID)]] = Field(min_length=2, max_length=50)


class OrderOut(BaseModel):
    unit: str
    days: list[date] = Field(description="those on which they collide")
    slot_ids: list[int]


@router.get("")
def list_clashes(
    request: Request,
    viewer: SignedIn,
    unit: Annotated[str, Query(max_length=20, description="code; with all below it")] = "",
    first: date | None = None,
    days: _DAYS = 7,
) -> list[ClashOut]:
    """What collides from a day on (today), with the order that holds."""
    hub = hub_of(request)
    first = in_sight(first or hub.today(), hub)
    found: list[Collision] = []
    with hub.database.read() as session:
        for on in (first + timedelta(days=n) for n in range(days)):
            scope = scope_of(session, viewer.person, on, unit)
            found += collisions(session, on, hub.settings.zone, scope.unit_ids)
    return [ClashOut.of(one) for one in found]


@router.post("/order", status_code=201)
def order_clash(request: Request, viewer: Planner, body: OrderIn) -> OrderOut:
    """Say which airs first; it may be changed until the first of them begins."""
    hub = hub_of(request)
    days = [in_sight(on, hub) for on in sorted(set(body.days))]
    decided = decide_order(hub, body.unit, days, body.slot_ids, by=viewer.person)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return OrderOut(unit=body.unit, days=decided, slot_ids=body.slot_ids)
