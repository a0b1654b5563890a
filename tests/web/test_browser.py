"""Every page in a real browser: small and wide, light and dark, in both languages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from api.auth import cookie_name
from api.i18n import catalogue
from tests.conftest import need
from tests.web.data import PASSWORD
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

PAGES = (
    (None, "/sign-in"),
    ("dao", "/"),
    ("huong", "/"),
    ("lan", "/stations"),
    ("lan", "/ready"),
    ("lan", "/why?station=dai-13573&at=06:00"),
    ("lan", "/airings/dai-13573/2022-10-15T22:00:00Z"),
    ("lan", "/airings?state=missed"),
    ("dao", "/airings/confirm"),
    ("admin", "/stations/dai-13579"),
    ("ky", "/stations/dai-13573"),
    ("ky", "/stations/dai-13579/edit"),
    ("ky", "/new-station"),
    ("ky", "/import"),
    ("ky", "/map"),
    ("dao", "/map"),
    ("ky", "/units?search=dao ly"),
    ("ky", "/units/1"),
    ("ky", "/links"),
    ("dao", "/stations/dai-13579/week"),
    ("dao", "/stations/dai-13579/confirm"),
    ("huong", "/programmes"),
    ("tuan", "/programmes/4"),
    ("huong", "/timetable"),
    ("huong", "/timetable/1/remove"),
    ("huong", "/timetable/new"),
    ("huong", "/timetable/2/edit?starts_at=05:05"),
    ("dao", "/clashes"),
    ("huong", "/timetable/calendar"),
    ("huong", "/timetable/calendar?station=dai-13579&view=month"),
    ("huong", "/timetable/changes"),
    ("tuan", "/urgent"),
    ("huong", "/alerts"),
    ("tuan", "/alerts/1"),
    ("huong", "/timetable/1/days/2022-10-18"),
    ("admin", "/people"),
    ("lan", "/tokens"),
    ("lan", "/feeds"),
    ("dao", "/password"),
    ("dao", "/account"),
    ("admin", "/people/lan"),
    ("admin", "/ledger"),
    ("tuan", "/approve"),
)

# Texts that a person typed or that are the same in every language.
_NOT_OURS = re.compile(r"^chuyên mục$|LUFS|SHA256|loa station import|ISO 639")


@dataclass
class Watched:
    """A page, and what its console complained of."""

    page: Page
    complaints: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
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


def test_anonymous_is_refused(browser: Browser, shared_site: Site) -> None:
    """A stranger's browser ends at the sign-in."""
    watched = opened(browser, shared_site, None, "/people")

    assert "/sign-in" in watched.page.url
    watched.page.context.close()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(("username", "path"), PAGES)
def test_page_fits_and_the_console_is_silent(
    browser: Browser, shared_site: Site, username: str | None, path: str, width: int
) -> None:
    """No sideways scrolling even with everything unfolded, no complaint, every target large."""
    scheme = "dark" if width == 1280 else "light"
    watched = opened(browser, shared_site, username, path, width=width, scheme=scheme)
    page = watched.page
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.lang") == "vi"
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
    assert watched.complaints == []
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
@pytest.mark.parametrize(("username", "path"), PAGES)
def test_axe_finds_nothing(
    browser: Browser, shared_site: Site, username: str | None, path: str, width: int, scheme: str
) -> None:
    """Contrast, names, order, landmarks: what a blind or half-blind reader would stumble over."""
    page = opened(browser, shared_site, username, path, width=width, scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    page.context.close()


@pytest.mark.parametrize(("username", "path"), PAGES)
def test_nothing_is_left_in_the_other_language(
    browser: Browser, shared_site: Site, username: str | None, path: str
) -> None:
    """No English sentence on a Vietnamese page; none of our Vietnamese on an English one."""
    for language in ("vi", "en"):
        watched = opened(browser, shared_site, username, path, language=language)
        shown = set(watched.page.locator("body").inner_text().splitlines())
        known = catalogue("vi")
        ours = known.values() if language == "en" else known.keys()
        foreign = {text for text in ours if known.get(text) != text} - _same_in_both(known)
        found = [line for line in shown if line in foreign and not _NOT_OURS.search(line)]
        assert found == []
        assert watched.page.evaluate("document.documentElement.lang") == language
        watched.page.context.close()


def test_commune_officer_signs_in_and_confirms_with_the_keyboard_alone(
    browser: Browser, site: Site
) -> None:
    """From the sign-in to the confirmed airing without a mouse."""
    page = opened(browser, site, None, "/sign-in").page
    page.keyboard.type("dao")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(site.url + "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Đến nội dung chính"
    page.get_by_role("button", name="Có, đã phát").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**done=confirmed")

    assert page.get_by_role("status").inner_text().strip().startswith("Cảm ơn ông/bà")
    assert page.get_by_role("button", name="Có, đã phát").count() == 1
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


def test_what_was_typed_survives_the_back_button(browser: Browser, site: Site) -> None:
    """A clash, a look elsewhere, back: the form still holds what was typed."""
    page = opened(browser, site, "huong", "/timetable/new").page
    page.get_by_label("Tên khung giờ").fill("Đang gõ dở")
    page.get_by_role("link", name="Loa", exact=True).click()
    page.wait_for_url(site.url + "/")
    page.go_back()

    assert page.locator("#title").input_value() == "Đang gõ dở"
    page.context.close()


def _same_in_both(known: dict[str, str] | object) -> set[str]:
    """Words that are themselves in both languages, or are a translation of something else."""
    assert isinstance(known, dict)
    return set(known) & set(known.values())
