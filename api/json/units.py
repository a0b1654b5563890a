"""The administrative map for programs: as it is on a day, and why it changed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Literal, cast

from fastapi import Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select

from api.auth import SignedIn, hub_of
from api.fields import MAX_ID
from api.json.following import IN_PARTS, MOST_ROWS, LastSeen, Limit, name_next
from api.json.routes import program_routes
from api.json.tables import TableIn
from api.pages.unittable import Administrator, own_root
from api.stationforms import Changer
from scheduler import unitevents
from scheduler.store.models import Unit, UnitEvent
from scheduler.unitimport import import_units, plan_units
from scheduler.units import valid_on

router = program_routes("/units", tag="units")

Kind = Literal["renamed", "merged", "split", "moved", "abolished", "founded"]
Code = Annotated[str, Field(min_length=1, max_length=20)]


class UnitOut(BaseModel):
    """A unit as it is from one day to another; a code may be another place's before or after."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"id": 99, "parent_id": 7, "code": "13579", "name": "Xã Đạo Lý",
                        "level": "xã", "valid_from": "2020-01-01", "valid_to": "2025-07-01"}
        }
    )  # fmt: skip

    id: int
    parent_id: int | None
    code: str
    name: str
    level: str
    valid_from: date
    valid_to: date | None = Field(description="the first day on which it is no more")


class EventIn(BaseModel):
    """What became of what, and by which decision."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"on": "2025-07-01", "kind": "merged", "before": ["13579", "13588"],
                        "after": ["13579"], "basis": "Nghị quyết của Quốc hội số …"}
        },
    )  # fmt: skip

    on: date = Field(description="first day of the new state")
    kind: Kind
    basis: str = Field(min_length=1, max_length=200)
    before: list[Code] = Field(default=[], max_length=unitevents.MAX_UNITS)
    after: list[Code] = Field(default=[], max_length=unitevents.MAX_UNITS)


class EventOut(BaseModel):
    """An event of the map."""

    id: int
    on: date
    kind: Kind
    basis: str
    before: list[UnitOut]
    after: list[UnitOut]
    recorded_by: str
    recorded_at: AwareDatetime


class UnitImportIn(TableIn):
    """Complete maps of units, as they stand in a CSV file."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "table": "valid_from,code,name,level\n2020-01-01,35,Tỉnh Hà Nam,tỉnh\n",
                "name": "don-vi.csv",
            }
        },
    )


class WasOut(BaseModel):
    """A unit as it was before a map."""

    code: str
    name: str
    level: str
    above: str = Field(description="the name of the unit above; empty for a province")


class UnitChangeOut(BaseModel):
    """What becomes of one unit on one map."""

    on: date = Field(description="first day of the map")
    line: int | None = Field(description="null: no row tells of it any more")
    outcome: Literal[
        "new", "merged", "split", "renamed", "moved", "corrected", "ends", "removed", "unchanged"
    ]
    code: str
    name: str
    level: str
    above: str
    before: list[WasOut] = Field(description="what it was, or what it was made of")
    same_name: WasOut | None = Field(description="who bore this name the day before")
    valid_from: date
    valid_to: date | None
    stations: int = Field(description="that follow; of one that ends: that stay without a unit")
    people: int = Field(
        description="who work for the unit that ends; where it became others they see those"
    )
    basis: str


