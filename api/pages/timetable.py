"""The timetable: its lines, a form for a new one, and taking one out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session

from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.errors import status_of
from api.fields import PathId
from api.i18n import LoaError
from api.pages.render import page, redirect, translator_of
from api.pages.slotform import (
    NTH,
    REPEATS,
    WEEKDAYS,
    Typed,
    problem_sentences,
    proposals,
    typed_date,
    typed_form,
)
from api.rulewords import describe
from api.scope import scope_of
from api.slotwords import content_in_words
from scheduler import series, slots
from scheduler.errors import CoreError, InputInvalid, NotFound
from scheduler.hearing import rule_of
from scheduler.lines import every_slot, is_draft
from scheduler.lunar import lunar_date
from scheduler.programmes import list_programmes
from scheduler.registry import list_stations
from scheduler.store.models import Slot
from scheduler.store.states import ProgrammeState
from scheduler.timetable import Rule, coming
from scheduler.units import find_unit, unit_path

router = APIRouter()

PREVIEWED = 10  # airings
PLANNERS = ("editor", "district", "commune")
Planner = Annotated[Viewer, Depends(needs(*PLANNERS))]


@router.get("/timetable")
def show(request: Request, viewer: SignedIn) -> Response:
    return _timetable_page(request, viewer, Typed())


@router.post("/timetable", dependencies=[Depends(checked_form)])
def add(
    request: Request,
    viewer: Planner,
    typed: Annotated[Typed, Depends(typed_form)],
    do: Annotated[str, Form(max_length=20)] = "add",
) -> Response:
    """Add a line, or only say when it would air."""
    hub = hub_of(request)
    try:
        on = typed_date(typed.valid_from) or hub.today()
        if on < hub.today():
            raise InputInvalid(problem="the first day is over already")
        with hub.database.read() as session:
            owner = _owner(session, viewer, typed.audience, on)
        details = typed.details(owner)
        if do == "preview":
            rule = Rule(details.starts_at, details.seconds or 60, details.rrule, on,
                        details.valid_to)  # fmt: skip
            return _timetable_page(request, viewer, typed, preview=rule)
        slots.add_slot(hub, details, by=viewer.person)
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
    request: Request, viewer: Viewer, typed: Typed, error: LoaError | None = None,
    preview: Rule | None = None,
) -> Response:  # fmt: skip
    hub, tr = hub_of(request), translator_of(request)
    coming_up = coming(preview, hub.today(), PREVIEWED, hub.settings.zone) if preview else []
    may_plan = viewer.may(*PLANNERS)
    with hub.database.read() as session:
        lines = slots.list_slots(session)
        drafts = sum(1 for slot in every_slot(session) if is_draft(slot))
        known_series = series.list_series(session)
        themes = series.list_themes(session, hub.today())
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
        content=_content(request), series=known_series, themes=themes, is_draft=is_draft,
        drafts=drafts,
        error=tr.error(error) if error else None, problems=problem_sentences(error, tr),
        proposals=proposals(error, typed, tr), preview=describe(preview, tr) if preview else None,
        coming_up=coming_up, lunar_date=lunar_date, repeats=REPEATS, nth=NTH,
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
    return lambda slot: describe(rule_of(slot), translator)


def _content(request: Request) -> object:
    translator = translator_of(request)
    return lambda slot: content_in_words(slot, translator)
