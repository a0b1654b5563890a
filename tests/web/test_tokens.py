"""Programs with a token: a part of what their person may do, and nothing twice."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest

from api.json import parts
from scheduler.clock import ManualClock
from scheduler.store.models import Airing, Answer, ApiToken, LedgerEntry, Slot
from scheduler.tokens import issue_token
from tests.web.site import Site
from tests.web.test_api import API, SLOT

CONFIRM = f"{API}/airings/dai-13576/2022-10-15T22:00:00Z/confirm"


def issued(site: Site, username: str, *scopes: str, days: int = 30) -> dict[str, str]:
    """The header of a new token."""
    with site.hub.database.write() as session:
        token = issue_token(
            session, site.province.people[username], name="thử", scopes=scopes, days=days,
            parts=parts(), now=site.hub.clock.now(), by="test",
        )  # fmt: skip
    return {"authorization": f"Bearer {token.text}"}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_anonymous_is_refused(shared_site: Site) -> None:
    """A made-up token is refused as such, not taken for a stranger without one."""
    with shared_site.client() as client:
        assert client.get("/tokens").status_code == 303
        answer = client.get(f"{API}/airings", headers={"authorization": "Bearer loa_x"})
    assert code(answer) == (401, "token_refused")


def test_a_token_opens_its_part_and_nothing_else(site: Site) -> None:
    """To read the log is not to write it, not to read the stations, and not to open pages."""
    reads = issued(site, "huong", "airings:read")
    query = "first=2022-10-16&last=2022-10-16"
    with site.client() as client:
        assert client.get(f"{API}/airings?{query}", headers=reads).status_code == 200
        assert code(client.get(f"{API}/stations", headers=reads)) == (403, "token_scope")
        assert code(client.post(CONFIRM, headers=reads, json={"aired": True})) == (
            403, "token_scope",
        )  # fmt: skip
        assert client.get("/airings", headers=reads).status_code == 401


def test_a_token_never_does_more_than_its_person(site: Site) -> None:
    """A district's program with every scope still sees only its own communes."""
    everything = issued(site, "lan", "*:write")
    query = "first=2022-10-16&last=2022-10-16"
    with site.client() as client:
        mine = client.get(f"{API}/airings?{query}", headers=everything).json()["airings"]
        foreign = client.get(f"{API}/airings?{query}&unit=352", headers=everything)
        approval = client.post(f"{API}/programmes/4/approve", headers=everything)
    assert len({row["station"] for row in mine}) == 6
    assert foreign.status_code == approval.status_code == 403


@pytest.mark.parametrize("how", ["revoked", "over", "person closed"])
def test_an_ended_token_opens_nothing(site: Site, how: str) -> None:
    """A token ends at once when it is revoked, on its day, and with its person."""
    header = issued(site, "lan", "*:read", days=1)
    with site.client("lan") as mine, site.client() as program:
        assert program.get(f"{API}/stations", headers=header).status_code == 200
        if how == "revoked":
            number = re.search(r'name="token_id" value="(\d+)"', mine.get("/tokens").text)
            assert number is not None
            answer = mine.submit("/tokens/revoke", token_id=number[1])
            assert answer.headers["location"] == "/tokens?done=token_revoked"
        elif how == "over":
            assert isinstance(site.hub.clock, ManualClock)
            site.hub.clock.advance(timedelta(days=1))
        else:
            with site.hub.database.write() as session:
                session.merge(site.province.people["lan"]).active = False
        answer = program.get(f"{API}/stations", headers=header)
    assert code(answer) == (401, "token_refused")


def test_the_page_shows_a_new_token_once_and_only_its_owner_ends_it(site: Site) -> None:
    """The text stands on the answer to the form and nowhere else; the table has its hash."""
    with site.client("lan") as client:
        shown = client.submit(
            "/tokens", name="Cổng thông tin", scope="airings:read", days="90"
        ).text
        again = client.get("/tokens").text
    text = re.search(r"loa_[\w-]{43}", shown)
    assert text is not None
    assert text[0] not in again
    assert "Cổng thông tin" in again
    with site.hub.database.read() as session:
        row = session.query(ApiToken).one()
        words = [entry.what for entry in session.query(LedgerEntry)]
        assert text[0] not in str(vars(row))
    assert "token_issued" in words
    with site.client("dao") as other:
        assert "Cổng thông tin" not in other.get("/tokens").text
        assert other.submit("/tokens/revoke", token_id=str(row.id)).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "scope": "airings:read"},
        {"name": "x", "scope": "everything:write"},
        {"name": "x"},
        {"name": "x", "scope": "airings:read", "days": "5000"},
    ],
)
def test_a_wrong_form_says_what_is_wrong_and_makes_nothing(
    site: Site, wrong: dict[str, str]
) -> None:
    """A token needs a name, a scope that there is, and an end within a year."""
    with site.client("lan") as client:
        answer = client.submit("/tokens", **wrong)
    assert answer.status_code == 422
    with site.hub.database.read() as session:
        assert session.query(ApiToken).count() == 0


# ── Asked twice ────────────────────────────────────────────────────────────────────────────────


