"""CAP alerts on a page and by JSON: a file becomes a draft, and a second person puts it on air."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta

import httpx
import pytest

from api.auth import form_token
from scheduler import bulletins
from scheduler.store.models import ForeignAlert, Programme
from tests.conftest import need
from tests.unit.scheduler.test_cap import cap
from tests.web.site import Client, Site


def alert_of(site: Site, **what: str) -> bytes:
    """One that holds for three hours more by the site's clock."""
    until = (site.hub.clock.now() + timedelta(hours=3)).isoformat(timespec="seconds")
    return cap(**{"expires": until, **what})


def brought(client: Client, content: bytes) -> httpx.Response:
    assert client.viewer is not None
    return client.post(
        "/alerts", data={"form_token": form_token(client.viewer)},
        files={"file": ("lu.xml", content, "application/xml")},
        headers={"origin": str(client.base_url).rstrip("/"), "sec-fetch-site": "same-origin"},
    )  # fmt: skip


def alerts_of(site: Site) -> list[ForeignAlert]:
    with site.hub.database.read() as session:
        return session.query(ForeignAlert).order_by(ForeignAlert.id).all()


def test_anonymous_is_refused(shared_site: Site) -> None:
    with shared_site.client() as client:
        assert client.get("/alerts").status_code == 303
        assert client.post("/alerts").status_code == 303
        assert client.post("/api/v1/alerts", json={}).status_code == 401


def test_a_file_becomes_a_draft_that_a_second_person_puts_on_air(site: Site) -> None:
    """Read aloud and measured; units and strange areas shown; confirmed like every bulletin."""
    need("espeak-ng", shutil.which("espeak-ng"))
    with site.client("huong") as editor:
        answer = brought(editor, alert_of(site))
        assert answer.status_code == 303, answer.text
        shown = editor.get(answer.headers["location"]).text
    assert "Xã Đạo Lý (13579)" in shown
    assert "Vịnh Bắc Bộ" in shown
    assert "đặc biệt nghiêm trọng" in shown
    assert 'action="/urgent/confirm"' not in shown  # hers is not the word
    alert = alerts_of(site)[-1]
    assert alert.programme_id is not None

    with site.client("tuan") as approver:
        page = approver.get(f"/alerts/{alert.id}").text
        assert 'action="/urgent/confirm"' in page
        assert 'value="13579"' in page
        order = {"programme_id": str(alert.programme_id), "units": ["13579"], "minutes": "170",
                 "reason": "CAP nchmf", "kind": "real"}  # fmt: skip
        asked = approver.submit("/urgent/confirm", **order)
        assert "NGAY BÂY GIỜ" in asked.text
        sent = approver.submit("/urgent/send", word="yes", **order)
        assert sent.status_code == 303, sent.text
    with site.hub.database.read() as session:
        [bulletin] = bulletins.list_bulletins(session)
    assert bulletin.programme_id == alert.programme_id
    assert bulletin.expires_at <= as_aware(alert.expires_at)


def as_aware(at: datetime | None) -> datetime:
    assert at is not None
    return at


def test_one_that_ends_or_was_cancelled_offers_nothing(site: Site) -> None:
    """Looked at too late there is no button, and an order made by hand is refused."""
    alert = alerts_of(site)[-1]
    site.hub.clock.advance(timedelta(hours=4))  # type: ignore[attr-defined]
    with site.client("tuan") as approver:
        page = approver.get(f"/alerts/{alert.id}").text
        assert "đã hết hạn" in page
        assert 'action="/urgent/confirm"' not in page
        answer = approver.submit(
            "/urgent/send", programme_id=str(alert.programme_id), units=["13579"], minutes="60",
            reason="x", kind="real", word="yes",
        )  # fmt: skip
    assert answer.status_code == 400
    with site.hub.database.read() as session:
        assert bulletins.list_bulletins(session) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "XML"),
        (b"<rss/>", "CAP"),
        (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a 'b'>]><a>&a;</a>", "tấn công"),
        (b" " * (2 << 20), "1,0 MB"),
    ],
)
def test_what_is_no_alert_is_told_and_leaves_nothing(
    shared_site: Site, content: bytes, said: str
) -> None:
    """One sentence on the same page, which can be tried again."""
    before = len(alerts_of(shared_site))
    with shared_site.client("huong") as client:
        answer = brought(client, content)
        assert answer.status_code in (400, 413, 422), answer.status_code
        assert said in answer.text
        assert 'action="/alerts"' in answer.text
    assert len(alerts_of(shared_site)) == before


def test_a_form_of_another_page_is_refused(shared_site: Site) -> None:
    """Without the token of ours nothing is read."""
    with shared_site.client("huong") as client:
        answer = client.post("/alerts", files={"file": ("x.xml", b"<a/>", "text/xml")})
    assert answer.status_code == 403


def test_a_program_takes_one_in_once(site: Site) -> None:
    """The same alert again is told to be known, and is read aloud once."""
    need("espeak-ng", shutil.which("espeak-ng"))
    with site.client("huong") as client:
        body = {"cap": alert_of(site).decode()}
        first = client.post("/api/v1/alerts", json=body)
        again = client.post("/api/v1/alerts", json=body)
        assert first.status_code == 201, first.text
        assert (first.json()["is_new"], again.json()["is_new"]) == (True, False)
        assert first.json()["units"] == ["13579"]
        assert first.json()["unknown_areas"] == ["Vịnh Bắc Bộ"]
        one = client.get(f"/api/v1/alerts/{first.json()['id']}")
        assert one.json()["programme_id"] == first.json()["programme_id"]
        assert client.get("/api/v1/alerts").json()[0] == one.json()
        refused = client.post("/api/v1/alerts", json={"cap": "<rss/>"})
        assert refused.json()["code"] == "cap_refused"
        assert client.get("/api/v1/alerts/99").status_code == 404
    with site.hub.database.read() as session:
        spoken = session.query(Programme).filter(Programme.title == "Lũ trên sông Châu").count()
    assert spoken == 1
