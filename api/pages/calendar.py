"""The timetable as a calendar: a day, a week or a month, and what becomes of one day of a slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from api.auth import SignedIn, Viewer, checked_form, hub_of
from api.errors import status_of
from api.fields import PathId
from api.i18n import LoaError
from api.pages.render import page, redirect, translator_of
from api.pages.timetable import PLANNERS, Planner
from api.scope import Scope, scope_of
from scheduler import exceptions
from scheduler.errors import CoreError, InputInvalid, NotFound
from scheduler.exceptions import Decision
from scheduler.grid import Entry, entries
from scheduler.programmes import list_programmes
from scheduler.slots import list_slots
from scheduler.store.models import Slot
from scheduler.store.states import ProgrammeState
from scheduler.timetable import to_utc

router = APIRouter(prefix="/timetable")

VIEWS = ("day", "week", "month")

_NOTHING_TYPED = {"to": "", "at": "", "reason": "", "programme_id": ""}


@dataclass(frozen=True)
class Span:
    """The days of a view, and where its arrows lead."""

    view: str
    first: date
    days: int
    before: date
    after: date

    @classmethod
    def of(cls, view: str, on: date) -> Span:
        if view == "day":
            return cls(view, on, 1, on - timedelta(days=1), on + timedelta(days=1))
        if view == "week":
            monday = on - timedelta(days=on.weekday())
            return cls(view, monday, 7, monday - timedelta(days=7), monday + timedelta(days=7))
        start = on.replace(day=1)
        after = (start + timedelta(days=31)).replace(day=1)
        monday = start - timedelta(days=start.weekday())
        weeks = -(-((after - monday).days) // 7)
        before = (start - timedelta(days=1)).replace(day=1)
        return cls("month", monday, weeks * 7, before, after)

    @property
    def dates(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(self.days)]


@router.get("/calendar")
def calendar(
    request: Request,
    viewer: SignedIn,
    on: date | None = None,
    view: Annotated[str, Query(max_length=5)] = "week",
    unit: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    hub = hub_of(request)
    span = Span.of(view if view in VIEWS else "week", on or hub.today())
    scope, found = _entries(request, viewer, span.first, span.days, unit)
    by_day: dict[date, list[Entry]] = {day: [] for day in span.dates}
    for entry in found:
        by_day[entry.occurrence.on].append(entry)
    return page(
        request, "calendar.html", viewer=viewer, scope=scope, unit=unit, span=span,
        on=on or hub.today(), by_day=by_day, views=VIEWS, may_plan=viewer.may(*PLANNERS),
        collisions=sum(entry.collides for entry in found),
    )  # fmt: skip


@router.get("/calendar.json")
def calendar_data(
    request: Request,
    viewer: SignedIn,
    start: datetime,
    end: datetime,
    unit: Annotated[str, Query(max_length=20)] = "",
) -> list[dict[str, Any]]:
    """What the calendar that can be dragged draws; the page itself needs it not."""
    zone = hub_of(request).settings.zone
    days = max(1, (end.date() - start.date()).days)
    _, found = _entries(request, viewer, start.date(), days, unit)
    return [
        {
            "id": f"{entry.slot.id}/{entry.rule_day}",
            "title": entry.programme.title if entry.programme else entry.slot.title,
            "start": entry.starts_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
            "end": entry.ends_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
            "classNames": [entry.slot.programme_class, *(["collides"] if entry.collides else [])],
        }
        for entry in found
    ]


@router.get("/{slot_id}/days/{on}")
def day(
    request: Request,
    viewer: SignedIn,
    slot_id: PathId,
    on: date,
    to: Annotated[str, Query(max_length=10)] = "",
    at: Annotated[str, Query(max_length=5)] = "",
) -> Response:
    """One day of a slot; a drag in the calendar leads here with the new time filled in."""
    return _day_page(request, viewer, slot_id, on, {"to": to, "at": at})


@router.post("/{slot_id}/days/{on}", dependencies=[Depends(checked_form)])
def decide(
    request: Request,
    viewer: Planner,
    slot_id: PathId,
    on: date,
    what: Annotated[str, Form(max_length=10)],
    reason: Annotated[str, Form(max_length=300)] = "",
    to: Annotated[str, Form(max_length=10)] = "",
    at: Annotated[str, Form(max_length=8)] = "",
    programme_id: Annotated[str, Form(max_length=12)] = "",
) -> Response:
    typed = {"what": what, "reason": reason, "to": to, "at": at, "programme_id": programme_id}
    hub = hub_of(request)
    try:
        if what == "restore":
            exceptions.take_back(hub, slot_id, on, by=viewer.person)
        else:
            exceptions.decide(hub, slot_id, _decision(on, typed), by=viewer.person)
    except CoreError as error:
        return _day_page(request, viewer, slot_id, on, typed, error)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect("/timetable/calendar", on=(to if what == "move" else str(on)), done="day")


def _decision(on: date, typed: Mapping[str, str]) -> Decision:
    """
    Raises:
        InputInvalid: what was typed is no date, no time or no choice.
    """
    try:
        if typed["what"] == "move":
            moved_on, moved_at = date.fromisoformat(typed["to"]), time.fromisoformat(typed["at"])
            return Decision(on, typed["reason"], moved_on=moved_on, moved_at=moved_at)
        if typed["what"] == "replace":
            return Decision(on, typed["reason"], programme_id=int(typed["programme_id"]))
    except ValueError:
        raise InputInvalid(problem="choose a day, a time or a programme") from None
    return Decision(on, typed["reason"])


def _entries(
    request: Request, viewer: Viewer, first: date, days: int, unit: str
) -> tuple[Scope, Sequence[Entry]]:
    hub = hub_of(request)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, first, unit)
        return scope, entries(hub, session, first, days, unit_ids=scope.unit_ids)


def _day_page(
    request: Request,
    viewer: Viewer,
    slot_id: int,
    on: date,
    typed: Mapping[str, str],
    error: LoaError | None = None,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        slot = _slot(list_slots(session), slot_id)
        scope = scope_of(session, viewer.person, hub.today(), None)
        usable = [
            one
            for one in list_programmes(session)
            if one.state in (ProgrammeState.READY, ProgrammeState.APPROVED)
            and (one.ms or 0) <= slot.seconds * 1000
        ]
    starts_at = to_utc(datetime.combine(on, slot.starts_at), hub.settings.zone)
    return page(
        request, "slot_day.html", status=status_of(error) if error else 200, viewer=viewer,
        slot=slot, on=on, typed={**_NOTHING_TYPED, **typed}, scope=scope, programmes=usable,
        decision=next((one for one in slot.exceptions if one.on == on), None),
        is_over=starts_at <= hub.clock.now(), may_plan=viewer.may(*PLANNERS),
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip


def _slot(slots: Sequence[Slot], slot_id: int) -> Slot:
    found = next((one for one in slots if one.id == slot_id), None)
    if found is None:
        raise NotFound(what="slot", key=slot_id)
    return found
