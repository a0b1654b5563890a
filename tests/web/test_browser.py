"""Every page in a real browser: small and wide, light and dark, in both languages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from api.i18n import catalogue
from tests.conftest import need
from tests.web.chromium import Watched, opened
from tests.web.crawl import PAGES
from tests.web.data import PASSWORD
from tests.web.site import Site

Scheme = Literal["light", "dark"]

# Texts that a person typed, names of columns, and what is the same in every language.
_NOT_OURS = re.compile(
    r"^chuyên mục$|^Quản trị viên$|LUFS|SHA256|loa station import|ISO 639|^(link|profile)$"
)


def test_anonymous_is_refused(browser: Browser, shared_site: Site) -> None:
    """A stranger's browser ends at the sign-in."""
    watched = opened(browser, shared_site, None, "/people")

    assert "/sign-in" in watched.page.url
    watched.page.context.close()


@dataclass
class Windows:
    """One window for each person and language: to open one takes longer than a page."""

    browser: Browser
    site: Site
    opened: dict[tuple[str | None, str], Watched] = field(default_factory=dict)

    def show(
        self, username: str | None, path: str, *, width: int, scheme: Scheme, language: str
    ) -> Watched:
        if (username, language) not in self.opened:
            self.opened[username, language] = opened(
                self.browser, self.site, username, "/sign-in", language=language
            )
        watched = self.opened[username, language]
        watched.page.set_viewport_size({"width": width, "height": 800})
        watched.page.emulate_media(color_scheme=scheme)
        watched.complaints.clear()
        watched.page.goto(self.site.url + path)
        return watched

    def close(self) -> None:
        for watched in self.opened.values():
            watched.page.context.close()


@pytest.fixture(scope="module")
def windows(browser: Browser, shared_site: Site) -> Iterator[Windows]:
    kept = Windows(browser, shared_site)
    yield kept
    kept.close()


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(360, "light", "vi"), (1280, "dark", "vi"), (360, "dark", "en")],
)
@pytest.mark.parametrize(("username", "path"), PAGES)
def test_every_page(
    windows: Windows,
    username: str | None,
    path: str,
    width: int,
    scheme: Scheme,
    language: str,
) -> None:
    """Fits, keeps to its language, and offers nobody anything to stumble over."""
    watched = windows.show(username, path, width=width, scheme=scheme, language=language)
    page = watched.page
    if (path, width) == ("/", 360):  # what is on, what failed, what waits: seen without a touch
        bottom = "document.querySelector('.three').getBoundingClientRect().bottom"
        assert page.evaluate(bottom) <= 640
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    _fits(page, width)
    _keeps_to(page, language)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert watched.complaints == []


def _fits(page: Page, width: int) -> None:
    """No sideways scrolling even with everything unfolded; every target large and named."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() == 1
    small = page.evaluate(
        """[...document.querySelectorAll('button, .button, .menu a, summary, select, label.tick')]
           .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 44)
           .map(one => one.textContent)"""
    )
    assert small == []
    unnamed = page.evaluate(
        """[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
           .filter(one => !one.labels.length && !one.ariaHidden).map(one => one.name)"""
    )
    assert unnamed == []


def _keeps_to(page: Page, language: str) -> None:
    """No English sentence on a Vietnamese page; none of our Vietnamese on an English one."""
    assert page.evaluate("document.documentElement.lang") == language
    known = catalogue("vi")
    ours = known.values() if language == "en" else known.keys()
    foreign = {text for text in ours if known.get(text) != text} - _same_in_both(known)
    shown = page.locator("body").inner_text().splitlines()
    found = {line for line in shown if line in foreign and not _NOT_OURS.search(line)}
    assert found == set()


def test_commune_officer_signs_in_and_confirms_with_the_keyboard_alone(
    browser: Browser, site: Site
) -> None:
    """From the sign-in to the confirmed airing without a mouse."""
    page = opened(browser, site, None, "/sign-in").page
    name, password = page.locator("#username"), page.locator("#password")
    # A busy browser gives the first field its focus a moment after the page is there.
    expect(name).to_be_focused()
    page.keyboard.type("dao")
    page.keyboard.press("Tab")
    expect(password).to_be_focused()
    page.keyboard.type(PASSWORD)
    expect(name).to_have_value("dao")
    expect(password).to_have_value(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(site.url + "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Đến nội dung chính"
    page.get_by_role("button", name="Có, nghe được").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**done=confirmed")

    assert page.get_by_role("status").inner_text().strip().startswith("Cảm ơn ông/bà")
    assert page.get_by_role("button", name="Có, nghe được").count() == 1
    page.context.close()


def test_programme_is_uploaded_through_the_form(browser: Browser, site: Site) -> None:
    """An editor picks a file in the browser and reads what the check says."""
    from tests.web.data import tone

    need("ffmpeg", shutil.which("ffmpeg"))
    page = opened(browser, site, "huong", "/programmes").page
    page.get_by_text("Tải chương trình lên").click()
    page.get_by_label("Tên chương trình Để trống").fill("Từ trình duyệt")
    page.set_input_files("#file", {"name": "bài.wav", "mimeType": "audio/wav", "buffer": tone(330)})
    page.get_by_role("button", name="Tải lên và kiểm tra").click()
    page.wait_for_url("**/programmes/*done=uploaded")

    assert page.locator("h1").inner_text() == "Từ trình duyệt"
    seconds = page.evaluate(
        """new Promise((known, failed) => {
             const sound = document.querySelector('audio');
             sound.onloadedmetadata = () => known(sound.duration);
             sound.onerror = () => failed(sound.error.message);
             sound.load();
           })"""
    )
    assert seconds == pytest.approx(2.0, abs=0.05)
    page.context.close()


def test_what_was_typed_survives_the_back_button_and_a_reload(browser: Browser, site: Site) -> None:
    """A look elsewhere and back, F5 twice: the form still holds it; opened anew it is empty."""
    page = opened(browser, site, "huong", "/timetable/new").page
    page.get_by_label("Tên khung giờ").fill("Đang gõ dở")
    page.get_by_role("link", name="Loa", exact=True).click()
    page.wait_for_url(site.url + "/")
    page.go_back()

    assert page.locator("#title").input_value() == "Đang gõ dở"
    page.locator("#starts_at").fill("13:45")
    for _ in range(2):
        page.reload()
        typed = [page.locator(one).input_value() for one in ("#title", "#starts_at")]
        assert typed == ["Đang gõ dở", "13:45"]
    page.goto(f"{site.url}/timetable/new")
    assert page.locator("#title").input_value() == ""
    page.goto(f"{site.url}/password")
    page.locator("#old").fill("bí mật")
    assert page.evaluate("Object.keys(sessionStorage).length") == 0  # no secret is kept
    page.context.close()


def _same_in_both(known: dict[str, str] | object) -> set[str]:
    """Words that are themselves in both languages, or are a translation of something else."""
    assert isinstance(known, dict)
    return set(known) & set(known.values())
