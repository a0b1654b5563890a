"""The API under /api/v1: what the pages do, for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import httpx
import pytest
from sqlalchemy import select

from scheduler import checks
from scheduler.store.models import (
    Airing,
    ApiToken,
    Feed,
    ForeignAlert,
    Notice,
    Release,
    Slot,
    SlotException,
    UnitEvent,
)
from scheduler.store.states import AiringState, Grade, NoticeState
from tests.web.data import tone
from tests.web.site import Client, Site

API = "/api/v1"

SLOT = {
    "title": "Bản tin tối",
    "unit_code": "35",
    "audience": ["unit:353"],
    "exclude": ["station:dai-13573"],
    "programme_id": 2,
    "starts_at": "19:30",
    "rrule": "FREQ=WEEKLY;BYDAY=MO,WE",
}


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_anonymous_is_refused(shared_site: Site) -> None:
    """A program without a sign-in gets a problem, in the language of the request."""
    with shared_site.client(language="en") as client:
        refused(client.get(f"{API}/stations"), 401, "not_signed_in")
        assert client.get(f"{API}/stations").json()["detail"] == "Sign in first."
        refused(client.get(f"{API}/programmes/1/preview"), 401, "not_signed_in")
    with shared_site.client() as client:
        assert client.get(f"{API}/stations").json()["detail"] == "Hãy đăng nhập trước."


def test_programme_is_uploaded_read_and_withdrawn(site: Site) -> None:
    """A program brings a file, finds it again, and takes it off the air with a reason."""
    with site.client("huong") as client:
        made = client.post(
            f"{API}/programmes", data={"title": "Từ máy"}, files={"file": ("m.wav", tone(700))}
        )
        assert made.status_code == 201, made.text
        assert (made.json()["title"], made.json()["state"]) == ("Từ máy", "uploaded")
        path = f"{API}/programmes/{made.json()['id']}"
        assert client.get(path).json() == made.json()
        assert checks.check(site.hub, made.json()["id"])
        assert client.get(path).json()["state"] == "ready"
        assert [one["title"] for one in client.get(f"{API}/programmes?search=tu may").json()] == [
            "Từ máy"
        ]
        horn = client.get(f"{path}/preview")
        assert (horn.status_code, horn.headers["content-type"]) == (200, "audio/mpeg")
        assert horn.content.startswith(b"ID3") and len(horn.content) > 2000
        refused(client.get(f"{path}/preview?from_s=500"), 422, "input_invalid")
        refused(client.get(f"{path}/preview?from_s=x"), 422, "fields_invalid")
        refused(client.get(f"{API}/programmes/999/preview"), 404, "not_found")
        assert list(site.hub.tmp.iterdir()) == []
        refused(client.post(f"{path}/withdraw", json={"reason": ""}), 422, "fields_invalid")
        gone = client.post(f"{path}/withdraw", json={"reason": "Số liệu cũ"})
        assert gone.json()["state"] == "withdrawn"
        refused(client.post(f"{path}/withdraw", json={"reason": "nữa"}), 409, "wrong_state")


def test_findings_carry_a_code_and_a_sentence(shared_site: Site) -> None:
    """A program reads the code, a person the sentence."""
    programme = shared_site.province.programmes["ready"]
    with shared_site.client("huong", language="en") as client:
        findings = client.get(f"{API}/programmes/{programme.id}").json()["findings"]

    assert [one["code"] for one in findings] == ["quiet", "long_silence", "dead_channel"]
    assert "silence of 11 s at 6:12" in findings[1]["sentence"]


def test_upload_that_is_no_form_is_a_problem(site: Site) -> None:
    """A body of another kind, a form without a file, two files."""
    with site.client("huong") as client:
        refused(client.post(f"{API}/programmes", json={}), 400, "form_unreadable")
        refused(client.post(f"{API}/programmes", files={"x": (None, "y")}), 422, "input_invalid")
        two = [("file", ("a.wav", tone(1))), ("file", ("b.wav", tone(2)))]
        refused(client.post(f"{API}/programmes", files=two), 400, "form_unreadable")
    assert list(site.hub.tmp.iterdir()) == []


def test_stations_tell_their_night_and_never_a_key(shared_site: Site) -> None:
    """What is needed to help a station, and nothing that helps to break into it."""
    with shared_site.client("lan") as client:
        everything = client.get(f"{API}/stations")
        one = client.get(f"{API}/stations/dai-13573").json()

    assert len(everything.json()) == 6
    assert one["unit_above"] == "Huyện Lý Nhân"
    assert one["delivery"]["error_code"] == "unreachable"
    assert "không trả lời" in one["delivery"]["error"]
    assert "ssh-ed25519" not in everything.text
    assert "host" not in one


def test_slot_is_made_once_and_taken_out(site: Site) -> None:
    """The rule comes back in words; a clash is a 409 with its sentence."""
    with site.client("huong") as client:
        made = client.post(f"{API}/slots", json=SLOT)
        assert made.status_code == 201, made.text
        assert made.json()["in_words"] == "Thứ 2, 4 hằng tuần lúc 19:30"
        assert made.json()["exclude"] == ["station:dai-13573"]
        refused(client.post(f"{API}/slots", json=SLOT), 409, "slots_overlap")
        assert len(client.get(f"{API}/slots").json()) == 4
        assert client.delete(f"{API}/slots/{made.json()['id']}").status_code == 204
        refused(client.delete(f"{API}/slots/999"), 404, "not_found")

    with site.hub.database.read() as session:
        assert session.query(Slot).filter(Slot.removed_at.is_(None)).count() == 3


def test_slot_is_tried_before_it_is_saved(site: Site) -> None:
    """What stands in the way, what would help, and when it would air; no row is written."""
    with site.client("huong") as client:
        free = client.post(f"{API}/slots/check", json=SLOT).json()
        assert (free["may_stand"], free["problems"], len(free["coming"])) == (True, [], 10)
        assert (free["in_words"], free["coming"][0]["on"]) == (
            "Thứ 2, 4 hằng tuần lúc 19:30", "2022-10-17",
        )  # fmt: skip
        taken = client.post(f"{API}/slots/check", json={**SLOT, "starts_at": "05:05"}).json()
        assert [one["code"] for one in taken["problems"]] == ["slots_overlap"]
        assert "Buổi sáng" in taken["problems"][0]["sentence"]
        helped = {**SLOT, **taken["fixes"][0]["changes"]}
        assert client.post(f"{API}/slots/check", json=helped).json()["may_stand"]
        assert len(client.get(f"{API}/slots").json()) == 3

        moved = client.post(f"{API}/slots/1/check", json={"starts_at": "05:10"}).json()
        assert (moved["may_stand"], len(moved["notices"])) == (True, 1)  # in the quiet hours
        clash = client.post(f"{API}/slots/1/check", json={"starts_at": "11:20"}).json()
        assert not clash["may_stand"]
        assert client.get(f"{API}/slots/1").json()["starts_at"] == "05:00:00"
        refused(client.post(f"{API}/slots/999/check", json={}), 404, "not_found")
        wrong = client.post(f"{API}/slots/check", json={**SLOT, "unit_code": "99"})
        refused(wrong, 404, "not_found")


def test_slot_is_changed_by_the_one_who_read_it_last(site: Site) -> None:
    """An ETag that is old is a 412 that names who was first, and changes nothing."""
    with site.client("huong") as client:
        read = client.get(f"{API}/slots/1")
        seen = {"if-match": read.headers["etag"]}
        assert read.headers["etag"] == f'"{read.json()["version"]}"'
        changed = client.patch(f"{API}/slots/1", json={"starts_at": "05:10"}, headers=seen)
        assert (changed.status_code, changed.json()["starts_at"]) == (200, "05:10:00")
        assert changed.json()["is_draft"]
        late = client.patch(f"{API}/slots/1", json={"title": "Sớm"}, headers=seen)
        refused(late, 412, "slot_changed")
        assert "Nguyễn Thị Hương" in late.json()["detail"]
        refused(client.delete(f"{API}/slots/1", headers=seen), 412, "slot_changed")
        current = {"if-match": changed.headers["etag"]}
        good = client.patch(
            f"{API}/slots/1", json={"title": "Sớm", "valid_to": "2022-12-31"}, headers=current
        )
        assert good.json()["title"] == "Sớm"
        freed = client.patch(f"{API}/slots/1", json={"valid_to": None, "title": None})
        assert (freed.json()["valid_to"], freed.json()["title"]) == (None, "Sớm")
        refused(client.patch(f"{API}/slots/1", json={"starts_at": "11:20"}), 409, "slots_overlap")
        refused(client.get(f"{API}/slots/999"), 404, "not_found")


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "x" * 201},
        {"audience": []},
        {"audience": ["everybody"]},
        {"programme_id": 2**40},
        {"starts_at": "25:00"},
        {"seconds": 0},
        {"seconds": 90_000},
        {"late_ok_s": -1},
        {"programme_class": "loud"},
        {"rrule": "FREQ=SECONDLY"},
        {"rrule": "x" * 300},
        {"valid_from": "hôm qua"},
        {"colour": "red"},
    ],
)
def test_bad_slot_is_a_problem_and_nothing_is_kept(
    shared_site: Site, change: dict[str, object]
) -> None:
    """Every bound of the body; an unknown field is no field of ours."""
    with shared_site.client("huong") as client:
        answer = client.post(f"{API}/slots", json={**SLOT, **change})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    with shared_site.hub.database.read() as session:
        assert session.query(Slot).count() == 3


def test_log_is_read_in_pages_without_gap_or_double(shared_site: Site) -> None:
    """A program reads the whole log by following ``next``."""
    seen: list[tuple[str, str]] = []
    after = ""
    with shared_site.client("huong") as client:
        for _ in range(20):
            page = client.get(
                f"{API}/airings",
                params={"first": "2022-10-12", "last": "2022-10-16", "limit": 70, "after": after},
            ).json()
            seen += [(one["planned_at"], one["station"]) for one in page["airings"]]
            after = page["next"] or ""
            if not after:
                break

    assert len(seen) == len(set(seen)) == 300


def test_log_is_filtered(shared_site: Site) -> None:
    """By unit, state and grade; a stretch that makes no sense is refused."""
    days = {"first": "2022-10-12", "last": "2022-10-16"}
    with shared_site.client("huong") as client:

        def rows(**query: str) -> list[dict[str, str]]:
            found: list[dict[str, str]] = client.get(
                f"{API}/airings", params={**days, "limit": "1000", **query}
            ).json()["airings"]
            return found

        assert len(rows(state="missed")) == 1
        assert {one["grade"] for one in rows(grade="B")} == {"B"}
        assert len(rows(unit="13579")) == 15
        backwards = {"first": "2022-10-16", "last": "2022-10-12"}
        refused(client.get(f"{API}/airings", params=backwards), 422, "input_invalid")
        long = {"first": "2020-01-01", "last": "2022-10-12"}
        refused(client.get(f"{API}/airings", params=long), 422, "input_invalid")
        forged = {**days, "after": "x,y"}
        refused(client.get(f"{API}/airings", params=forged), 422, "input_invalid")
        refused(client.get(f"{API}/airings", params={"first": "x"}), 422, "fields_invalid")


def test_airing_is_confirmed_by_name_and_never_against_the_log(site: Site) -> None:
    """Grade B lifts what nobody knows; it does not overrule the player's own log."""
    path = f"{API}/airings/dai-13579"
    with site.client("dao") as client:
        answer = client.post(f"{path}/2022-10-16T04:15:00Z/confirm", json={"aired": False})
        assert (answer.json()["state"], answer.json()["grade"]) == ("missed", "B")
        proved = client.post(f"{path}/2022-10-15T22:00:00Z/confirm", json={"aired": False})
        assert proved.status_code in (409, 422)
        future = client.post(f"{path}/2022-10-16T22:00:00Z/confirm", json={"aired": True})
        assert future.status_code in (409, 422)
        none = client.post(f"{path}/2022-10-16T04:16:00Z/confirm", json={"aired": True})
        refused(none, 404, "not_found")

    with site.hub.database.read() as session:
        states = {
            (row.state, row.grade)
            for row in session.query(Airing).filter_by(
                station_id=site.province.stations["13579"].id, broadcast_date=site.hub.today()
            )
        }
    assert (AiringState.AIRED, Grade.A) in states
    assert (AiringState.MISSED, Grade.B) in states


