"""One day of a slot at one place alone: on its page, and by JSON."""

from __future__ import annotations

import html
import re

from scheduler.exceptions import place_of
from scheduler.store.models import SlotException
from tests.web.site import Site

DAY = "/timetable/1/days/2022-10-18"
API = "/api/v1/slots/1/days"
HERE = "station:dai-13579"


def decided(site: Site) -> list[tuple[str, str | None]]:
    with site.hub.database.read() as session:
        found = session.query(SlotException).order_by(SlotException.id)
        return [(one.kind, place_of(one)) for one in found]


def test_a_place_is_chosen_and_the_day_differs_there_alone(site: Site) -> None:
    """The page says where it holds, keeps the others as they were, and takes it back."""
    with site.client("huong") as client:
        page = client.get(DAY).text
        assert f'value="{HERE}"' in page
        assert 'value="unit:353"' in page
        chosen = client.get(f"{DAY}?place={HERE}").text
        assert "Ở nơi khác, ngày này giữ nguyên." in chosen
        sent = client.submit(DAY, what="skip", reason="Mất điện", place=HERE)
        assert sent.status_code == 303, sent.text
        assert decided(site) == [("skip", HERE)]

        whole = client.get(DAY).text
        assert "Thay đổi riêng ở một số nơi" in whole
        assert "Chuyển buổi này" in whole or 'name="what" value="move"' in whole
        at_place = client.get(f"{DAY}?place={HERE}").text
        assert "Mất điện" in at_place
        client.submit(DAY, what="restore", place=HERE)
    assert decided(site) == []


def test_a_refused_length_comes_with_buttons_that_help(site: Site) -> None:
    """Pressed, each stands; by JSON the same proposals, in the words of its fields."""
    with site.client("huong") as client:
        told = client.submit(DAY, what="length", minutes="380", reason="Họp <b>dân</b>")
        asked = {"on": "2022-10-18", "reason": "Họp dân", "seconds": 380 * 60}
        problem = client.post(API, json=asked)
        assert (told.status_code, problem.status_code) == (409, 409)
        fixes = problem.json()["fixes"]
        assert [one["kind"] for one in fixes] == ["day_shorter", "day_other_time", "day_other_time"]
        helpful = told.text.split('id="helpful"')[1].split("</section>")[0]
        forms = re.findall(r"<form.*?</form>", helpful)
        assert len(forms) == len(fixes)
        for form, fix in zip(forms, fixes, strict=True):
            fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
            fields["reason"] = html.unescape(fields["reason"])
            del fields["form_token"]
            assert client.submit(DAY, **fields).status_code == 303
            client.submit(DAY, what="restore")
            assert client.post(API, json={**asked, **fix["changes"]}).status_code == 201
            client.submit(DAY, what="restore")
    assert decided(site) == []


def test_a_commune_changes_a_normal_line_at_home_and_nowhere_else(site: Site) -> None:
    """What it may choose is what it may change."""
    with site.client("dao") as client:
        page = client.get(DAY).text
        assert f'value="{HERE}"' in page
        assert 'value="station:dai-13501"' not in page
        mine = client.submit(DAY, what="skip", reason="Tang lễ", place="unit:13579")
        assert mine.status_code == 303, mine.text
        for place in ("", "unit:353", "station:dai-13501"):
            answer = client.submit(DAY, what="skip", reason="Tang lễ", place=place)
            assert answer.status_code == 403, place
    assert decided(site) == [("skip", "unit:13579")]


def test_nonsense_for_a_place_is_told(site: Site) -> None:
    """With the form as it was typed."""
    with site.client("huong") as client:
        for place, status in (("x", 422), ("unit:1", 404), ("station:x", 404)):
            answer = client.submit(DAY, what="move", to="2022-10-18", at="17:40", reason="họp",
                                   place=place)  # fmt: skip
            assert answer.status_code == status, place
            assert 'value="17:40"' in answer.text
    assert decided(site) == []


def test_anonymous_is_refused(shared_site: Site) -> None:
    with shared_site.client() as client:
        assert client.get(API).status_code == 401
        assert client.post(API, json={}).status_code == 401


def test_a_program_decides_lists_and_takes_back(site: Site) -> None:
    """The same by JSON; for all and for one place side by side."""
    with site.client("huong") as client:
        storm = {"on": "2022-10-18", "reason": "Mất điện", "place": HERE}
        moved = client.post(API, json={**storm, "moved_on": "2022-10-18", "moved_at": "17:40"})
        assert moved.status_code == 201, moved.text
        assert client.post(API, json={"on": "2022-10-18", "reason": "Họp"}).status_code == 201
        again = client.post(API, json=storm)
        assert again.json()["code"] == "already_exists"
        shown = client.get(API).json()
        assert [(one["kind"], one["place"], one["moved_at"]) for one in shown] == [
            ("move", HERE, "17:40:00"), ("skip", None, None),
        ]  # fmt: skip
        assert client.get(f"{API}?first=2022-10-19").json() == []
        gone = client.delete(f"{API}/2022-10-18", params={"place": HERE})
        assert gone.status_code == 204
        assert client.delete(f"{API}/2022-10-18", params={"place": HERE}).status_code == 404
    assert decided(site) == [("skip", None)]
