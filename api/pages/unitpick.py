"""Part of a picker of units, for its script: what is chosen, and what was searched or opened."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from api.auth import SignedIn, hub_of
from api.pages.render import page
from api.pages.routes import page_routes
from api.picker import Picked, Places

router = page_routes()

Chosen = Annotated[list[Annotated[str, Field(max_length=60)]], Query(max_length=600)]


@router.get("/units/pick")
def pick(
    request: Request,
    viewer: SignedIn,
    picks: Picked,
    name: Annotated[str, Query(pattern="^[a-z_]{1,20}$")],
    multiple: Annotated[bool, Query()] = False,
    places: Annotated[bool, Query(description="stations too")] = False,
    chosen: Chosen = [],  # noqa: B006 - the framework makes its own
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        found = Places(
            session, viewer.person, hub.today(), prefix="unit:" if places else "",
            with_stations=places,
        )  # fmt: skip
        picker = found.picker(name, chosen, picks, multiple=multiple)
    return page(request, "unit_pick.html", viewer=viewer, picker=picker)
