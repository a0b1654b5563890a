"""The pages: drawn on the server, readable without a script."""

from __future__ import annotations

from importlib import import_module

from fastapi import APIRouter

# Each file with routes; where two of them fit an address, the first one answers.
_PARTS = (
    "account",
    "airings",
    "alerts",
    "approve",
    "calendar",
    "calendars",
    "clashes",
    "confirm_many",
    "feeds",
    "ledger",
    "links",
    "listen",
    "people",
    "programmes",
    "programme",
    "ready",
    "releases",
    "sign_in",
    "slotedit",
    "station",
    "stationedit",
    "stationkeys",
    "stationmap",
    "stations",
    "stationtable",
    "timetable",
    "today",
    "tokens",
    "unitpick",  # this and the next: before the page of one unit
    "unittable",
    "units",
    "urgent",
    "wall",
    "why",
)


def page_router() -> APIRouter:
    """All pages; they are no part of the API's document."""
    router = APIRouter(include_in_schema=False)
    for name in _PARTS:
        router.include_router(import_module(f"{__name__}.{name}").router)
    return router
