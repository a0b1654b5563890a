"""The timetable for programs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth import SignedIn, hub_of
from api.fields import MAX_ID, IfMatch, LocalTime, PathId, version_in
from api.json.airings import AiringOut
from api.json.following import IN_PARTS, MOST_ROWS, LastSeen, Limit, name_next
from api.json.routes import program_routes
from api.moments import in_sight
from api.pages.airings import cursor_from, cursor_text
from api.pages.render import translator_of
from api.pages.timetable import Planner
from api.rulewords import describe
from api.scope import scope_of
from api.slotwords import content_in_words
from scheduler import slots
from scheduler.airings import day_schedule
from scheduler.hearing import rule_of
from scheduler.lines import is_draft
from scheduler.slotcontent import items_of
from scheduler.slotlist import slot_page
from scheduler.slotversions import version_of
from scheduler.store.models import Slot, SlotTarget

router = program_routes(tag="timetable")

_TARGET = r"^(unit|station):[A-Za-z0-9-]{1,40}$"
Target = Annotated[str, Field(pattern=_TARGET, description="unit:CODE or station:CODE")]

_MAY_BE_EMPTY = frozenset({"ident_id", "filler_id", "seconds", "stream", "valid_to"})


class SlotIn(BaseModel):
    """A new line of the timetable."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "title": "Bản tin sáng",
                "unit_code": "35",
                "audience": ["unit:353"],
                "exclude": ["station:dao-ly"],
                "programme_id": 7,
                "starts_at": "05:00",
                "rrule": "FREQ=WEEKLY;BYDAY=MO,WE,FR",
            }
        },
    )

    title: str = Field(min_length=1, max_length=200)
    unit_code: str = Field(min_length=1, max_length=20, description="who owns the line")
    audience: list[Target] = Field(min_length=1, max_length=500)
    exclude: list[Target] = Field(default=[], max_length=500)
    programme_id: int | None = Field(None, ge=1, le=MAX_ID)
    series: str | None = Field(None, max_length=120, description="or its next episode")
    theme: str | None = Field(None, max_length=80, description="or what is about it, in rotation")
    items: list[Annotated[str, Field(max_length=140)]] = Field(
        default=[], max_length=20, description="or programme:ID, series:NAME, theme:NAME in order"
    )
    no_repeat_days: int = Field(7, ge=1, le=366, description="of a theme, at one station")
    ident_id: int | None = Field(None, ge=1, le=MAX_ID, description="sounds before the first")
    filler_id: int | None = Field(
        None, ge=1, le=MAX_ID, description="airs where nothing else may; fills what a list leaves"
    )
    starts_at: LocalTime
    seconds: int | None = Field(None, ge=1, le=86_400, description="none: as the programme")
    rrule: str = Field("FREQ=DAILY", max_length=200, description="RFC 5545, without DTSTART")
    programme_class: str = Field("normal", pattern="^(normal|priority|urgent)$")
    kind: str = Field(
        "programme", pattern="^(programme|relay_province|relay_district|announcement)$"
    )
    late_ok_s: int = Field(600, ge=0, le=86_400)
    stream: str | None = Field(
        None, max_length=500, description="address of a live relay; the programme plays if it fails"
    )
    valid_from: date | None = None
    valid_to: date | None = Field(None, description="the last day, included")

    def details(self) -> slots.SlotDetails:
        values = self.model_dump()
        values["starts_at"] = self.starts_at.replace(tzinfo=None)
        for name in ("audience", "exclude", "items"):
            values[name] = tuple(values[name])
        return slots.SlotDetails(**values)


