"""The pages: drawn on the server, readable without a script."""

from __future__ import annotations

from fastapi import APIRouter

from api.pages import (
    account,
    airings,
    alerts,
    approve,
    calendar,
    calendars,
    clashes,
    confirm_many,
    ledger,
    links,
    listen,
    people,
    programme,
    programmes,
    ready,
    releases,
    sign_in,
    slotedit,
    station,
    stationedit,
    stationkeys,
    stationmap,
    stations,
    stationtable,
    timetable,
    today,
    tokens,
    units,
    urgent,
    wall,
    why,
)

_PARTS = (
    account,
    airings,
    alerts,
    approve,
    calendar,
    calendars,
    clashes,
    confirm_many,
    ledger,
    links,
    listen,
    people,
    programmes,
    programme,
    ready,
    releases,
    sign_in,
    slotedit,
    station,
    stationedit,
    stationkeys,
    stationmap,
    stations,
    stationtable,
    timetable,
    today,
    tokens,
    units,
    urgent,
    wall,
    why,
)


def page_router() -> APIRouter:
    """All pages; they are no part of the API's document."""
    router = APIRouter(include_in_schema=False)
    for part in _PARTS:
        router.include_router(part.router)
    return router
