"""Today's schedule: what airs when, where, and what is known of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from api.auth import SignedIn, Viewer, checked_form, hub_of
from api.fields import MAX_ID, FormId
from api.pages.render import environment, page, redirect
from api.pages.stations import RETRIERS, has_problem
from api.scope import Scope, scope_of
from api.vietnamese import sort_key
from scheduler.airings import confirm_airing, is_confirmable
from scheduler.board import StationLine, late_stations, station_board
from scheduler.precedence import Collision, collisions
from scheduler.store.models import Person
from scheduler.store.states import DeliveryState, Grade
from scheduler.tonight import Moment, moments_of_day, pulse, waiting_for

router = APIRouter()

Unit = Annotated[str, Query(max_length=20)]
Opened = Annotated[int | None, Query(ge=1, le=MAX_ID)]

_LOOK_S = 10.0
_MOST_LOOKS = 200
MOST_FAILURES = 8  # named here; the board has them all


@router.get("/")
def today(
    request: Request,
    viewer: SignedIn,
    on: date | None = None,
    unit: Unit = "",
    opened: Opened = None,
) -> Response:
    """What is on tonight, what failed, what waits for me: without a click."""
    return page(request, "today.html", viewer=viewer, **_seen(request, viewer, on, unit, opened))


@router.get("/tonight")
def fresh(
    request: Request,
    viewer: SignedIn,
    on: date | None = None,
    unit: Unit = "",
    opened: Opened = None,
) -> Response:
    """Only the part of the page that changes while one looks at it."""
    return page(request, "tonight.html", viewer=viewer, **_seen(request, viewer, on, unit, opened))


def _seen(
    request: Request, viewer: Viewer, on: date | None, unit: str, opened: int | None
) -> dict[str, Any]:
    hub = hub_of(request)
    now, today = hub.clock.now(), hub.today()
    on = on or today
    is_today = on == today
    with hub.database.read() as session:
        look = _look(request, session, viewer.person, on, unit, opened)
        scope, moments, lines = look.scope, look.moments, look.lines
        waits = waiting_for(session, viewer.person, now, on=today, unit_ids=scope.unit_ids)
    failing = sorted(filter(has_problem, lines), key=_soonest_first)
    query = {"on": "" if is_today else on.isoformat(), "unit": unit, "opened": str(opened or "")}
    return {
        "on": on, "before": on - timedelta(days=1), "after": on + timedelta(days=1),
        "is_today": is_today, "scope": scope, "options": look.options,
        "unit": unit, "moments": moments, "opened": opened,
        "failing": failing[:MOST_FAILURES], "more_failing": max(0, len(failing) - MOST_FAILURES),
        "soon": _soon(lines), "watched": len(lines), "waits": waits, "late": look.late,
        "undecided": sum(one.decided is None and one.starts[0] > now for one in look.clashing),
        "may_retry": viewer.may(*RETRIERS),
        "may_confirm": viewer.may("editor", "approver", "district", "commune"),
        "is_confirmable": is_confirmable, "grades": list(Grade),
        "fresh": "/tonight?" + urlencode({name: text for name, text in query.items() if text}),
        "by_name": lambda rows: sorted(rows, key=lambda one: sort_key(one.station.name)),
    }  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What everybody of a unit sees of a day; read only, and shared by who asks within seconds."""

    scope: Scope
    options: Markup  # the list of units, drawn once: half of the time of a page
    moments: list[Moment]
    lines: list[StationLine]
    late: int
    clashing: list[Collision]


class Looks:
    """The latest looks, each good until something changed; what no row tells is seconds old."""

    def __init__(self) -> None:
        self._kept: dict[object, tuple[object, float, Look]] = {}
        self._making = threading.Lock()  # fifty who ask at once get one answer, not fifty

    def get(self, key: object, pulse: object, now_s: float, make: Callable[[], Look]) -> Look:
        with self._making:
            kept = self._kept.get(key)
            if kept and kept[0] == pulse and now_s - kept[1] < _LOOK_S:
                return kept[2]
            look = make()
            if len(self._kept) >= _MOST_LOOKS:
                self._kept.clear()
            self._kept[key] = (pulse, now_s, look)
            return look


def _options(scope: Scope, chosen: str) -> Markup:
    macros = environment().get_template("macros.html").module
    return Markup(macros.unit_options(scope.choices, chosen))  # type: ignore[attr-defined]  # noqa: S704 - drawn by our template


def _look(
    request: Request, session: Session, person: Person, on: date, unit: str, opened: int | None
) -> Look:
    hub = hub_of(request)
    now, today = hub.clock.now(), hub.today()

    def make() -> Look:
        scope = scope_of(session, person, on, unit)
        units = scope.unit_ids
        return Look(
            scope=scope,
            options=_options(scope, unit),
            moments=moments_of_day(session, on, unit_ids=units, opened=opened),
            lines=station_board(session, now, on=on, unit_ids=units) if on == today else [],
            late=late_stations(session, units, today) if on >= today else 0,
            clashing=list(collisions(session, on, hub.settings.zone, units)),
        )

    looks: Looks = request.app.state.looks
    key = (person.unit_id, on, unit, opened)
    return looks.get(key, pulse(session, on), now.timestamp(), make)


@dataclass(frozen=True)
class Soon:
    """The next moment at which something airs, today or not, and how many stations have it."""

    at: datetime
    stations: int
    verified: int


def _soon(lines: list[StationLine]) -> Soon | None:
    times = [line.next_airing.planned_at for line in lines if line.next_airing]
    if not times:
        return None
    at = min(times)
    due = [line for line in lines if line.next_airing and line.next_airing.planned_at == at]
    has = [one for one in due if one.delivery and one.delivery.state is DeliveryState.VERIFIED]
    return Soon(at, len(due), len(has))


def _soonest_first(line: StationLine) -> tuple[object, ...]:
    airs_at = line.next_airing.planned_at if line.next_airing else datetime.max.replace(tzinfo=UTC)
    return airs_at, sort_key(line.station.name)


@router.post("/confirm", dependencies=[Depends(checked_form)])
def confirm(
    request: Request,
    viewer: SignedIn,
    station_id: FormId,
    planned_at: Annotated[datetime, Form()],
    aired: Annotated[bool, Form()],
    note: Annotated[str, Form(max_length=500)] = "",
    unit: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    airing = confirm_airing(
        hub_of(request), station_id, planned_at, by=viewer.person, aired=aired, note=note
    )
    return redirect("/", on=airing.broadcast_date.isoformat(), unit=unit, done="confirmed")
