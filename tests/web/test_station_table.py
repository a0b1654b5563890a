"""Stations as a table on a page: looked at row by row, then applied as it was seen."""

from __future__ import annotations

import re

import httpx
import pytest

from scheduler.csvrows import MAX_ROWS
from scheduler.store.models import LedgerEntry, Station
from tests.web.site import Client, Site

HEAD = "code,name,unit_code,technology,kind,phone,notes\n"
CHANGED = (
    "dai-13579,Đài truyền thanh xã Đạo Lý,13579,ip,player,0999 111 222,Chìa khóa ở nhà văn hóa\n"
)
SAME = "dai-13573,Đài truyền thanh xã Chính Lý,13573,fm,player,0912 345 001,\n"
NEW = "moi-1,Đài mới,13582,ip,person,,\n"
TABLE = HEAD + CHANGED + SAME + NEW


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


def previewed(client: Client, table: str = TABLE) -> httpx.Response:
    return client.submit("/import", pasted=table)


def applied(client: Client, page: str) -> httpx.Response:
    fields = {name: hidden(page, name) for name in ("table", "name", "seen")}
    return client.submit("/import/apply", **fields)


def stations(site: Site) -> dict[str, Station]:
    with site.hub.database.read() as session:
        return {one.code: one for one in session.query(Station)}


def entries(site: Site, what: str) -> list[str]:
    with site.hub.database.read() as session:
        return [one.subject for one in session.query(LedgerEntry).filter_by(what=what)]


def test_anonymous_is_refused(shared_site: Site) -> None:
    """A stranger brings no table."""
    with shared_site.client() as client:
        assert client.get("/import").status_code == 303
        assert client.post("/import/apply").status_code in (303, 403)


def test_a_preview_changes_nothing_and_tells_every_cell(site: Site) -> None:
    """What is new, what changes from what to what, what stays."""
    with site.client("ky") as client:
        shown = previewed(client)
    assert shown.status_code == 200
    assert "<del>0912 345 000</del>" in shown.text and "0999 111 222" in shown.text
    assert "moi-1" in shown.text and "Giữ nguyên: 1" in shown.text
    assert len(stations(site)) == 20
    assert stations(site)["dai-13579"].phone == "0912 345 000"


def test_what_was_seen_is_applied_and_written_down_for_each_station(site: Site) -> None:
    """The station that stays has no entry; a column that the table lacks changes nothing."""
    with site.client("ky") as client:
        answer = applied(client, previewed(client).text)
    assert answer.headers["location"] == "/stations?done=imported"
    now = stations(site)
    assert len(now) == 21
    assert (now["dai-13579"].phone, now["dai-13579"].host) == ("0999 111 222", "127.0.0.1")
    assert now["moi-1"].kind == "person"
    assert entries(site, "station_changed") == ["dai-13579"]
    assert entries(site, "station_added") == ["moi-1"]


def test_a_table_that_would_do_something_else_by_now_is_shown_again(site: Site) -> None:
    """Somebody changed the same cell between the look and the click: nothing is overwritten."""
    with site.client("ky") as client:
        page = previewed(client).text
        with site.hub.database.write() as session:
            session.query(Station).filter_by(code="dai-13579").one().phone = "0900 000 000"
        answer = applied(client, page)
        assert answer.status_code == 409
        assert "<del>0900 000 000</del>" in answer.text
        assert stations(site)["dai-13579"].phone == "0900 000 000"
        assert applied(client, answer.text).status_code == 303
    assert stations(site)["dai-13579"].phone == "0999 111 222"


def test_a_double_click_imports_once(site: Site) -> None:
    """The second finds that everything is so already."""
    with site.client("ky") as client:
        page = previewed(client).text
        assert applied(client, page).status_code == 303
        assert applied(client, page).status_code == 409
    assert len(stations(site)) == 21
    assert entries(site, "station_added") == ["moi-1"]


