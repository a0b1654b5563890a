"""The list of what is not ready, and sending it again from there."""

from __future__ import annotations

from scheduler.store.models import Delivery
from scheduler.store.states import DeliveryState
from tests.web.site import Site

API = "/api/v1/ready"


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Neither the list nor the button."""
    with shared_site.client() as client:
        assert client.get("/ready").headers["location"].startswith("/sign-in")
        assert client.post("/ready/resend").status_code == 303
        assert client.get(API).status_code == 401


def test_each_station_that_is_not_ready_has_a_reason_a_step_and_a_phone(shared_site: Site) -> None:
    """A district sees its own six communes and nobody else's."""
    with shared_site.client("lan") as client:
        page = client.get("/ready").text
        [morning, *_] = client.get(API, params={"at": "05:00"}).json()

    rows = {row["station"]: row for row in morning["stations"]}
    assert set(rows) == {f"dai-{code}" for code in (13579, 13573, 13576, 13594, 13597, 13600)}
    assert rows["dai-13579"]["level"] == "ready"
    refused = rows["dai-13573"]
    assert (refused["level"], refused["code"]) == ("not_ready", "failed")
    assert "không trả lời" in refused["reason"]
    assert refused["phone"]
    assert refused["next_step"] == "Gửi lại, hoặc gọi điện cho đài."
    assert refused["reason"] in page
    assert f"tel:{refused['phone'].replace(' ', '')}" in page
    assert "Bình Nghĩa" not in page


def test_sending_again_makes_due_what_failed(site: Site) -> None:
    """To all that are not ready, by a role that may, and only in one's own unit."""
    with site.client("dao") as client:
        assert client.submit("/ready/resend").status_code == 403
    with site.client("minh") as client:  # of another district
        assert client.submit("/ready/resend", code="dai-13573").status_code == 403
    with site.hub.database.read() as session:
        failed = session.query(Delivery).filter(Delivery.state == DeliveryState.FAILED).count()

    with site.client("lan") as client:
        answer = client.submit("/ready/resend")

    assert answer.headers["location"] == "/ready?done=retried"
    with site.hub.database.read() as session:
        left = session.query(Delivery).filter(Delivery.state == DeliveryState.FAILED).count()
    assert left == failed - 1


def test_a_time_that_is_none_is_refused_with_examples(shared_site: Site) -> None:
    """Nobody has to guess how to write it."""
    with shared_site.client("lan") as client:
        answer = client.get(API, params={"at": "sớm"})
    assert answer.status_code == 422
    assert "hôm qua 05:00" in answer.json()["detail"]
