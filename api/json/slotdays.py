"""One day of a slot that differs, for programs: at all places or at one alone."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.fields import MAX_ID, LocalTime, PathId
from api.json.following import IN_PARTS, MOST_ROWS, Limit, name_next
from api.json.routes import program_routes
from api.pages.timetable import Planner
from scheduler import exceptions
from scheduler.exceptions import Decision, place_of
from scheduler.slots import find_slot
from scheduler.store.models import SlotException

router = program_routes("/slots", tag="timetable")

_PLACE = r"^(unit|station):[A-Za-z0-9-]{1,40}$"


class DayIn(BaseModel):
    """
    What becomes of one day: moved, another programme, another length, or (none of them) left out.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "on": "2022-10-18",
                "reason": "Mất điện theo lịch",
                "moved_on": "2022-10-18",
                "moved_at": "17:00",
                "place": "station:dao-ly",
            }
        },
    )

    on: date = Field(description="a day that the rule names")
    reason: str = Field(min_length=1, max_length=300)
    moved_on: date | None = None
    moved_at: LocalTime | None = None
    programme_id: int | None = Field(None, ge=1, le=MAX_ID)
    seconds: int | None = Field(
        None, ge=1, le=86_400, description="how long it lasts on that day, also of what is moved"
    )
    place: str | None = Field(
        None, pattern=_PLACE, description="only there: unit:CODE or station:CODE"
    )


class DayOut(BaseModel):
    """What was decided; at a station the nearest decision counts."""

    slot_id: int
    on: date
    kind: Literal["skip", "move", "replace", "length"]
    moved_on: date | None
    moved_at: LocalTime | None
    programme_id: int | None
    seconds: int | None
    reason: str
    place: str | None
    created_at: AwareDatetime

    @classmethod
    def of(cls, one: SlotException) -> DayOut:
        values = {name: getattr(one, name) for name in cls.model_fields if name != "place"}
        return cls(**values, place=place_of(one))


@router.get("/{slot_id}/days", responses=IN_PARTS)
def list_days(
    request: Request, response: Response, viewer: SignedIn, slot_id: PathId,
    first: Annotated[date | None, Query(description="today when missing")] = None,
    after: Annotated[int, Query(ge=0, le=MAX_ID, description="as the Link has it")] = 0,
    limit: Limit = MOST_ROWS,
) -> list[DayOut]:  # fmt: skip
    """The days of a slot that differ from its rule, from one day on, by day."""
    hub = hub_of(request)
    begin = first or hub.today()
    with hub.database.read() as session:
        known = sorted(find_slot(session, slot_id).exceptions, key=lambda one: (one.on, one.id))
        # On the day on which the part before ended: only what it had not.
        found = [one for one in known if one.on > begin or (one.on == begin and one.id > after)]
        shown = [DayOut.of(one) for one in found[:limit]]
    if len(found) > limit:
        last = found[limit - 1]
        name_next(request, response, first=last.on.isoformat(), after=last.id)
    return shown


@router.post("/{slot_id}/days", status_code=201)
def decide(request: Request, viewer: Planner, slot_id: PathId, body: DayIn) -> DayOut:
    """Decide about one day; the next planning obeys, of today too as far as it has not begun."""
    values = body.model_dump()
    if body.moved_at is not None:
        values["moved_at"] = body.moved_at.replace(tzinfo=None)
    made = exceptions.decide(hub_of(request), slot_id, Decision(**values), by=viewer.person)
    _plan(request)
    return DayOut.of(made)


@router.delete("/{slot_id}/days/{on}", status_code=204)
def take_back(
    request: Request, viewer: Planner, slot_id: PathId, on: date,
    place: Annotated[
        str | None, Query(pattern=_PLACE, description="what was decided for it alone")
    ] = None,
) -> None:  # fmt: skip
    """The day follows the rule again, or what was decided for more places."""
    exceptions.take_back(hub_of(request), slot_id, on, by=viewer.person, place=place)
    _plan(request)


def _plan(request: Request) -> None:
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