def test_schedule_of_a_day_is_in_order(shared_site: Site) -> None:
    """What is planned for a broadcast date: 05:00 here is 22:00 UTC of the day before."""
    with shared_site.client("dao") as client:
        day = client.get(f"{API}/schedule/2022-10-16").json()

    assert [one["planned_at"] for one in day] == [
        "2022-10-15T22:00:00Z", "2022-10-16T04:15:00Z", "2022-10-16T10:00:00Z"
    ]  # fmt: skip


def test_document_describes_every_endpoint_with_an_example(shared_site: Site) -> None:
    """A programmer finds each body and answer shown by example, and the problem described."""
    with shared_site.client("huong") as client:
        document = client.get(f"{API}/openapi.json").json()

    paths = [path for path in document["paths"] if path.startswith(API)]
    assert len(paths) >= 10
    schemas = document["components"]["schemas"]
    for name in ("ProgrammeOut", "StationOut", "SlotIn", "AiringOut", "ConfirmIn", "Problem"):
        assert "example" in schemas[name], name
    assert not any(path in document["paths"] for path in ("/", "/sign-in", "/people"))


def answers_no_500(client: Client, method: str, path: str, **body: object) -> None:
    answer = client.request(method, path, **body)  # type: ignore[arg-type]
    assert answer.status_code < 500, (method, path, answer.text)


