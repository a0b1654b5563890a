"""What the pages say: today, the board, the log, the timetable, the people."""

from __future__ import annotations

import re

from scheduler.store.models import Airing, Delivery, LedgerEntry, Person, Slot
from scheduler.store.states import AiringState, DeliveryState, Grade
from tests.web.site import Site


def test_anonymous_is_refused(shared_site: Site) -> None:
    """No page is open."""
    with shared_site.client() as client:
        for path in ("/", "/stations", "/airings", "/programmes", "/timetable", "/people"):
            assert client.get(path).status_code == 303


def test_today_of_a_commune_is_a_plain_list_in_local_time(shared_site: Site) -> None:
    """Three programmes at 05:00, 11:15 and 17:00, each with what is known of it."""
    with shared_site.client("dao") as client:
        shown = client.get("/").text

    assert re.findall(r'<time datetime="[^"]+">(\d\d:\d\d)</time>', shown) == [
        "05:00", "11:15", "17:00"
    ]  # fmt: skip
    assert "Chủ nhật, 16/10/2022 · Xã Đạo Lý" in shown
    assert "đã phát" in shown
    assert "đầu phát ở đài tự ghi nhật ký" in shown
    assert "2022-10-15" in shown  # the day before is one touch away
    assert "2022-10-17" in shown


def test_what_went_wrong_stands_on_today_without_a_click(shared_site: Site) -> None:
    """The province sees 20 stations counted, and those that need a look by name."""
    with shared_site.client("huong") as client:
        shown = client.get("/").text

    assert "16</span> đã phát" in shown
    assert "Đài truyền thanh xã Chính Lý" in shown
    assert "tăng âm hoặc cạc âm thanh bị lỗi" in shown
    assert "mất điện" in shown


def test_state_is_an_icon_and_a_word(shared_site: Site) -> None:
    """Colour alone says nothing to who cannot see it."""
    with shared_site.client("huong") as client:
        shown = client.get("/").text

    states = re.findall(r'<span class="state [a-z]+">(.*?)</span></span>', shown)
    assert len(states) > 15
    assert all(
        "<svg" in one and re.search(r"[a-zà-ỹ]{2}", one.split("</svg>")[1]) for one in states
    )


def test_empty_day_says_what_to_do_next(shared_site: Site) -> None:
    """A day without a plan leads to the timetable."""
    with shared_site.client("huong") as client:
        shown = client.get("/?on=2022-12-24").text

    assert "Ngày này chưa có lịch phát" in shown
    assert 'href="/timetable"' in shown.split("<main")[1]


def test_person_confirms_with_one_touch_and_by_name(site: Site) -> None:
    """The commune's word is grade B, in the log and in the ledger."""
    with site.client("dao") as client:
        shown = client.get("/").text
        form = re.search(
            r'name="station_id" value="(\d+)".*?name="planned_at" value="([^"]+)"', shown, re.S
        )
        assert form is not None
        answer = client.submit("/confirm", station_id=form[1], planned_at=form[2], aired="yes")
        assert answer.headers["location"] == "/?on=2022-10-16&done=confirmed"
        assert "Cảm ơn ông/bà" in client.get(answer.headers["location"]).text

    with site.hub.database.read() as session:
        row = session.query(Airing).filter_by(
            station_id=int(form[1]), grade=Grade.B, state=AiringState.AIRED
        ).one()  # fmt: skip
        entry = session.query(LedgerEntry).filter_by(what="airing_confirmed").one()
    assert row.evidence is not None
    assert row.evidence["who"] == "dao"
    assert entry.who == "dao"


def test_board_shows_the_failing_first_with_words_and_a_number_to_call(shared_site: Site) -> None:
    """Whom to call, why, and what to say."""
    with shared_site.client("lan") as client:
        shown = client.get("/stations").text

    rows = shown.split("<tr>")[2:]
    assert "không trả lời" in rows[0] + rows[1]
    assert 'href="tel:0912345001"' in rows[0] + rows[1]
    assert "4,5 MB" in rows[0] + rows[1]
    assert "2 đài cần xử lý" in shown
    assert "Gửi lại" not in rows[3]


def test_board_is_filtered_by_problem_and_by_name_without_tones(shared_site: Site) -> None:
    """``tran hung dao`` finds both places of that name, told apart by the unit above."""
    with shared_site.client("admin") as client:
        both = client.get("/stations?search=tran hung dao").text
        failing = client.get("/stations?problems=true").text
        none = client.get("/stations?search=khong co").text

    assert "Thành phố Phủ Lý" in both
    assert "Huyện Lý Nhân" in both
    assert both.count('scope="row"') == 2
    assert failing.count('scope="row"') == 4
    assert "Không có đài nào khớp lựa chọn này" in none


