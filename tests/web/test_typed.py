"""A sign-in that ends while somebody types: what was typed is there again, for them alone."""

from __future__ import annotations

import re
import socket
from datetime import timedelta

import httpx
import pytest

from scheduler import uploads
from scheduler.people import sign_out_all
from scheduler.store.models import KeptForm, Person, Slot
from tests.web.crawl import FoundForm, read_page, send
from tests.web.data import PASSWORD, tone
from tests.web.site import Client, Site
from tests.web.test_accounts import code, with_factor
from tests.web.test_uploads import begin
from tests.web.test_uploads import send as send_bytes

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
    found = re.findall(r'id="title" name="title"[^>]*? value="([^"]*)"', text)
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


_IS_HERE = '<p class="note good">'


# As a browser sends it: in the order of the page, on which the file stands before the words.
def send_file(client: Client, form: FoundForm, typed: dict[str, str], name: str = "bài.wav",
              content: bytes = b"RIFF" * 50_000) -> httpx.Response:  # fmt: skip
    parts: list[tuple[str, tuple[str | None, bytes]]] = []
    for field, value in form.filled(typed):
        parts.append((field, (None, value.encode())))
        if field == ("upload" if form.action == "/programmes" else "form_token"):
            parts.append(("file", (name, content)))
    origin = str(client.base_url).rstrip("/")
    headers = {"sec-fetch-site": "same-origin", "referer": origin + form.page}
    return client.post(form.action, files=parts, headers=headers)


@pytest.mark.parametrize("how", ["ended", "renewed"])
def test_an_upload_that_comes_too_late_keeps_its_words(site: Site, how: str) -> None:
    """Of a form with a file the words stand there again; the file is asked for by its name."""
    with site.client("huong") as client:
        form = form_on(client, "/programmes", "/programmes")
        if how == "renewed":
            site.tokens.pop("huong")
        else:
            end_sign_ins(site, "huong")
        with site.client("huong") as later:
            answer = send_file(later, form, {"title": "Gõ <b>sau</b> tệp", "theme": "Nuôi bò"})
            if how == "ended":
                assert answer.headers["location"] == "/sign-in?next=%2Fprogrammes"
                answer = sign_in(later, answer, "huong")
            assert answer.headers["location"] == "/programmes"
            text = later.get("/programmes").text
            assert shown_title(text) == "Gõ &lt;b&gt;sau&lt;/b&gt; tệp"
            assert 'value="Nuôi bò"' in text
            assert "Tệp bài.wav không được giữ lại" in text
            assert "Tải chương trình lên</summary>" in text.split('<details class="card" open>')[1]
            assert list(site.hub.tmp.iterdir()) == []

            form = form_on(later, "/programmes", "/programmes")
            sent = send_file(later, form, {"title": "Gửi lại"}, content=tone(440))
            assert "done=uploaded" in sent.headers["location"], sent.text
            assert shown_title(later.get("/programmes").text) == ""
    with site.hub.database.read() as session:
        assert session.query(KeptForm).count() == 0


def test_what_tus_brought_is_still_there_after_signing_in(site: Site) -> None:
    """The script sent the file ahead: neither it nor the words come a second time."""
    sound = tone(440)
    with site.client("huong") as client:
        path = begin(client, len(sound)).headers["location"]
        assert send_bytes(client, path, 0, sound).status_code == 204
        form = form_on(client, "/programmes", "/programmes")
        end_sign_ins(site, "huong")
        fields = form.filled({"title": "Tệp đến trước"})
        parts = {name: (None, value) for name, value in fields}
        parts["upload"] = (None, path.split("/")[-1])
        origin = {"referer": f"{site.url}/programmes", "sec-fetch-site": "same-origin"}
        answer = client.post("/programmes", files=parts, headers=origin)
        sign_in(client, answer, "huong")
        text = client.get("/programmes").text
        assert shown_title(text) == "Tệp đến trước"
        assert _IS_HERE in text
        assert "không được giữ lại" not in text
        assert "chưa được gửi" in text
        form = form_on(client, "/programmes", "/programmes")
        assert dict(form.fields)["upload"] == path.split("/")[-1]

        uploads.give_up(site.hub, uploads.find(site.hub, path.split("/")[-1],
                                               by=site.province.people["huong"]))  # fmt: skip
        text = client.get("/programmes").text
        assert shown_title(text) == "Tệp đến trước"
        assert _IS_HERE not in text  # it was swept: the page asks for it


@pytest.mark.parametrize(("page", "username"), [("/import", "ky"), ("/alerts", "huong")])
def test_a_small_file_is_asked_for_again(site: Site, page: str, username: str) -> None:
    """Also where the file is all that the form holds."""
    with site.client(username) as client:
        form = form_on(client, page, page)
        end_sign_ins(site, username)
        answer = send_file(client, form, {"pasted": "code;name"}, "đài.csv", b"code;name\n")
        sign_in(client, answer, username)
        text = client.get(page).text
        assert "Tệp đài.csv không được giữ lại" in text
        assert (page == "/alerts") or "code;name</textarea>" in text


def test_a_strangers_file_is_not_read_for_its_words(site: Site) -> None:
    """Without the sign of a page of ours the answer comes while the file is still coming."""
    boundary, length = "x" * 20, 5_000_000
    head = "".join(
        f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
        for name, more in (("form_token", ""), ("file", '; filename="a.wav"'))
    )
    host, _, port = site.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as line:
        line.settimeout(10)
        line.sendall(
            f"POST /programmes HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary}\r\n{head}".encode()
        )
        assert line.recv(100).startswith(b"HTTP/1.1 303")
    with site.hub.database.read() as session:
        assert session.query(KeptForm).count() == 0


def test_what_is_far_too_long_is_refused_before_it_is_read(site: Site) -> None:
    """A form of eleven megabytes is none of ours."""
    with site.client("lan") as client:
        form = form_on(client, NEW, "/timetable")
        answer = send(client, form, form.filled({"title": "x" * (11 << 20)}))
    assert answer.status_code == 413
    assert "Biểu mẫu dài quá" in answer.text
