"""Tonight changes while somebody looks at it; and with the line down it is looked at again."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from scheduler.store.models import Delivery
from scheduler.store.states import DeliveryState
from tests.web.chromium import opened
from tests.web.site import Site


def fail_tonight(site: Site, code: str = "13594") -> None:
    """A delivery that waits fails for good."""
    station = site.province.stations[code]
    with site.hub.database.write() as session:
        delivery = (
            session.query(Delivery)
            .filter(Delivery.station_id == station.id, Delivery.state != DeliveryState.FAILED)
            .order_by(Delivery.for_date)
            .first()
        )
        assert delivery is not None
        delivery.state = DeliveryState.FAILED
        delivery.attempts += 1
        delivery.error_code, delivery.error_fields = "auth", {"username": "loa", "host": "10.0.0.9"}


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Nobody listens without a sign-in, and a program learns why."""
    with shared_site.client() as client:
        answer = client.get("/live/tonight")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


def test_failure_appears_while_one_looks(browser: Browser, site: Site) -> None:
    """Nobody presses anything: the failure comes, in words, with the number and "send again"."""
    watched = opened(browser, site, "lan", "/")
    page = watched.page
    page.locator("#tonight[data-live=yes]").wait_for()
    failed = page.locator("section[aria-labelledby=failed]")
    before = failed.locator("li").count()
    name = site.province.stations["13594"].name
    assert name not in failed.inner_text()

    fail_tonight(site)
    failed.get_by_text(name, exact=True).wait_for(timeout=10_000)

    assert failed.locator("li").count() == before + 1
    line = failed.locator("li", has_text=name)
    assert line.get_by_role("link", name="Gọi").is_visible()
    line.get_by_role("button", name="Gửi lại").click()
    page.wait_for_url("**/?done=retried")
    with site.hub.database.read() as session:
        states = session.query(Delivery.state).filter_by(
            station_id=site.province.stations["13594"].id
        )
        assert DeliveryState.FAILED not in {state for (state,) in states}
    assert watched.complaints == []
    page.context.close()


def test_change_is_not_told_twice_and_nothing_is_told_of_no_change(site: Site) -> None:
    """A line that is open carries one event a change, and only its number."""
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=1) as wire:
        wire.sendall(
            f"GET /live/tonight HTTP/1.1\r\nHost: {host}\r\nCookie: loa={site.token('lan')}\r\n"
            "Accept-Encoding: gzip\r\n\r\n".encode()
        )
        heard = heard_until(wire, "\r\n\r\n")
        assert "text/event-stream" in heard
        assert "content-encoding" not in heard  # a compressor would keep events back
        assert "changed" not in heard + listened(wire, 2)
        fail_tonight(site)
        heard = heard_until(wire, "event: changed") + listened(wire, 2)
    assert heard.count("event: changed") == 1
    assert "data: 1" in heard
    assert "13594" not in heard


def heard_until(wire: socket.socket, words: str) -> str:
    heard = ""
    for _ in range(20):
        heard += listened(wire, 1, until=words)
        if words in heard:
            return heard
    raise AssertionError(f"never heard {words!r}: {heard!r}")


def listened(wire: socket.socket, seconds: float, *, until: str | None = None) -> str:
    heard, ends_at = b"", time.monotonic() + seconds
    while time.monotonic() < ends_at and not (until and until.encode() in heard):
        try:
            heard += wire.recv(65_536)
        except TimeoutError:
            continue
    return heard.decode()


def test_page_looks_itself_where_no_events_come(browser: Browser, site: Site) -> None:
    """A carrier that swallows events: the page says so, and looks now and then."""
    context = browser.new_context(viewport={"width": 360, "height": 800})
    context.add_cookies([{"name": "loa", "value": site.token("lan"), "url": site.url}])
    page = context.new_page()
    page.route("**/live/tonight", lambda route: route.abort())
    page.goto(site.url + "/")
    page.get_by_text("trang tự cập nhật mỗi nửa phút").wait_for()
    # Half a minute is long for a test: the page is told to look every second.
    page.evaluate("document.getElementById('tonight').dataset.every = '1'")
    fail_tonight(site)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    name = site.province.stations["13594"].name
    page.locator("section[aria-labelledby=failed]").get_by_text(name, exact=True).wait_for(
        timeout=10_000
    )
    context.close()


def test_every_station_of_a_moment_is_one_touch_away(shared_site: Site) -> None:
    """A day is counted; the stations of one slot are listed for who asks, without a script."""
    slot = shared_site.province.slots[0]
    with shared_site.client("huong") as client:
        counted = client.get("/").text
        opened_one = client.get(f"/?opened={slot.id}").text

    assert "Xem 16 đài còn lại" in counted
    assert len(opened_one) > len(counted)
    for station in shared_site.province.stations.values():
        assert station.name in opened_one


def test_what_waits_is_told_to_whom_it_waits_for(site: Site) -> None:
    """The approver reads of programmes, the district of airings, nobody of somebody else's."""
    shown = {}
    for username in ("tuan", "lan", "huong"):
        with site.client(username) as client:
            shown[username] = client.get("/tonight").text

    assert "1 chương trình chờ duyệt" in shown["tuan"]
    assert "lượt phát cần xác nhận" in shown["lan"]
    assert 'href="#ask"' in shown["lan"]  # and leads to the question itself
    assert shown["lan"].count('id="ask"') == 1
    assert "chờ duyệt" not in shown["lan"]
    assert "1 chương trình bị trả lại" in shown["huong"]


@pytest.mark.parametrize("path", ["/", "/tonight"])
def test_another_unit_is_not_looked_at(shared_site: Site, path: str) -> None:
    """The live part obeys the same limits as the page."""
    with shared_site.client("lan") as client:
        assert client.get(f"{path}?unit=352").status_code == 403


def test_airing_that_sounds_now_is_named_first(site: Site) -> None:
    """At five past five the page says what is on."""
    site.hub.clock.move_to(  # type: ignore[attr-defined]
        site.hub.clock.now() + timedelta(hours=9, minutes=5)
    )
    with site.client("dao") as client:
        shown = client.get("/").text

    assert "đang phát</span></strong> Bản tin sáng" in shown