class UnitImportOut(BaseModel):
    """What a table of maps does, unit by unit."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "dry_run": True, "digest": "9f86d081884c7d65…", "added": 1, "ended": 0,
                "unchanged": 0, "events": 0, "stations_without_unit": 0, "stations_left": 0,
                "counts": {"new": 1},
                "units": [],
            }
        }
    )  # fmt: skip

    dry_run: bool
    digest: str
    added: int
    ended: int
    unchanged: int
    events: int = Field(description="of the map, that are written down")
    stations_without_unit: int = Field(description="afterwards, on the whole map")
    stations_left: int = Field(description="of these, those that this table leaves without one")
    counts: dict[str, int] = Field(description="units by outcome")
    units: list[UnitChangeOut]


@router.get("", responses=IN_PARTS)
def list_units(
    request: Request,
    response: Response,
    viewer: SignedIn,
    on: Annotated[
        date | None, Query(description="the map of this day; today's if not given")
    ] = None,
    parent: Annotated[
        int | None, Query(ge=1, le=MAX_ID, description="id; only those in it")
    ] = None,
    after: Annotated[int, Query(ge=0, le=MAX_ID, description="id of the last one seen")] = 0,
    limit: Limit = MOST_ROWS,
) -> list[UnitOut]:
    """The units of a day by their ids, a page at a time."""
    hub = hub_of(request)
    statement = select(Unit).where(Unit.id > after, *valid_on(Unit, on or hub.today()))
    if parent is not None:
        statement = statement.where(Unit.parent_id == parent)
    with hub.database.read() as session:
        found = session.scalars(statement.order_by(Unit.id).limit(limit + 1)).all()
        shown = [_unit(one) for one in found[:limit]]
    if len(found) > limit:
        name_next(request, response, after=shown[-1].id)
    return shown


@router.get("/events", responses=IN_PARTS)
def list_events(
    request: Request, response: Response, viewer: SignedIn, before: LastSeen = None,
    limit: Limit = 200,
) -> list[EventOut]:  # fmt: skip
    """The latest events, the newest first."""
    with hub_of(request).database.read() as session:
        found = unitevents.list_events(session, rows=limit + 1, before=before)
        shown = [_event(one) for one in found[:limit]]
    if len(found) > limit:
        name_next(request, response, before=shown[-1].id)
    return shown


@router.post("/events", status_code=201)
def record(request: Request, viewer: Changer, body: EventIn) -> EventOut:
    """Write down why the map changed on a day; the units come with their table."""
    hub = hub_of(request)
    with hub.database.write() as session:
        event = unitevents.record_event(
            session, on=body.on, kind=body.kind, basis=body.basis, before=body.before,
            after=body.after, by=viewer.person.username, now=hub.clock.now(),
        )  # fmt: skip
        session.flush()
        return _event(event)


@router.post("/import")
def import_table(
    request: Request,
    viewer: Administrator,
    body: UnitImportIn,
    dry_run: Annotated[bool, Query(description="only tell what would be done")] = False,
) -> UnitImportOut:
    """
    Bring one or several complete maps of a province: all of them, or nothing.

    With ``dry_run`` nothing is changed; its digest, sent back as ``seen``, makes sure of the rest.
    """
    hub, text, root = hub_of(request), body.text(), own_root(request, viewer)
    with hub.database.write() as session:
        plan = plan_units(session, text, name=body.name, root=root)
        if not dry_run:
            import_units(
                session, text, name=body.name, now=hub.clock.now(), by=viewer.person.username,
                seen=body.seen, root=root,
            )  # fmt: skip
    if not dry_run and request.app.state.engine is not None:
        request.app.state.engine.plan()
    return UnitImportOut(
        dry_run=dry_run, digest=plan.digest, added=plan.added, ended=plan.ended,
        unchanged=plan.unchanged, events=plan.events, counts=plan.counts,
        stations_without_unit=plan.stations_without_unit, stations_left=plan.stations_left,
        units=[UnitChangeOut.model_validate(asdict(one)) for one in plan.units],
    )  # fmt: skip


def _unit(unit: Unit) -> UnitOut:
    return UnitOut.model_validate(unit, from_attributes=True)


def _event(event: UnitEvent) -> EventOut:
    return EventOut(
        id=event.id,
        on=event.on_day,
        kind=cast("Kind", event.kind),
        basis=event.basis,
        before=[_unit(one) for one in unitevents.before_of(event)],
        after=[_unit(one) for one in unitevents.after_of(event)],
        recorded_by=event.recorded_by,
        recorded_at=event.recorded_at,
    )
