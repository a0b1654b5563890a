"""Today's page is drawn once and given again: never to somebody else, never after a change."""

from __future__ import annotations

import asyncio
import html
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack, closing
from datetime import timedelta

import httpx
import pytest

from api.app import create_app
from scheduler import people
from scheduler.clock import ManualClock
from scheduler.store.models import Person
from tests.web.site import Client, Site

# What a worker or a command does: it has its own lines to the database, and its own memory.
_RENAME = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=10) as database:
    database.execute("UPDATE station SET name = ? WHERE code = ?", sys.argv[2:4])
database.close()
"""


def failed_station(client: Client) -> str:
    """The name of the first station that failed, as the page has it."""
    page = client.get("/").text
    found = re.search(r'id="failed".*?class="named"[^>]*>(.*?)</a>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found.group(1))


def write_elsewhere(site: Site, change: str) -> None:
    """What another process commits: the server hears nothing of it."""
    with closing(sqlite3.connect(site.hub.database.engine.url.database or "")) as database:
        database.execute(change)
        database.commit()


def drawn_anew(site: Site, usernames: Iterable[str]) -> dict[str, str]:
    """Today's page as a process draws it that has just been started and kept nothing."""

    async def ask() -> dict[str, str]:
        transport = httpx.ASGITransport(create_app(site.hub))
        async with httpx.AsyncClient(
            transport=transport, base_url=site.url, verify=False
        ) as client:
            pages = {}
            for one in usernames:
                client.cookies = httpx.Cookies({"loa": site.token(one), "loa_language": "vi"})
                pages[one] = without_tokens((await client.get("/")).text)
            return pages

    return asyncio.run(ask())


def without_tokens(page: str) -> str:
    assert 'id="tonight"' in page
    return re.sub(r'(name="form_token" value=")[^"]+', r"\1", page)


def rename_elsewhere(site: Site, code: str, to: str) -> None:
    url = site.hub.database.engine.url.database
    assert url is not None
    subprocess.run([sys.executable, "-c", _RENAME, url, to, code], check=True, timeout=60)


@pytest.mark.parametrize("path", ["/", "/tonight"])
def test_anonymous_is_refused_what_was_just_kept(site: Site, path: str) -> None:
    """A page that was drawn for somebody is no page for a stranger."""
    with site.client("lan") as client:
        assert client.get(path).status_code == 200
        assert client.get(path).status_code == 200
    with site.client() as stranger:
        assert stranger.get(path).status_code == 303
        stranger.cookies.set("loa", "nobody's")
        assert stranger.get(path).status_code == 303


def test_the_same_is_given_again_and_known_again(site: Site) -> None:
    """Twice the same bytes; and a browser that has them already is told so without them."""
    with site.client("lan") as client:
        first, second = client.get("/"), client.get("/")
        known = client.get("/", headers={"if-none-match": first.headers["etag"]})

    assert first.content == second.content
    assert first.headers["cache-control"] == "private, no-cache"
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["etag"] == first.headers["etag"]


