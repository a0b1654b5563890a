"""The timetable: its lines, a form for a new one, and taking one out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session

from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.errors import status_of
from api.fields import MAX_ID, PathId
from api.i18n import LoaError, mark
from api.pages.render import page, redirect, translator_of
from api.rulewords import describe
from api.scope import scope_of
from api.slotwords import content_in_words
from scheduler import slots
from scheduler.errors import CoreError, InputInvalid, NotFound
from scheduler.programmes import list_programmes
from scheduler.registry import list_stations
from scheduler.store.models import Slot
from scheduler.store.states import ProgrammeState
from scheduler.units import find_unit, unit_path

router = APIRouter()

PLANNERS = ("editor", "district", "commune")
Planner = Annotated[Viewer, Depends(needs(*PLANNERS))]

WEEKDAYS = (
    ("MO", mark("Mon")),
    ("TU", mark("Tue")),
    ("WE", mark("Wed")),
    ("TH", mark("Thu")),
    ("FR", mark("Fri")),
    ("SA", mark("Sat")),
    ("SU", mark("Sun")),
)


@dataclass(frozen=True)
class Typed:
    """What somebody typed into the form for a new slot; kept when it cannot be taken."""

    title: str = ""
    programme_id: str = ""
    audience: str = ""
    starts_at: str = ""
    days: Sequence[str] = field(default=())  # none: every day
    programme_class: str = "normal"
    valid_from: str = ""
    valid_to: str = ""

    def details(self, unit_code: str) -> slots.SlotDetails:
        """
        As the core wants it.

        Raises:
            InputInvalid: a time, a date or a choice is missing or not one.
        """
        return slots.SlotDetails(
            title=self.title,
            unit_code=unit_code,
            audience=(self.audience,) if self.audience else (),
            programme_id=_number(self.programme_id),
            starts_at=_time(self.starts_at),
            rrule=_rule(self.days),
            programme_class=self.programme_class,
            valid_from=_date(self.valid_from),
            valid_to=_date(self.valid_to),
        )


@router.get("/timetable")
def show(request: Request, viewer: SignedIn) -> Response:
    return _timetable_page(request, viewer, Typed())


@router.post("/timetable", dependencies=[Depends(checked_form)])
def add(
    request: Request,
    viewer: Planner,
    title: Annotated[str, Form(max_length=400)] = "",
    programme_id: Annotated[str, Form(max_length=20)] = "",
    audience: Annotated[str, Form(max_length=60)] = "",
    starts_at: Annotated[str, Form(max_length=8)] = "",
    days: Annotated[list[str], Form(max_length=7)] = [],  # noqa: B006 - FastAPI copies it
    programme_class: Annotated[str, Form(max_length=20)] = "normal",
    valid_from: Annotated[str, Form(max_length=10)] = "",
    valid_to: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    typed = Typed(
        title, programme_id, audience, starts_at, days, programme_class, valid_from, valid_to
    )
    hub = hub_of(request)
    try:
        on = _date(typed.valid_from) or hub.today()
        if on < hub.today():
            raise InputInvalid(problem="the first day is over already")
        with hub.database.read() as session:
            owner = _owner(session, viewer, typed.audience, on)
        slots.add_slot(hub, typed.details(owner), by=viewer.person)
    except CoreError as error:
        return _timetable_page(request, viewer, typed, error)
    _plan_again(request)
    return redirect("/timetable", done="slot_added")


@router.get("/timetable/{slot_id}/remove")
def ask_remove(request: Request, viewer: Planner, slot_id: PathId) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        slot = _find(slots.list_slots(session), slot_id)
    return page(request, "remove_slot.html", viewer=viewer, slot=slot, rule=_in_words(request),
                content=_content(request))  # fmt: skip


@router.post("/timetable/{slot_id}/remove", dependencies=[Depends(checked_form)])
def remove(request: Request, viewer: Planner, slot_id: PathId) -> Response:
    slots.remove_slot(hub_of(request), slot_id, by=viewer.person)
    _plan_again(request)
    return redirect("/timetable", done="slot_removed")


def _timetable_page(
    request: Request, viewer: Viewer, typed: Typed, error: LoaError | None = None
) -> Response:
    hub = hub_of(request)
    may_plan = viewer.may(*PLANNERS)
    with hub.database.read() as session:
        lines = slots.list_slots(session)
        scope = scope_of(session, viewer.person, hub.today(), None)
        stations = [one for one in list_stations(session) if one.active and scope.covers(one.id)]
        usable = [
            one
            for one in list_programmes(session)
            if one.state in (ProgrammeState.READY, ProgrammeState.APPROVED)
        ]
    return page(
        request, "timetable.html", status=status_of(error) if error else 200, viewer=viewer,
        slots=lines, typed=typed, scope=scope, stations=stations, programmes=usable,
        weekdays=WEEKDAYS, may_plan=may_plan, rule=_in_words(request),
        is_in_quiet_hours=slots.is_in_quiet_hours,
        content=_content(request),
        error=translator_of(request).error(error) if error else None,
    )  # fmt: skip


def _owner(session: Session, viewer: Viewer, audience: str, on: date) -> str:
    """Whose line it is: the person's own unit, or the province above those who hear it."""
    if viewer.person.unit is not None:
        return viewer.person.unit.code
    kind, _, code = audience.partition(":")
    if kind == "unit":
        return unit_path(session, find_unit(session, code, on))[-1].code
    choices = scope_of(session, viewer.person, on, None).choices
    if not choices:
        raise InputInvalid(problem="import the administrative units first")
    return choices[0].code


def _find(lines: Sequence[Slot], slot_id: int) -> Slot:
    for slot in lines:
        if slot.id == slot_id:
            return slot
    raise NotFound(what="slot", key=slot_id)


def _plan_again(request: Request) -> None:
    if request.app.state.engine is not None:
        request.app.state.engine.plan()


def _in_words(request: Request) -> object:
    translator = translator_of(request)
    return lambda slot: describe(slots.rule_of(slot), translator)


def _content(request: Request) -> object:
    translator = translator_of(request)
    return lambda slot: content_in_words(slot, translator)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MAX_ID:
        raise InputInvalid(problem="choose a programme")
    return int(text)


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        raise InputInvalid(problem="the time is missing: write it as 05:00") from None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputInvalid(problem="a day is not a date") from None


def _rule(days: Sequence[str]) -> str:
    known = [day for day, _ in WEEKDAYS if day in days]
    if not known or len(known) == len(WEEKDAYS):
        return "FREQ=DAILY"
    return f"FREQ=WEEKLY;BYDAY={','.join(known)}"
