"""On air at once: a form, a page that asks once more, and how it stands at each station."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from api.auth import Viewer, checked_form, hub_of
from api.bulletinwords import steps_of
from api.fields import MAX_ID, PathId
from api.json.bulletins import Allowed, bring
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.parts import PageNumber, part_of
from api.picker import NOTHING_PICKED, Picked, Picks, Places
from api.programmepick import programmes_to_pick
from api.vietnamese import sort_key
from scheduler import bulletins, programmes
from scheduler.bulletins import Order
from scheduler.errors import CoreError
from scheduler.store.models import BulletinStation

router = page_routes("/urgent")

Units = Annotated[list[str], Form()]
_SHOWN = 10  # orders of before, at once
_STATIONS_SHOWN = 100


@dataclass(frozen=True)
class Ordered:
    """What somebody typed into the form; kept when it cannot be taken."""

    programme_id: int = 0
    units: Sequence[str] = ()
    reason: str = ""
    minutes: int = 60


@router.get("")
def form(
    request: Request, viewer: Allowed, before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None
) -> Response:
    return _form(request, viewer, before=before)


@router.post("/confirm", dependencies=[Depends(checked_form)])
def confirm(
    request: Request,
    viewer: Allowed,
    picks: Picked,
    programme_id: Annotated[int, Form(ge=0, le=MAX_ID)] = 0,
    reason: Annotated[str, Form(max_length=300)] = "",
    units: Units = [],  # noqa: B006 - the framework makes its own
    minutes: Annotated[int, Form(ge=1, le=bulletins.MOST_MINUTES)] = 60,
    kind: Annotated[str, Form(pattern="^(real|drill)$")] = "drill",
) -> Response:
    """What would happen, in figures, before anything happens."""
    hub = hub_of(request)
    typed = Ordered(programme_id, units, reason, minutes)
    if picks.is_asked:
        return _form(request, viewer, typed=typed, picks=picks)
    try:
        order = Order(programme_id, tuple(units), reason, minutes, kind == "drill")
        with hub.database.read() as session:
            programme = programmes.get_programme(session, programme_id)
            reach = bulletins.reach_of(hub, session, order.units, by=viewer.person)
    except CoreError as error:
        return _form(request, viewer, error=translator_of(request).error(error), typed=typed)
    return page(
        request, "urgent_confirm.html", viewer=viewer, order=order, programme=programme, reach=reach
    )


@router.post("/send", dependencies=[Depends(checked_form)])
def send(
    request: Request,
    viewer: Allowed,
    programme_id: Annotated[int, Form(ge=1)],
    reason: Annotated[str, Form(max_length=300)],
    units: Units,
    minutes: Annotated[int, Form(ge=1, le=bulletins.MOST_MINUTES)],
    kind: Annotated[str, Form(pattern="^(real|drill)$")],
    word: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Sent only with the box ticked on the page before: a slip of the finger interrupts nobody."""
    hub = hub_of(request)
    try:
        order = Order(programme_id, tuple(units), reason, minutes, kind == "drill")
        if word != "yes" and not order.is_drill:
            return confirm(
                request, viewer, NOTHING_PICKED, programme_id, reason, units, minutes, kind
            )
        made = bulletins.issue(hub, order, by=viewer.person)
    except CoreError as error:
        typed = Ordered(programme_id, units, reason, minutes)
        return _form(request, viewer, error=translator_of(request).error(error), typed=typed)
    bring(request)
    return redirect(f"/urgent/{made.id}", done="urgent_sent")


@router.get("/{bulletin_id}")
def show(
    request: Request, viewer: Allowed, bulletin_id: PathId, number: PageNumber = 1
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        bulletin = bulletins.get_bulletin(session, bulletin_id)
        airings = bulletins.airings_by_station(session, bulletin)
    # Whom somebody should call comes first.
    rows = sorted(bulletin.stations, key=_reached)
    part = part_of(rows, number, _STATIONS_SHOWN)
    return page(
        request, "urgent_show.html", viewer=viewer, bulletin=bulletin, found=part,
        rows=[(row, steps_of(bulletin, row), airings.get(row.station_id)) for row in part.rows],
        counts=sorted(Counter(row.state for row in rows).items()),
    )  # fmt: skip


@router.post("/{bulletin_id}/withdraw", dependencies=[Depends(checked_form)])
def withdraw(
    request: Request, viewer: Allowed, bulletin_id: int, reason: Annotated[str, Form()]
) -> Response:
    bulletins.withdraw(hub_of(request), bulletin_id, by=viewer.person, reason=reason)
    bring(request)
    return redirect(f"/urgent/{bulletin_id}", done="urgent_withdrawn")


def _reached(row: BulletinStation) -> tuple[object, ...]:
    return row.delivered_at is not None, row.verified_at is not None, sort_key(row.station.name)


def _form(
    request: Request, viewer: Viewer, *, error: str = "", typed: Ordered | None = None,
    picks: Picks = NOTHING_PICKED, before: int | None = None,
) -> Response:  # fmt: skip
    hub = hub_of(request)
    typed = typed or Ordered(minutes=hub.settings.urgent.expires_min)
    with hub.database.read() as session:
        places = Places(session, viewer.person, hub.today())
        picker = places.picker("units", typed.units, picks, multiple=True)
        found = bulletins.list_bulletins(session, _SHOWN + 1, before=before, with_stations=False)
        recordings = programmes_to_pick(
            session, picks, chosen=[str(typed.programme_id or "")], not_by=viewer.person.id
        )
    return page(
        request, "urgent.html", viewer=viewer, status=400 if error else 200, error=error,
        typed=typed, picker=picker, programmes=recordings, bulletins=found[:_SHOWN],
        before=before, older=found[_SHOWN - 1].id if len(found) > _SHOWN else None,
    )  # fmt: skip