def test_packed_and_plain_are_two_answers(site: Site) -> None:
    """A browser that cannot unpack gets no packed page because another could."""
    with site.client("lan") as client:
        packed = client.get("/", headers={"accept-encoding": "gzip"})
        plain = client.get("/", headers={"accept-encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert "</html>" in packed.text
    assert "</html>" in plain.text


def test_change_by_another_process_is_in_the_next_answer(site: Site) -> None:
    """Nobody reads what was true a moment ago, whoever changed it; no tick has to tell."""
    with site.client("lan") as client:
        name = failed_station(client)
        code = next(one.code for one in site.province.stations.values() if one.name == name)
        for number in range(3):
            rename_elsewhere(site, code, f"Đài đổi tên {number}")
            assert failed_station(client) == f"Đài đổi tên {number}"
            assert f"Đài đổi tên {number}" in client.get("/tonight").text


def test_own_act_is_in_the_next_answer(site: Site) -> None:
    """Who presses "yes, it was heard" does not read the question again."""
    with site.client("dao") as client:
        page = client.get("/").text
        asked = re.search(r'name="station_id" value="(\d+)">\s*<input type="hidden" '
                          r'name="planned_at" value="([^"]+)"', page)  # fmt: skip
        assert asked is not None
        station_id, planned_at = asked.groups()
        client.submit("/confirm", station_id=station_id, planned_at=planned_at, aired="yes")

        assert planned_at not in client.get("/").text


def test_two_people_never_share(site: Site) -> None:
    """Each gets a page with their own name and their own token, also where the rest is shared."""
    with site.hub.database.write() as session:
        unit = session.get_one(Person, site.province.people["lan"].id).unit
        people.add_person(session, username="hoa", full_name="Trịnh <b>Hoa</b>", role="district",
                          unit=unit, now=site.hub.clock.now(), by="test")  # fmt: skip
        neighbour = people.find_person(session, "hoa")
    site.province.people["hoa"] = neighbour
    try:
        with site.client("lan") as first, site.client("hoa") as second:
            assert first.get("/").status_code == 200
            assert second.get("/").headers["location"] == "/password"  # the page is there, and shut
            with site.hub.database.write() as session:
                session.get_one(Person, neighbour.id).must_change_password = False
            for _ in range(2):
                one, two = first.get("/").text, second.get("/").text
                assert "Đỗ Thị Lan" in one
                assert "Đỗ Thị Lan" not in two
                assert "Trịnh &lt;b&gt;Hoa&lt;/b&gt;" in two
                assert "Hoa" not in one
                assert tokens(one).isdisjoint(tokens(two))
            # The token of each page opens for its owner, and for nobody else.
            code = next(iter(site.province.stations.values())).code
            for client, page, status in ((first, one, 303), (second, two, 303), (first, two, 403)):
                assert send_again(client, code, tokens(page).pop()).status_code == status
    finally:
        del site.province.people["hoa"]


def tokens(page: str) -> set[str]:
    return set(re.findall(r'name="form_token" value="([^"]+)"', page))


def send_again(client: Client, code: str, token: str) -> httpx.Response:
    return client.post("/stations/retry", data={"form_token": token, "code": code})


def test_role_and_language_are_not_shared(site: Site) -> None:
    """Two who see the same part of the map may do different things there, in their own words."""
    with site.hub.database.write() as session:
        session.get_one(Person, site.province.people["tuan"].id).role = "commune"
    with site.client("tuan") as client, site.client("huong", language="en") as english:
        assert "/stations/retry" not in client.get("/").text
        assert "/stations/retry" in english.get("/").text
        assert "Failed" in english.get("/tonight").text
        assert "Failed" not in client.get("/tonight").text


def test_signing_out_ends_it_at_once(site: Site) -> None:
    """The cookie that showed the page a moment ago shows the sign-in."""
    with site.client("minh") as client:
        assert client.get("/").status_code == 200
        client.submit("/sign-out")
        client.cookies.set("loa", site.token("minh"))

        assert client.get("/").status_code == 303
        assert client.get("/tonight").status_code == 303
    del site.tokens["minh"]


def test_person_who_was_closed_elsewhere_is_out_at_once(site: Site) -> None:
    """An administrator's word holds for the next question of the one whom it meets."""
    with site.client("minh") as client:
        assert client.get("/").status_code == 200
        with site.hub.database.write() as session:
            person = session.get_one(Person, site.province.people["minh"].id)
            people.set_active(session, person, False, now=site.hub.clock.now(), by="admin")

        assert client.get("/").status_code == 303


def test_time_alone_makes_a_new_page(site: Site) -> None:
    """What is on, and what is over, follows from the clock; nothing was written meanwhile."""
    clock = site.hub.clock
    assert isinstance(clock, ManualClock)
    with site.client("lan") as client:
        assert "20:00" in client.get("/tonight").text
        clock.advance(timedelta(minutes=7))

        assert "20:07" in client.get("/tonight").text


def test_what_is_no_page_is_passed_on(site: Site) -> None:
    """A wrong address is refused in the same words each time; a program's token is no cookie."""
    with site.client("lan") as client:
        for _ in range(2):
            assert client.get("/?unit=99999").status_code == 404
            assert client.get("/?on=never").status_code == 422
            assert client.head("/").status_code in (200, 405)


def test_commit_of_what_the_page_does_not_show_draws_nothing(site: Site) -> None:
    """A night writes all the time; who looks at a page that it does not touch has it already."""
    with site.client("lan") as client, site.client("dao") as commune:
        before = [one.get("/").headers["etag"] for one in (client, commune)]
        for change in (
            "UPDATE station SET clock_skew_s = 0.7, free_bytes = 1, last_seen_at = NULL",
            "UPDATE airing SET evidence = '{}' WHERE state = 'aired'",
            "UPDATE person SET failed_sign_ins = 1 WHERE username = 'minh'",
            "UPDATE airing SET state = 'missed' WHERE broadcast_date < '2022-10-14'",
        ):
            write_elsewhere(site, change)
            assert [one.get("/").headers["etag"] for one in (client, commune)] == before, change


# Each is on somebody's page: what a person may read of every table that it is drawn from.
SHOWN = (
    "INSERT INTO airing_objection (station_id, planned_at, heard, reason, said_by, at) "
    "SELECT station_id, planned_at, state = 'missed', 'ai cũng bảo thế', (SELECT max(id) FROM "
    "person), planned_at FROM airing WHERE grade = 'A'",
    "UPDATE airing SET state = 'missed', reason = 'power_cut' WHERE state = 'aired'",
    "UPDATE airing SET reason = 'no_end' WHERE state = 'missed'",
    "UPDATE airing SET grade = 'B' WHERE grade = 'A'",
    "UPDATE airing SET started_at = planned_at, played_ms = 61000 WHERE state = 'missed'",
    "UPDATE airing SET ms = 1500000",
    "UPDATE airing SET programme_class = 'urgent'",
    "UPDATE airing SET state = 'cancelled' WHERE station_id = 1",
    "UPDATE airing SET programme_id = 2",
    "UPDATE airing SET state = 'unknown', grade = 'D' WHERE state = 'missed'",
    "DELETE FROM airing WHERE slot_id = 2",
    "UPDATE programme SET title = 'Tên mới'",
    "UPDATE slot SET title = 'Buổi khác'",
    "UPDATE slot SET programme_class = 'priority', starts_at = '21:05:00.000000'",
    'INSERT INTO air_order (unit_id, "on", slot_ids, decided_by, decided_at) '
    "SELECT unit.id, day, '[1, 2, 3]', 1, '2022-10-16 01:00:00.000000' "
    "FROM unit, (SELECT '2022-10-16' AS day UNION SELECT '2022-10-17')",
    "UPDATE delivery SET state = 'failed', error_code = 'auth', error_fields = NULL",
    'UPDATE delivery SET error_fields = \'{"username": "u", "host": "h"}\'',
    "UPDATE delivery SET error_code = 'unreachable'",
    "UPDATE delivery SET state = 'superseded'",
    "UPDATE station SET clock_skew_s = 31",
    "UPDATE station SET phone = NULL",
    "UPDATE station SET name = 'Đài ' || code",
    "UPDATE station SET code = 'x' || code",
    "UPDATE station SET host_key = NULL",
    "UPDATE station SET active = 0 WHERE id > 2",
    "INSERT INTO forecast (station_id, for_date, needed_at, bytes_left, kbps, basis, made_at) "
    "SELECT id, '2022-10-17', '2022-10-16 22:00:00.000000', 1, 1, 'link', "
    "'2022-10-16 10:00:00.000000' FROM station",
    "UPDATE forecast SET ready_at = '2022-10-16 10:00:00.000000'",
    "UPDATE unit SET name = name || ' mới'",
    "UPDATE unit SET code = '9' || code",
    "UPDATE programme SET state = 'ready'",
    "UPDATE programme SET state = 'rejected'",
    "INSERT INTO upload (id, person_id, file_name, size_bytes, created_at, touched_at) "
    "SELECT username, id, 'a.wav', 1, created_at, created_at FROM person",
    "UPDATE person SET full_name = full_name || ' A'",
    "UPDATE station_unit SET valid_to = '2022-10-01' WHERE station_id = 1",
    "UPDATE unit SET valid_to = '2022-10-01' WHERE level = 'xã' AND "
    "valid_from < '2022-10-01' AND coalesce(valid_to, '9999') > '2022-10-01'",
    "UPDATE person SET role = 'editor', unit_id = NULL",
)


def test_whatever_is_written_nobody_reads_an_old_page(site: Site) -> None:
    """After each change the page is what a new process would draw, for each who looks at it."""
    with ExitStack() as opened:
        lookers = {one: opened.enter_context(site.client(one)) for one in ("dao", "huong")}
        before: dict[str, str] = {}
        for change in ("SELECT 1", *SHOWN):
            write_elsewhere(site, change)
            kept = {one: without_tokens(client.get("/").text) for one, client in lookers.items()}
            assert kept == drawn_anew(site, lookers), change
            assert kept != before, f"nobody's page shows it: {change}"
            before = kept
