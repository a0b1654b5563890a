"""Who gets in, and how: invitations, the second factor, the log of sign-ins, the audit trail."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pyotp
import pytest

from scheduler import hub as hubs
from scheduler import people
from scheduler.store.models import LedgerEntry, LoginSession, Person, SignInTry
from tests.web.data import PASSWORD
from tests.web.site import Client, Site

NEW = "mưa rào tháng bảy"


def sign_in(client: Client, username: str = "lan", password: str = PASSWORD) -> httpx.Response:
    return client.post("/sign-in", data={"username": username, "password": password})


def later(site: Site, **by: float) -> None:
    site.hub.clock.advance(timedelta(**by))  # type: ignore[attr-defined]


def with_factor(site: Site, username: str = "lan") -> tuple[pyotp.TOTP, list[str]]:
    """Set the second factor up as a person does; the app and the codes on paper."""
    with site.client(username) as client:
        client.submit("/account/second-factor")
        shown = client.get("/account").text
        app = pyotp.TOTP(re.findall(r'class="secret">([A-Z2-7]{32})<', shown)[0])
        assert "<svg" in shown
        answer = client.submit("/account/second-factor/confirm", code=code(site, app))
        assert answer.status_code == 200
        return app, re.findall(r"([a-z2-9]{4}-[a-z2-9]{4})<br>", answer.text)


def code(site: Site, app: pyotp.TOTP) -> str:
    return app.at(site.hub.clock.now())


def invited(site: Site) -> str:
    with site.client("admin") as client:
        fields = {"username": "moi", "full_name": "Người Mới", "role": "editor", "unit": ""}
        answer = client.submit("/people", **fields)
        assert answer.headers["cache-control"] == "no-store"
        return re.findall(r"/welcome/([\w-]+)", answer.text)[0]


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Nobody's account, nobody's trail, no address that was not given."""
    with shared_site.client() as client:
        for path in ("/account", "/ledger", "/people/lan"):
            assert client.get(path).status_code == 303
        assert client.get("/second").headers["location"].startswith("/sign-in")
        assert "Thư mời này đã dùng" in client.get(f"/welcome/{'x' * 32}").text


def test_invitation_opens_once(site: Site) -> None:
    """The new person chooses a password and is inside; the address is worth nothing afterwards."""
    path = f"/welcome/{invited(site)}"
    with site.client() as client:
        assert "Người Mới" in client.get(path).text
        differ = client.post(path, data={"new": NEW, "again": "khác hẳn 12345"})
        assert differ.status_code == 422
        answer = client.post(path, data={"new": NEW, "again": NEW})
        assert answer.headers["location"].startswith("/?")
        assert client.get("/").status_code == 200
        assert "Chưa có lần nào" not in client.get("/account").text  # it was a sign-in too
    with site.client() as client:
        assert client.get(path).status_code == 422
        assert client.post(path, data={"new": NEW, "again": NEW}).status_code == 422
        assert sign_in(client, "moi", NEW).headers["location"] == "/"


def test_invitation_ends_after_three_days_and_with_the_next_one(site: Site) -> None:
    """An address that lies in an old message opens nothing."""
    first = invited(site)
    with site.client("admin") as client:
        second = re.findall(
            r"/welcome/([\w-]+)", client.submit("/people/invite", username="moi").text
        )[0]
    with site.client() as client:
        assert client.get(f"/welcome/{first}").status_code == 422
        assert client.get(f"/welcome/{second}").status_code == 200
        later(site, days=3, seconds=1)
        assert client.get(f"/welcome/{second}").status_code == 422


