"""One filled hub is made once; tests that change something get a copy of their own."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error

from scheduler import hub as hubs
from scheduler.clock import ManualClock
from scheduler.config import PathSettings, ProgrammeSettings, Settings
from tests.templates import EVENING
from tests.web.chromium import launched
from tests.web.data import Province, fill
from tests.web.site import Site, serving

MAX_UPLOAD = 1 << 20
_LONGEST_TEXT = 4000  # characters


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed in the browser tells what its pages showed."""
    report = yield
    browser = getattr(item, "funcargs", {}).get("browser")
    if call.when == "call" and report.failed and browser is not None:
        for page in [page for context in browser.contexts for page in context.pages]:
            with suppress(Error):  # a page that is gone shows nothing
                shown = page.locator("body").inner_text(timeout=1000)[:_LONGEST_TEXT]
                report.sections.append((f"in the browser at {page.url}", shown))
    return report


@dataclass(frozen=True)
class Filled:
    folder: Path
    province: Province


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """The data folder of a filled hub, closed."""
    folder = tmp_path_factory.mktemp("province") / "data"
    settings = _settings(folder)
    clock = ManualClock(EVENING)
    hubs.init(settings, clock=clock)
    hub = hubs.open_hub(settings, clock=clock)
    province = fill(hub)
    hub.database.close()
    return Filled(folder, province)


@pytest.fixture(scope="session")
def shared_site(filled: Filled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """For tests that only look; nobody may change anything here."""
    yield from site_of(filled, tmp_path_factory.mktemp("shared"))


@pytest.fixture
def site(filled: Filled, tmp_path: Path) -> Iterator[Site]:
    """A fresh copy of the province, for tests that change something."""
    yield from site_of(filled, tmp_path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """
    One Chromium for all tests of a file.

    Not one for the run: while it is open the thread has a running event loop, and others want one.
    """
    with launched() as browser:
        yield browser


def site_of(filled: Filled, folder: Path) -> Iterator[Site]:
    data = folder / "data"
    shutil.copytree(filled.folder, data)
    hub = hubs.open_hub(_settings(data), clock=ManualClock(EVENING))
    try:
        with serving(hub, filled.province) as site:
            yield site
    finally:
        hub.database.close()


def _settings(data: Path) -> Settings:
    return Settings(
        paths=PathSettings(data=data), programmes=ProgrammeSettings(max_bytes=MAX_UPLOAD)
    )
