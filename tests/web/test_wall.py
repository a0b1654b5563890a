"""The week on the wall of the commune's office, and the page that its QR code opens."""

from __future__ import annotations

import re

from scheduler.store.models import Airing, LedgerEntry
from scheduler.store.states import AiringState, Grade
from tests.web.site import Site

MINE, FOREIGN = "/stations/dai-13579", "/stations/dai-13300"


def test_anonymous_is_led_to_the_sign_in_and_back(shared_site: Site) -> None:
    """The code on the wall is no secret: who scans it signs in and then stands where it leads."""
    with shared_site.client() as client:
        answer = client.get(f"{MINE}/confirm")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fstations%2Fdai-13579%2Fconfirm"


def test_another_commune_is_refused(shared_site: Site) -> None:
    """A commune officer neither prints nor confirms for a neighbour."""
    with shared_site.client("dao") as client:
        assert client.get(f"{FOREIGN}/week").status_code == 403
        assert client.get(f"{FOREIGN}/confirm").status_code == 403
        answer = client.submit(
            f"{FOREIGN}/confirm", planned_at="2022-10-16T04:15:00+00:00", aired="yes"
        )
        assert answer.status_code == 403


def test_the_sheet_shows_seven_days_and_a_code(shared_site: Site) -> None:
    """Today's and tomorrow's airings; what is not yet planned as the released timetable has it."""
    with shared_site.client("dao") as client:
        shown = client.get(f"{MINE}/week").text
    assert shown.count('scope="rowgroup"') == 7
    assert "không có lịch phát" not in shown
    assert re.findall(r"<strong>(\d\d:\d\d)</strong>", shown) == ["05:00", "11:15", "17:00"] * 7
    assert '<svg class="qr"' in shown.replace("\n", " ") or 'class="qr"' in shown
    assert f"{shared_site.url}{MINE}/confirm" in shown


def test_days_on_which_nothing_airs_say_so(shared_site: Site) -> None:
    """Before the slots began; and what is long over is never filled in from the timetable."""
    with shared_site.client("dao") as client:
        shown = client.get(f"{MINE}/week?first=2022-10-06").text
    assert shown.count("không có lịch phát") == 6


def test_a_word_is_given_and_put_right_as_a_new_entry(site: Site) -> None:
    """Both words stay in the ledger; the airing shows the later one."""
    planned_at = "2022-10-16T04:15:00+00:00"
    with site.client("dao") as client:
        assert planned_at in client.get(f"{MINE}/confirm").text
        client.submit(f"{MINE}/confirm", planned_at=planned_at, aired="yes")
        shown = client.get(f"{MINE}/confirm").text
        assert "Sửa lại lời xác nhận này" in shown
        answer = client.submit(
            f"{MINE}/confirm", planned_at=planned_at, aired="no", note="cụm loa thôn 3 hỏng"
        )
    assert answer.headers["location"] == f"{MINE}/confirm?on=2022-10-16&done=confirmed"
    with site.hub.database.read() as session:
        station = site.province.stations["13579"]
        rows = session.query(Airing).filter_by(station_id=station.id, grade=Grade.B).all()
        told = session.query(LedgerEntry).filter_by(what="airing_confirmed")
        words = told.order_by(LedgerEntry.seq).all()
    assert [(row.state, row.reason) for row in rows] == [
        (AiringState.MISSED, "cụm loa thôn 3 hỏng")
    ]
    assert [entry.detail["aired"] for entry in words] == [True, False]
