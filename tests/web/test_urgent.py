"""On air at once from a page: who may, asked once more, and nothing by a slip of the finger."""

from __future__ import annotations

import pytest

from scheduler import bulletins
from scheduler.store.models import Programme
from scheduler.store.states import DeliveryState
from tests.web.site import Site

ORDER = {"reason": "Lũ lên nhanh", "units": ["13579"], "minutes": "60"}


def sendable(site: Site) -> Programme:
    """An approved programme that the approver did not bring."""
    approver = site.province.people["tuan"]
    return next(
        one for one in site.province.programmes.values()
        if one.state == "approved" and one.uploaded_by != approver.id
    )  # fmt: skip


def test_anonymous_is_refused(shared_site: Site) -> None:
    with shared_site.client() as client:
        assert client.get("/urgent").status_code == 303
        assert client.post("/api/v1/bulletins", json={}).status_code == 401


@pytest.mark.parametrize("username", ["huong", "lan", "dao"])
def test_only_the_named_roles_see_the_form(shared_site: Site, username: str) -> None:
    with shared_site.client(username) as client:
        assert client.get("/urgent").status_code == 403
        answer = client.submit("/urgent/send", programme_id="1", kind="real", **ORDER)
        assert answer.status_code == 403


def test_an_order_is_asked_once_more_before_it_goes_out(site: Site) -> None:
    """The form, the page that asks, the word that is missing, and then how it stands."""
    made = sendable(site)
    order = {"programme_id": str(made.id), "kind": "real", **ORDER}
    with site.client("tuan") as client:
        form = client.get("/urgent")
        assert form.status_code == 200
        assert made.title in form.text
        assert '<option value="">hãy chọn</option>' in form.text  # none is chosen for anybody
        asked = client.submit("/urgent/confirm", **order)
        assert "NGAY BÂY GIỜ" in asked.text
        again = client.submit("/urgent/send", **order)
        assert again.status_code == 200  # asked again: the box was not ticked
        with site.hub.database.read() as session:
            assert bulletins.list_bulletins(session) == []

        sent = client.submit("/urgent/send", word="yes", **order)

        assert sent.status_code == 303, sent.text
        shown = client.get(sent.headers["location"])
        assert made.title in shown.text
        with site.hub.database.read() as session:
            [bulletin] = bulletins.list_bulletins(session)
        assert {row.state for row in bulletin.stations} == {DeliveryState.DUE}
        back = client.submit(f"/urgent/{bulletin.id}/withdraw", reason="Nhầm")
        assert back.status_code == 303
        assert "Đã thu hồi" in client.get(f"/urgent/{bulletin.id}").text


def test_a_bad_order_is_told_in_one_sentence_and_sends_nothing(site: Site) -> None:
    made = sendable(site)
    with site.client("tuan") as client:
        answer = client.submit(
            "/urgent/confirm", programme_id=str(made.id), kind="real", units=["13579"],
            minutes="60", reason=" ",
        )  # fmt: skip
        assert answer.status_code == 400
        assert "lý do" in answer.text
        with site.hub.database.read() as session:
            assert bulletins.list_bulletins(session) == []


def test_a_program_orders_follows_and_takes_back(site: Site) -> None:
    """The same by JSON, as a drill."""
    made = sendable(site)
    body = {"programme_id": made.id, "units": ["13579"], "reason": "Diễn tập", "is_drill": True}
    with site.client("tuan") as client:
        headers = {"origin": site.url, "sec-fetch-site": "same-origin"}
        answer = client.post("/api/v1/bulletins", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        told = client.get(f"/api/v1/bulletins/{answer.json()['id']}").json()
        assert told["is_drill"] is True
        assert [one["state"] for one in told["stations"]] == ["due"]
        back = client.post(
            f"/api/v1/bulletins/{told['id']}/withdraw", json={"reason": "Xong"}, headers=headers
        )
        assert back.json()["withdrawn_at"] is not None