def test_a_request_sent_twice_is_done_once_and_answered_the_same(site: Site) -> None:
    """The line broke before the answer came; the program asks again with the same key."""
    header = {**issued(site, "huong", "slots:write"), "idempotency-key": "toi-1"}
    with site.client() as client:
        first = client.post(f"{API}/slots", headers=header, json=SLOT)
        second = client.post(f"{API}/slots", headers=header, json=SLOT)
        other = client.post(f"{API}/slots", headers=header, json={**SLOT, "title": "Khác"})
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert code(other) == (409, "key_taken")
    with site.hub.database.read() as session:
        assert session.query(Slot).filter_by(title=SLOT["title"]).count() == 1


def test_what_was_refused_may_come_again_corrected(site: Site) -> None:
    """A refusal changes nothing, so it takes no key."""
    header = {**issued(site, "dao", "airings:write"), "idempotency-key": "x"}
    early = f"{API}/airings/dai-13579/2022-10-16T22:00:00Z/confirm"
    good = f"{API}/airings/dai-13579/2022-10-16T04:15:00Z/confirm"
    with site.client() as client:
        assert client.post(early, headers=header, json={"aired": True}).status_code == 422
        assert client.post(good, headers=header, json={"aired": True}).status_code == 200
    with site.hub.database.read() as session:
        assert session.query(Airing).filter_by(grade="B", station_id=1).count() == 1


def test_a_key_in_use_waits_and_a_key_of_another_is_free(site: Site) -> None:
    """Two at once: the second is told to ask again; keys of two people do not meet."""
    mine = {**issued(site, "huong", "slots:write"), "idempotency-key": "k"}
    with site.client() as client:
        first = client.post(f"{API}/slots", headers=mine, json=SLOT)
        assert first.status_code == 201
        with site.hub.database.write() as session:
            session.query(Answer).one().status = None  # as while it is still being answered
        assert code(client.post(f"{API}/slots", headers=mine, json=SLOT)) == (
            409, "answer_pending",
        )  # fmt: skip
        theirs = {**issued(site, "dung", "slots:write"), "idempotency-key": "k"}
        answer = client.post(f"{API}/slots", headers=theirs, json={**SLOT, "starts_at": "20:15"})
        assert answer.status_code == 201


def test_keys_are_forgotten_after_a_day(site: Site) -> None:
    """The table does not grow for ever."""
    header = {**issued(site, "huong", "slots:write"), "idempotency-key": "a"}
    with site.client() as client:
        client.post(f"{API}/slots", headers=header, json=SLOT)
        assert isinstance(site.hub.clock, ManualClock)
        site.hub.clock.advance(timedelta(hours=25))
        header["idempotency-key"] = "b"
        client.post(f"{API}/slots", headers=header, json={**SLOT, "starts_at": "20:15"})
    with site.hub.database.read() as session:
        assert [row.key for row in session.query(Answer)] == ["b"]


# ── Tokens that make tokens ────────────────────────────────────────────────────────────────────


def test_a_token_gives_no_more_than_it_has_and_for_no_longer(site: Site) -> None:
    """A program with a part of the rights cannot help itself to the others, nor to another year."""
    narrow = issued(site, "huong", "tokens:write", "airings:read", days=2)
    with site.client() as program:
        wide = program.post(
            f"{API}/tokens", headers=narrow, json={"name": "x", "scopes": ["airings:write"]}
        )
        everything = program.post(
            f"{API}/tokens", headers=narrow, json={"name": "x", "scopes": ["*:read"]}
        )
        made = program.post(
            f"{API}/tokens", headers=narrow,
            json={"name": "x", "scopes": ["airings:read"], "days": 366},
        )  # fmt: skip
        own = program.get(f"{API}/tokens", headers=narrow).json()
    assert code(wide) == code(everything) == (403, "token_too_wide")
    assert made.status_code == 201
    ends = {one["expires_at"] for one in own}
    assert len(own) == 2 and len(ends) == 1


def test_a_program_for_people_opens_no_way_for_an_administrator(site: Site) -> None:
    """Else ``people:write`` would be a sign-in that may do everything."""
    narrow = issued(site, "admin", "people:write")
    boss = {"username": "sep", "full_name": "Sếp", "role": "administrator"}
    with site.client() as program:
        refused = [
            program.post(f"{API}/people", headers=narrow, json=boss),
            program.post(f"{API}/people/admin/invitation", headers=narrow),
            program.post(f"{API}/people/admin/secret", headers=narrow),
            program.delete(f"{API}/people/admin/second-factor", headers=narrow),
            program.put(f"{API}/people/lan/role", headers=narrow, json={"role": "administrator"}),
        ]
        made = program.post(
            f"{API}/people", headers=narrow,
            json={"username": "moi", "full_name": "Người Mới", "role": "editor"},
        )  # fmt: skip
    assert {code(one) for one in refused} == {(403, "program_gives_no_administrator")}
    assert made.status_code == 201
    with site.client() as stranger:
        assert stranger.get(made.json()["path"]).status_code == 200


def test_a_secret_that_was_answered_lies_in_no_row(site: Site) -> None:
    """Asked again with the same key it is told again; a copy of the database tells nothing."""
    header = {**issued(site, "huong", "feeds:write"), "idempotency-key": "lich"}
    body = {"unit": "13579", "label": "Chị Đào"}
    with site.client() as program:
        first = program.post(f"{API}/feeds", headers=header, json=body)
        again = program.post(f"{API}/feeds", headers=header, json=body)
    assert first.json() == again.json()
    assert "idempotent-replayed" in again.headers
    secret = first.json()["path"].removeprefix("/feeds/").removesuffix(".ics")
    with site.hub.database.read() as session:
        assert secret not in str([vars(one) for one in session.query(Answer)])
