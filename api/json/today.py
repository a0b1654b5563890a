"""Today in one answer, for programs: what is on, what failed, what waits for whoever asks."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from fastapi import Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.json.routes import program_routes
from api.moments import in_sight
from api.pages.stations import has_problem
from api.scope import scope_of
from scheduler.board import station_board
from scheduler.store.states import AiringState
from scheduler.tonight import Moment, moments_of_day, waits_of

router = program_routes("/today", tag="airings")


class OnAirOut(BaseModel):
    """One slot at one moment; ``/airings`` has its stations."""

    planned_at: AwareDatetime
    slot_id: int
    programme_id: int
    programme_title: str
    states: dict[AiringState, int] = Field(description="stations by state")

    @classmethod
    def of(cls, one: Moment) -> Self:
        return cls(
            planned_at=one.planned_at, slot_id=one.first.slot_id,
            programme_id=one.first.programme_id, programme_title=one.first.programme.title,
            states=dict(one.counts),
        )  # fmt: skip


class WaitingOut(BaseModel):
    """What whoever asks is waited for; each of them 0 when it is not theirs."""

    model_config = ConfigDict(from_attributes=True)

    to_approve: int
    returned: int
    unfinished: int
    to_confirm: int
    contested: int = Field(description="airings of the last seven days; by the words of others")


class TodayOut(BaseModel):
    """A broadcast date at a glance."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "on": "2022-10-16",
                "moments": [
                    {
                        "planned_at": "2022-10-15T22:00:00Z",
                        "slot_id": 1,
                        "programme_id": 7,
                        "programme_title": "Bản tin sáng",
                        "states": {"aired": 107, "missed": 2},
                    }
                ],
                "failing": ["dao-ly"],
                "waiting": {
                    "to_approve": 0,
                    "returned": 0,
                    "unfinished": 0,
                    "to_confirm": 2,
                    "contested": 0,
                },
            }
        }
    )

    on: date
    moments: list[OnAirOut]
    failing: list[str] = Field(description="codes of stations for which somebody should act now")
    waiting: WaitingOut


@router.get("")
def get_today(
    request: Request,
    viewer: SignedIn,
    on: date | None = None,
    unit: Annotated[str, Query(max_length=20, description="code; with all below it")] = "",
) -> TodayOut:
    hub = hub_of(request)
    today, now = hub.today(), hub.clock.now()
    on = in_sight(on or today, hub)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, on, unit)
        units = scope.unit_ids
        moments = moments_of_day(session, on, unit_ids=units)
        lines = station_board(session, now, on=today, unit_ids=units)
        waits = waits_of(session, viewer.person.role, now, on=today, unit_ids=units)
    return TodayOut(
        on=on, moments=[OnAirOut.of(one) for one in moments],
        failing=sorted(line.station.code for line in lines if has_problem(line)),
        waiting=WaitingOut.model_validate(waits.of(viewer.person.id)),
    )  # fmt: skip
