"""A sign-in that ends while somebody types: what was typed is there again, for them alone."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest

from scheduler.people import sign_out_all
from scheduler.store.models import KeptForm, Person, Slot
from tests.web.crawl import FoundForm, read_page, send
from tests.web.data import PASSWORD
from tests.web.site import Client, Site
from tests.web.test_accounts import code, with_factor

NEW = "/timetable/new"
SLOT = {"title": "Đang gõ <b>dở</b>", "starts_at": "20:30", "more": "station:dai-13579"}


def form_on(client: Client, page: str, action: str) -> FoundForm:
    return next(one for one in read_page(page, client.get(page).text).forms if one.action == action)


def end_sign_ins(site: Site, username: str) -> None:
    with site.hub.database.write() as session:
        sign_out_all(session, session.get_one(Person, site.province.people[username].id))


def sign_in(client: Client, answer: httpx.Response, username: str) -> httpx.Response:
    """Go where the answer leads, and sign in there."""
    page = answer.headers["location"]
    form = read_page(page, client.get(page).text).forms[0]
    return send(client, form, form.filled({"username": username, "password": PASSWORD}))


def shown_title(text: str) -> str:
    found = re.findall(r'id="title" name="title" value="([^"]*)"', text)
    return str(found[0])


def typed_and_signed_out(site: Site, client: Client, username: str = "lan") -> httpx.Response:
    form = form_on(client, NEW, "/timetable")
    end_sign_ins(site, username)
    return send(client, form, form.filled(SLOT))


def slots_named(site: Site) -> int:
    with site.hub.database.read() as session:
        return session.query(Slot).filter(Slot.title.like("Đang gõ%")).count()


def test_what_was_typed_is_in_the_form_after_signing_in(site: Site) -> None:
    """The way: sign-in, the page of the form, everything in it; sent only by the person."""
    with site.client("lan") as client:
        answer = typed_and_signed_out(site, client)
        assert answer.headers["location"] == "/sign-in?next=%2Ftimetable%2Fnew"
        assert "vẫn được giữ" in client.get(answer.headers["location"]).text
        back = sign_in(client, answer, "lan")
        assert back.headers["location"] == NEW
        text = client.get(NEW).text
        assert shown_title(text) == "Đang gõ &lt;b&gt;dở&lt;/b&gt;"
        assert "chưa được gửi" in text
        assert slots_named(site) == 0  # nothing is sent by itself
        assert shown_title(client.get(NEW).text) == shown_title(text)  # nor by a reload

        form = form_on(client, NEW, "/timetable")
        programme = {"programme_id": "1", "audience": "station:dai-13579", "more": ""}
        sent = send(client, form, form.filled(programme))
        assert sent.headers.get("location") == "/timetable?done=slot_added", sent.text
        assert slots_named(site) == 1
        assert shown_title(client.get(NEW).text) == ""
    with site.hub.database.read() as session:
        assert session.query(KeptForm).count() == 0


def test_also_behind_a_second_factor(site: Site) -> None:
    """The code comes between; the form waits."""
    app, _ = with_factor(site, "lan")
    site.hub.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    with site.client("lan") as client:
        answer = sign_in(client, typed_and_signed_out(site, client), "lan")
        assert answer.headers["location"] == "/second?next=%2Ftimetable%2Fnew"
        form = form_on(client, answer.headers["location"], "/second")
        answer = send(client, form, form.filled({"code": code(site, app)}))
        assert answer.headers["location"] == NEW
        assert shown_title(client.get(NEW).text).startswith("Đang gõ")


def test_another_person_finds_an_empty_form(site: Site) -> None:
    """On a computer that several use, what one typed is thrown away when another signs in."""
    with site.client("lan") as client:
        answer = sign_in(client, typed_and_signed_out(site, client), "minh")
        assert answer.status_code == 303
        assert shown_title(client.get(NEW).text) == ""
    with site.hub.database.read() as session:
        assert session.query(KeptForm).count() == 0


def test_nobody_reads_it_without_the_cookie(site: Site) -> None:
    """It lies encrypted; neither the table nor an address shows it."""
    with site.client("lan") as client:
        answer = typed_and_signed_out(site, client)
        assert "Đang" not in answer.headers["location"]
    with site.hub.database.read() as session:
        [kept] = session.query(KeptForm).all()
    assert "Đang" not in kept.sealed
    site.tokens.pop("lan")
    with site.client("lan") as elsewhere:
        assert shown_title(elsewhere.get(NEW).text) == ""


def test_it_is_forgotten_after_two_hours(site: Site) -> None:
    with site.client("lan") as client:
        answer = typed_and_signed_out(site, client)
        site.hub.clock.advance(timedelta(hours=2, seconds=1))  # type: ignore[attr-defined]
        sign_in(client, answer, "lan")
        assert shown_title(client.get(NEW).text) == ""


def test_a_form_of_the_sign_in_before_comes_back_filled_in(site: Site) -> None:
    """Signed in anew in another window: the old form's token is over, its words are not."""
    with site.client("lan") as client:
        form = form_on(client, NEW, "/timetable")
        site.tokens.pop("lan")
        with site.client("lan") as renewed:
            answer = send(renewed, form, form.filled(SLOT))
            assert (answer.status_code, answer.headers["location"]) == (303, NEW)
            assert shown_title(renewed.get(NEW).text).startswith("Đang gõ")
    assert slots_named(site) == 0


def test_a_form_that_another_site_sends_is_refused_and_keeps_nothing(site: Site) -> None:
    """Nobody puts words into somebody's form from outside."""
    with site.client("lan") as client:
        form = form_on(client, NEW, "/timetable")
        end_sign_ins(site, "lan")
        answer = client.post(
            "/timetable", data=dict(form.filled(SLOT)),
            headers={"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"},
        )  # fmt: skip
        assert answer.status_code == 403
        made_up = [("form_token", "0" * 16 + ".a.1.b"), ("title", "Gài vào")]
        assert send(client, form, made_up).headers["location"] == "/sign-in?next=%2Ftimetable%2Fnew"
    with site.hub.database.read() as session:
        assert session.query(KeptForm).count() == 0


@pytest.mark.parametrize("username", ["dao"])
def test_no_password_is_kept(site: Site, username: str) -> None:
    """A change of the password is typed again."""
    with site.client(username) as client:
        form = form_on(client, "/password", "/password")
        end_sign_ins(site, username)
        send(client, form, form.filled({"old": PASSWORD, "new": "x" * 20, "again": "x" * 20}))
    with site.hub.database.read() as session:
        assert session.query(KeptForm).count() == 0


def test_a_refusal_leads_back_to_a_form_that_holds_what_was_typed(site: Site) -> None:
    """Also where a route knows only the error page: a note longer than a note may be."""
    page = "/stations/dai-13579/confirm"
    with site.client("dao") as client:
        form = form_on(client, page, page)
        note = "Loa thôn 3 hỏng " * 40
        answer = send(client, form, form.filled({"note": note}))
        assert answer.status_code == 422
        assert f'href="{page}"' in answer.text
        assert note.strip() in client.get(page).text


def test_what_is_far_too_long_is_refused_before_it_is_read(site: Site) -> None:
    """A form of eleven megabytes is none of ours."""
    with site.client("lan") as client:
        form = form_on(client, NEW, "/timetable")
        answer = send(client, form, form.filled({"title": "x" * (11 << 20)}))
    assert answer.status_code == 413
    assert "Biểu mẫu dài quá" in answer.text
