"""A real browser at a page of ours: signed in, as wide and in the language that a test wants."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, sync_playwright

from api.auth import cookie_name
from tests.conftest import need
from tests.web.site import Site

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Watched:
    """A page, and what its console complained of."""

    page: Page
    complaints: list[str]


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium without a window."""
    found = shutil.which("chromium")
    need("chromium", found)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


def opened(
    browser: Browser, site: Site, username: str | None, path: str, *, width: int = 360,
    scheme: str = "light", language: str = "vi",
) -> Watched:  # fmt: skip
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="vi-VN",
    )
    cookies = [{"name": "loa_language", "value": language, "url": site.url}]
    if username:
        name = cookie_name(site.hub)
        cookies.append({"name": name, "value": site.token(username), "url": site.url})
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(site.url + path)
    return Watched(page, complaints)
