"""Priority slots that collide: the commune says which of them airs first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from api.auth import SignedIn, checked_form, hub_of
from api.pages.render import page, redirect
from api.pages.routes import page_routes
from api.pages.timetable import PLANNERS, Planner
from api.scope import scope_of
from api.vietnamese import sort_key
from scheduler.hub import Hub
from scheduler.precedence import Collision, collisions, decide_order

router = page_routes()

_DAYS = 7  # shown ahead


@dataclass(frozen=True)
class Choice:
    """The same lines in the same order at one unit: decided at once for all of its days."""

    one: Collision  # of the first day
    days: Sequence[date]
    is_open: bool  # none of them has begun

    @property
    def is_row(self) -> bool:
        """Whether no day is missing between the first and the last."""
        return (self.days[-1] - self.days[0]).days == len(self.days) - 1


@router.get("/clashes")
def clashes(
    request: Request, viewer: SignedIn, unit: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    hub = hub_of(request)
    found: list[Collision] = []
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit)
        for on in (hub.today() + timedelta(days=n) for n in range(_DAYS)):
            there = scope_of(session, viewer.person, on, None) if not unit else scope
            found += collisions(session, on, hub.settings.zone, there.unit_ids)
    return page(
        request, "clashes.html", viewer=viewer, scope=scope, unit=unit,
        choices=_choices(hub, found), may_decide=viewer.may(*PLANNERS),
    )  # fmt: skip


@router.post("/clashes", dependencies=[Depends(checked_form)])
def decide(
    request: Request,
    viewer: Planner,
    unit_code: Annotated[str, Form(max_length=20)],
    on: Annotated[list[date], Form(max_length=_DAYS)],
    order: Annotated[str, Form(max_length=200, pattern="^[0-9]{1,9}( [0-9]{1,9})*$")],
) -> Response:
    """One touch for one day or all of them: this one first, the others after it as they stand."""
    numbers = [int(number) for number in order.split()]
    decide_order(hub_of(request), unit_code, sorted(set(on)), numbers, by=viewer.person)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect("/clashes", done="ordered")


def _choices(hub: Hub, found: Iterable[Collision]) -> list[Choice]:
    """What looks the same on several days, once: by unit, then by the first day."""
    alike: dict[tuple[object, ...], list[Collision]] = {}
    for one in found:
        is_open = one.starts[0] > hub.clock.now()
        clocks = tuple(at.astimezone(hub.settings.zone).time() for at in one.starts)
        key = (
            one.unit.id, tuple(slot.id for slot, _ in one.items), clocks,
            one.decided.decided_by if one.decided else None, is_open,
        )  # fmt: skip
        alike.setdefault(key, []).append(one)
    choices = [
        Choice(group[0], [one.on for one in group], bool(key[-1])) for key, group in alike.items()
    ]
    return sorted(choices, key=lambda it: (sort_key(it.one.unit.name), it.one.unit.id, it.days[0]))