def test_password_alone_opens_nothing_where_a_second_factor_is(site: Site) -> None:
    """Neither a page nor the API, until the code came."""
    app, _ = with_factor(site)
    later(site, minutes=2)
    with site.client() as client:
        answer = sign_in(client)
        assert answer.headers["location"].startswith("/second")
        assert client.get("/").headers["location"].startswith("/sign-in")
        assert client.get("/api/v1/programmes").status_code == 401
        assert client.post("/second", data={"code": "000000"}).status_code == 422
        waiting = client.cookies["loa"]
        answer = client.post("/second", data={"code": code(site, app), "next": "/stations"})
        assert answer.headers["location"] == "/stations"
        assert client.get("/").status_code == 200
        assert client.cookies["loa"] != waiting


def test_code_works_once(site: Site) -> None:
    """Seen over a shoulder it is worth nothing, also within its half minute."""
    app, _ = with_factor(site)
    later(site, minutes=2)
    for status in (303, 422):
        with site.client() as client:
            sign_in(client)
            assert client.post("/second", data={"code": code(site, app)}).status_code == status


def test_recovery_code_works_once_for_a_lost_phone(site: Site) -> None:
    """Ten codes on paper; the account says how many are left."""
    _, codes = with_factor(site)
    assert len(set(codes)) == 10
    for status in (303, 422):
        with site.client() as client:
            sign_in(client)
            typed = codes[3].replace("-", " ").upper()
            assert client.post("/second", data={"code": typed}).status_code == status
    with site.client("lan") as client:
        assert "Còn 9 mã khôi phục" in client.get("/account").text


def test_guesses_of_the_code_are_locked_out(site: Site) -> None:
    """Ten wrong codes end the sign-in that waited, and lock the account for a while."""
    with_factor(site)
    with site.client() as client:
        sign_in(client)
        answers = [client.post("/second", data={"code": f"{n:06}"}) for n in range(12)]
    assert 429 in {one.status_code for one in answers}
    assert answers[-1].headers["location"].startswith("/sign-in")
    with site.client() as client:
        assert sign_in(client).status_code == 429


def test_administrator_removes_the_factor_of_a_lost_phone(site: Site) -> None:
    """The trail says who did it."""
    with_factor(site)
    with site.client("admin") as client:
        assert client.submit("/people/second-factor", username="lan").status_code == 303
    with site.client() as client:
        assert sign_in(client).headers["location"] == "/"
    with site.hub.database.read() as session:
        entry = session.query(LedgerEntry).filter_by(what="second_factor_removed").one()
        assert (entry.who, entry.subject) == ("admin", "lan")


def test_every_try_to_sign_in_is_written_down(site: Site) -> None:
    """Good and bad ones, from where; the person and the administrator can read them."""
    with site.client() as client:
        sign_in(client, password="sai mật khẩu")
        sign_in(client)
        sign_in(client, "khong\ncó ai")
    with site.hub.database.read() as session:
        tries = session.query(SignInTry).order_by(SignInTry.id).all()
    assert [(one.username, one.outcome) for one in tries] == [
        ("lan", "password"), ("lan", "opened"), ("khong có ai", "password")
    ]  # fmt: skip
    assert {one.address for one in tries} == {"127.0.0.1"}
    with site.client("admin") as client:
        shown = client.get("/people/lan").text
        assert "sai mật khẩu" in shown
        assert "đã đăng nhập" in shown


@pytest.mark.parametrize("by", ["lan", "admin"])
def test_sign_in_of_a_lost_phone_is_ended(site: Site, by: str) -> None:
    """By the person, or by the administrator; the other sign-ins stay."""
    with site.client() as lost:
        sign_in(lost)
        with site.hub.database.read() as session:
            person = session.query(Person).filter_by(username="lan").one()
            (one,) = session.query(LoginSession).filter_by(person_id=person.id).all()
        with site.client(by) as client:
            path = "/account/end" if by == "lan" else "/people/end"
            answer = client.submit(path, username="lan", handle=one.token_hash[:16])
            assert answer.headers["location"].endswith("done=ended")
            assert client.get("/account").status_code == 200
        assert lost.get("/").status_code == 303


