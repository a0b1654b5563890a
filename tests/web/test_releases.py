"""The timetable from a draft to the air and back, on its pages and through the API."""

from __future__ import annotations

import html
import re
from datetime import time, timedelta

from scheduler import planner, slots
from scheduler.store.models import Airing, Slot
from scheduler.store.states import AiringState
from tests.web.site import Client, Site
from tests.web.test_slot_edit import opened

CHANGES = "/timetable/changes"
API = "/api/v1/timetable"


def test_anonymous_is_refused(shared_site: Site) -> None:
    """What is about to change is for those who work here."""
    with shared_site.client() as client:
        assert client.get(CHANGES).status_code == 303
        assert client.get(f"{API}/diff").status_code == 401


def starts(site: Site) -> list[str]:
    """What is planned for tomorrow at one station."""
    planner.plan(site.hub)
    station = site.province.stations["13579"]
    tomorrow = site.hub.today() + timedelta(days=1)
    with site.hub.database.read() as session:
        found = session.query(Airing).filter_by(station_id=station.id, broadcast_date=tomorrow)
        living = [one for one in found if one.state is not AiringState.CANCELLED]
        zone = site.hub.settings.zone
        return sorted(f"{one.planned_at.astimezone(zone):%H:%M}" for one in living)


def ticked(page: str) -> dict[str, list[str]]:
    """What a browser would send of the form that releases."""
    return {
        "slot_ids": re.findall(r'name="slot_ids" value="(\d+)" checked', page),
        "seen": re.findall(r'name="seen" value="([^"]+)"', page),
    }


def moved(client: Client, slot_id: int, at: str) -> None:
    path = f"/timetable/{slot_id}/edit"
    answer = client.submit(path, **{**opened(client, path), "starts_at": at})
    assert answer.status_code == 303, re.findall(r'role="alert">(.*?)</div>', answer.text, re.S)


def test_a_draft_is_looked_at_released_and_taken_back(site: Site) -> None:
    """It airs when it was released and not before, and one step leads back."""
    with site.client("huong") as client:
        moved(client, 2, "11:40")
        assert starts(site) == ["05:00", "11:15", "17:00"]
        page = client.get(CHANGES).text
        assert "Hằng ngày lúc 11:15" in page
        assert "Hằng ngày lúc 11:40" in page
        assert "140 mới, 140 bỏ" in page

        answer = client.submit("/timetable/release", note="Giờ mùa đông", **ticked(page))
        assert answer.headers["location"] == f"{CHANGES}?done=timetable_released"
        assert starts(site) == ["05:00", "11:40", "17:00"]
        twice = client.submit("/timetable/release", **ticked(page))
        assert twice.status_code in (303, 404)

        page = client.get(CHANGES).text
        assert "Giờ mùa đông" in page
        answer = client.submit("/timetable/restore", version="1")
        assert answer.headers["location"] == f"{CHANGES}?done=timetable_restored"
    assert starts(site) == ["05:00", "11:15", "17:00"]


def test_only_what_is_ticked_and_was_seen_is_released(site: Site) -> None:
    """One of two changes waits; one that was changed after the look is shown again."""
    with site.client("huong") as client:
        moved(client, 2, "11:40")
        moved(client, 3, "17:20")
        page = client.get(CHANGES).text
        form = ticked(page)
        assert form["slot_ids"] == ["2", "3"]
        nothing = client.submit("/timetable/release", seen=form["seen"])
        assert nothing.status_code == 422
        client.submit("/timetable/release", slot_ids=["3"], seen=form["seen"])
        assert starts(site) == ["05:00", "11:15", "17:20"]

        moved(client, 2, "11:50")
        late = client.submit("/timetable/release", slot_ids=["2"], seen=form["seen"])
        assert late.status_code == 412
        assert "Hằng ngày lúc 11:50" in late.text
    assert starts(site) == ["05:00", "11:15", "17:20"]


def test_a_part_that_would_sound_over_what_airs_is_refused_with_the_way_out(site: Site) -> None:
    """11:15 became 12:00 in the draft, and 05:00 took 11:15: they go together or not at all."""
    with site.client("huong") as client:
        moved(client, 2, "12:00")
        moved(client, 1, "11:15")
        form = ticked(client.get(CHANGES).text)
        refused = client.submit("/timetable/release", slot_ids=["1"], seen=form["seen"])
        assert refused.status_code == 409
        assert "trùng với &#34;Buổi trưa&#34; đang phát" in refused.text
        way = refused.text.split('id="helpful"')[1].split("<form")[1].split("</form>")[0]
        assert "phát hành cùng lúc với" in html.unescape(way)
        fields: dict[str, list[str]] = {}
        for name, value in re.findall(r'name="(slot_ids|seen)" value="([^"]*)"', way):
            fields.setdefault(name, []).append(value)
        assert starts(site) == ["05:00", "11:15", "17:00"]
        assert client.submit("/timetable/release", **fields).status_code == 303
    assert starts(site) == ["11:15", "12:00", "17:00"]


def test_programs_go_the_same_way(site: Site) -> None:
    """Change, difference, release of what was seen, return; every refusal is a problem."""
    with site.client("huong") as client:
        changed = client.patch("/api/v1/slots/2", json={"starts_at": "11:40"})
        assert changed.json()["is_draft"]
        [change] = client.get(f"{API}/diff").json()["changes"]
        assert change["airings_added"] == 140
        client.patch("/api/v1/slots/2", json={"starts_at": "11:45"})
        body = {"slot_ids": [2], "seen": {"2": change["version"]}}
        late = client.post(f"{API}/releases", json=body)
        assert (late.status_code, late.json()["code"]) == (412, "slot_changed")
        [change] = client.get(f"{API}/diff").json()["changes"]
        body["seen"] = {"2": change["version"]}
        assert client.post(f"{API}/releases", json=body).json()["version"] == 2
        assert starts(site) == ["05:00", "11:45", "17:00"]

        client.patch("/api/v1/slots/2", json={"starts_at": "12:30"})
        client.patch("/api/v1/slots/1", json={"starts_at": "11:45"})
        refused = client.post(f"{API}/releases", json={"slot_ids": [1]})
        assert (refused.status_code, refused.json()["code"]) == (409, "release_overlaps")
        assert refused.json()["fixes"][0]["changes"] == {"slot_ids": [1, 2]}

        assert client.post(f"{API}/restore", json={"version": 1}).json()["restores"] == 1
    assert starts(site) == ["05:00", "11:15", "17:00"]


def test_what_an_approver_may_not_write_an_approver_may_still_release(site: Site) -> None:
    """And a commune's officer nothing of the province's."""
    with site.client("huong") as client:
        moved(client, 2, "11:40")
    with site.client("dao") as client:
        page = client.get(CHANGES).text
        assert "Hằng ngày lúc 11:40" in page
        assert 'name="slot_ids"' not in page
        refused = client.submit("/timetable/release", slot_ids=["2"])
        assert refused.status_code == 403
    with site.client("tuan") as client:
        form = ticked(client.get(CHANGES).text)
        assert client.submit("/timetable/release", **form).status_code == 303
    with site.hub.database.read() as session:
        slot = slots.find_slot(session, 2)
        assert slot.released is not None
        assert (slot.starts_at, slot.released["starts_at"]) == (time(11, 40), "11:40:00")
        assert session.query(Slot).count() == 3
