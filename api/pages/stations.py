"""The station board: who was seen, what is missing tonight, whom to call."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.pages.render import page, redirect
from api.scope import scope_of
from api.vietnamese import sort_key
from scheduler.board import StationLine, station_board
from scheduler.errors import OutsideUnit
from scheduler.registry import find_station
from scheduler.retries import retry
from scheduler.store.states import DeliveryState
from scheduler.text import has_words

router = APIRouter()

RETRIERS = ("editor", "approver", "district")


@router.get("/stations")
def stations(
    request: Request,
    viewer: SignedIn,
    unit: Annotated[str, Query(max_length=20)] = "",
    search: Annotated[str, Query(max_length=100)] = "",
    problems: bool = False,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit)
        lines = station_board(session, hub.clock.now(), on=hub.today(), unit_ids=scope.unit_ids)
    found = [line for line in lines if not search or has_words([line.station.name], search)]
    shown = [line for line in found if has_problem(line) or not problems]
    return page(
        request, "stations.html", viewer=viewer, scope=scope, unit=unit, search=search,
        problems=problems, lines=sorted(shown, key=_worst_first), total=len(found),
        failing=sum(map(has_problem, found)), has_problem=has_problem,
        may_retry=viewer.may(*RETRIERS),
    )  # fmt: skip


@router.post("/stations/retry", dependencies=[Depends(checked_form)])
def send_again(
    request: Request,
    viewer: Annotated[Viewer, Depends(needs(*RETRIERS))],
    code: Annotated[str, Form(max_length=40)],
    unit: Annotated[str, Form(max_length=20)] = "",
    next: Annotated[str, Form(max_length=20)] = "",  # noqa: A002 - the field's name
) -> Response:
    """A person says "send again": what failed or waits is due now."""
    hub = hub_of(request)
    with hub.database.write() as session:
        station = find_station(session, code)
        scope = scope_of(session, viewer.person, hub.today(), None)
        if not scope.covers(station.id):
            raise OutsideUnit(who=viewer.person.full_name, unit=_own_unit(viewer))
        retry(session, station, by=viewer.person.username, now=hub.clock.now())
    if request.app.state.engine is not None:
        request.app.state.engine.visit(station.id)
    return redirect("/" if next == "tonight" else "/stations", unit=unit, done="retried")


def has_problem(line: StationLine) -> bool:
    """Whether somebody should act: tonight's day does not get there, or an error waits."""
    delivery = line.delivery
    if line.problem is not None or line.is_late:
        return True
    return delivery is not None and (
        delivery.state is DeliveryState.FAILED or delivery.error_code is not None
    )


def _worst_first(line: StationLine) -> tuple[object, ...]:
    return (not has_problem(line), sort_key(line.station.name))


def _own_unit(viewer: Viewer) -> str:
    return viewer.person.unit.name if viewer.person.unit else ""
