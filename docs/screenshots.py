"""Takes the README's pictures from a running Loa with the system's Chromium.

    ./loa demo --serve
    LOA_PASSWORD=… python docs/screenshots.py --url http://127.0.0.1:8730 --user admin

Every picture is a page as its reader sees it: wide as at a desk, narrow as on a phone.
"""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, StorageState, sync_playwright

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


NIGHT = "2022-10-17"  # of the demonstration

PICTURES = (
    Picture("today", f"/?on={NIGHT}"),
    Picture("today-phone", f"/?on={NIGHT}", width=390, height=844),
    Picture("stations", "/stations"),
    Picture("airings", f"/airings?first={NIGHT}&last={NIGHT}"),
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
            signed_in = sign_in(browser, asked.url, asked.user, password)
            for picture in PICTURES:
                print(take(browser, picture, asked.url, signed_in, asked.out))  # noqa: T201
        finally:
            browser.close()
    return 0


def sign_in(browser: Browser, url: str, user: str, password: str) -> StorageState:
    """Sign in once; a one-time secret is changed for a password that nobody keeps."""
    context = browser.new_context(locale="vi-VN")
    page = context.new_page()
    page.set_default_timeout(LOAD_LIMIT_MS)
    page.goto(f"{url}/sign-in")
    page.fill("#username", user)
    page.fill("#password", password)
    page.click("form[action='/sign-in'] button")
    if page.url.startswith(f"{url}/sign-in"):
        raise SystemExit("The sign-in was refused.")
    if page.url.startswith(f"{url}/password"):
        new = secrets.token_urlsafe(24)
        for field, value in (("#old", password), ("#new", new), ("#again", new)):
            page.fill(field, value)
        page.click("form[action='/password'] button")
    state = context.storage_state()
    context.close()
    return state


def take(browser: Browser, picture: Picture, url: str, signed_in: StorageState, out: Path) -> Path:
    """Open the page as who signed in, and keep what fits on the screen."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.scheme == "dark" else "light",
        locale="vi-VN",
        storage_state=signed_in,
    )
    try:
        page = context.new_page()
        page.set_default_timeout(LOAD_LIMIT_MS)
        page.goto(f"{url}{picture.path}")
        path = out / f"{picture.name}.png"
        page.screenshot(path=path)
        return path
    finally:
        context.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Takes pictures of a running Loa.")
    parser.add_argument("--url", default="http://127.0.0.1:8730", help="where it runs")
    parser.add_argument("--user", default="admin", help="who signs in")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder of the PNGs")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
