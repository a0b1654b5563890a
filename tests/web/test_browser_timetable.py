"""The timetable as an editor works with it: by drag, by an edge, by form, by keyboard, by two."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from scheduler import slots
from scheduler.slots import SlotDetails, details_of
from scheduler.store.models import Slot
from tests.web.chromium import opened
from tests.web.site import Site

CALENDAR = "/timetable/calendar?on=2022-10-24"


def test_anonymous_is_refused(shared_site: Site, browser: Browser) -> None:
    """A stranger's browser ends at the sign-in, and comes back to the form after it."""
    page = opened(browser, shared_site, None, "/timetable/new").page
    assert "/sign-in?next=%2Ftimetable%2Fnew" in page.url
    page.context.close()


def stands(site: Site, slot_id: int = 2) -> SlotDetails:
    with site.hub.database.read() as session:
        return details_of(slots.find_slot(session, slot_id))


def newest(site: Site) -> SlotDetails:
    with site.hub.database.read() as session:
        numbers = [one.id for one in session.query(Slot)]
    return stands(site, max(numbers))


def box(place: Locator) -> tuple[float, float, float, float]:
    place.scroll_into_view_if_needed()
    found = place.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["width"], found["height"]


def drag(page: Page, path: Iterator[tuple[float, float]] | list[tuple[float, float]]) -> None:
    first, *rest = path
    page.mouse.move(*first)
    page.mouse.down()
    for point in rest:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def test_the_lower_edge_changes_the_length_after_a_question(
    site: Site,
    browser: Browser,
) -> None:
    """This day alone, or every day of the slot; until something is saved nothing is changed."""
    watched = opened(browser, site, "huong", CALENDAR, width=1280)
    page = watched.page
    event = page.locator("#calendar .ec-event", has_text="Gương thoát nghèo").nth(2)
    x, y, width, height = box(event)
    drag(page, [(x + width / 2, y + height - 2), (x + width / 2, y + height + 30)])
    page.wait_for_url("**/timetable/2/days/*?minutes=*")
    minutes = int(page.input_value("#minutes"))
    assert minutes > 15
    assert f"dài {minutes} phút" in page.inner_text("section[aria-labelledby=every]")
    page.click("section[aria-labelledby=every] a.button")
    page.wait_for_url("**/timetable/2/edit?minutes=*")
    assert int(page.input_value("#minutes")) == minutes
    assert "Không vướng gì" in page.inner_text("#check")
    assert stands(site).seconds == 900

    page.click("button.main")
    page.wait_for_url("**/timetable/calendar?on=*&done=slot_changed")
    assert stands(site).seconds == minutes * 60
    draft = page.locator("#calendar .ec-event.draft").first
    expect(draft).to_contain_text("(bản nháp)")
    assert draft.locator("svg.icon").count() == 1
    assert page.locator(".entry.draft .state", has_text="bản nháp").count() == 7
    assert watched.complaints == []
    page.context.close()


def test_free_time_that_is_drawn_over_becomes_a_slot(
    site: Site,
    browser: Browser,
) -> None:
    """Day, time and length come from the mouse; the rest is typed."""
    page = opened(browser, site, "huong", CALENDAR, width=1280).page
    page.evaluate("document.querySelector('#calendar .ec-main').scrollTop += 300")
    x, y, width, _ = box(page.locator("#calendar .ec-event", has_text="Gương thoát").nth(2))
    drag(page, [(x + width / 2, y - 60), (x + width / 2, y - 30)])
    page.wait_for_url("**/timetable/new?valid_from=2022-10-26&days=WE&*")
    begins = page.input_value("#starts_at")
    assert "05:15" < begins < "11:15"
    page.fill("#title", "Vẽ bằng chuột")
    page.select_option("#programme_id", "2")
    page.select_option("#audience", "station:dai-13579")
    page.click("button.main")
    page.wait_for_url("**done=slot_added")

    made = newest(site)
    assert (made.title, made.rrule) == ("Vẽ bằng chuột", "FREQ=WEEKLY;BYDAY=WE")
    assert (f"{made.starts_at:%H:%M}", str(made.valid_from)) == (begins, "2022-10-26")
    assert made.seconds is not None
    assert made.seconds >= 840  # nothing is shorter than its programme, or it says so
    page.context.close()


