"""A station changed by its form; two who change it at once see the difference and choose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth import Viewer, checked_form, hub_of
from api.errors import status_of
from api.i18n import error_msgid
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.pages.wall import seen_station
from api.picker import NOTHING_PICKED, Picked, Picks, Places
from api.stationforms import Changer, Typed, own_unit_ids, profile_names
from api.stationwords import BOX_WORDS, FIELD_WORDS, problem_sentence
from api.words import TECHNOLOGY_WORDS
from scheduler.errors import CoreError, InputInvalid, StationCellsInvalid, StationMovedOn
from scheduler.stationedit import (
    EDITABLE,
    StationSheet,
    add_station,
    edit_station,
    history_of,
    set_active,
    sheet_of,
)
from scheduler.store.models import Jump, Link
from scheduler.trail import full_names

router = page_routes()

NEW = {"technology": "ip", "kind": "player", "port": "22", "username": "loa", "root": ".",
       "profile": "loa-48"}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One cell of which there are three: as the form was opened, as it is now, as it was typed."""

    column: str
    before: str
    now: str
    mine: str


@router.get("/stations/{code}/edit")
def form(request: Request, viewer: Changer, code: str) -> Response:
    return _form(request, viewer, code=code)


@router.post("/stations/{code}/edit", dependencies=[Depends(checked_form)])
def save(request: Request, viewer: Changer, code: str, typed: Typed, picks: Picked) -> Response:
    hub = hub_of(request)
    if picks.is_asked:
        return _form(request, viewer, code=code, typed=typed, picks=picks)
    cells = {name: typed[name] for name in EDITABLE if name in typed}
    try:
        with hub.database.write() as session:
            station, _ = seen_station(session, viewer, code, hub.today())
            edit_station(
                session, station, cells, seen=typed.get("version", ""), on=hub.today(),
                profiles=profile_names(request), unit_ids=own_unit_ids(request, session, viewer),
                by=viewer.person.username, now=hub.clock.now(),
            )  # fmt: skip
    except StationMovedOn as error:
        return _conflict(request, viewer, code, typed, error)
    except StationCellsInvalid as error:
        return _form(request, viewer, code=code, error=error, typed=typed)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect(f"/stations/{code}", done="station_changed")


@router.post("/stations/{code}/active", dependencies=[Depends(checked_form)])
def open_or_close(
    request: Request,
    viewer: Changer,
    code: str,
    active: Annotated[bool, Form()],
    sure: Annotated[bool, Form()] = False,
) -> Response:
    hub = hub_of(request)
    if not active and not sure:
        raise InputInvalid(problem="tick the box that says that you are sure")
    with hub.database.write() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        set_active(session, station, active, by=viewer.person.username, now=hub.clock.now())
    return redirect(f"/stations/{code}", done="station_opened" if active else "station_closed")


@router.get("/new-station")
def new(request: Request, viewer: Changer) -> Response:
    return _form(request, viewer)


@router.post("/new-station", dependencies=[Depends(checked_form)])
def add(request: Request, viewer: Changer, typed: Typed, picks: Picked) -> Response:
    hub = hub_of(request)
    if picks.is_asked:
        return _form(request, viewer, typed=typed, picks=picks)
    cells = {name: typed.get(name, "") for name in ("code", *EDITABLE)}
    try:
        with hub.database.write() as session:
            station = add_station(
                session, cells, on=hub.today(), profiles=profile_names(request),
                unit_ids=own_unit_ids(request, session, viewer), by=viewer.person.username,
                now=hub.clock.now(),
            )  # fmt: skip
    except CoreError as error:
        return _form(request, viewer, error=error, typed=typed)
    return redirect(f"/stations/{station.code}", done="station_added")


def _form(
    request: Request,
    viewer: Viewer,
    *,
    code: str | None = None,
    error: CoreError | None = None,
    typed: Mapping[str, str] | None = None,
    picks: Picks = NOTHING_PICKED,
) -> Response:
    hub, tr = hub_of(request), translator_of(request)
    station, sheet = None, StationSheet(NEW, "")
    with hub.database.read() as session:
        if code is not None:
            station, _ = seen_station(session, viewer, code, hub.today())
            sheet = sheet_of(session, station, hub.today())
        links, jumps = _names(session, Link), _names(session, Jump)
        opened = typed or {}
        cells = {**sheet.cells, **opened}
        places = Places(session, viewer.person, hub.today())
        picker = places.picker("unit_code", [cells.get("unit_code", "")], picks)
    found = error.problems if isinstance(error, StationCellsInvalid) else ()
    told = tr.error(error) if error else None
    if error and found:  # by the labels of the form, not by the columns of a table
        told = tr.text(
            error_msgid(type(error)), station=error.fields["station"],
            problem=problem_sentence(tr, found[0]),
        )  # fmt: skip
    return page(
        request, "station_edit.html", viewer=viewer, station=station, fields=FIELD_WORDS,
        status=status_of(error) if error else 200, error=told,
        cells=defaultdict(str, cells), version=opened.get("version", sheet.version),
        was={name: opened.get(f"was_{name}", sheet.cells.get(name, "")) for name in EDITABLE},
        problems={one.column: problem_sentence(tr, one) for one in found},
        picker=picker,
        technologies=[(name, tr.text(text)) for name, text in TECHNOLOGY_WORDS.items()],
        boxes=[(name, tr.text(text)) for name, text in BOX_WORDS.items()],
        profiles=[(name, name) for name in profile_names(request)], links=links, jumps=jumps,
    )  # fmt: skip


def _conflict(
    request: Request, viewer: Viewer, code: str, typed: Mapping[str, str], error: StationMovedOn
) -> Response:
    """What was before, what is now and what was typed, side by side; nothing is thrown away."""
    hub = hub_of(request)
    with hub.database.read() as session:
        station, _ = seen_station(session, viewer, code, hub.today())
        sheet = sheet_of(session, station, hub.today())
        history = history_of(session, station)
        names = full_names(session)
    cells = [
        Cell(name, typed.get(f"was_{name}", ""), sheet.cells[name],
             typed.get(name, sheet.cells[name]).strip())
        for name in EDITABLE
    ]  # fmt: skip
    theirs = [one for one in cells if one.now != one.before and one.mine == one.before]
    mine = [one for one in cells if one.now == one.before and one.mine != one.before]
    disputed = [
        one for one in cells
        if one.now != one.mine and one.now != one.before and one.mine != one.before
    ]  # fmt: skip
    agreed = {one.column: one.now for one in cells if one not in disputed}
    agreed |= {one.column: one.mine for one in mine}
    return page(
        request, "station_conflict.html", status=status_of(error), viewer=viewer, station=station,
        fields=FIELD_WORDS, version=sheet.version, was=sheet.cells, agreed=agreed,
        disputed=disputed, theirs=theirs, mine=mine, last=history[0] if history else None,
        names=names,
    )  # fmt: skip


def _names(session: Session, model: type[Link] | type[Jump]) -> list[tuple[str, str]]:
    return [(name, name) for name in session.scalars(select(model.name).order_by(model.name))]
