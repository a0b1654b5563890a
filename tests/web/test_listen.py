"""The public page: open where the settings say so, and only with what somebody published."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from defusedxml import ElementTree

from scheduler import hub as hubs
from scheduler.clock import ManualClock
from scheduler.config import PublicSettings
from scheduler.store.models import LedgerEntry, Programme
from scheduler.store.states import ProgrammeState
from tests.templates import EVENING
from tests.web.conftest import Filled, _settings
from tests.web.site import Site, serving

SOUND = bytes(range(256)) * 64
PORTAL = "https://hanam.example.vn"


@pytest.fixture
def open_site(filled: Filled, tmp_path: Path) -> Iterator[Site]:
    """A province whose public page is open, with one published programme."""
    data = tmp_path / "data"
    shutil.copytree(filled.folder, data)
    public = PublicSettings(enabled=True, name="Đài Hà Nam", framed_by=(PORTAL,))
    settings = _settings(data).model_copy(update={"public": public})
    hub = hubs.open_hub(settings, clock=ManualClock(EVENING))
    (hub.renditions / f"{'a' * 64}.mp3").write_bytes(SOUND)
    try:
        with serving(hub, filled.province) as site:
            with site.client("huong") as client:
                answer = client.submit("/programmes/2/publish")
                assert answer.headers["location"] == "/programmes/2?done=published"
            yield site
    finally:
        hub.database.close()


def test_it_is_closed_unless_the_settings_open_it(shared_site: Site) -> None:
    """An upgrade never opens anything by itself."""
    with shared_site.client() as client:
        for path in ("/listen", "/listen/2", "/listen/feed.xml", "/listen/frame"):
            assert client.get(path).status_code == 404, path


def test_a_stranger_hears_what_was_published_and_nothing_else(open_site: Site) -> None:
    """Approved is not published; a number typed into the address opens no other programme."""
    with open_site.client() as client:
        shown = client.get("/listen").text
        assert "chị Lan nuôi bò" in shown
        assert "Bản tin sáng" not in shown
        assert client.get("/listen/2").status_code == 200
        for number in (1, 3, 4, 5, 6, 99):
            assert client.get(f"/listen/{number}").status_code == 404
            assert client.get(f"/listen/{number}/sound.mp3").status_code == 404
        assert client.get("/programmes").status_code == 303


def test_the_sound_comes_in_ranges(open_site: Site) -> None:
    """A phone jumps to the middle; another site's page may play it too."""
    with open_site.client() as client:
        part = client.get("/listen/2/sound.mp3", headers={"range": "bytes=256-511"})
        assert client.get("/listen/2/sound.wav").status_code == 404
    assert (part.status_code, part.content) == (206, SOUND[256:512])
    assert part.headers["content-type"] == "audio/mpeg"
    assert part.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("words", ["nuoi bo", "NUÔI  bò", "giam ngheo", "lan bac ly"])
def test_search_ignores_tones(open_site: Site, words: str) -> None:
    """Title and theme are searched as people type on a phone."""
    with open_site.client() as client:
        assert "chị Lan nuôi bò" in client.get("/listen", params={"words": words}).text
        nothing = client.get("/listen", params={"words": f"{words} mặt trăng"}).text
    assert "Không tìm thấy" in nothing


def test_the_feed_has_the_sound_as_enclosure(open_site: Site) -> None:
    """What the portal and a podcast program read: RSS 2.0."""
    with open_site.client() as client:
        answer = client.get("/listen/feed.xml", params={"theme": "Giảm nghèo bền vững"})
        empty = client.get("/listen/feed.xml", params={"theme": "Khác"})
    assert answer.headers["content-type"].startswith("application/rss+xml")
    channel = ElementTree.fromstring(answer.text).find("channel")
    items = channel.findall("item")
    assert [item.findtext("title") for item in items] == [
        "Gương thoát nghèo: chị Lan nuôi bò sinh sản ở Bắc Lý"
    ]
    enclosure = items[0].find("enclosure").attrib
    assert enclosure["type"] == "audio/mpeg"
    assert enclosure["length"] == "5040000"
    with open_site.client() as client:
        assert client.get(enclosure["url"]).content == SOUND
    assert "<item>" not in empty.text
    theme = quote_plus("Giảm nghèo bền vững")
    assert channel.findtext("link") == f"{open_site.url}/listen?theme={theme}"


def test_who_mistypes_a_public_address_is_led_to_the_public_page(open_site: Site) -> None:
    """A villager has no sign-in: the way on is what everybody may hear."""
    with open_site.client() as client:
        assert 'class="button main" href="/listen"' in client.get("/listen/99").text
        assert 'class="button main" href="/"' in client.get("/nothing").text


def test_only_named_sites_may_show_the_frame(open_site: Site) -> None:
    """The column stands in the portal; every other page of ours stays out of frames."""
    with open_site.client() as client:
        frame, page = client.get("/listen/frame"), client.get("/listen")
    assert f"frame-ancestors {PORTAL}" in frame.headers["content-security-policy"]
    assert "x-frame-options" not in frame.headers
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


def test_withdrawn_expired_and_unpublished_are_gone_at_once(open_site: Site) -> None:
    """What may not air may not be heard either."""
    with open_site.client("tuan") as client:
        assert "Gỡ khỏi trang công khai" in client.get("/programmes/2").text
        for change in (
            {"state": ProgrammeState.WITHDRAWN},
            {"expires_on": date(2022, 10, 15)},
            {"not_before": date(2022, 10, 17)},
        ):
            with open_site.hub.database.write() as session:
                row = session.get_one(Programme, 2)
                before = {name: getattr(row, name) for name in change}
                session.query(Programme).filter_by(id=2).update(change)
            assert client.get("/listen/2/sound.mp3").status_code == 404, change
            with open_site.hub.database.write() as session:
                session.query(Programme).filter_by(id=2).update(before)
        assert client.get("/listen/2").status_code == 200
        client.submit("/programmes/2/unpublish")
        assert client.get("/listen/2").status_code == 404
    with open_site.hub.database.read() as session:
        words = [row.what for row in session.query(LedgerEntry).order_by(LedgerEntry.seq)]
    assert words[-2:] == ["programme_published", "programme_unpublished"]


def test_only_approved_programmes_are_published(site: Site) -> None:
    """Nothing is heard that a second person has not approved."""
    with site.client("huong") as client:
        assert client.submit("/programmes/4/publish").status_code == 409
        assert client.get("/api/v1/programmes/4").json()["published_at"] is None


def test_older_programmes_are_one_touch_away(open_site: Site) -> None:
    """Twenty on a page; the next page goes on where it ended, also within one second."""
    with open_site.hub.database.write() as session:
        one = session.get_one(Programme, 2)
        for number in range(45):
            session.add(
                Programme(
                    title=f"Số {number:02}", file_name="x", sha256=f"{number:064x}", size_bytes=1,
                    ms=1000, state=ProgrammeState.APPROVED, uploaded_by=one.uploaded_by,
                    uploaded_at=one.uploaded_at,
                    published_at=EVENING - timedelta(minutes=number // 30),
                )
            )  # fmt: skip
    seen: list[str] = []
    with open_site.client() as client:
        path: str | None = "/listen"
        while path:
            text = client.get(path).text
            seen += [part.split("<")[0] for part in text.split('<h2><a href="')[1:]]
            path = (
                text.split('rel="next" href="')[1].split('"')[0] if 'rel="next"' in text else None
            )
            path = path and path.replace("&amp;", "&")
    numbers = [one.split('"')[0] for one in seen]
    assert len(numbers) == len(set(numbers)) == 46