def test_a_drag_to_another_time_can_be_meant_for_every_day(
    site: Site,
    browser: Browser,
) -> None:
    """The page of the day asks; "every day" leads to the form, filled in."""
    page = opened(browser, site, "huong", CALENDAR, width=1280).page
    event = page.locator("#calendar .ec-event", has_text="Gương thoát nghèo").nth(2)
    x, y, width, _ = box(event)
    drag(page, [(x + width / 2, y + 4), (x + width / 2, y + 68)])
    page.wait_for_url("**/days/2022-10-26?to=*")
    expect(page.locator("main")).to_contain_text("Chỉ ngày này, hay mọi ngày của khung giờ?")
    at = page.input_value("#at")
    page.click("text=Mọi ngày >> nth=-1")
    page.wait_for_url("**/timetable/2/edit?*")
    assert page.input_value("#starts_at") == at
    assert stands(site).starts_at == time(11, 15)
    page.click("button.main")
    page.wait_for_url("**done=slot_changed")
    assert f"{stands(site).starts_at:%H:%M}" == at
    page.context.close()


def test_a_conflict_is_shown_while_typing_and_a_proposal_fills_the_form(
    site: Site,
    browser: Browser,
) -> None:
    """Nothing jumps away under the fingers, nothing is saved until the button is pressed."""
    watched = opened(browser, site, "huong", "/timetable/2/edit", width=1280)
    page = watched.page
    top = page.locator("#starts_at").bounding_box()
    page.fill("#starts_at", "05:05")
    expect(page.locator("#live")).to_contain_text('trùng với "Buổi sáng"')
    assert page.locator("#starts_at").bounding_box() == top
    page.locator("#live button", has_text="bắt đầu lúc 05:15").click()
    expect(page.locator("#live")).to_contain_text("Không vướng gì")
    assert page.input_value("#starts_at") == "05:15"
    assert stands(site).starts_at == time(11, 15)
    page.click("button.main")
    page.wait_for_url("**done=slot_changed")
    assert stands(site).starts_at == time(5, 15)
    assert watched.complaints == []
    page.context.close()


def test_the_same_is_done_by_keyboard_alone(site: Site, browser: Browser) -> None:
    """From the week's list to a slot that stands, on a phone's width and without a mouse."""
    page = opened(browser, site, "huong", CALENDAR).page
    page.get_by_role("link", name="Thêm khung giờ – Thứ tư 26/10/2022").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/timetable/new?valid_from=2022-10-26&days=WE**")
    page.locator("#title").focus()
    page.keyboard.type("Bằng bàn phím")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("0730PM")
    page.locator("button.main").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**done=slot_added")

    made = newest(site)
    assert (made.title, made.audience, made.programme_id) == ("Bằng bàn phím", ("unit:35",), 1)
    assert (made.starts_at, made.rrule) == (time(19, 30), "FREQ=WEEKLY;BYDAY=WE")
    page.context.close()


def test_the_second_of_two_chooses_and_loses_nothing(
    site: Site,
    browser: Browser,
) -> None:
    """Two browsers, one slot: her time and his title both stand in the end."""
    hers = opened(browser, site, "huong", "/timetable/2/edit", width=1280).page
    his = opened(browser, site, "dung", "/timetable/2/edit").page
    hers.fill("#starts_at", "11:40")
    hers.click("button.main")
    hers.wait_for_url("**done=slot_changed")
    his.fill("#title", "Gương sáng")
    his.click("button.main")

    expect(his.locator("h1")).to_have_text("Hai bản của một khung giờ")
    assert his.evaluate("document.documentElement.scrollWidth") <= 360
    found = Axe().run(his)
    assert found.violations_count == 0, found.generate_report()
    mine = his.get_by_role("radio", name="Của ông/bà: Gương sáng")
    assert mine.is_checked()
    assert his.get_by_role("radio", name="Của người kia: 11:40").is_checked()
    his.get_by_role("button", name="Lưu theo lựa chọn").click()
    his.wait_for_url("**done=slot_changed")
    now = stands(site)
    assert (now.title, now.starts_at) == ("Gương sáng", time(11, 40))
    hers.context.close()
    his.context.close()


def test_a_double_click_adds_one_slot(site: Site, browser: Browser) -> None:
    """An impatient hand does nothing twice, also where nothing would overlap."""
    page = opened(browser, site, "huong", "/timetable/new", width=1280).page
    page.fill("#title", "Hai lần")
    page.select_option("#programme_id", "2")
    page.select_option("#audience", "station:dai-13579")
    page.fill("#starts_at", "20:00")
    page.select_option("#programme_class", "urgent")
    page.dblclick("button.main")
    page.wait_for_load_state()
    expect(page.locator("main")).to_contain_text("Đã thêm khung giờ")
    with site.hub.database.read() as session:
        assert session.query(Slot).filter_by(title="Hai lần").count() == 1
    page.context.close()
