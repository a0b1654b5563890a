"""The timetable leaves as a calendar file, is changed elsewhere, and comes back as it was shown."""

from __future__ import annotations

import html
import re
from datetime import time

import httpx

from api.auth import form_token
from scheduler import slots
from scheduler.store.models import Slot
from tests.web.site import Client, Site

API = "/api/v1/calendar"
FOREIGN = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//VI\r\nBEGIN:VEVENT\r\nUID:hop-dan@x\r\n"
    "SUMMARY:Họp dân\r\nDTSTART;TZID=Asia/Ho_Chi_Minh:20221101T193000\r\nDURATION:PT15M\r\n"
    "RRULE:FREQ=WEEKLY;BYDAY=TU\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def slot(site: Site, number: int) -> Slot:
    with site.hub.database.read() as session:
        return slots.find_slot(session, number)


def apply(client: Client, shown: httpx.Response) -> httpx.Response:
    """Press "apply exactly this" on a preview."""
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
    wanted = ("name", "seen", "table", "unit", "programme_id")
    sent = {name: html.unescape(fields[name]) for name in wanted}
    return client.submit("/timetable/import/apply", **sent)


def later(calendar: str) -> str:
    """Every event that begins at a quarter past eleven begins five minutes later."""
    return re.sub(r"(DTSTART[^\r\n]*T)1115", r"\g<1>1120", calendar)


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Neither taken along nor brought in by a stranger."""
    with shared_site.client() as client:
        assert client.get("/timetable/export.ics").status_code == 303
        assert client.get(API).status_code == 401


def test_a_calendar_that_was_changed_elsewhere_comes_back_as_it_was_shown(site: Site) -> None:
    """Taken along, one time changed, looked at, applied; the release is another step."""
    with site.client("huong") as client:
        taken = client.get("/timetable/export.ics")
        assert taken.headers["content-type"].startswith("text/calendar")
        same = client.submit("/timetable/import", pasted=taken.text)
        assert "Mọi mục trong lịch đã đúng như vậy" in same.text
        assert "/import/apply" not in same.text
        shown = client.submit("/timetable/import", pasted=later(taken.text))
        assert "11:15" in shown.text and "11:20" in shown.text
        assert slot(site, 2).starts_at == time(11, 15)
        done = apply(client, shown)
        assert done.headers["location"] == "/timetable/changes?done=calendar_brought"
        assert slot(site, 2).starts_at == time(11, 20)
        assert slot(site, 2).released["starts_at"].startswith("11:15")  # type: ignore[index]


def test_a_file_that_is_no_text_is_told_as_no_calendar(site: Site) -> None:
    """Not as a table that should be saved anew."""
    with site.client("huong") as client:
        assert client.viewer is not None
        refused = client.post(
            "/timetable/import", data={"form_token": form_token(client.viewer)},
            files={"file": ("a\\x.ics", b"\xff\xfe\x00", "text/calendar")},
            headers={"sec-fetch-site": "same-origin"},
        )  # fmt: skip
        assert refused.status_code == 422
        assert "Tệp x.ics không phải là lịch (.ics) đọc được" in refused.text
        nothing = client.submit("/timetable/import", pasted=" ")
        assert nothing.status_code == 422 and "chọn tệp lịch hoặc dán" in nothing.text


def test_what_changed_since_the_look_is_shown_again_and_not_done(site: Site) -> None:
    """Somebody else wrote another time meanwhile: the old look decides nothing."""
    with site.client("huong") as client:
        shown = client.submit("/timetable/import", pasted=later(client.get(API).text))
        client.patch("/api/v1/slots/2", json={"starts_at": "11:40"})
        again = apply(client, shown)
        assert again.status_code == 409 and "11:40" in again.text
        assert slot(site, 2).starts_at == time(11, 40)


def test_an_event_of_another_program_needs_a_unit_and_a_programme(site: Site) -> None:
    """Refused in words with all that was typed; then a new line of one's own unit alone."""
    with site.client("dao") as client:
        page = client.get("/timetable/import").text
        [own] = re.findall(r'id="unit" name="unit" value="(\w+)"', page)
        refused = client.submit("/timetable/import", pasted=FOREIGN, unit=own)
        assert refused.status_code == 422
        assert "Họp dân" in refused.text and "UID:hop-dan@x" in refused.text
        foreign = client.submit("/timetable/import", pasted=FOREIGN, unit="352", programme_id="1")
        assert foreign.status_code == 422 and "/import/apply" not in foreign.text
        shown = client.submit("/timetable/import", pasted=FOREIGN, unit=own, programme_id="1")
        assert "Thứ 3" in shown.text and "19:30" in shown.text
        assert apply(client, shown).status_code == 303
    with site.hub.database.read() as session:
        [made] = session.query(Slot).filter_by(title="Họp dân")
        assert (made.unit.code, made.starts_at, made.released) == (own, time(19, 30), None)


def test_a_program_looks_first_and_brings_then(site: Site) -> None:
    """The digest of the look guards what is done; what is no calendar is told as that."""
    body = {"calendar": FOREIGN, "unit": "35", "programme_id": 1}
    with site.client("huong") as client:
        look = client.post(API, json={**body, "dry_run": True}).json()
        assert [(one["what"], one["slot_id"] is None) for one in look["events"]] == [
            ("added", True)
        ]
        wrong = client.post(API, json={**body, "seen": "0" * 64})
        assert (wrong.status_code, wrong.json()["code"]) == (409, "preview_outdated")
        made = client.post(API, json={**body, "seen": look["digest"]})
        assert made.status_code == 200
        assert (
            "SUMMARY:Họp dân"
            in client.get(API, params={"slot": made.json()["events"][0]["slot_id"]}).text
        )
        none = client.post(API, json={"calendar": "hello"})
        assert (none.status_code, none.json()["code"]) == (422, "no_calendar")
