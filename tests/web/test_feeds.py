"""A calendar behind a secret address: read without a sign-in, closed at any time."""

from __future__ import annotations

import re

import pytest
from icalendar import Calendar

from scheduler import feeds
from scheduler.errors import InputInvalid, NotFound, OutsideUnit
from scheduler.store.models import Feed, LedgerEntry
from tests.web.site import Site

COMMUNE = "13579"


def made(site: Site, unit: str = COMMUNE, by: str = "huong") -> tuple[Feed, str]:
    return feeds.add_feed(site.hub, unit, "Chị Đào", by=site.province.people[by])


def test_anonymous_is_refused(shared_site: Site) -> None:
    """A guessed address, a short one and one of nobody open nothing."""
    with shared_site.client() as client:
        for token in ("x" * 32, "1", "../../etc/passwd", "%00" * 30):
            assert client.get(f"/feeds/{token}.ics").status_code in (404, 422)


def test_a_telephone_reads_the_timetable_of_its_unit_and_nothing_else(site: Site) -> None:
    """Events with their rules; the second question of the hour costs no bytes."""
    _, token = made(site)

    with site.client() as client:
        first = client.get(f"/feeds/{token}.ics")
        again = client.get(f"/feeds/{token}.ics", headers={"If-None-Match": first.headers["etag"]})

    assert first.status_code == 200
    assert first.headers["content-type"] == "text/calendar; charset=utf-8"
    assert "private" in first.headers["cache-control"]
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", first.headers["last-modified"])
    assert (again.status_code, again.content) == (304, b"")
    events = Calendar.from_ical(first.content).walk("VEVENT")
    assert len(events) >= 3
    assert all("DTSTART" in event for event in events)


def test_a_revoked_address_opens_nothing_any_more(site: Site) -> None:
    """At once; and both deeds stand in the records, the token in neither."""
    feed, token = made(site)
    feeds.revoke_feed(site.hub, feed.id, by=site.province.people["huong"])

    with site.client() as client:
        assert client.get(f"/feeds/{token}.ics").status_code == 404
    with pytest.raises(NotFound):
        feeds.revoke_feed(site.hub, feed.id, by=site.province.people["huong"])
    with site.hub.database.read() as session:
        entries = [one for one in session.query(LedgerEntry) if one.what.startswith("feed_")]
        assert {one.what for one in entries} == {"feed_added", "feed_revoked"}
        assert token not in str([(one.subject, one.detail) for one in entries])
        assert token not in str([vars(one) for one in session.query(Feed)])


def test_when_it_was_read_is_known_to_the_hour(site: Site) -> None:
    """A calendar that nobody reads may be closed; one that is read often writes few rows."""
    _, token = made(site)
    with site.client() as client:
        for _ in range(3):
            client.get(f"/feeds/{token}.ics")

    with site.hub.database.read() as session:
        [feed] = feeds.list_feeds(session)
        assert feed.last_read_at is not None
        assert (feed.last_read_at.minute, feed.last_read_at.second) == (0, 0)


def test_a_commune_gives_out_its_own_calendar_and_no_other(site: Site) -> None:
    """And a calendar is somebody's."""
    made(site, by="dao")

    with pytest.raises(OutsideUnit):
        made(site, unit="35", by="dao")
    with pytest.raises(InputInvalid):
        feeds.add_feed(site.hub, COMMUNE, " ", by=site.province.people["huong"])


def test_a_commune_makes_and_closes_its_address_on_a_page(site: Site) -> None:
    """The address stands on the answer and nowhere else; only its own units' are listed."""
    made(site, unit="352", by="minh")
    with site.client("dao") as client:
        answer = client.submit("/feeds", unit=COMMUNE, label="Anh Bình")
        assert answer.headers["cache-control"] == "no-store"
        path = re.findall(r"/feeds/[\w-]{20,64}\.ics", answer.text)[0]
        again = client.get("/feeds").text
        assert path not in again and "Anh Bình" in again and "Chị Đào" not in again
        assert client.submit("/feeds", unit=COMMUNE, label=" ").status_code == 422
        assert client.submit("/feeds", unit="352", label="x").status_code == 403
        with site.client() as phone:
            assert phone.get(path).status_code == 200
        number = re.findall(r'name="feed_id" value="(\d+)"', again)[0]
        assert client.submit("/feeds/revoke", feed_id=number).status_code == 303
        with site.client() as phone:
            assert phone.get(path).status_code == 404
