"""The log on its page: forth and back, by theme and programme, and a word for many."""

from __future__ import annotations

import re
from html import unescape

from scheduler.store import ledger
from scheduler.store.models import Airing, LedgerEntry, Programme
from scheduler.store.states import OPEN_AIRINGS, AiringState, Grade
from tests.web.site import Client, Site

API = "/api/v1/airings"
WEEK = "first=2022-10-10&last=2022-10-16"
_ROW = re.compile(r'<td class="nowrap"><a href="([^"]+)"')


def test_anonymous_is_refused(shared_site: Site) -> None:
    """A word has a name."""
    with shared_site.client() as client:
        assert client.get("/airings/confirm").status_code == 303
        assert client.post("/airings/confirm").status_code in (303, 403)
        assert client.post(f"{API}/confirm", json={}).status_code == 401


def walked(client: Client, path: str, rel: str) -> list[list[str]]:
    """The rows of a page and of those behind it, by the links of the pages themselves."""
    pages = []
    for _ in range(20):
        shown = client.get(path).text
        pages.append(_ROW.findall(shown))
        link = re.search(rf'href="([^"]+)" rel="{rel}"', shown)
        if link is None:
            break
        path = unescape(link[1])
    pages.append([path])
    return pages


def test_the_way_back_shows_the_pages_of_the_way_forth(shared_site: Site) -> None:
    """Six pages of fifty: older to the end, newer to the beginning, each row once."""
    with shared_site.client("huong") as client:
        *forth, [last] = walked(client, f"/airings?{WEEK}", "next")
        *back, _ = walked(client, last, "prev")

    assert [len(rows) for rows in forth] == [50] * 6
    assert len({row for rows in forth for row in rows}) == 300
    assert back == forth[::-1]


def test_a_theme_is_chosen_from_what_programmes_are_about(site: Site) -> None:
    """Page, JSON and table show the same rows; each names the theme."""
    with site.hub.database.write() as session:
        programme = session.query(Programme).filter(Programme.title.contains("chị Lan")).one()
        programme.theme = "Gương điển hình"
    with site.client("huong") as client:
        shown = client.get(f"/airings?{WEEK}&theme=Gương điển hình").text
        answer = client.get(f"{API}?{WEEK}&theme=guong dien hinh&limit=1000").json()["airings"]
        of_programme = client.get(f"{API}?{WEEK}&programme={programme.id}&limit=1000").json()
        table = client.get(f"/airings.csv?{WEEK}&theme=Gương điển hình").text.splitlines()
        alone = client.get(f"/airings?{WEEK}&programme={programme.id}").text
        nothing = client.get(f"/airings?{WEEK}&theme=Không có").text

    assert "<option selected>Gương điển hình</option>" in shown
    assert len(_ROW.findall(shown)) == 50
    assert {one["theme"] for one in answer} == {"Gương điển hình"}
    assert len(answer) == len(of_programme["airings"]) == len(table) - 1 == 100
    assert "Gương điển hình" in table[1]
    assert f"Chỉ chương trình {programme.title}" in alone
    assert f'href="/airings?{WEEK.replace("&", "&amp;")}"' in alone
    assert "Nhật ký không có gì" in nothing
    assert " · Gương điển hình</span>" in shown
    assert not re.search(r'class="figure">0<', shown)  # a state that nothing is in is left out


def untold(site: Site, username: str) -> int:
    """What waits for a word in the week, at the stations of a commune officer."""
    station = site.province.stations["13579"].id
    with site.hub.database.read() as session:
        return (
            session.query(Airing)
            .filter(
                Airing.station_id == station,
                Airing.planned_at < site.hub.clock.now(),
                Airing.state.in_((*OPEN_AIRINGS, AiringState.UNKNOWN)),
            )
            .count()
        )


def test_an_officer_tells_of_a_week_at_once(site: Site) -> None:
    """First how many there are, then a word; doubled, it finds nothing more to tell."""
    waiting = untold(site, "dao")
    assert waiting
    with site.client("dao") as client:
        asked = client.get(f"/airings/confirm?{WEEK}").text
        answer = client.submit(f"/airings/confirm?{WEEK}", aired="yes", note="hỏi anh Tư")
        again = client.submit(f"/airings/confirm?{WEEK}", aired="no")
        empty = client.get(f"/airings/confirm?{WEEK}").text
        thanks = client.get(answer.headers["location"]).text

    assert f"{waiting} lượt phát ở 1 đài" in asked
    assert answer.status_code == again.status_code == 303
    assert "Không còn lượt phát nào chờ xác nhận." in empty
    assert "Cảm ơn ông/bà" in thanks
    with site.hub.database.read() as session:
        entries = session.query(LedgerEntry).filter_by(what="airing_confirmed", who="dao").all()
        rows = session.query(Airing).filter_by(grade=Grade.B, reason="hỏi anh Tư").all()
        assert ledger.verify(session) is None
    assert len(entries) == len(rows) == waiting
    assert {row.state for row in rows} == {AiringState.AIRED}
    assert untold(site, "dao") == 0


def test_a_program_tells_of_many_with_a_key_and_no_other_unit(site: Site) -> None:
    """The same key gives the same answer; another district is refused; days are checked."""
    days = {"first": "2022-10-10", "last": "2022-10-16"}
    key = {"idempotency-key": "a-week"}
    waiting = untold(site, "dao")
    with site.client("dao") as client:
        foreign = client.post(f"{API}/confirm", json={**days, "unit": "352", "aired": True})
        backwards = client.post(
            f"{API}/confirm", json={"first": "2022-10-16", "last": "2022-10-10", "aired": True}
        )
        one, two = (
            client.post(f"{API}/confirm", json={**days, "aired": True}, headers=key)
            for _ in range(2)
        )

    assert (foreign.status_code, backwards.status_code) == (403, 422)
    assert one.json() == two.json() == {"confirmed": waiting}
    assert two.headers["idempotent-replayed"] == "true"