def test_nobody_ends_somebody_elses_sign_in(site: Site) -> None:
    """A handle of another person is not found."""
    with site.client() as client:
        sign_in(client)
        with site.hub.database.read() as session:
            one = session.query(LoginSession).order_by(LoginSession.created_at.desc()).first()
        assert one is not None
        with site.client("minh") as other:
            answer = other.submit("/account/end", handle=one.token_hash[:16])
            assert answer.status_code == 404
        assert client.get("/").status_code == 200


def test_trail_is_read_in_words_and_found_again(site: Site) -> None:
    """By person, deed and day, in the language of the reader; older pages follow by number."""
    with site.client("admin") as client:
        found = client.get("/ledger?what=person_added&who=test").text
        assert "thêm người dùng Đỗ Thị Lan" in found
        assert "person_added</" not in found
        assert "Không có dòng nào" in client.get("/ledger?who=nobody").text
        assert "Không có dòng nào" in client.get("/ledger?first=2030-01-01").text
        assert "Đỗ Thị Lan" in client.get("/ledger?first=2022-10-16&last=2022-10-16").text
        page = client.get("/api/v1/ledger?limit=2").json()
        after = client.get(f"/api/v1/ledger?limit=2&before={page['next']}").json()
    numbers = [one["seq"] for one in page["entries"] + after["entries"]]
    assert numbers == list(range(numbers[0], numbers[0] - 4, -1))


def test_chain_is_checked_and_a_change_is_found(site: Site) -> None:
    """An entry that somebody changed in the database is found, with its number; so is a cut end."""
    with site.client("admin") as client:
        assert "Chưa kiểm tra lần nào" in client.get("/ledger").text
        assert client.submit("/ledger/check").headers["location"] == "/ledger"
        assert "Nguyên vẹn đến dòng" in client.get("/ledger").text
        head = client.get("/api/v1/ledger/chain").json()["head"]
        with site.hub.database.write() as session:
            last = session.get_one(LedgerEntry, head)
            columns = LedgerEntry.__table__.columns
            kept = {column.key: getattr(last, column.key) for column in columns}
            session.delete(last)
        assert client.post("/api/v1/ledger/chain/check").json()["broken_seq"] == head
        with site.hub.database.write() as session:
            session.add(LedgerEntry(**kept))
        assert client.post("/api/v1/ledger/chain/check").json()["broken_seq"] is None
        with site.hub.database.write() as session:
            session.query(LedgerEntry).filter_by(seq=3).update({"who": "somebody"})
        client.submit("/ledger/check")
        assert "Dòng 3 đã bị sửa" in client.get("/ledger").text


# ── The second factor: demanded, sealed, lost ──────────────────────────────────────────────────


def test_a_role_that_needs_a_second_factor_gets_nothing_but_the_account(site: Site) -> None:
    """Until it is set up; then everything opens, in the same sign-in."""
    with site.hub.database.write() as session:
        session.query(Person).filter_by(username="admin").one().totp_secret = None
    with site.client("admin") as client:
        assert client.get("/").headers["location"] == "/account"
        problem = client.get("/api/v1/stations")
        assert (problem.status_code, problem.json()["code"]) == (403, "must_set_second_factor")
        assert "cần xác thực hai bước" in client.get("/account").text
        client.submit("/account/second-factor")
        secret = re.findall(r'class="secret">([A-Z2-7]{32})<', client.get("/account").text)[0]
        answer = client.submit(
            "/account/second-factor/confirm", code=code(site, pyotp.TOTP(secret))
        )
        assert answer.status_code == 200
        assert client.get("/").status_code == 200


