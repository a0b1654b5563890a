"""The timetable as a calendar, and one day of a slot changed by form and by drag."""

from __future__ import annotations

import re
from datetime import date, time

from playwright.sync_api import Browser

from api.cli.documents import plain
from scheduler.store.models import Slot, SlotException
from tests.web.chromium import opened
from tests.web.site import Site

CALENDAR = "/timetable/calendar"
DAY = "/timetable/1/days/2022-10-18"


def test_anonymous_is_refused(shared_site: Site) -> None:
    """The calendar and its data are for those who work here."""
    with shared_site.client() as client:
        assert client.get(CALENDAR).status_code == 303
        assert client.get(DAY).status_code == 303


def test_week_month_and_day_show_what_airs_in_local_time(shared_site: Site) -> None:
    """Three slots a day; 05:00 is 05:00, though it is 22:00 UTC of the day before."""
    with shared_site.client("huong") as client:
        week = client.get(CALENDAR).text
        day = client.get(f"{CALENDAR}?view=day&on=2022-10-20").text
        month = client.get(f"{CALENDAR}?view=month&on=2022-10-20").text
    assert "10/10/2022 – 16/10/2022" in week
    assert week.count('<li class="entry') == 21
    assert re.findall(r"<time [^>]+>(\d\d:\d\d)</time>–(\d\d:\d\d)", day) == [
        ("05:00", "05:15"), ("11:15", "11:30"), ("17:00", "17:15")
    ]  # fmt: skip
    assert month.count('<li class="entry') == 42 * 3  # 26/09 to 06/11: six weeks
    assert "Thứ năm" in day


def test_a_commune_sees_what_it_hears(shared_site: Site) -> None:
    """A unit outside one's own is refused, as everywhere."""
    with shared_site.client("dao") as client:
        assert "1 đài" in client.get(f"{CALENDAR}?view=day").text
        assert client.get(f"{CALENDAR}?unit=352").status_code == 403


def test_what_collides_is_marked_while_planning(site: Site) -> None:
    """An urgent bulletin interrupts by right; two ordinary lines at one time are a mistake."""
    with site.hub.database.write() as session:
        slot = session.get_one(Slot, 2)
        slot.starts_at = time(5, 10)  # as an old import may have left it
    with site.client("huong") as client:
        shown = client.get(f"{CALENDAR}?view=day").text
        data = client.get(f"{CALENDAR}.json?start=2022-10-16T00:00:00&end=2022-10-17T00:00:00")
    assert "2 khung giờ bị trùng" in shown
    assert shown.count("trùng giờ") == 2
    assert [("collides" in one["classNames"]) for one in data.json()] == [True, True, False]


def test_one_day_is_moved_by_the_form_and_follows_the_rule_again(site: Site) -> None:
    """Only that day; who and why stand with it; taking it back needs no reason."""
    with site.client("huong") as client:
        answer = client.submit(
            DAY, what="move", to="2022-10-18", at="05:40", reason="mất điện theo lịch"
        )
        assert answer.headers["location"] == f"{CALENDAR}?on=2022-10-18&done=day"
        shown = client.get(f"{CALENDAR}?view=day&on=2022-10-18").text
        assert "05:40" in shown
        assert f'href="{DAY}"' in shown  # the day that the rule names
        assert "khác thường lệ" in shown
        page = client.get(DAY).text
        assert "Chuyển sang 05:40 ngày 18/10/2022" in page
        client.submit(DAY, what="restore")
        assert "05:40" not in client.get(f"{CALENDAR}?view=day&on=2022-10-18").text


def test_a_move_onto_another_line_loses_nothing_that_was_typed(site: Site) -> None:
    """The refusal says what stands in the way, and the form still holds the wish."""
    with site.client("huong") as client:
        answer = client.submit(DAY, what="move", to="2022-10-18", at="11:20", reason="họp thôn")
    assert answer.status_code in (409, 422)
    assert 'value="11:20"' in answer.text
    assert 'value="họp thôn"' in answer.text
    with site.hub.database.read() as session:
        assert session.query(SlotException).count() == 0


