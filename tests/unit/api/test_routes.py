"""How the service is put together."""

from __future__ import annotations

from fastapi.routing import APIRoute
from starlette.routing import Mount

from api.app import ROUTES
from api.auth import from_here


def test_every_route_asks_first_whether_the_question_came_from_here() -> None:
    """A router that somebody makes without it fails here, and so does one that is included."""
    for route in ROUTES.routes:
        if isinstance(route, Mount):
            assert route.path == "/static"
            continue
        assert isinstance(route, APIRoute), route
        assert route.dependant.dependencies[0].call is from_here, route.path
