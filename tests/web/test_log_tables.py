"""The log as a spreadsheet: exactly the rows that the page shows."""

from __future__ import annotations

import csv
import io

import openpyxl

from scheduler.store.models import Airing, Programme
from tests.web.site import Site

WEEK = "first=2022-10-10&last=2022-10-16"


def csv_rows(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")  # or Excel takes the letters for another alphabet
    return list(csv.reader(io.StringIO(text[1:])))


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Nobody fetches a table without a sign-in."""
    with shared_site.client() as client:
        for path in ("/airings.csv", "/airings.xlsx"):
            assert client.get(path).status_code == 303


def test_both_tables_hold_every_row_of_the_choice(shared_site: Site) -> None:
    """Five days, twenty stations, three times a day; a page shows fifty of them."""
    with shared_site.client("huong") as client:
        rows = csv_rows(client.get(f"/airings.csv?{WEEK}").text)
        answer = client.get(f"/airings.xlsx?{WEEK}")
        missed = csv_rows(client.get(f"/airings.csv?{WEEK}&state=missed").text)
    assert answer.headers["content-disposition"] == (
        'attachment; filename="nhat-ky-2022-10-10-2022-10-16.xlsx"'
    )
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]

    assert rows[0][:4] == ["Ngày", "Giờ", "Mã đài", "Đài"]
    assert len(rows) == len(cells) == 301
    assert [row[2] for row in rows] == [row[2] for row in cells]
    assert rows[0][7] == "Chuyên đề"
    assert cells[1][0].strftime("%d/%m/%Y") == rows[1][0] == "16/10/2022"
    assert [row[3] for row in missed[1:]] == ["Đài truyền thanh xã Chính Lý"]
    assert list(shared_site.hub.tmp.iterdir()) == []


def test_a_district_gets_only_its_own_rows(shared_site: Site) -> None:
    """The table obeys the same map as the page, whatever the address says."""
    with shared_site.client("lan") as client:
        rows = csv_rows(client.get(f"/airings.csv?{WEEK}").text)
        foreign = client.get(f"/airings.csv?{WEEK}&unit=352")
    assert len({row[2] for row in rows[1:]}) == 6
    assert foreign.status_code == 403


def test_words_find_without_tones_in_page_and_table(shared_site: Site) -> None:
    """ "lan nuoi bo" finds chị Lan; the counts above follow what was found."""
    with shared_site.client("huong") as client:
        rows = csv_rows(client.get(f"/airings.csv?{WEEK}&words=lan+nuoi+bo").text)
        shown = client.get(f"/airings?{WEEK}&words=lan+nuoi+bo").text
    assert {row[5] for row in rows[1:]} == {"Gương thoát nghèo: chị Lan nuôi bò sinh sản ở Bắc Lý"}
    assert len(rows) == 101
    assert 'value="lan nuoi bo"' in shown
    assert "Bản tin sáng" not in shown.split("<tbody>")[1]


def test_a_title_is_never_a_formula(site: Site) -> None:
    """Somebody named a programme =HYPERLINK(…): both tables show it as text."""
    with site.hub.database.write() as session:
        programme = session.query(Programme).filter(Programme.title.startswith("Bản tin")).one()
        programme.title = '=HYPERLINK("http://x","y")'
        session.query(Airing).filter(Airing.programme_id != programme.id).delete()
    with site.client("huong") as client:
        rows = csv_rows(client.get(f"/airings.csv?{WEEK}").text)
        book = client.get(f"/airings.xlsx?{WEEK}").content
    sheet = openpyxl.load_workbook(io.BytesIO(book)).active
    assert sheet is not None

    assert rows[1][5] == '\'=HYPERLINK("http://x","y")'
    assert (sheet["F2"].data_type, sheet["F2"].value) == ("s", programme.title)
