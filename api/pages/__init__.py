"""The pages: drawn on the server, readable without a script."""

from __future__ import annotations

from importlib import import_module

from fastapi import APIRouter

from api.routes import all_of

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
    "slotcalendar",
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
    return all_of(import_module(f"{__name__}.{name}").router for name in _PARTS)
