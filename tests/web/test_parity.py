"""What the pages do, programs can do: each page route names what does the same under /api/v1."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts

from api import health, live, tus
from api.bearer import API_PREFIX
from api.json import api_router, parts
from api.json.idempotency import IdempotentRoute
from api.pages import page_router
from api.words import PART_WORDS
from tests.web.routes import API, OTHERS, PAGES
from tests.web.site import Site


def named(*routers: APIRouter) -> Iterator[str]:
    """``GET /airings``, of every route of these."""
    for router in routers:
        for route in iter_route_contexts(router.routes):
            path = (route.path or "").removeprefix(API_PREFIX)
            yield from (f"{method} {path}" for method in route.methods or ())


def test_anonymous_is_refused_what_the_table_names(shared_site: Site) -> None:
    """Beside the sign-in and the public pages nothing in the table opens to a stranger."""
    with shared_site.client() as client:
        assert client.get("/feeds").status_code == 303
        assert client.get(f"{API_PREFIX}/feeds").status_code == 401


def test_every_route_stands_in_the_table_and_every_row_is_a_route() -> None:
    """A route that somebody adds fails here until it says who may open it."""
    assert set(named(page_router())) == set(PAGES)
    assert set(named(api_router())) == set(API)
    assert set(named(health.router, live.router, tus.router)) == set(OTHERS)


def test_every_page_has_its_like_for_programs_or_a_reason() -> None:
    """A page action without one fails here."""
    without = [route for route, row in PAGES.items() if not row.same and not row.alone]
    both = [route for route, row in PAGES.items() if row.same and row.alone]
    assert without == both == []
    assert {row.same for row in PAGES.values() if row.same} <= set(API)


def test_what_only_looks_is_not_named_for_what_changes() -> None:
    """A form's like is no GET, except where the form itself only asks."""
    asks = {"POST /urgent/confirm"}
    wrong = [
        route
        for route, row in PAGES.items()
        if row.same and route.startswith("POST") and row.same.startswith("GET")
    ]
    assert set(wrong) == asks


def test_the_document_shows_an_example_of_every_body(shared_site: Site) -> None:
    """A program's author sees what to send before sending it."""
    with shared_site.client("admin") as client:
        document = client.get(f"{API_PREFIX}/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert [
        name for name in schemas if name.endswith("In") and "example" not in schemas[name]
    ] == []


def test_what_creates_may_be_asked_twice() -> None:
    """Every POST takes an idempotency key: a broken line doubles nothing."""
    posts = [
        route.original_route
        for route in iter_route_contexts(api_router().routes)
        if "POST" in (route.methods or ())
    ]
    assert len(posts) > 20
    assert [str(one) for one in posts if not isinstance(one, IdempotentRoute)] == []


def test_every_part_that_a_token_opens_has_words() -> None:
    """Whoever makes a token reads what it may do, not the beginning of an address."""
    assert set(parts()) - set(PART_WORDS) == set()