def test_secret_of_the_second_factor_lies_sealed(site: Site) -> None:
    """A copy of the database makes no codes; what an older Loa wrote is sealed at the upgrade."""
    app, _ = with_factor(site)
    with site.hub.database.read() as session:
        person = session.query(Person).filter_by(username="lan").one()
        assert app.secret not in str(vars(person))
    with site.hub.database.write() as session:
        session.query(Person).filter_by(username="lan").one().totp_secret = app.secret
    hubs.upgrade_tables(site.hub.settings)
    with site.hub.database.read() as session:
        assert app.secret not in str(vars(session.query(Person).filter_by(username="lan").one()))
    later(site, minutes=2)
    with site.client() as client:
        sign_in(client)
        assert client.post("/second", data={"code": code(site, app)}).status_code == 303


def test_with_another_master_secret_paper_still_opens_and_the_page_says_what_to_do(
    site: Site,
) -> None:
    """After a restore without the key the code of the app is refused in words, not with a crash."""
    app, codes = with_factor(site)
    key = site.hub.data / "secret" / "master.key"
    key.write_text("ab" * 32)
    later(site, minutes=2)
    with site.client() as client:
        sign_in(client)
        answer = client.post("/second", data={"code": code(site, app)})
        assert answer.status_code == 422
        assert "khóa chủ" in answer.text and "mã khôi phục" in answer.text
        assert client.post("/second", data={"code": codes[0]}).status_code == 303
    with site.hub.database.read() as session:
        used = session.query(LedgerEntry).filter_by(what="recovery_code_used").one()
        assert (used.who, used.detail["count"]) == ("lan", 9)


def read(site: Site, username: str) -> str:
    """The version of a person, as a form is drawn with it."""
    with site.hub.database.read() as session:
        return people.version_of(people.find_person(session, username))


def test_of_two_administrators_the_second_sees_what_the_first_did_and_chooses(site: Site) -> None:
    """By the form and by a program; a form without a version writes over nobody."""
    path = "/api/v1/people/lan"
    with site.client("admin") as client:
        seen = client.get(path)
        tag, lan = seen.headers["etag"], {"username": "lan", "version": read(site, "lan")}
        assert tag == f'"{lan["version"]}"' == f'"{seen.json()["version"]}"'
        assert client.submit("/people/role", **lan, role="editor").status_code == 303
        late = client.submit("/people/role", **lan, role="commune", unit="13579")
        assert late.status_code == 412
        for told in ("Quản trị viên", "biên tập viên", 'value="13579" selected'):
            assert told in late.text
        assert client.submit("/people/role", username="lan", role="commune", unit="13579"
                             ).status_code == 412  # fmt: skip
        duty = {"role": "approver", "unit": None}
        refused = client.put(f"{path}/role", json=duty, headers={"if-match": tag})
        assert (refused.status_code, refused.json()["code"]) == (412, "person_moved_on")
        assert read(site, "lan") in late.text
        chosen = {**lan, "version": read(site, "lan")}
        assert client.submit("/people/role", **chosen, role="commune", unit="13579"
                             ).status_code == 303  # fmt: skip
    with site.hub.database.read() as session:
        assert people.find_person(session, "lan").role == "commune"


def test_a_role_is_changed_and_the_last_administrator_keeps_it(site: Site) -> None:
    """The person is signed out everywhere, and the trail says from what to what."""
    with site.client("lan") as theirs, site.client("admin") as client:
        assert theirs.get("/").status_code == 200
        alone = client.submit("/people/role", username="admin", role="editor",
                              version=read(site, "admin"))  # fmt: skip
        assert alone.status_code == 422
        assert "quản trị viên cuối cùng" in alone.text.lower()
        lan = {"username": "lan", "version": read(site, "lan")}
        bad = client.submit("/people/role", **lan, role="commune", unit="")
        assert bad.status_code == 422
        done = client.submit("/people/role", **lan, role="commune", unit="13579")
        assert done.headers["location"] == "/people/lan?done=role"
        assert theirs.get("/").status_code == 303
    with site.hub.database.read() as session:
        entry = session.query(LedgerEntry).filter_by(what="role_changed").one()
        assert (entry.subject, entry.detail["before"], entry.detail["role"]) == (
            "lan", "district", "commune",
        )  # fmt: skip
