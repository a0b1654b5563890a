"""The pages of the map: the tree of any day, a unit's history, the list and the map of stations."""

from __future__ import annotations

import re

from scheduler.store.models import Station, Unit, UnitEvent
from tests.web.site import Site

EVENT = {
    "on": "2025-07-01", "kind": "merged", "before": "13579 13588", "after": "13579",
    "basis": "Nghị quyết số 1",
}  # fmt: skip


def unit_id(site: Site, code: str, *, ended: bool) -> int:
    """Of a code that two units had one after the other."""
    with site.hub.database.read() as session:
        found = session.query(Unit).filter_by(code=code).order_by(Unit.valid_from).all()
    return (found[0] if ended else found[-1]).id


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Also here the sign-in comes first."""
    with shared_site.client() as client:
        for path in ("/units", "/units/1", "/map", "/links"):
            assert client.get(path).status_code == 303


def test_the_tree_of_a_day_and_of_another(shared_site: Site) -> None:
    """Districts with their communes today, none after they were abolished; dates as we write."""
    with shared_site.client("ky") as client:
        today = client.get("/units").text
        later = client.get("/units?on=2025-07-02").text
        nothing = client.get("/units?on=1999-01-01").text
    assert "Huyện Lý Nhân" in today and "Xã Đạo Lý" in today
    assert "01/01/2020" in today
    assert '<a href="/stations?unit=13579">1 đài</a>' in today
    assert "Huyện Lý Nhân" not in later
    assert "Không có danh mục của ngày này" in nothing


def test_a_unit_tells_what_became_of_it_and_that_no_basis_is_written_down(site: Site) -> None:
    """Until somebody writes the event down: then its basis, from both sides."""
    old, new = unit_id(site, "13579", ended=True), unit_id(site, "13579", ended=False)
    with site.client("ky") as client:
        before = client.get(f"/units/{old}").text
        assert "Chưa ghi sự kiện và căn cứ" in before
        assert f'href="/units/{new}"' in before
        answer = client.submit("/units/events", **EVENT)
        assert answer.headers["location"] == "/units?on=2025-07-01&done=event_recorded"
        for number in (old, new):
            shown = client.get(f"/units/{number}").text
            assert "Nghị quyết số 1" in shown and "sáp nhập" in shown
            assert "Chưa ghi sự kiện" not in shown
        assert client.submit("/units/events", **EVENT).status_code == 409
        wrong = client.submit("/units/events", **{**EVENT, "on": "hôm qua", "basis": "Giữ lại"})
        assert wrong.status_code == 422
        assert 'value="Giữ lại"' in wrong.text
    with site.hub.database.read() as session:
        assert session.query(UnitEvent).count() == 1


def test_a_program_reads_the_map_and_writes_an_event_down(site: Site) -> None:
    """The same as the page, with pages of its own."""
    with site.client("ky") as client:
        some = client.get("/api/v1/units?limit=50").json()
        more = client.get(f"/api/v1/units?limit=1000&after={some[-1]['id']}").json()
        assert len({one["id"] for one in some + more}) == 116
        body = {**EVENT, "before": ["13579", "13588"], "after": ["13579"]}
        made = client.post("/api/v1/units/events", json=body)
        assert (made.status_code, made.json()["recorded_by"]) == (201, "ky")
        assert client.get("/api/v1/units/events").json() == [made.json()]
        again = client.post("/api/v1/units/events", json=body)
        assert (again.status_code, again.json()["code"]) == (409, "already_exists")


def test_stations_of_others_are_neither_counted_nor_named(shared_site: Site) -> None:
    """The map is public; where a box stands is not."""
    other = unit_id(shared_site, "13300", ended=True)
    with shared_site.client("dao") as client:
        tree = client.get("/units").text
        one = client.get(f"/units/{other}").text
    assert set(re.findall(r"\d+ đài", tree)) == {"1 đài"}
    assert "Đài truyền thanh phường" not in one


def test_the_list_is_filtered_sorted_and_paged(site: Site) -> None:
    """By technology, standing and words; a nation is read page after page."""
    with site.hub.database.write() as session:
        for number in range(70):
            session.add(Station(code=f"x{number}", name=f"Đài {number}", technology="ip",
                                kind="person"))  # fmt: skip

    def rows(path: str) -> list[str]:
        found: list[str] = re.findall(
            r'scope="row"><a href="/stations/([^"]+)"', client.get(path).text
        )
        return found

    with site.client("ky") as client:
        first, second = rows("/stations"), rows("/stations?page=2")
        assert (len(first), len(second)) == (50, 40)
        assert not set(first) & set(second)
        assert rows("/stations?page=99") == second
        assert len(rows("/stations?technology=fm")) == 7
        assert rows("/stations?search=ly nhan&sort=name")[0] == "dai-13597"
        assert len(rows("/stations?standing=ready")) == 12
        assert len(rows("/stations?standing=nonsense")) == 0
        assert rows("/stations?sort=seen&technology=ip&search=dai-")[0] == "dai-13465"


def test_the_map_shows_each_station_with_its_word_and_its_link(site: Site) -> None:
    """As a tile by district, and as a mark where coordinates are known."""
    with site.hub.database.write() as session:
        for code, lat in (("dai-13579", 20.5), ("dai-13573", 20.6)):
            one = session.query(Station).filter_by(code=code).one()
            one.lat, one.lon = lat, 106.0
    with site.client("lan") as client:
        page = client.get("/map").text
    drawing = page.split('<svg class="map"')[1].split("</svg>\n<details>")[0]
    labels = re.findall(r'<a href="/stations/dai-\d+" aria-label="([^"]+)"', drawing)
    assert labels == [
        "1. Đài truyền thanh xã Chính Lý: cần xử lý", "2. Đài truyền thanh xã Đạo Lý: đã đủ"
    ]  # fmt: skip
    tiles = re.findall(r'class="spot \w+" href="/stations/(dai-\d+)"', page)
    assert len(set(tiles)) == 6
    assert "style=" not in page and "<script" not in page.split("<main")[1]