def test_wrong_and_past_days_are_refused_in_words(site: Site) -> None:
    """What has begun is history; a day that the rule does not name cannot be moved."""
    past = "/timetable/1/days/2022-10-14"
    with site.client("huong") as client:
        assert "việc đã phát không sửa được nữa" in client.get(past).text
        for path, fields in (
            (past, {"what": "skip", "reason": "x"}),
            (DAY, {"what": "move", "to": "x", "at": "05:40", "reason": "x"}),
            (DAY, {"what": "replace", "programme_id": "", "reason": "x"}),
            (DAY, {"what": "skip", "reason": " "}),
        ):
            assert client.submit(path, **fields).status_code == 422, fields
        assert client.get("/timetable/99/days/2022-10-18").status_code == 404


def test_a_drag_opens_the_form_with_the_new_time(site: Site, browser: Browser) -> None:
    """Dragging decides nothing by itself: the person sees the form and gives the reason."""
    watched = opened(browser, site, "huong", f"{CALENDAR}?on=2022-10-24", width=1280)
    page = watched.page
    event = page.locator("#calendar .ec-event", has_text="Gương thoát nghèo").nth(2)
    event.scroll_into_view_if_needed()
    box = event.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + 4
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(x, y + step * 8)
    page.mouse.up()
    page.wait_for_url("**/days/2022-10-26?to=*")
    moved = page.input_value("#at")
    assert moved > "11:15"
    assert page.input_value("#to") == "2022-10-26"
    page.fill("#r1", "họp thôn")
    page.click("button.main")
    page.wait_for_url(f"**{CALENDAR}?on=2022-10-26&done=day")
    assert watched.complaints == []
    with site.hub.database.read() as session:
        made = session.query(SlotException).one()
        assert (made.on, made.kind) == (date(2022, 10, 26), "move")
        assert made.moved_at is not None
        assert plain(made.moved_at) == moved


def test_without_scripts_and_on_a_phone_the_week_is_a_list(
    shared_site: Site,
    browser: Browser,
) -> None:
    """Every entry leads to the form that a drag would open, by touch and by keyboard."""
    page = opened(browser, shared_site, "huong", f"{CALENDAR}?on=2022-10-24").page
    assert page.locator("#calendar").is_hidden()
    entry = page.locator(".entry a").first
    entry.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/timetable/1/days/2022-10-24")


def test_one_station_and_what_airs_by_now(site: Site) -> None:
    """The calendar of one station; a draft is there with a sign, or as it airs without it."""
    with site.client("huong") as client:
        client.patch("/api/v1/slots/2", json={"starts_at": "11:40", "audience": ["unit:352"]})
        there = client.get(f"{CALENDAR}?view=day&on=2022-10-20&station=dai-13501").text
        elsewhere = client.get(f"{CALENDAR}?view=day&on=2022-10-20&station=dai-13579").text
        by_now = client.get(f"{CALENDAR}?view=day&on=2022-10-20&station=dai-13579&air=1").text
        data = client.get("/api/v1/timetable/days?first=2022-10-20&days=1&station=dai-13579")
        air = client.get(
            "/api/v1/timetable/days?first=2022-10-20&days=1&station=dai-13579&released=true"
        ).json()
    assert re.findall(r"<time [^>]+>(\d\d:\d\d)</time>", there) == ["05:00", "11:40", "17:00"]
    assert there.count("icons.svg") > 0
    assert there.count("<span>bản nháp</span>") == 1
    assert re.findall(r"<time [^>]+>(\d\d:\d\d)</time>", elsewhere) == ["05:00", "17:00"]
    assert re.findall(r"<time [^>]+>(\d\d:\d\d)</time>", by_now) == ["05:00", "11:15", "17:00"]
    assert "bản nháp" not in by_now.split("<main")[1].replace("data-draft", "").split("<ol")[1]
    assert [one["slot_id"] for one in data.json()] == [1, 3]
    assert [one["slot_id"] for one in air] == [1, 2, 3]
    with site.client("dao") as client:
        assert client.get(f"{CALENDAR}?station=dai-13501").status_code == 403
        assert client.get(f"{CALENDAR}?station=dai-0").status_code == 404
        assert client.get("/api/v1/timetable/days?station=dai-13501").status_code == 403
