"""The router of some pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter

from api.pages.forms import FormRoute
from api.routes import routes_from_here


def page_routes(prefix: str = "", *, dependencies: Sequence[Callable[..., Any]] = ()) -> APIRouter:
    """For pages: they are no part of the API's document, and their forms are guarded."""
    return routes_from_here(
        prefix, dependencies=dependencies, include_in_schema=False, route_class=FormRoute
    )
