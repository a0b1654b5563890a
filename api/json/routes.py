"""The router of one part of the API."""

from __future__ import annotations

from fastapi import APIRouter

from api.bearer import API_PREFIX
from api.json.idempotency import IdempotentRoute
from api.json.problems import PROBLEM_RESPONSES
from api.routes import routes_from_here


def program_routes(
    prefix: str = "", *, tag: str, route_class: type[IdempotentRoute] = IdempotentRoute
) -> APIRouter:
    """For programs: below /api/v1, refused with problems, and what is sent twice is done once."""
    return routes_from_here(
        f"{API_PREFIX}{prefix}", tags=[tag], responses=PROBLEM_RESPONSES, route_class=route_class
    )
