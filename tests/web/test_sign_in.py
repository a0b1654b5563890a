"""Coming in, going out, and what a foreign page cannot do."""

from __future__ import annotations

import re

import pytest

from scheduler import people
from tests.web.data import PASSWORD
from tests.web.site import Site

HEADERS = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def test_anonymous_is_refused_and_brought_back_after_signing_in(site: Site) -> None:
    """Who follows a link signs in and lands where the link led."""
    with site.client() as client:
        to_sign_in = client.get("/airings?unit=353").headers["location"]
        assert to_sign_in == "/sign-in?next=%2Fairings%3Funit%3D353"
        shown = client.get(to_sign_in).text
        wanted = re.search(r'name="next" value="([^"]*)"', shown)
        assert wanted is not None

        form = {"username": "LAN ", "password": PASSWORD, "next": wanted[1]}
        answer = client.post("/sign-in", data=form)

        assert answer.headers["location"] == "/airings?unit=353"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert client.get("/airings?unit=353").status_code == 200


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_sign_in_leads_to_no_other_site(site: Site, wanted: str) -> None:
    """The address of the next page cannot be used to send somebody elsewhere."""
    with site.client() as client:
        form = {"username": "lan", "password": PASSWORD, "next": wanted}
        assert client.post("/sign-in", data=form).headers["location"] == "/"


def test_wrong_password_keeps_the_name_and_says_so_in_words(site: Site) -> None:
    """The form comes back with the name in it, and never with the password."""
    with site.client() as client:
        answer = client.post("/sign-in", data={"username": "lan", "password": "sai-bét-rồi"})

    assert answer.status_code == 401
    assert 'value="lan"' in answer.text
    assert "Tên đăng nhập hoặc mật khẩu không đúng" in answer.text
    assert "sai-bét-rồi" not in answer.text
    assert "set-cookie" not in answer.headers


def test_password_is_changed_once_both_times_are_alike(site: Site) -> None:
    """The new password works, the sign-in goes on under a new cookie, the old one is dead."""
    new = "đò đưa sang sông"
    with site.client("lan") as client:
        differ = client.submit("/password", old=PASSWORD, new=new, again="đò đưa")
        assert (differ.status_code, "không giống nhau" in differ.text) == (422, True)
        wrong = client.submit("/password", old="sai", new=new, again=new)
        assert (wrong.status_code, "đang dùng không đúng" in wrong.text) == (422, True)
        answer = client.submit("/password", old=PASSWORD, new=new, again=new)
        assert answer.headers["location"] == "/?done=password"
        assert "Đã lưu mật khẩu mới" in client.get("/?done=password").text

    with site.hub.database.read() as session:
        assert people.person_of(session, site.token("lan"), site.hub.clock.now()) is None
    with site.client() as client:
        form = {"username": "lan", "password": new}
        assert client.post("/sign-in", data=form).status_code == 303


def test_form_of_a_foreign_page_changes_nothing(site: Site) -> None:
    """Another site can neither send our forms nor sign somebody out."""
    own = {"sec-fetch-site": "same-origin"}
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ):
        with site.client("lan") as client:
            assert client.post("/sign-out", headers=headers).status_code == 403
            api = client.delete("/api/v1/slots/1", headers=headers)
            assert (api.status_code, api.json()["code"]) == (403, "foreign_form")
    with site.client("lan") as client:
        for token in ("", "x.y", "." * 9):
            answer = client.post("/sign-out", headers=own, data={"form_token": token})
            assert answer.status_code == 403
        assert client.get("/").status_code == 200


def test_token_of_one_sign_in_is_worth_nothing_in_another(site: Site) -> None:
    """A form that was fetched by one person cannot be sent for another."""
    with site.client("lan") as mine, site.client("minh") as theirs:
        mine.viewer = theirs.viewer
        assert mine.submit("/sign-out").status_code == 403


def test_form_token_differs_on_every_page(shared_site: Site) -> None:
    """What is compressed together with what somebody typed must not be guessable."""
    with shared_site.client("lan") as client:
        tokens = {
            token
            for _ in range(3)
            for token in re.findall(r'form_token" value="([^"]+)', client.get("/password").text)
        }

    assert len(tokens) == 3


@pytest.mark.parametrize("path", ["/sign-in", "/", "/nothing-here", "/static/loa.css", "/health"])
def test_every_answer_carries_the_security_headers(shared_site: Site, path: str) -> None:
    """Also errors, files and redirects: nothing foreign is loaded, framed or guessed."""
    with shared_site.client() as client:
        headers = client.get(path).headers

    for name, value in HEADERS.items():
        assert headers[name].startswith(value), name
    assert "unsafe" not in headers["content-security-policy"]


def test_no_page_holds_script_or_style_of_its_own(shared_site: Site) -> None:
    """The policy forbids it, so a page that had some would be broken."""
    with shared_site.client("admin") as client:
        for path in ("/", "/stations", "/airings", "/programmes", "/timetable", "/people"):
            shown = client.get(path).text
            assert not re.search(r"<script(?! src=)|<style| style=| on[a-z]+=", shown), path


def test_static_files_are_kept_for_a_year_and_pages_are_not(shared_site: Site) -> None:
    """The address of a file changes with its content; a page is asked for again."""
    with shared_site.client("lan") as client:
        page = client.get("/")
        css = re.search(r'href="(/static/loa.css[^"]+)"', page.text)
        assert css is not None
        assert "immutable" in client.get(css[1]).headers["cache-control"]
        assert page.headers["cache-control"] == "private, no-cache"


def test_health_is_open_and_says_little(shared_site: Site) -> None:
    """The watcher outside learns whether Loa works, and nothing else."""
    with shared_site.client() as client:
        answer = client.get("/health")

    assert answer.status_code == 200
    assert set(answer.json()) == {"status", "database", "last_tick", "version"}
    assert answer.json()["database"] == "ok"


def test_health_is_503_when_the_database_is_gone(site: Site) -> None:
    """A hub without its database says so to the watcher, and in words to a person."""
    site.hub.database.close()
    for name in ("loa.db", "loa.db-wal", "loa.db-shm"):
        (site.hub.data / name).unlink(missing_ok=True)
    (site.hub.data / "loa.db").mkdir()  # no file can be opened there

    with site.client() as client:
        client.cookies.set("loa", "x" * 43)
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "down")
        page = client.get("/")
        assert (page.status_code, "không đọc được dữ liệu" in page.text) == (503, True)


def test_language_is_chosen_with_a_link_and_kept(site: Site) -> None:
    """Vietnamese first, whatever the phone speaks; English for who asks for it."""
    with site.client() as client:
        client.cookies.clear()
        assert '<html lang="vi">' in client.get("/sign-in", headers={"accept-language": "en"}).text
        answer = client.get("/language/en?next=/sign-in")
        assert answer.headers["location"] == "/sign-in"
        assert '<html lang="en">' in client.get("/sign-in").text
        assert client.get("/language/xx").status_code == 404
        assert client.get("/language/vi?next=//evil.example").headers["location"] == "/"
