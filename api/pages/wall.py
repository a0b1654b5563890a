"""What hangs on the wall of a commune's office: a station's week on A4, and what its QR opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

import segno
from fastapi import Depends, Form, Request, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.moments import in_sight
from api.pages.render import page, redirect
from api.pages.routes import page_routes
from api.scope import Scope, scope_of
from scheduler.airings import confirm_airing, day_schedule, is_confirmable, schedule
from scheduler.errors import OutsideUnit
from scheduler.grid import entries
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.store.models import Station

router = page_routes("/stations/{code}")

CONFIRMERS = ("editor", "approver", "district", "commune")
DAYS = 7


@router.get("/week")
def week(request: Request, viewer: SignedIn, code: str, first: date | None = None) -> Response:
    """Seven days of one station on one sheet of paper."""
    hub = hub_of(request)
    first = in_sight(first or hub.today(), hub)
    last = first + timedelta(days=DAYS - 1)
    with hub.database.read() as session:
        station, scope = seen_station(session, viewer, code, first)
        days = dict(_days(hub, session, first, station))
    address = f"{str(request.base_url).rstrip('/')}/stations/{code}/confirm"
    return page(
        request, "wall_week.html", viewer=viewer, station=station, scope=scope,
        schedule=days.items(), rows=sum(max(1, len(lines)) for lines in days.values()),
        first=first, last=last, before=first - timedelta(days=DAYS),
        after=first + timedelta(days=DAYS), address=address, code=qr_code(address),
    )  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line of the sheet: an airing, or what the timetable says of a day not yet planned."""

    starts_at: datetime
    title: str  # of the programme; empty while the day has not chosen it
    slot: str
    programme_class: str
    ms: int


def _days(
    hub: Hub, session: Session, first: date, station: Station
) -> Iterator[tuple[date, Sequence[Line]]]:
    """The week as it is planned; days further ahead than the plan by the released timetable."""
    last = first + timedelta(days=DAYS - 1)
    coming: dict[date, list[Line]] = {}
    if last > hub.today():
        for one in entries(hub, session, first, DAYS, station_id=station.id, released=True):
            slot_ms = (one.ends_at - one.starts_at) // timedelta(milliseconds=1)
            title = one.programme.title if one.programme else ""
            ms = one.programme.heard_ms or slot_ms if one.programme else slot_ms
            line = Line(one.starts_at, title, one.slot.title, one.slot.programme_class, ms)
            coming.setdefault(one.occurrence.on, []).append(line)
    for on, rows in schedule(session, first, last, station_id=station.id).items():
        planned = [
            Line(row.planned_at, row.programme.title, row.slot.title, row.programme_class, row.ms)
            for row in rows
        ]
        yield on, planned or (coming.get(on, []) if on > hub.today() else [])


@router.get("/confirm")
def confirmable(request: Request, viewer: SignedIn, code: str, on: date | None = None) -> Response:
    """One station's day with large buttons: what the QR on the wall opens on a telephone."""
    hub = hub_of(request)
    on = in_sight(on or hub.today(), hub)
    with hub.database.read() as session:
        station, scope = seen_station(session, viewer, code, on)
        airings = day_schedule(session, on, station_id=station.id)
    return page(
        request, "wall_confirm.html", viewer=viewer, station=station, scope=scope, on=on,
        before=on - timedelta(days=1), after=on + timedelta(days=1), airings=airings,
        may_confirm=viewer.may(*CONFIRMERS), is_confirmable=is_confirmable,
    )  # fmt: skip


@router.post("/confirm", dependencies=[Depends(checked_form)])
def confirm(
    request: Request,
    viewer: Annotated[Viewer, Depends(needs(*CONFIRMERS))],
    code: str,
    planned_at: Annotated[datetime, Form()],
    aired: Annotated[bool, Form()],
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        station = find_station(session, code)
    airing = confirm_airing(hub, station.id, planned_at, by=viewer.person, aired=aired, note=note)
    on = airing.broadcast_date.isoformat()
    return redirect(f"/stations/{code}/confirm", on=on, done="confirmed")


def qr_code(address: str) -> Markup:
    """The address as a drawing that a telephone reads, also from a copy that lost a quarter."""
    drawn = segno.make(address, error="q", micro=False).svg_inline(
        scale=4, border=2, svgclass="qr", lineclass=None, omitsize=True, dark="#000", light="#fff"
    )
    return Markup(drawn)  # noqa: S704 - drawn by the library from modules, the text is not in it


def seen_station(session: Session, viewer: Viewer, code: str, on: date) -> tuple[Station, Scope]:
    """
    A station that the viewer may look at, and the part of the map that it lies in.

    Raises:
        NotFound: there is none of that code.
        OutsideUnit: it serves none of the viewer's units.
    """
    station = find_station(session, code)
    scope = scope_of(session, viewer.person, on, None)
    if not scope.covers(station.id):
        unit = viewer.person.unit
        raise OutsideUnit(who=viewer.person.full_name, unit=unit.name if unit else "")
    return station, scope
