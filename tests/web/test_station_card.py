"""A station's card: what the technician and the district look at before they telephone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scheduler.secrets import make_secrets
from scheduler.store.models import Attempt, Delivery, LedgerEntry, Station, StationVisit
from scheduler.store.states import DeliveryState
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd
from tests.web.site import Site

CARD = "/stations/dai-13579"


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Addresses and telephones of boxes are nobody else's."""
    with shared_site.client() as client:
        assert client.get(CARD).status_code == 303


def test_a_neighbour_does_not_see_it(shared_site: Site) -> None:
    """The district of another place, and another commune, are refused."""
    with shared_site.client("minh") as client:
        assert client.get(CARD).status_code == 403
    with shared_site.client("dao") as client:
        assert client.get(CARD).status_code == 200
        assert client.get("/stations/dai-13300").status_code == 403


def test_a_month_shows_when_it_answered_and_when_nobody_called(site: Site) -> None:
    """A day without a call is no failure; a refusal by the station is an answer."""
    now = site.hub.clock.now()
    with site.hub.database.write() as session:
        delivery = session.query(Delivery).join(Station).filter_by(code="dai-13579").first()
        assert delivery is not None
        for number, (days, outcome) in enumerate(
            [(0, "delivered"), (1, "unreachable"), (2, "unreachable"), (2, "delivered"),
             (3, "disk_full"), (40, "unreachable")]
        ):  # fmt: skip
            at = now - timedelta(days=days)
            session.add(
                Attempt(
                    delivery_id=delivery.id, number=number + 50, worker="w", started_at=at,
                    ended_at=at + timedelta(seconds=75), outcome=outcome, bytes_sent=2_000_000,
                )
            )  # fmt: skip
    with site.client("lan") as client:
        shown = client.get(CARD).text
    days = re.findall(r'<li class="(\w+)">', shown.split('class="month"')[1].split("</ol>")[0])
    assert len(days) == 30
    assert days[-4:] == ["yes", "partly", "no", "yes"]
    assert set(days[:-4]) == {"unasked"}
    assert "1 phút 15 giây" in shown
    assert "Ở thiết bị" not in shown  # the commands are the administrator's


def test_the_last_visits_are_told_step_by_step(site: Site) -> None:
    """What broke stands at its step with its sentence, on the page and for programs alike."""
    began, gone = site.hub.clock.now(), {"host": "h", "port": "22", "detail": "no answer"}
    steps = [
        {"step": "call", "after_ms": 0, "ms": 1500},
        {"step": "file", "after_ms": 1500, "ms": 9000, "error": "unreachable", "fields": gone,
         "facts": {"name": f"{'0' * 64}.mp3", "bytes": 2_000_000, "reached": "half_sent"}},
        {"step": "file", "after_ms": 9000, "facts": {"name": "x.mp3", "bytes": 10}},
    ]  # fmt: skip
    with site.hub.database.write() as session:
        station = session.query(Station).filter_by(code="dai-13579").one()
        session.add(
            StationVisit(
                station_id=station.id, purpose="send", is_broken=True, started_at=began,
                took_ms=10_500, error_code="unreachable", error_fields=gone, steps=steps,
            )
        )  # fmt: skip
    with site.client("lan") as client:
        page = client.get(CARD).text
        [told] = client.get(f"/api/v1{CARD}/visits").json()
    for words in (
        "gọi thiết bị",
        "1,5 giây",
        "đã đến hơn một nửa",
        "h:22 không trả lời: không có trả lời",
    ):
        assert words in page
    assert [step["state"] for step in told["steps"]] == ["done", "broke_off", "unfinished"]
    assert told["steps"][1]["error_code"] == "unreachable"
    assert datetime.fromisoformat(told["steps"][2]["started_at"]) == began + timedelta(seconds=9)


def test_the_administrator_finds_the_commands_for_this_box(shared_site: Site) -> None:
    """They name this station and this hub's public key; no secret stands on a page."""
    with shared_site.client("admin") as client:
        shown = client.get(CARD).text
    assert "loa station key dai-13579 --out loa.key" in shown
    assert f"restrict {shared_site.hub.public_key()}" in shown
    assert shared_site.hub.master_secret().hex() not in shown


@pytest.fixture
def changed(site: Site, tmp_path: Path) -> Site:
    """A station whose box was replaced: another host key answers at its address."""
    need_sshd()
    make_secrets(tmp_path / "keys")
    with site.hub.database.write() as session:
        station = session.query(Station).filter_by(code="dai-13579").one()
        session.query(Delivery).filter_by(station_id=station.id).update(
            {"state": DeliveryState.FAILED, "error_code": "host_key_changed",
             "error_fields": {"host": "x", "port": 22, "seen": "a", "pinned": "b"}}
        )  # fmt: skip
    return site


def test_a_changed_key_is_accepted_only_as_it_stands_on_the_box(
    changed: Site, tmp_path: Path
) -> None:
    """The person types what was read from the box; anything else changes nothing."""
    hub = changed.hub
    with Sshd(tmp_path / "server", tmp_path / "root", hub.ssh_key_path) as sshd:
        with hub.database.write() as session:
            station = session.query(Station).filter_by(code="dai-13579").one()
            station.host, station.port = "127.0.0.1", sshd.port
            pinned = station.host_key
        with changed.client("lan") as client:
            assert (
                "Việc này do quản trị viên hoặc kỹ thuật viên quyết định" in client.get(CARD).text
            )
            assert client.submit(f"{CARD}/host-key", fingerprint="x").status_code == 403
        with changed.client("admin") as client:
            wrong = client.submit(f"{CARD}/host-key", fingerprint="SHA256:wrong")
            assert wrong.status_code == 422
            seen = re.search(r"SHA256:[A-Za-z0-9+/]{43}", wrong.text)
            assert seen is not None
            with hub.database.read() as session:
                assert session.query(Station).filter_by(code="dai-13579").one().host_key == pinned
            right = client.submit(f"{CARD}/host-key", fingerprint=f" {seen[0]} ")
            assert right.headers["location"] == f"{CARD}?done=host_key"
    with hub.database.read() as session:
        station = session.query(Station).filter_by(code="dai-13579").one()
        assert station.host_key != pinned
        states = {row.state for row in session.query(Delivery).filter_by(station_id=station.id)}
        assert states == {DeliveryState.DUE}
        assert session.query(LedgerEntry).filter_by(what="host_key_accepted").count() == 1
