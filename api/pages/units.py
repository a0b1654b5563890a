"""The map of units: a day's tree, opened branch by branch; one unit with what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth import SignedIn, Viewer, checked_form, hub_of
from api.errors import status_of
from api.fields import MAX_ID, PathId
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.scope import scope_of
from api.stationforms import CHANGERS, Changer
from api.unitwords import EVENT_WORDS
from api.vietnamese import sort_key
from scheduler import unitevents
from scheduler.errors import CoreError, InputInvalid, NotFound
from scheduler.store.models import Station, StationUnit, Unit
from scheduler.units import unit_path
from scheduler.unittree import Branch, find_units, tree_on

router = page_routes()


@router.get("/units")
def show(
    request: Request,
    viewer: SignedIn,
    on: date | None = None,
    opened: Annotated[int | None, Query(ge=1, le=MAX_ID, alias="unit")] = None,
    search: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    return _tree_page(request, viewer, on=on, opened=opened, search=search)


@router.get("/units/{unit_id}")
def one(request: Request, viewer: SignedIn, unit_id: PathId) -> Response:
    """A unit: when it was, what lay above it, what became of it and why, and its stations."""
    hub = hub_of(request)
    with hub.database.read() as session:
        unit = session.get(Unit, unit_id)
        if unit is None:
            raise NotFound(what="unit", key=str(unit_id))
        path = unit_path(session, unit)[1:]
        events = unitevents.events_of(session, [unit.id])
        silent = unitevents.silent_changes(session, unit)
        stations = _stations(session, viewer, unit, hub.today())
        below = session.scalar(select(Unit.id).where(Unit.parent_id == unit.id).limit(1))
    last_day = unit.valid_to
    return page(
        request, "unit.html", viewer=viewer, unit=unit, above=path, events=events, silent=silent,
        stations=stations, has_below=below is not None, is_today=_is_on(unit, hub.today()),
        before_of=unitevents.before_of, after_of=unitevents.after_of, event_words=EVENT_WORDS,
        open_on=None if last_day is None or last_day > hub.today() else unit.valid_from,
    )  # fmt: skip


@router.post("/units/events", dependencies=[Depends(checked_form)])
def record(
    request: Request,
    viewer: Changer,
    on: Annotated[str, Form(max_length=20)] = "",
    kind: Annotated[str, Form(max_length=20)] = "",
    basis: Annotated[str, Form(max_length=400)] = "",
    before: Annotated[str, Form(max_length=1200)] = "",
    after: Annotated[str, Form(max_length=1200)] = "",
) -> Response:
    """Write down why the map changed on a day."""
    hub = hub_of(request)
    typed = {"on": on, "kind": kind, "basis": basis, "before": before, "after": after}
    try:
        with hub.database.write() as session:
            unitevents.record_event(
                session, on=_day(on), kind=kind, basis=basis, before=_codes(before),
                after=_codes(after), by=viewer.person.username, now=hub.clock.now(),
            )  # fmt: skip
    except CoreError as error:
        return _tree_page(request, viewer, error=error, typed=typed)
    return redirect("/units", on=on, done="event_recorded")


def _tree_page(
    request: Request,
    viewer: Viewer,
    *,
    on: date | None = None,
    opened: int | None = None,
    search: str = "",
    error: CoreError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    hub = hub_of(request)
    on = on or hub.today()
    with hub.database.read() as session:
        tree = tree_on(session, on, opened=opened, visible=_visible(session, viewer, on))
        found = find_units(session, search) if search.strip() else []
        events = unitevents.list_events(session, rows=10)
    for branch in (*tree.branches, *tree.path):
        _sort(branch)
    return page(
        request, "units.html", viewer=viewer, on=on, opened=opened, search=search, found=found,
        tree=tree, branches=sorted(tree.branches, key=lambda one: sort_key(one.name)),
        events=events, before_of=unitevents.before_of, after_of=unitevents.after_of,
        event_words=EVENT_WORDS, may_change=viewer.may(*CHANGERS), typed=typed or {},
        status=status_of(error) if error else 200, is_today=on == hub.today(),
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip


def _sort(branch: Branch) -> None:
    branch.below.sort(key=lambda one: sort_key(one.name))
    for below in branch.below:
        _sort(below)


def _visible(session: Session, viewer: Viewer, on: date) -> set[int] | None:
    """The map of units is public; which stations stand in them is told to their own people."""
    scope = scope_of(session, viewer.person, on, None)
    if scope.unit_ids is None:
        return None
    return {one for one in scope.places if scope.covers(one)}


def _stations(session: Session, viewer: Viewer, unit: Unit, today: date) -> list[StationUnit]:
    rows = session.scalars(
        select(StationUnit).join(Station).where(StationUnit.unit_id == unit.id)
        .order_by(Station.name, StationUnit.valid_from)
    ).all()  # fmt: skip
    visible = _visible(session, viewer, today)
    found = [one for one in rows if visible is None or one.station_id in visible]
    for one in found:
        _ = one.station.name  # read while the session is open
    return found


def _is_on(unit: Unit, on: date) -> bool:
    return unit.valid_from <= on and (unit.valid_to is None or unit.valid_to > on)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputInvalid(problem="choose the first day of the new state") from None


def _codes(text: str) -> list[str]:
    return text.replace(",", " ").replace(";", " ").split()
