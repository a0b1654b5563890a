"""The API under /api/v1: what the pages do, for programs."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute

from api.auth import SignedIn
from api.bearer import API_PREFIX
from api.json.problems import problem_schemas
from api.routes import all_of, routes_from_here

# Each file with routes, in the order of the document; where two fit an address the first answers.
_PARTS = (
    "today",
    "programmes",
    "uploads",
    "stationchanges",
    "stations",
    "links",
    "units",
    "timetable",
    "slottrial",
    "slotcalendar",
    "days",
    "slotdays",
    "releases",
    "clashes",
    "air",
    "airings",
    "alerts",
    "bulletins",
    "ready",
    "feeds",
    "account",
    "people",
    "tokens",
    "notices",
    "ledger",
)


def api_router() -> APIRouter:
    about = routes_from_here(API_PREFIX, include_in_schema=False)
    about.add_api_route("/openapi.json", document)
    return all_of([*(import_module(f"{__name__}.{name}").router for name in _PARTS), about])


def document(request: Request, viewer: SignedIn) -> dict[str, Any]:
    """The OpenAPI document, for those who may use what it describes."""
    openapi: dict[str, Any] = request.app.openapi()
    openapi["components"]["schemas"].update(problem_schemas())
    return openapi


@lru_cache
def parts() -> tuple[str, ...]:
    """What a token may open: the first word of every path below the prefix."""
    paths = (route.path for route in api_router().routes if isinstance(route, APIRoute))
    found = {path.removeprefix(API_PREFIX).split("/")[1] for path in paths}
    return tuple(sorted(found - {"openapi.json"}))
