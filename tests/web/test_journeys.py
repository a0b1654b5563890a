"""Whole jobs in a real browser, from the first click to what is left behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from api.pages.wall import qr_code
from scheduler.people import sign_out_all
from scheduler.store.models import Airing, Delivery, LedgerEntry, Person, Release, Slot
from scheduler.store.states import AiringState, DeliveryState, Grade, move
from scheduler.timetable import to_utc
from tests.web.chromium import opened
from tests.web.conftest import Filled, site_of
from tests.web.data import PASSWORD
from tests.web.site import Site

STATION = "/stations/dai-13579"


@pytest.fixture(scope="module")
def site(filled: Filled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all the jobs: each of them changes something else."""
    yield from site_of(filled, tmp_path_factory.mktemp("journeys"))


def fill_slot(page: Page, title: str, starts_at: str) -> None:
    page.fill("#title", title)
    page.select_option("#programme_id", "1")
    page.select_option("#audience", "station:dai-13579")
    page.fill("#starts_at", starts_at)


def sign_in(page: Page, username: str) -> None:
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")


def slots_named(site: Site, title: str) -> list[Slot]:
    with site.hub.database.read() as session:
        return session.query(Slot).filter_by(title=title).all()


def test_anonymous_is_refused(browser: Browser, site: Site) -> None:
    """The first step of every job is the sign-in."""
    page = opened(browser, site, None, "/timetable/new").page
    assert "/sign-in" in page.url
    page.context.close()


def test_a_slot_goes_from_the_draft_over_the_difference_on_air(
    browser: Browser, site: Site,
) -> None:  # fmt: skip
    """Added, it airs nowhere; the editor reads what would change and for whom, and releases it."""
    watched = opened(browser, site, "huong", "/timetable/new", width=1280)
    page = watched.page
    fill_slot(page, "Bản tin chiều", "18:30")
    page.get_by_role("button", name="Thêm khung giờ").click()
    page.wait_for_url("**done=slot_added")
    [slot] = slots_named(site, "Bản tin chiều")
    assert slot.released is None

    page.get_by_role("link", name="Thay đổi và phát hành").click()
    change = page.locator("section.card", has_text="Bản tin chiều")
    assert "18:30" in change.inner_text()
    assert "Đạo Lý" in change.inner_text()
    page.fill("#note", "Thêm bản tin chiều")
    page.get_by_role("button", name="Phát hành").dblclick()
    page.wait_for_url("**done=timetable_released")

    assert page.locator("section.card").count() == 0
    assert "Thêm bản tin chiều" in page.locator("table").inner_text()
    [slot] = slots_named(site, "Bản tin chiều")
    assert slot.released is not None
    with site.hub.database.read() as session:
        assert session.query(Release).filter_by(note="Thêm bản tin chiều").count() == 1
    page.reload()
    with site.hub.database.read() as session:
        assert session.query(Release).filter_by(note="Thêm bản tin chiều").count() == 1
    assert watched.complaints == []
    page.context.close()


def test_a_receipt_changes_the_page_that_somebody_looks_at(
    browser: Browser, site: Site,
) -> None:  # fmt: skip
    """A station says that it has tonight's day: the count goes up, and nothing is loaded anew."""
    page = opened(browser, site, "huong", "/").page
    page.locator("#tonight[data-live=yes]").wait_for()
    page.evaluate("window.isTheSame = true")
    before = page.locator("#tonight").get_by_text(re.compile(r"\d+/20 đài")).inner_text()
    has = int(before.split("/")[0])

    with site.hub.database.write() as session:
        station = site.province.stations["13384"]
        [delivery] = session.query(Delivery).filter_by(
            station_id=station.id, state=DeliveryState.DELIVERED
        )  # fmt: skip
        move(delivery, DeliveryState.VERIFIED)
    page.get_by_text(f"{has + 1}/20 đài").wait_for(timeout=15_000)

    assert page.evaluate("window.isTheSame")
    page.context.close()


def test_the_code_on_the_wall_leads_to_a_confirmed_airing(
    browser: Browser, site: Site,
) -> None:  # fmt: skip
    """The printed code, a telephone that nobody is signed in on, the note, one touch."""
    wall = opened(browser, site, "dao", f"{STATION}/week", width=1280).page
    address = f"{site.url}{STATION}/confirm"
    drawn = wall.locator("svg.qr path").last.get_attribute("d")
    assert drawn
    assert drawn in str(qr_code(address))  # the code holds this address and nothing else
    wall.context.close()

    watched = opened(browser, site, None, f"{STATION}/confirm")
    page = watched.page
    sign_in(page, "dao")
    page.wait_for_url(address)
    card = page.locator("main form").first
    card.get_by_text("Thêm ghi chú").click()
    card.get_by_label("Ghi chú").fill("Loa thôn 3 không kêu")
    card.get_by_role("button", name="Không nghe được").dblclick()
    page.wait_for_url("**done=confirmed")
    page.reload()

    with site.hub.database.read() as session:
        words = session.query(LedgerEntry).filter_by(what="airing_confirmed").all()
        rows = session.query(Airing).filter_by(
            station_id=site.province.stations["13579"].id, grade=Grade.B
        ).all()  # fmt: skip
    assert len(words) == 1
    assert [(row.state, row.reason) for row in rows] == [
        (AiringState.MISSED, "Loa thôn 3 không kêu")
    ]
    assert watched.complaints == []
    page.context.close()