def test_one_bad_row_keeps_all_of_it_out(site: Site) -> None:
    """It is told with its line and why, and there is no button to apply."""
    with site.client("ky") as client:
        shown = previewed(client, TABLE + "xau,,00000,tv,player,,\n").text
    assert 'name="seen"' not in shown
    row = shown.split("bị từ chối", 2)[2].split("</tr>")[1]
    assert ">5<" in row
    assert "00000" in row and "tv" in row


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("cut", [",", ";", "\t"])
def test_a_file_is_taken_as_excel_saves_it(shared_site: Site, encoding: str, cut: str) -> None:
    """Comma, semicolon or tab; UTF-8 with and without its mark, UTF-16."""
    data = TABLE.replace(",", cut).replace("\n", "\r\n").encode(encoding)
    with shared_site.client("ky") as client:
        shown = upload(client, data, "Đài Hà Nam.csv")
    assert shown.status_code == 200
    assert "Đài Hà Nam.csv" in shown.text
    assert "1 mới" in re.sub(r"<[^>]+>", "", shown.text)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xd0\xe0i,\xff", "UTF-8"),
        (b"", "code"),
        (b"x" * (8 << 20) + b"xx", "8 MiB"),
        (HEAD.encode() + b"a\n" * (MAX_ROWS + 1), str(MAX_ROWS)),
        (b'code,name\n"a', "technology"),
    ],
)
def test_what_is_no_table_is_told(shared_site: Site, data: bytes, told: str) -> None:
    """Another encoding, nothing, too much, half a file: a sentence each, and nothing is kept."""
    with shared_site.client("ky") as client:
        answer = upload(client, data, "x.csv")
    assert answer.status_code == 422
    assert told in answer.text.split("<main")[1]


def test_a_damaged_form_is_refused(shared_site: Site) -> None:
    """What unpacks to something else, or to gigabytes, is no table of ours."""
    with shared_site.client("ky") as client:
        for table in ("", "?", "AAAA", "eJw="):
            answer = client.submit("/import/apply", table=table, name="x", seen="y")
            assert answer.status_code == 400


def test_html_in_a_cell_is_text(shared_site: Site) -> None:
    """A name is shown as it is written."""
    with shared_site.client("ky") as client:
        shown = previewed(client, HEAD + "a,<script>x</script>,13582,ip,person,,\n").text
    assert "<script>x" not in shown
    assert "&lt;script&gt;x" in shown


def test_a_pinned_key_stays_and_the_preview_says_so(site: Site) -> None:
    """Who can bring a table must not be able to send us to another machine."""
    key = "ssh-ed25519 " + "B" * 68
    table = "code,name,unit_code,technology,kind,host_key\n"
    table += f"dai-13579,Tên mới,13579,ip,player,{key}\n"
    before = stations(site)["dai-13579"].host_key
    with site.client("ky") as client:
        page = previewed(client, table).text
        assert "Khóa máy chủ giữ nguyên" in page
        applied(client, page)
    now = stations(site)["dai-13579"]
    assert (now.name, now.host_key) == ("Tên mới", before)


def test_the_template_opens_in_excel_and_is_taken_back(shared_site: Site) -> None:
    """With the mark, so that its letters survive."""
    with shared_site.client("ky") as client:
        template = client.get("/import/template.csv")
        assert template.content.startswith(b"\xef\xbb\xbf")
        assert upload(client, template.content, "mau.csv").status_code == 200


def test_a_program_sees_the_same_and_applies_what_it_saw(site: Site) -> None:
    """``dry_run``, then the digest: refused when the registry changed meanwhile."""
    path = "/api/v1/stations/import"
    with site.client("ky") as client:
        seen = client.post(f"{path}?dry_run=true", json={"table": TABLE}).json()
        assert [row["outcome"] for row in seen["rows"]] == ["changed", "unchanged", "added"]
        assert len(stations(site)) == 20
        other = client.post(path, json={"table": TABLE, "seen": "x"})
        assert (other.status_code, other.json()["code"]) == (409, "preview_outdated")
        done = client.post(path, json={"table": TABLE, "seen": seen["digest"]}).json()
        assert (done["dry_run"], done["added"], done["changed"]) == (False, 1, 1)
        bad = client.post(path, json={"table": TABLE + "xau,,00000,tv,player,,\n"})
        assert bad.status_code == 422
        assert {one["field"] for one in bad.json()["problems"]} == {"line 5"}
    assert len(stations(site)) == 21


def upload(client: Client, data: bytes, name: str) -> httpx.Response:
    from api.auth import form_token

    assert client.viewer is not None
    origin = str(client.base_url).rstrip("/")
    return client.post(
        "/import",
        data={"form_token": form_token(client.viewer)},
        files={"file": (name, data, "text/csv")},
        headers={"origin": origin, "sec-fetch-site": "same-origin"},
    )