def test_send_again_makes_what_failed_due_now(site: Site) -> None:
    """A person who has phoned and heard that the power is back sends it again."""
    station = site.province.stations["13573"]
    with site.client("lan") as client:
        answer = client.submit("/stations/retry", code=station.code)
        assert answer.headers["location"] == "/stations?done=retried"

    with site.hub.database.read() as session:
        row = session.query(Delivery).filter_by(station_id=station.id).one()
        assert row.state is DeliveryState.DUE
        assert row.next_try_at == site.hub.clock.now()


def test_log_counts_states_and_grades_side_by_side(shared_site: Site) -> None:
    """What happened, and how we know: two lists that nobody adds together."""
    with shared_site.client("huong") as client:
        shown = client.get("/airings").text

    assert shown.count('aria-labelledby="by-state"') == 1
    assert shown.count('aria-labelledby="by-grade"') == 1
    assert "không cộng chung với nhau" in shown
    for word in ("chưa xác nhận", "không phát", "phát dở dang", "phát muộn", "đã hủy"):
        assert word in shown


def test_log_is_read_page_by_page_without_gap_or_double(shared_site: Site) -> None:
    """Every row of five days comes exactly once."""
    path: str | None = "/airings"
    seen: list[tuple[str, str]] = []
    with shared_site.client("huong") as client:
        for _ in range(20):
            if path is None:
                break
            shown = client.get(path).text
            rows = shown.split("<tbody>")[1].split("</tbody>")[0].split("<tr>")[1:]
            seen += [
                (re.findall(r'datetime="([^"]+)"', row)[0], re.findall(r"<td>(Đài[^<]+)", row)[0])
                for row in rows
            ]
            following = re.search(r'href="([^"]+)" rel="next"', shown)
            path = following[1].replace("&amp;", "&") if following else None

    # 20 stations, 5 days, 3 times a day; two of them share a name.
    assert path is None
    assert len(seen) == 300
    assert seen == sorted(seen, key=lambda one: one[0], reverse=True)


def test_log_is_filtered_by_state_and_by_grade(shared_site: Site) -> None:
    """Only what was asked for."""
    with shared_site.client("huong") as client:
        missed = client.get("/airings?state=missed").text
        inferred = client.get("/airings?grade=C").text
        empty = client.get("/airings?first=2020-01-01&last=2020-01-07").text
        backwards = client.get("/airings?first=2022-10-16&last=2022-10-01")
        forged = client.get("/airings?after=drop table")

    assert missed.split("<tbody>")[1].count("<tr>") == 1
    assert set(re.findall(r'class="grade" title="[^"]+">(.)<', inferred)) == {"C"}
    assert "Nhật ký không có gì theo lựa chọn này" in empty
    assert backwards.status_code == 422
    assert forged.status_code == 422


def test_slot_is_added_and_taken_out_again(site: Site) -> None:
    """A line of the timetable comes with its form and goes with a question."""
    programme = site.province.programmes["lan"]
    fields = {"title": "Tối thứ hai", "programme_id": str(programme.id), "audience": "unit:353",
              "starts_at": "19:30"}  # fmt: skip
    with site.client("huong") as client:
        answer = client.submit("/timetable", **fields, days=["MO", "WE"])
        assert answer.headers["location"] == "/timetable?done=slot_added"
        shown = client.get("/timetable").text
        assert "Thứ 2, 4 hằng tuần lúc 19:30" in shown
        with site.hub.database.read() as session:
            slot = session.query(Slot).filter_by(title="Tối thứ hai").one()
        asked = client.get(f"/timetable/{slot.id}/remove").text
        assert "Bỏ khung giờ này?" in asked
        answer = client.submit(f"/timetable/{slot.id}/remove")
        assert answer.headers["location"] == "/timetable?done=slot_removed"
        assert "Tối thứ hai" not in client.get("/timetable").text


def test_overlapping_slot_is_refused_and_what_was_typed_is_kept(site: Site) -> None:
    """The clash is told with its station and day; nothing has to be typed again."""
    fields = {"title": "Chen <ngang>", "programme_id": "2", "audience": "unit:353",
              "starts_at": "05:05", "valid_to": "2022-12-31"}  # fmt: skip
    with site.client("huong") as client:
        answer = client.submit("/timetable", **fields, days=["SU"])

    assert answer.status_code == 409
    assert "Khung giờ này trùng với &#34;Buổi sáng&#34;" in answer.text
    for kept in (
        'value="Chen &lt;ngang&gt;"',
        'value="05:05"',
        'value="2022-12-31"',
        'value="unit:353" selected',
        'value="2" selected',
        'value="SU" checked',
    ):
        assert kept in answer.text, kept
    with site.hub.database.read() as session:
        assert session.query(Slot).count() == 3


