"""What the timetable says for some days, for programs: the calendar's rows."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from fastapi import Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.json.routes import program_routes
from api.moments import in_sight
from api.scope import scope_of, station_in
from scheduler.grid import MAX_DAYS, Entry, entries

router = program_routes(tag="timetable")


class OccurrenceOut(BaseModel):
    """One slot on one day."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "slot_id": 3,
                "rule_day": "2022-10-17",
                "title": "Bản tin sáng",
                "starts_at": "2022-10-16T22:00:00Z",
                "ends_at": "2022-10-16T22:15:00Z",
                "programme_class": "normal",
                "programme_id": 7,
                "stations": 109,
                "collides": False,
                "is_draft": False,
            }
        }
    )

    slot_id: int
    rule_day: date = Field(description="the day that the rule names, also when it was moved")
    title: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    programme_class: str
    programme_id: int | None = Field(description="null: chosen when the day is planned")
    stations: int
    collides: bool
    is_draft: bool = Field(description="nobody has released it: it does not air so")

    @classmethod
    def of(cls, one: Entry) -> Self:
        return cls(
            slot_id=one.slot.id, rule_day=one.rule_day, title=one.slot.title,
            starts_at=one.starts_at, ends_at=one.ends_at,
            programme_class=one.slot.programme_class,
            programme_id=one.programme.id if one.programme else None,
            stations=len(one.station_ids), collides=one.collides, is_draft=one.is_draft,
        )  # fmt: skip


@router.get("/timetable/days")
def list_occurrences(
    request: Request,
    viewer: SignedIn,
    first: date | None = None,
    days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = 7,
    unit: Annotated[str, Query(max_length=20, description="code; with all below it")] = "",
    station: Annotated[str, Query(max_length=60, description="code; only what it hears")] = "",
    released: Annotated[bool, Query(description="what airs by now, instead of the draft")] = False,
) -> list[OccurrenceOut]:
    """What the draft of the timetable says from a day on (today), earliest first."""
    hub = hub_of(request)
    first = in_sight(first or hub.today(), hub)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, first, unit)
        heard_at = station_in(session, viewer.person, scope, station) if station else None
        found = entries(
            hub, session, first, days, unit_ids=scope.unit_ids, released=released,
            station_id=heard_at.id if heard_at else None,
        )  # fmt: skip
    return [OccurrenceOut.of(one) for one in found]
