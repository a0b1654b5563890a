"""What a technician does in a real browser, with the keyboard: a table, and two at one station."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from scheduler.store.models import Station
from tests.web.chromium import opened
from tests.web.site import Site

TABLE = """code;name;unit_code;technology;kind;phone
dai-13579;Đài truyền thanh xã Đạo Lý;13579;ip;player;0999 111 222
moi-1;Đài mới;13582;fm;person;
"""


@pytest.fixture(params=[(360, "light"), (1280, "dark")], ids=["small", "wide"])
def page(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    width, scheme = request.param
    watched = opened(browser, site, "ky", "/import", width=width, scheme=scheme)
    yield watched.page
    watched.page.context.close()


def sound(page: Page) -> None:
    """Nothing to stumble over, and no sideways scrolling."""
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    width = page.evaluate("innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_anonymous_is_refused(browser: Browser, site: Site) -> None:
    """A stranger's browser ends at the sign-in."""
    watched = opened(browser, site, None, "/import")
    assert "/sign-in" in watched.page.url
    watched.page.context.close()


def test_a_table_is_pasted_read_and_applied_with_the_keyboard(page: Page, site: Site) -> None:
    """The preview, then exactly that; the back button still shows what was typed."""
    page.locator("#pasted").focus()
    page.keyboard.insert_text(TABLE)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    apply = page.get_by_role("button", name="Áp dụng đúng như thế này")
    apply.wait_for()
    sound(page)
    apply.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**done=imported")

    with site.hub.database.read() as session:
        assert session.query(Station).filter_by(code="moi-1").count() == 1
        assert session.query(Station).filter_by(code="dai-13579").one().phone == "0999 111 222"


def test_the_second_technician_chooses_between_two_values(page: Page, site: Site) -> None:
    """Both values stand side by side, and the choice is saved."""
    page.goto(f"{site.url}/stations/dai-13579/edit")
    page.locator("#phone").fill("0977 000 111")
    with site.hub.database.write() as session:
        session.query(Station).filter_by(code="dai-13579").one().phone = "0988 000 222"
    page.get_by_role("button", name="Lưu").click()
    mine = page.get_by_label("Theo tôi nhập: 0977 000 111")
    mine.wait_for()
    sound(page)
    mine.check()
    page.get_by_role("button", name="Lưu").click()
    page.wait_for_url("**done=station_changed")

    with site.hub.database.read() as session:
        assert session.query(Station).filter_by(code="dai-13579").one().phone == "0977 000 111"


def test_the_change_of_a_key_is_begun_and_its_steps_are_shown(page: Page, site: Site) -> None:
    """Not by one click: a box is ticked first."""
    page.goto(f"{site.url}/stations/dai-13579")
    page.get_by_text("Thay khóa", exact=True).click()
    page.get_by_label("Đúng, cấp khóa mới cho đài này").check()
    page.get_by_role("button", name="Bắt đầu thay khóa").click()
    page.wait_for_url("**done=key_begun")

    assert page.get_by_role("heading", name="Việc cần làm tại đài").is_visible()
    sound(page)