def test_odd_input_never_fails_inside(site: Site) -> None:
    """Huge numbers, NUL, half letters, wrong types: refused, never a 500."""
    odd = ["0", "-1", "99999999999999999999", "%00", "%FF", "a" * 3000, "..%2f..%2fetc"]
    with site.client("admin") as client:
        for one in odd:
            for path in (
                f"/programmes/{one}", f"/programmes/{one}/audio", f"/timetable/{one}/remove",
                f"/?unit={one}", f"/?on={one}", f"/stations?search={one}", f"/airings?after={one}",
                f"{API}/programmes/{one}", f"{API}/stations/{one}", f"{API}/schedule/{one}",
                f"{API}/airings?first={one}&last={one}", f"/static/{one}",
            ):  # fmt: skip
                answers_no_500(client, "GET", path)
            answers_no_500(client, "DELETE", f"{API}/slots/{one}")
            answers_no_500(client, "POST", f"{API}/airings/x/{one}/confirm", json={"aired": True})
        for body in (b"", b"null", b"[]", b'{"title": "\\ud800"}', b"\xff", b"{" * 500):
            headers = {"content-type": "application/json"}
            answers_no_500(client, "POST", f"{API}/slots", content=body, headers=headers)


FACTS = {"by": "ky", "at": "2022-10-16T12:00:00+00:00"}
IN_PARTS = (
    "programmes", "programmes?search=bo", "stations", "people", "slots", "slots?search=ha nam",
    "schedule/2022-10-16", "tokens", "feeds", "slots/1/days", "timetable/releases", "alerts",
    "notices", "units?parent=1", "units/events",
)  # fmt: skip


