"""The API under /api/v1: what the pages do, for programs."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import iter_route_contexts

from api.auth import SignedIn
from api.bearer import API_PREFIX
from api.json import (
    airings,
    alerts,
    bulletins,
    links,
    programmes,
    ready,
    releases,
    slotdays,
    stationchanges,
    stations,
    timetable,
    units,
)
from api.json.problems import PROBLEM_RESPONSES, problem_schemas


def api_router() -> APIRouter:
    router = APIRouter(prefix=API_PREFIX, responses=PROBLEM_RESPONSES)
    for part in (
        programmes, stationchanges, stations, links, units, timetable, slotdays, releases, airings,
        alerts, bulletins, ready,
    ):  # fmt: skip
        router.include_router(part.router)
    router.add_api_route("/openapi.json", document, include_in_schema=False)
    return router


def document(request: Request, viewer: SignedIn) -> dict[str, Any]:
    """The OpenAPI document, for those who may use what it describes."""
    openapi: dict[str, Any] = request.app.openapi()
    openapi["components"]["schemas"].update(problem_schemas())
    return openapi


@lru_cache
def parts() -> tuple[str, ...]:
    """What a token may open: the first word of every path below the prefix."""
    paths = (route.path or "" for route in iter_route_contexts(api_router().routes))
    found = {path.removeprefix(API_PREFIX).split("/")[1] for path in paths if path}
    return tuple(sorted(found - {"openapi.json"}))
