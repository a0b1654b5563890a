"""The station board: who was seen, what is missing tonight, whom to call."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.pages.render import page, redirect
from api.pages.routes import page_routes
from api.scope import MOST_CHOICES, scope_of
from api.stationforms import CHANGERS, outside
from api.stationwords import SORT_WORDS, STANDING_WORDS
from api.vietnamese import sort_key
from scheduler.board import StationLine, station_board
from scheduler.registry import find_station
from scheduler.retries import retry
from scheduler.stationlist import Standing, StationQuery, page_of, spots_on
from scheduler.store.states import DeliveryState

router = page_routes()

RETRIERS = ("editor", "approver", "technician", "district")

Choice = Annotated[str, Query(max_length=20)]
PageNumber = Annotated[int, Query(ge=1, le=100_000)]


@router.get("/stations")
def stations(
    request: Request,
    viewer: SignedIn,
    unit: Choice = "",
    search: Annotated[str, Query(max_length=100)] = "",
    technology: Choice = "",
    standing: Choice = "",
    sort: Choice = "standing",
    problems: bool = False,
    page_number: Annotated[PageNumber, Query(alias="page")] = 1,
) -> Response:
    hub = hub_of(request)
    query = StationQuery(search, technology, standing, problems, sort)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit, most_choices=MOST_CHOICES)
        spots = spots_on(session, hub.clock.now(), on=hub.today(), unit_ids=scope.unit_ids)
        found = page_of(spots, query, page_number, key=sort_key)
        ids = [spot.id for spot in found.spots]
        board = station_board(session, hub.clock.now(), on=hub.today(), station_ids=ids)
    lines = {line.station.id: line for line in board}
    return page(
        request, "stations.html", viewer=viewer, scope=scope, choices=scope.choices, unit=unit,
        query=query, found=found, lines=[lines[one] for one in ids if one in lines],
        standings={spot.id: spot.standing for spot in found.spots}, standing_words=STANDING_WORDS,
        sort_words=SORT_WORDS, failing=found.standings.get(Standing.NEEDS, 0),
        total=sum(found.standings.values()), has_problem=has_problem,
        may_retry=viewer.may(*RETRIERS), may_change=viewer.may(*CHANGERS),
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
    resend(request, viewer, code)
    return redirect("/" if next == "tonight" else "/stations", unit=unit, done="retried")


def resend(request: Request, viewer: Viewer, code: str) -> int:
    """
    Let what failed or waits for one station be due now; how many days.

    Raises:
        NotFound, OutsideUnit: no such station, or another one's.
    """
    hub = hub_of(request)
    with hub.database.write() as session:
        station = find_station(session, code)
        scope = scope_of(session, viewer.person, hub.today(), None)
        if not scope.covers(station.id):
            raise outside(viewer)
        sent = retry(session, station, by=viewer.person.username, now=hub.clock.now())
    if request.app.state.engine is not None:
        request.app.state.engine.visit(station.id)
    return sent


def has_problem(line: StationLine) -> bool:
    """Whether somebody should act: tonight's day does not get there, or an error waits."""
    delivery = line.delivery
    if line.problem is not None or line.is_late:
        return True
    return delivery is not None and (
        delivery.state is DeliveryState.FAILED or delivery.error_code is not None
    )
