"""A line of the timetable changed on its page: everything of it, by one person or by two."""

from __future__ import annotations

import html
import re
from datetime import time

from scheduler import slots
from scheduler.slots import SlotDetails, details_of
from scheduler.store.models import Series, Slot
from tests.web.site import Client, Site

EDIT = "/timetable/2/edit"


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Neither the form, nor its check, nor a change."""
    with shared_site.client() as client:
        for path in (EDIT, "/timetable/new", "/timetable/check"):
            assert client.get(path).status_code == 303
        assert client.post(EDIT).status_code in (303, 403, 422)


def opened(client: Client, path: str = EDIT) -> dict[str, str | list[str]]:
    """What a browser would send of the form if nothing were typed."""
    form = client.get(path).text.split('id="slot"')[1].split("</form>")[0]
    sent: dict[str, str | list[str]] = {}
    for tag in re.findall(r"<input [^>]+>", form):
        name = re.search(r'name="(\w+)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name is None or ("checkbox" in tag and "checked" not in tag):
            continue
        text = html.unescape(value[1]) if value else ""
        if "checkbox" in tag:
            known = sent.setdefault(name[1], [])
            assert isinstance(known, list)
            known.append(text)
        else:
            sent[name[1]] = text
    for name_, options in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        for chosen in re.findall(r'value="([^"]*)" selected', options):
            if name_ in ("items", "more", "exclude"):
                sent[name_] = [*sent.get(name_, []), html.unescape(chosen)]
            else:
                sent[name_] = html.unescape(chosen)
    sent.pop("form_token")
    return sent


def stands(site: Site, slot_id: int = 2) -> SlotDetails:
    with site.hub.database.read() as session:
        return details_of(slots.find_slot(session, slot_id))


def written(site: Site) -> int:
    with site.hub.database.read() as session:
        return session.query(Slot).filter(Slot.removed_at.is_(None)).count()


def test_a_line_is_opened_and_saved_as_it_is(site: Site) -> None:
    """Nothing typed is nothing changed, whatever the line holds."""
    with site.hub.database.write() as session:
        session.add(Series(name="Nhà nông: cần biết".replace(":", ""), order_by="episode",
                           created_at=site.hub.clock.now()))  # fmt: skip
    lines = (
        {"rrule": "FREQ=MONTHLY;BYDAY=-1SU", "seconds": 90, "late_ok_s": 45, "exclude":
         ("station:dai-13573", "unit:352"), "audience": ("unit:353", "station:dai-13285")},
        {"rrule": "LUNAR;DAY=1,15", "series": "Nhà nông cần biết", "filler_id": 1, "ident_id": 3},
        {"rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "theme": "Gương điển hình",
         "no_repeat_days": 30, "programme_class": "priority"},
        {"rrule": "FREQ=YEARLY;BYMONTH=9;BYMONTHDAY=2", "items": ("programme:1", "theme:2",
         "programme:1"), "kind": "relay_district"},
    )  # fmt: skip
    editor = site.province.people["huong"]
    for change in lines:
        slots.edit_slot(site.hub, 2, change, by=editor)
        before = stands(site)
        with site.client("huong") as client:
            answer = client.submit(EDIT, **opened(client))
            assert answer.headers["location"] == "/timetable?done=slot_changed", change
        assert stands(site) == before


def test_everything_of_a_line_is_changed_on_its_page(site: Site) -> None:
    """Its rule, start, length, listeners, class, lateness, content, relay and days."""
    typed = {
        "title": "Tiếp sóng", "programme_id": "list", "items": ["theme:3", "programme:2"],
        "ident_id": "1", "filler_id": "3", "audience": "unit:353", "more": ["station:dai-13285"],
        "exclude": ["station:dai-13573", "station:dai-13576"], "starts_at": "19:05",
        "minutes": "25:30", "late_minutes": "0", "kind": "announcement",
        "programme_class": "priority", "repeats": "nth", "nth": "3", "nth_day": "WE",
        "valid_from": "2022-11-01", "valid_to": "2023-01-31", "no_repeat_days": "14",
        "back": "/timetable/calendar?view=week&on=2022-11-02",
    }  # fmt: skip
    with site.client("huong") as client:
        answer = client.submit(EDIT, **{**opened(client), **typed})
    where = "/timetable/calendar?view=week&on=2022-11-02&done=slot_changed"
    assert answer.headers["location"] == where

    now = stands(site)
    assert (now.title, now.items, now.programme_id) == (
        "Tiếp sóng",
        ("theme:3", "programme:2"),
        None,
    )
    assert (now.ident_id, now.filler_id, now.no_repeat_days) == (1, 3, 14)
    assert now.audience == ("unit:353", "station:dai-13285")
    assert now.exclude == ("station:dai-13573", "station:dai-13576")
    assert (now.starts_at, now.seconds, now.late_ok_s) == (time(19, 5), 1530, 0)
    assert (now.kind, now.programme_class) == ("announcement", "priority")
    assert now.rrule == "FREQ=MONTHLY;BYDAY=3WE"
    assert (str(now.valid_from), str(now.valid_to)) == ("2022-11-01", "2023-01-31")


def test_a_live_relay_is_typed_and_its_host_is_checked(site: Site) -> None:
    """An address that the settings do not allow is told; what was typed stays."""
    relay = {"stream": "http://live.example.vn:8000/fm", "kind": "relay_province"}
    with site.client("huong") as client:
        refused = client.submit(EDIT, **{**opened(client), **relay})
    assert refused.status_code == 422
    assert "live.example.vn" in refused.text
    assert 'value="http://live.example.vn:8000/fm"' in refused.text
    assert stands(site).stream is None


def test_what_stands_in_the_way_is_shown_while_editing(site: Site) -> None:
    """The check of the script and the button say the same, and write nothing."""
    with site.client("huong") as client:
        wish = {**opened(client), "starts_at": "05:05"}
        asked = {name: value for name, value in wish.items() if name != "opened"}
        part = client.get("/timetable/check", params={**asked, "slot_id": "2"}).text
        shown = client.submit(EDIT, **wish, do="preview").text
        refused = client.submit(EDIT, **wish)
        free = {**asked, "starts_at": "06:00", "slot_id": "2"}
        good = client.get("/timetable/check", params=free).text
    for text in (part, shown, refused.text):
        assert "trùng với &#34;Buổi sáng&#34;" in text
        assert "bắt đầu lúc 05:15" in text
    assert refused.status_code == 409
    assert "<html" not in part
    assert "Không vướng gì" in good
    assert "trùng" not in good
    assert stands(site).starts_at == time(11, 15)


def test_days_that_are_over_are_refused_and_those_that_stand_are_not(site: Site) -> None:
    """A line began a month ago: that stays; a new first or last day in the past is a mistake."""
    with site.client("huong") as client:
        as_it_is = opened(client)
        for change, told in (
            ({"valid_from": "2022-10-01"}, "Ngày đầu đã qua rồi"),
            ({"valid_to": "2022-10-15"}, "Ngày cuối đã qua rồi"),
            ({"valid_from": ""}, "Khung giờ đã có phải có ngày đầu"),
            ({"minutes": "1:75"}, "Thời lượng"),
        ):
            answer = client.submit(EDIT, **{**as_it_is, **change})
            assert answer.status_code == 422
            assert told in answer.text, told
        assert client.submit(EDIT, **{**as_it_is, "late_minutes": "3"}).status_code == 303
        line = {"title": "Tối", "unit_code": "35", "audience": ["unit:35"], "programme_id": 1,
                "starts_at": "19:00", "valid_from": "2022-10-01"}  # fmt: skip
        over = {"valid_to": "2022-10-15"}
        answers = [
            client.post("/api/v1/slots", json=line), client.post("/api/v1/slots/check", json=line),
            client.patch("/api/v1/slots/2", json=over),
            client.post("/api/v1/slots/2/check", json=over),
        ]  # fmt: skip
        kept = client.patch("/api/v1/slots/2", json={"valid_from": "2022-09-16", "title": "Trưa"})
    assert [one.status_code for one in answers] == [422] * 4
    said = [one.json()["detail"] for one in answers]
    assert ["gày đầu đã qua rồi" in one for one in said] == [True, True, False, False]
    assert ["gày cuối đã qua rồi" in one for one in said] == [False, False, True, True]
    assert kept.status_code == 200  # it began on that day


def test_the_second_of_two_sees_both_versions_and_mixes_them(site: Site) -> None:
    """Nothing is written over unseen; what only one of them changed is chosen already."""
    with site.client("huong") as huong, site.client("dung") as dung:
        hers, his = opened(huong), opened(dung)
        huong.submit(EDIT, **{**hers, "starts_at": "11:40", "title": "Trưa mới"})
        answer = dung.submit(EDIT, **{**his, "title": "Bản tin trưa", "minutes": "20"})

        assert answer.status_code == 409
        assert "Nguyễn Thị Hương" in answer.text
        assert stands(site).seconds == 900
        chosen = re.findall(r'name="pick_(\w+)" value="(\w+)" checked', answer.text)
        assert dict(chosen) == {"title": "mine", "time": "theirs", "length": "mine"}
        assert answer.text.count("cả hai cùng sửa") == 1
        again = {name: html.unescape(value) for name, value in re.findall(
            r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text)}  # fmt: skip
        again.pop("form_token")
        picks = {f"pick_{name}": value for name, value in chosen}
        saved = dung.submit(EDIT, **{**again, **picks, "pick_title": "theirs"}, do="merge")
        assert saved.headers["location"] == "/timetable?done=slot_changed"

    now = stands(site)
    assert (now.title, now.starts_at, now.seconds) == ("Trưa mới", time(11, 40), 1200)


def test_the_second_may_keep_all_of_the_own_or_take_all_of_the_other(site: Site) -> None:
    """Both with one button; the version that was seen is the one that is written over."""
    with site.client("huong") as huong, site.client("dung") as dung:
        his = opened(dung)
        huong.submit(EDIT, **{**opened(huong), "title": "Của Hương"})
        mine = {**his, "title": "Của Dũng"}
        page = dung.submit(EDIT, **mine).text
        taken = dung.submit(EDIT, **mine, do="theirs")
        assert taken.headers["location"] == f"{EDIT}?done=slot_theirs"
        assert stands(site).title == "Của Hương"
        seen = page.split('name="version" value="')[1].split('"')[0]
        huong.submit(EDIT, **{**opened(huong), "title": "Của Hương, lần hai"})
        assert dung.submit(EDIT, **{**mine, "version": seen}).status_code == 409
        current = opened(dung)["version"]
        assert dung.submit(EDIT, **{**mine, "version": current}).status_code == 303
    assert stands(site).title == "Của Dũng"


def test_a_form_without_a_version_writes_over_nobody(site: Site) -> None:
    """Whatever sent it did not see what it would write over."""
    with site.client("huong") as client:
        sent = {**opened(client), "title": "Lạ"}
        del sent["version"]
        assert client.submit(EDIT, **sent).status_code == 409
    assert stands(site).title == "Buổi trưa"


def test_a_double_click_changes_once_and_adds_once(site: Site) -> None:
    """The second one finds done what it wants."""
    with site.client("huong") as client:
        sent = {**opened(client), "title": "Hai lần", "minutes": ""}
        answers = [client.submit(EDIT, **sent) for _ in range(2)]
        assert [one.status_code for one in answers] == [303, 303]
    assert written(site) == 3


def test_what_was_taken_out_meanwhile_can_be_added_again(site: Site) -> None:
    """The form comes back as a new line, with everything that was typed."""
    with site.client("huong") as huong, site.client("dung") as dung:
        his = {**opened(dung), "title": "Vẫn còn đây"}
        huong.submit("/timetable/2/remove")
        answer = dung.submit(EDIT, **his)
        assert answer.status_code == 410
        assert 'value="Vẫn còn đây"' in answer.text
        assert 'action="/timetable"' in answer.text
        assert dung.get(EDIT).status_code == 404


def test_a_line_that_changed_since_the_question_is_not_removed_unseen(site: Site) -> None:
    """The question is asked again, with the line as it is now."""
    with site.client("huong") as huong, site.client("dung") as dung:
        asked = dung.get("/timetable/2/remove").text
        seen = asked.split('name="version" value="')[1].split('"')[0]
        huong.submit(EDIT, **{**opened(huong), "title": "Quan trọng"})
        answer = dung.submit("/timetable/2/remove", version=seen)
        assert (answer.status_code, "Quan trọng" in answer.text) == (412, True)
        assert written(site) == 3


def test_an_address_fills_the_form_and_an_editor_of_another_unit_is_refused(site: Site) -> None:
    """What a drag leads to; nothing is saved by looking at it."""
    with site.client("huong") as client:
        shown = client.get(f"{EDIT}?starts_at=05:05&minutes=20").text
        assert 'value="05:05"' in shown
        assert "trùng với" in shown
        sent = opened(client)
        new = client.get("/timetable/new?starts_at=18:30&minutes=15&valid_from=2022-10-26&days=WE")
        assert 'value="18:30"' in new.text
        assert 'value="WE" checked' in new.text
    with site.client("lan") as client:
        assert client.get(EDIT).status_code == 403
        assert client.submit(EDIT, **{**sent, "title": "Lấn sân"}).status_code == 403
    assert stands(site).title == "Buổi trưa"


def test_days_beyond_every_calendar_are_told_in_words(site: Site) -> None:
    """A year with a digit too many is a slip of the finger, not an error of ours."""
    with site.client("huong") as client:
        for day in ("0001-01-01", "9999-12-31", "2922-10-26"):
            for field in ("valid_from", "valid_to"):
                sent = {**opened(client), field: day}
                for do in ("preview", "save"):
                    assert client.submit(EDIT, **sent, do=do).status_code < 500, (day, field)
                asked = {name: value for name, value in sent.items() if name != "opened"}
                assert client.get("/timetable/check", params=asked).status_code == 200
            assert client.get(f"/timetable/calendar?view=month&on={day}").status_code < 500
            assert client.patch("/api/v1/slots/3", json={"valid_from": day}).status_code < 500
