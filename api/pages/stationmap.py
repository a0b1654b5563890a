"""The map of stations: a drawing where coordinates are known, and tiles by district for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import stationmap
from api.auth import SignedIn, hub_of
from api.pages.render import page
from api.pages.routes import page_routes
from api.scope import MOST_CHOICES, Scope, scope_of
from api.stationmap import Group
from api.stationwords import STANDING_WORDS
from api.vietnamese import sort_key
from scheduler.stationlist import Spot, Standing, spots_on
from scheduler.store.models import Unit

router = page_routes()


@router.get("/map")
def show(
    request: Request, viewer: SignedIn, unit: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit, most_choices=MOST_CHOICES)
        spots = [
            spot
            for spot in spots_on(session, hub.clock.now(), on=hub.today(), unit_ids=scope.unit_ids)
            if spot.standing is not Standing.CLOSED
        ]
        is_summed = len(spots) > stationmap.MOST_TILES
        groups = _summed(session, scope, spots) if is_summed else stationmap.groups_of(spots)
    return page(
        request, "map.html", viewer=viewer, scope=scope, choices=scope.choices, unit=unit,
        drawing=stationmap.draw(spots), groups=groups, is_summed=is_summed, total=len(spots),
        standings=Group("", "", spots).standings, standing_words=STANDING_WORDS,
        width=stationmap.WIDTH,
    )  # fmt: skip


def _summed(session: Session, scope: Scope, spots: Sequence[Spot]) -> list[Group]:
    """The stations by the units next below the one that is looked at: a tile for each of them."""
    units = {row.id: row for row in session.execute(select(Unit.id, Unit.parent_id, Unit.name,
                                                           Unit.code))}  # fmt: skip
    top = scope.chosen.id if scope.chosen else None
    found: dict[int | None, list[Spot]] = defaultdict(list)
    for spot in spots:
        at = spot.unit_id
        while at is not None and at != top and units[at].parent_id not in (top, None):
            at = units[at].parent_id
        found[at].append(spot)
    groups = [
        Group(units[one].name if one else "", units[one].code if one else "", below)
        for one, below in found.items()
    ]
    return sorted(groups, key=lambda one: (not one.name, sort_key(one.name)))