def test_bad_slots_are_told_in_words(site: Site) -> None:
    """A missing time, a day that is over, no programme: each its own sentence."""
    good = {"title": "A", "programme_id": "2", "audience": "unit:353", "starts_at": "20:00"}
    with site.client("huong") as client:
        for change, told in (
            ({"starts_at": "25:99"}, "Thiếu giờ phát"),
            ({"programme_id": ""}, "Hãy chọn một chương trình"),
            ({"valid_from": "2022-10-15"}, "Ngày đầu đã qua rồi"),
            ({"valid_from": "2022-11-02", "valid_to": "2022-11-01"}, "Ngày cuối lại trước"),
            ({"audience": ""}, "Cần chọn nơi nghe"),
            ({"audience": "unit:99999"}, "Không có đơn vị"),
            ({"title": " "}, "Tên có từ 1 đến 200 ký tự"),
        ):
            answer = client.submit("/timetable", **{**good, **change})
            assert answer.status_code in (404, 422), told
            assert told in answer.text, told


def test_one_time_secret_is_shown_once(site: Site) -> None:
    """It stands on the answer that made it, is not stored by the browser, and is nowhere after."""
    fields = {"username": "hoa", "full_name": "Đặng Thị Hoa", "role": "commune", "unit": "13573"}
    with site.client("admin") as client:
        answer = client.submit("/people", **fields)
        invitation = re.search(r"/welcome/([\w-]+)", answer.text)
        assert invitation is not None
        assert answer.headers["cache-control"] == "no-store"
        assert invitation[1] not in client.get("/people").text
        answer = client.submit("/people/secret", username="hoa")
        secret = re.search(r'class="secret">([^<]+)<', answer.text)
        assert secret is not None
        assert answer.headers["cache-control"] == "no-store"
        later = client.get("/people").text
        assert secret[1] not in later
        assert "Đặng Thị Hoa" in later
        again = client.submit("/people", **fields)
        assert (again.status_code, 'value="Đặng Thị Hoa"' in again.text) == (409, True)

    with site.hub.database.read() as session:
        assert session.query(Person).filter_by(username="hoa").one().must_change_password


def test_closed_person_is_out_at_once(site: Site) -> None:
    """The administrator closes an access; its open browser is signed out with the next click."""
    with site.client("lan") as theirs, site.client("admin") as admin:
        assert theirs.get("/").status_code == 200
        answer = admin.submit("/people/access", username="lan", active="no")
        assert answer.headers["location"] == "/people?done=closed"
        assert theirs.get("/").status_code == 303
        last = admin.submit("/people/access", username="admin", active="no")
        assert (last.status_code, "quản trị viên cuối cùng" in last.text) == (422, True)


def test_unknown_pages_and_forms_are_told_in_the_same_dress(shared_site: Site) -> None:
    """404, 405 and a form with a missing field are pages too."""
    with shared_site.client("admin") as client:
        for answer, status in (
            (client.get("/khong-co"), 404),
            (client.get("/programmes/999"), 404),
            (client.get("/?on=hom-qua"), 422),
            (client.put("/people"), 405),
            (client.submit("/people/access"), 422),
        ):
            assert answer.status_code == status
            assert '<html lang="vi">' in answer.text
            assert "Chưa thực hiện được" in answer.text
            assert 'href="/ledger"' in answer.text  # the menu: the way on


def test_a_damaged_database_is_told_in_the_same_dress(site: Site) -> None:
    """In words for the reader, with what the technician needs, and nothing of the server."""
    with site.client("dao") as client:
        assert client.get("/").status_code == 200
        site.hub.database.close()
        for file in site.hub.data.glob("loa.db*"):
            file.write_bytes(b"what a dying disk left behind" * 400)
        told = client.get("/")
        posted = client.submit("/sign-out")

    for answer in (told, posted):
        assert answer.status_code == 503
        assert "Dữ liệu của Loa bị hỏng" in answer.text and "database_damaged" in answer.text
        assert str(site.hub.data) not in answer.text


def test_first_load_is_light(shared_site: Site) -> None:
    """Page, style and icons together, as they come over the wire: 20 KiB at the most."""
    with shared_site.client("lan") as client:
        page = client.get("/")
        total = 0
        for path in ["/", *set(re.findall(r"/static/[a-z.]+\?v=[0-9a-f]+", page.text))]:
            with client.stream("GET", path) as answer:
                total += sum(len(chunk) for chunk in answer.iter_raw())
                total += sum(len(k) + len(v) + 4 for k, v in answer.headers.raw)

    assert total < 20 * 1024
