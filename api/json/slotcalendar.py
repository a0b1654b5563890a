"""The timetable as a calendar file (RFC 5545) for programs: written, and brought back."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Self

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.fields import MAX_ID, UnitCode
from api.json.routes import program_routes
from api.pages.calendars import MEDIA_TYPE
from api.pages.render import translator_of
from api.pages.timetable import Planner, plan_again

if TYPE_CHECKING:
    from api.ics.bring import Brought

router = program_routes("/calendar", tag="timetable")

_MOST_LETTERS = 5 << 20
_EXAMPLE = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//VI\r\nBEGIN:VEVENT\r\nUID:tin-sang@x\r\n"
    "SUMMARY:Tin sáng\r\nDTSTART;TZID=Asia/Ho_Chi_Minh:20221101T050000\r\nDURATION:PT15M\r\n"
    "RRULE:FREQ=WEEKLY;BYDAY=MO\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/calendar": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        "description": "The calendar",
    }
}
_Place = Annotated[str, Query(pattern=r"^[A-Za-z0-9._-]{0,40}$")]


class CalendarIn(BaseModel):
    """A calendar, and what its events do not say."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"calendar": _EXAMPLE, "unit": "13579", "programme_id": 1, "dry_run": True}
        },
    )

    calendar: str = Field(min_length=1, max_length=_MOST_LETTERS, description="the file, whole")
    unit: UnitCode | None = Field(None, description="who owns lines that do not say it")
    audience: list[Annotated[str, Field(pattern=r"^(unit|station):[A-Za-z0-9._-]{1,40}$")]] = Field(
        [], max_length=500, description="who hears these; the owning unit when empty"
    )
    programme_id: int | None = Field(
        None, ge=1, le=MAX_ID, description="what airs in lines that do not say it"
    )
    dry_run: bool = Field(False, description="tell what would change, and change nothing")
    seen: str = Field(
        "", max_length=64, description="`digest` of a dry run: refused if it would do other things"
    )


class DifferenceOut(BaseModel):
    name: str
    before: str
    after: str


class EventOut(BaseModel):
    """What becomes of one event."""

    uid: str
    title: str
    what: str = Field(description="added, changed, removed or unchanged")
    slot_id: int | None
    fields: list[DifferenceOut]
    days: list[date] = Field(description="single days that are decided anew")

    @classmethod
    def of(cls, one: Brought) -> Self:
        fields = [DifferenceOut(name=n, before=old, after=new) for n, old, new in one.told]
        return cls(
            uid=one.uid, title=one.title, what=one.what, slot_id=one.slot_id, fields=fields,
            days=list(one.days),
        )  # fmt: skip


class CalendarOut(BaseModel):
    """What became of a calendar, or would."""

    dry_run: bool
    digest: str
    events: list[EventOut]


@router.get("", responses=_FILE, response_class=Response)
def get_calendar(
    request: Request, viewer: SignedIn, unit: _Place = "", station: _Place = "",
    slot: Annotated[list[Annotated[int, Query(ge=1, le=MAX_ID)]] | None, Query()] = None,
) -> Response:  # fmt: skip
    """The lines in force as a calendar: all, or what is heard in a unit or at a station."""
    from api.ics.export import export_calendar  # 3 MB of icalendar

    hub = hub_of(request)
    with hub.database.read() as session:
        made = export_calendar(
            hub, session, translator_of(request), unit_code=unit, station_code=station,
            slot_ids=slot or (),
        )  # fmt: skip
    headers = {"Content-Disposition": 'attachment; filename="lich-phat.ics"'}
    return Response(made.content, media_type=MEDIA_TYPE, headers=headers)


@router.post("")
def bring_calendar(request: Request, viewer: Planner, body: CalendarIn) -> CalendarOut:
    """
    Bring the timetable to what a calendar says: every event of it, or none.

    Events are known by their UID; lines that it does not name stay.
    """
    from api.ics.bring import Defaults, bring, digest
    from api.ics.write import desk_of

    hub = hub_of(request)
    found = bring(
        hub, body.calendar.encode(), "calendar", desk_of(hub, translator_of(request)),
        by=viewer.person, defaults=Defaults(body.unit, tuple(body.audience), body.programme_id),
        dry_run=body.dry_run, seen=body.seen,
    )  # fmt: skip
    if not body.dry_run:
        plan_again(request)
    return CalendarOut(
        dry_run=body.dry_run, digest=digest(found), events=[EventOut.of(one) for one in found]
    )
