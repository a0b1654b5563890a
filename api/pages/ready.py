"""Whether what airs soon is there, and whom to call where it is not."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.pages.render import page, redirect
from api.pages.routes import page_routes
from api.pages.stations import RETRIERS
from api.parts import PageNumber, part_of
from api.readywords import LEVELS, reason_of, step_of
from api.scope import MOST_CHOICES, scope_of
from api.vietnamese import sort_key
from scheduler.errors import OutsideUnit
from scheduler.readiness import Level, Readiness, by_moment, readiness, worst
from scheduler.readyrows import ReadyStation
from scheduler.registry import find_station
from scheduler.retries import retry
from scheduler.watch import unconfirmed

router = page_routes()

_SHOWN = 50  # of each list at once


@router.get("/ready")
def ready(
    request: Request,
    viewer: SignedIn,
    unit: Annotated[str, Query(max_length=20)] = "",
    number: PageNumber = 1,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit, most_choices=MOST_CHOICES)
        rows = readiness(hub, session, unit_ids=scope.unit_ids)
        silent = unconfirmed(hub, session, unit_ids=scope.unit_ids)
    due = by_moment(rows)
    open_rows = sorted((row for row in worst(rows).values() if row.is_open), key=_worst_first)
    return page(
        request, "ready.html", viewer=viewer, scope=scope, unit=unit, due=due[:_SHOWN],
        more_due=len(due[_SHOWN:]), found=part_of(open_rows, number, _SHOWN),
        silent=silent[:_SHOWN], more_silent=len(silent[_SHOWN:]), levels=LEVELS, level=Level,
        reason_of=reason_of, step_of=step_of, may_retry=viewer.may(*RETRIERS),
    )  # fmt: skip


@router.post("/ready/resend", dependencies=[Depends(checked_form)])
def send_again(
    request: Request,
    viewer: Annotated[Viewer, Depends(needs(*RETRIERS))],
    code: Annotated[str, Form(max_length=40)] = "",
    unit: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """What failed or waits is sent now: to one station that is not ready, or to all of them."""
    resend(request, viewer, code, unit)
    return redirect("/ready", unit=unit, done="retried")


def resend(request: Request, viewer: Viewer, code: str, unit: str) -> list[ReadyStation]:
    """
    Let what failed or waits be due now, at one station (all) of a unit that is not ready.

    Raises:
        OutsideUnit: another one's unit, or station.
    """
    hub = hub_of(request)
    with hub.database.write() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit, most_choices=MOST_CHOICES)
        if code and not scope.covers(find_station(session, code).id):
            own = viewer.person.unit.name if viewer.person.unit else ""
            raise OutsideUnit(who=viewer.person.full_name, unit=own)
        rows = worst(readiness(hub, session, unit_ids=scope.unit_ids)).values()
        stations = [row.station for row in rows if row.is_open and code in ("", row.station.code)]
        for station in stations:
            retry(session, station, by=viewer.person.username, now=hub.clock.now())
    if request.app.state.engine is not None:
        for station in stations:
            request.app.state.engine.visit(station.id)
    return stations


def _worst_first(row: Readiness) -> tuple[object, ...]:
    return (row.level is not Level.NOT_READY, row.airing.planned_at, sort_key(row.station.name))
