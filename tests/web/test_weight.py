"""What a first load costs over the wire: an old phone pays for every kilobyte."""

from __future__ import annotations

import re

import pytest

from tests.web.crawl import PAGES
from tests.web.site import Client, Site

TONIGHT_KIB, ANY_KIB = 20, 80


def test_anonymous_is_refused_lightly(shared_site: Site) -> None:
    """The way to the sign-in is short."""
    with shared_site.client() as client:
        assert client.get("/").status_code == 303
        assert loaded_bytes(client, "/sign-in") <= TONIGHT_KIB * 1024


@pytest.mark.parametrize(("username", "path"), PAGES)
def test_first_load_is_light(shared_site: Site, username: str | None, path: str) -> None:
    """The page with its style, its scripts and its icons, compressed as they are sent."""
    limit = TONIGHT_KIB if path == "/" else ANY_KIB
    with shared_site.client(username) as client:
        assert loaded_bytes(client, path) <= limit * 1024


def loaded_bytes(client: Client, path: str) -> int:
    """Of the answer with its headers, and of every file of ours that it names."""
    client.headers["accept-encoding"] = "gzip"
    page = client.get(path).text
    files = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    return sum(_sent_bytes(client, one) for one in [path, *files])


def _sent_bytes(client: Client, path: str) -> int:
    with client.stream("GET", path) as answer:
        body = sum(len(part) for part in answer.iter_raw())
    return body + sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
