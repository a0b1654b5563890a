"""Takes the README's pictures from a running Loa with the system's Chromium.

    ./loa demo --serve
    LOA_PASSWORD=… python docs/screenshots.py --url http://127.0.0.1:8730 --user admin

Every picture is a page as its reader sees it: wide as at a desk, narrow as on a phone.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOAD_LIMIT_MS = 30_000


@dataclass(frozen=True)
class Picture:
    """One page at one size; the name is that of the file."""

    name: str
    path: str
    width: int = 1280
    height: int = 860
    scheme: str = "light"


PICTURES = (
    Picture("today", "/"),
    Picture("today-phone", "/", width=390, height=844),
    Picture("stations", "/stations"),
    Picture("stations-dark", "/stations", scheme="dark"),
    Picture("airings", "/airings"),
    Picture("programmes", "/programmes"),
    Picture("timetable", "/timetable"),
)


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("chromium was not found; install it (apt install chromium)", file=sys.stderr)  # noqa: T201
        return 1
    password = os.environ.get("LOA_PASSWORD") or getpass.getpass(f"Password of {asked.user}: ")
    asked.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            for picture in PICTURES:
                taken = take(browser, picture, asked.url, asked.user, password, asked.out)
                print(taken)  # noqa: T201 - what it is for
        finally:
            browser.close()
    return 0


def take(browser: Browser, picture: Picture, url: str, user: str, password: str, out: Path) -> Path:
    """Sign in, open the page, and keep what fits on the screen."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.scheme == "dark" else "light",
        device_scale_factor=1 if picture.width > 600 else 2,
        locale="vi-VN",
    )
    try:
        page = context.new_page()
        page.set_default_timeout(LOAD_LIMIT_MS)
        _sign_in(page, url, user, password)
        page.goto(f"{url}{picture.path}")
        path = out / f"{picture.name}.png"
        page.screenshot(path=path)
        return path
    finally:
        context.close()


def _sign_in(page: Page, url: str, user: str, password: str) -> None:
    page.goto(f"{url}/sign-in")
    page.fill("#username", user)
    page.fill("#password", password)
    page.click("form[action='/sign-in'] button")
    if page.url.startswith((f"{url}/sign-in", f"{url}/password")):
        raise SystemExit("The sign-in was refused, or a one-time secret was not changed yet.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Takes pictures of a running Loa.")
    parser.add_argument("--url", default="http://127.0.0.1:8730", help="where it runs")
    parser.add_argument("--user", default="admin", help="who signs in")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder of the PNGs")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
