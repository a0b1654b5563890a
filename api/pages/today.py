"""Today's schedule: what airs when, where, and what is known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from api.auth import SignedIn, checked_form, hub_of
from api.fields import FormId
from api.pages.render import page, redirect
from api.scope import scope_of
from api.vietnamese import sort_key
from scheduler.airings import confirm_airing, day_schedule, is_confirmable
from scheduler.board import late_stations
from scheduler.precedence import collisions
from scheduler.store.models import Airing
from scheduler.store.states import AiringState, Grade

router = APIRouter()

# Few stations are shown one by one; many behind one line that counts them.
SHOWN_AT_ONCE = 4

_CALM = (AiringState.PLANNED, AiringState.ON_STATION, AiringState.AIRED)


@dataclass(frozen=True)
class Moment:
    """One programme at one time, with the stations that air it."""

    planned_at: datetime
    airings: tuple[Airing, ...]

    @property
    def first(self) -> Airing:
        return self.airings[0]

    @property
    def counts(self) -> Sequence[tuple[AiringState, int]]:
        counted = Counter(airing.state for airing in self.airings)
        return [(state, counted[state]) for state in AiringState if counted[state]]

    @property
    def is_short(self) -> bool:
        return len(self.airings) <= SHOWN_AT_ONCE

    @property
    def to_look_at(self) -> list[Airing]:
        """What somebody should know without asking: everything that did not simply air."""
        return [airing for airing in self.airings if airing.state not in _CALM]

    @property
    def others(self) -> list[Airing]:
        return [airing for airing in self.airings if airing.state in _CALM]


@router.get("/")
def today(
    request: Request,
    viewer: SignedIn,
    on: date | None = None,
    unit: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    hub = hub_of(request)
    on = on or hub.today()
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, on, unit)
        airings = day_schedule(session, on, unit_ids=scope.unit_ids)
        late = late_stations(session, scope.unit_ids, hub.today())
        clashing = collisions(session, on, hub.settings.zone, scope.unit_ids)
    return page(
        request, "today.html", viewer=viewer, on=on, before=on - timedelta(days=1),
        after=on + timedelta(days=1), scope=scope, unit=unit, moments=list(moments_of(airings)),
        may_confirm=viewer.may("editor", "approver", "district", "commune"),
        is_confirmable=is_confirmable, grades=list(Grade), late=late,
        undecided=sum(one.decided is None and one.starts[0] > hub.clock.now() for one in clashing),
    )  # fmt: skip


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


def moments_of(airings: Sequence[Airing]) -> Iterator[Moment]:
    """The airings of a day by time and programme; within one, stations in Vietnamese order."""
    ordered = sorted(
        airings, key=lambda one: (one.planned_at, one.slot_id, sort_key(one.station.name))
    )
    for (planned_at, _slot), together in groupby(
        ordered, lambda one: (one.planned_at, one.slot_id)
    ):
        yield Moment(planned_at, tuple(together))