def test_lists_come_in_parts_each_with_the_address_of_the_next(site: Site) -> None:
    """Whoever follows the links reads everything once, in the order of the whole."""
    with site.hub.database.write() as session:
        session.add_all(_more(site, session.scalars(select(ForeignAlert)).one()))
    with site.client("admin") as client:
        for path in IN_PARTS:
            whole = client.get(f"{API}/{path}").json()
            assert len(whole) > 1, path
            limit = -(-len(whole) // 4)
            address: str | None = str(
                httpx.URL(f"{API}/{path}").copy_merge_params({"limit": limit})
            )
            parts: list[object] = []
            while address and len(parts) <= len(whole):
                answer = client.get(address)
                assert len(answer.json()) <= limit, path
                parts += answer.json()
                address = answer.links.get("next", {}).get("url")
            assert parts == whole, path


def _more(site: Site, alert: ForeignAlert) -> Iterator[object]:
    """Of what the province has once or never, some more; two of them on one day."""
    now, by, slot = site.hub.clock.now(), site.province.people["huong"], site.province.slots[0]
    known = {one.name: getattr(alert, one.name) for one in ForeignAlert.__table__.columns}
    yield ForeignAlert(**{**known, "id": None, "identifier": "khác"})
    for n in range(3):
        yield Feed(token_hash=f"{n:064}", unit_id=1, label=f"Chị {n}", created_by=by.id,
                   created_at=now)  # fmt: skip
        yield ApiToken(person_id=by.id, name=f"Cổng {n}", token_hash=f"{n:064}",
                       scopes=["airings:read"], created_at=now, expires_at=now)  # fmt: skip
        yield Release(version=2 + n, at=now, released_by=by.id)
        yield Notice(key=f"{n}", kind="test", channel="mail", target="a@b.vn", facts=FACTS,
                     made_at=now, state=NoticeState.DUE, attempts=0, next_try_at=now)  # fmt: skip
        yield UnitEvent(kind="renamed", on_day=date(2022, 1, 1 + n // 2), basis=f"NQ {n}",
                        recorded_by="ky", recorded_at=now)  # fmt: skip
        yield SlotException(slot_id=slot.id, on=date(2022, 10, 18), kind="skip", reason="Mất điện",
                            unit_id=1 + n, created_by=by.id, created_at=now)  # fmt: skip