@pytest.mark.parametrize("airings_a_day", [3, 6])
def test_a_full_week_is_printed_on_one_sheet(
    browser: Browser, site: Site, tmp_path: Path, airings_a_day: int
) -> None:
    """Three or six airings on each of seven days: one page of A4, nothing cut, 8 pt or larger."""
    fill_the_week(site, airings_a_day)
    page = opened(browser, site, "dao", f"{STATION}/week?first=2022-10-18", width=1280).page
    page.emulate_media(media="print")
    assert page.locator(".week tbody tr").count() == 7 * airings_a_day
    data = page.pdf(path=tmp_path / "week.pdf", prefer_css_page_size=True)

    assert len(re.findall(rb"/Type\s*/Page\b", data)) == 1
    [box] = set(re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", data))
    assert [round(float(side)) for side in box] == [595, 842]  # A4 in points
    assert len(data) < 200_000
    page.set_viewport_size({"width": 703, "height": 1000})  # what the margins leave, in pixels
    cut = page.evaluate(
        """[...document.querySelectorAll('.week td, .week th')]
           .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent)"""
    )
    assert cut == []
    cell = "getComputedStyle(document.querySelector('.week td'))"
    assert page.evaluate(f"parseFloat({cell}.fontSize)") >= 8 * 4 / 3 - 0.1
    page.context.close()


def fill_the_week(site: Site, airings_a_day: int) -> None:
    """The three slots of the province on the days from the 18th on, then once more."""
    hub, station = site.hub, site.province.stations["13579"]
    with hub.database.write() as session:
        for number in range(7 * airings_a_day):
            on = hub.today() + timedelta(days=2 + number // airings_a_day)
            slot = site.province.slots[number % 3]
            later = timedelta(minutes=30 * (number % airings_a_day // 3))
            planned_at = to_utc(datetime.combine(on, slot.starts_at), hub.settings.zone) + later
            session.merge(Airing(
                station_id=station.id, planned_at=planned_at, broadcast_date=on,
                slot_id=slot.id, programme_id=slot.programme_id, ms=900_000, late_ok_s=600,
                programme_class=slot.programme_class, state=AiringState.PLANNED, grade=Grade.D,
            ))  # fmt: skip


def test_what_was_typed_waits_behind_the_sign_in(browser: Browser, site: Site) -> None:
    """The sign-in ends while an editor types: signed in again, every word is in the form."""
    watched = opened(browser, site, "lan", "/timetable/new")
    page = watched.page
    fill_slot(page, "Đang gõ dở", "19:30")
    page.get_by_label("Thứ 4").check()
    with site.hub.database.write() as session:
        sign_out_all(session, session.get_one(Person, site.province.people["lan"].id))
    page.get_by_role("button", name="Thêm khung giờ").click()
    page.get_by_role("status").get_by_text("vẫn được giữ").wait_for()
    assert "Đang" not in page.url

    sign_in(page, "lan")
    page.wait_for_url("**/timetable/new")
    assert "chưa được gửi" in page.get_by_role("status").inner_text()
    assert page.input_value("#title") == "Đang gõ dở"
    assert page.input_value("#starts_at") == "19:30"
    assert page.input_value("#audience") == "station:dai-13579"
    assert page.get_by_label("Thứ 4").is_checked()
    assert page.evaluate("document.activeElement.id") == "title"
    assert slots_named(site, "Đang gõ dở") == []

    page.get_by_role("button", name="Thêm khung giờ").dblclick()
    page.wait_for_url("**done=slot_added")
    page.reload()
    page.go_back()
    assert len(slots_named(site, "Đang gõ dở")) == 1
    assert watched.complaints == []
    page.context.close()


def test_the_menu_of_a_phone_opens_with_the_keyboard(browser: Browser, site: Site) -> None:
    """One line until it is asked for; then every entry, and the present one is marked."""
    page = opened(browser, site, "admin", "/map").page
    assert page.locator("header.top").bounding_box()["height"] < 110  # type: ignore[index]
    menu = page.get_by_role("navigation", name="Danh mục")
    assert menu.get_by_role("link").count() == 0
    page.locator("header summary").focus()
    page.keyboard.press("Enter")
    assert menu.get_by_role("link").count() == 10
    assert menu.locator("[aria-current=page]").inner_text() == "Các đài"
    menu.get_by_role("link", name="Nhật ký").press("Enter")
    page.wait_for_url("**/airings")
    page.context.close()