class SlotChangesIn(BaseModel):
    """What is to change in a line; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"starts_at": "05:30", "valid_to": "2022-12-31"}},
    )

    title: str | None = Field(None, min_length=1, max_length=200)
    audience: list[Target] | None = Field(None, min_length=1, max_length=500)
    exclude: list[Target] | None = Field(None, max_length=500)
    programme_id: int | None = Field(None, ge=1, le=MAX_ID)
    series: str | None = Field(None, max_length=120)
    theme: str | None = Field(None, max_length=80)
    items: list[Annotated[str, Field(max_length=140)]] | None = Field(None, max_length=20)
    no_repeat_days: int | None = Field(None, ge=1, le=366)
    ident_id: int | None = Field(None, ge=1, le=MAX_ID, description="null: none any more")
    filler_id: int | None = Field(None, ge=1, le=MAX_ID, description="null: none any more")
    starts_at: LocalTime | None = None
    seconds: int | None = Field(None, ge=1, le=86_400, description="null: as the programme")
    rrule: str | None = Field(None, max_length=200)
    programme_class: str | None = Field(None, pattern="^(normal|priority|urgent)$")
    kind: str | None = Field(
        None, pattern="^(programme|relay_province|relay_district|announcement)$"
    )
    late_ok_s: int | None = Field(None, ge=0, le=86_400)
    stream: str | None = Field(None, max_length=500, description="null: no live relay any more")
    valid_from: date | None = None
    valid_to: date | None = Field(None, description="null: no last day any more")

    def changes(self) -> dict[str, Any]:
        """By the names of ``SlotDetails``; null where a line cannot be without leaves it."""
        found = {
            name: value for name, value in self.model_dump(exclude_unset=True).items()
            if value is not None or name in _MAY_BE_EMPTY
        }  # fmt: skip
        for name in ("audience", "exclude", "items"):
            if name in found:
                found[name] = tuple(found[name])
        if "starts_at" in found:
            found["starts_at"] = found["starts_at"].replace(tzinfo=None)
        return found


class SlotOut(BaseModel):
    """A line of the timetable."""

    id: int
    version: str = Field(description="changes with the draft; the ETag of the line")
    title: str
    unit_code: str
    audience: list[str]
    exclude: list[str]
    programme_id: int | None
    programme_title: str | None
    series: str | None
    theme: str | None
    items: list[str] = Field(description="programme:ID, series:ID, theme:ID in order")
    no_repeat_days: int
    ident_id: int | None
    filler_id: int | None
    content: str = Field(description="what airs, in words")
    kind: str
    programme_class: str
    starts_at: LocalTime
    seconds: int
    rrule: str
    in_words: str
    late_ok_s: int
    stream: str | None
    valid_from: date
    valid_to: date | None
    in_quiet_hours: bool
    is_draft: bool = Field(description="not released as it stands here")


@router.get("/slots", responses=IN_PARTS)
def list_slots(
    request: Request,
    response: Response,
    viewer: SignedIn,
    search: Annotated[
        str, Query(max_length=100, description="of title or owner; tones do not matter")
    ] = "",
    after: LastSeen = None,
    limit: Limit = MOST_ROWS,
) -> list[SlotOut]:
    """By time of day."""
    with hub_of(request).database.read() as session:
        found, has_more = slot_page(session, words=search, after=after, limit=limit)
    if has_more:
        name_next(request, response, after=found[-1].id)
    return [_shown(request, slot) for slot in found]


@router.post("/slots", status_code=201)
def add_slot(request: Request, viewer: Planner, body: SlotIn) -> SlotOut:
    hub = hub_of(request)
    added = slots.add_slot(hub, body.details(), by=viewer.person)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    with hub.database.read() as session:
        slot = slots.find_slot(session, added.id)
    return _shown(request, slot)


@router.get("/slots/{slot_id}")
def get_slot(request: Request, response: Response, viewer: SignedIn, slot_id: PathId) -> SlotOut:
    """One line; its ``ETag`` goes into the ``If-Match`` of a change."""
    return _tagged(request, response, slot_id)


@router.patch("/slots/{slot_id}")
def change_slot(
    request: Request, response: Response, viewer: Planner, slot_id: PathId, body: SlotChangesIn,
    if_match: IfMatch = None,
) -> SlotOut:  # fmt: skip
    """
    Change a line; the change airs with the next release.

    With ``If-Match`` the change is refused with 412 ``slot_changed`` where somebody else changed
    the line meanwhile: read it again, compare, and send what is still wanted.
    """
    expected = version_in(if_match)
    slots.edit_slot(hub_of(request), slot_id, body.changes(), by=viewer.person, expected=expected)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return _tagged(request, response, slot_id)


@router.delete("/slots/{slot_id}", status_code=204)
def remove_slot(
    request: Request, viewer: Planner, slot_id: PathId, if_match: IfMatch = None
) -> None:
    """Take a line out with the next release; what it has aired stays in the log."""
    expected = version_in(if_match)
    slots.remove_slot(hub_of(request), slot_id, by=viewer.person, expected=expected)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()


@router.get("/schedule/{on}", responses=IN_PARTS)
def get_day(
    request: Request,
    response: Response,
    viewer: SignedIn,
    on: date,
    unit: Annotated[str, Query(max_length=20, description="code; with all below it")] = "",
    after: Annotated[str, Query(max_length=90, description="as the Link has it")] = "",
    limit: Limit = MOST_ROWS,
) -> list[AiringOut]:
    """What is planned for a broadcast date, by time."""
    in_sight(on, hub_of(request))
    with hub_of(request).database.read() as session:
        scope = scope_of(session, viewer.person, on, unit)
        found = day_schedule(
            session, on, unit_ids=scope.unit_ids, after=cursor_from(after), limit=limit + 1
        )
        shown = [AiringOut.of(one) for one in found[:limit]]
    if len(found) > limit:
        name_next(request, response, after=cursor_text(found[limit - 1]))
    return shown


def _tagged(request: Request, response: Response, slot_id: int) -> SlotOut:
    with hub_of(request).database.read() as session:
        shown = _shown(request, slots.find_slot(session, slot_id))
    response.headers["ETag"] = f'"{shown.version}"'
    return shown


def _shown(request: Request, slot: Slot) -> SlotOut:
    return SlotOut(
        id=slot.id,
        version=version_of(slot),
        title=slot.title,
        unit_code=slot.unit.code,
        audience=[_target(one) for one in slot.targets if not one.excluded],
        exclude=[_target(one) for one in slot.targets if one.excluded],
        programme_id=slot.programme_id,
        programme_title=slot.programme.title if slot.programme else None,
        series=slot.series.name if slot.series else None,
        theme=slot.theme.name if slot.theme else None,
        items=list(items_of(slot)),
        no_repeat_days=slot.no_repeat_days,
        ident_id=slot.ident_id,
        filler_id=slot.filler_id,
        content=content_in_words(slot, translator_of(request)),
        kind=slot.kind,
        programme_class=slot.programme_class,
        starts_at=slot.starts_at,
        seconds=slot.seconds,
        rrule=slot.rrule,
        in_words=describe(rule_of(slot), translator_of(request)),
        late_ok_s=slot.late_ok_s,
        stream=slot.stream,
        valid_from=slot.valid_from,
        valid_to=slot.valid_to,
        in_quiet_hours=slots.is_in_quiet_hours(slot),
        is_draft=is_draft(slot),
    )


def _target(target: SlotTarget) -> str:
    if target.unit is not None:
        return f"unit:{target.unit.code}"
    assert target.station is not None
    return f"station:{target.station.code}"
