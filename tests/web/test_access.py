"""Who may open what: every route as a stranger, with the wrong role, with the wrong unit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.bearer import API_PREFIX
from scheduler import feeds, slots
from scheduler.store.models import Airing, Base, Slot, Station
from scheduler.store.states import AiringState
from tests.web.routes import API, OTHERS, PAGES, ROLES, SIGN_IN, Row
from tests.web.site import Client, Site
from tests.web.test_tokens import issued

# What a stranger may open: the sign-in itself, the choice of language, and the watcher's page.
PUBLIC = {
    "/health", "/sign-in", "/language/{language}",
    "/feeds/{token}.ics", "/welcome/{token}",  # the address is the secret
    "/second",  # half a sign-in; tests/web/test_accounts.py holds what it opens
    # Open where the settings say so; tests/web/test_listen.py holds what they show.
    "/listen", "/listen/frame", "/listen/feed.xml", "/listen/{programme_id}",
    "/listen/{programme_id}/sound.{extension}",
}  # fmt: skip

# What lies in the own unit of an asker, and in Bình Lục, which is nobody's here but the province's.
THERE = {
    "programme_id": "4", "on": "2022-10-18", "upload_id": "0" * 32, "username": "khong-ai",
    "bulletin_id": "1", "alert_id": "1", "link_id": "99", "unit_id": "1", "token_id": "99999",
    "handle": "0" * 16, "number": "9", "notice_id": "1",
    "at": "2022-10-16T04:15:00+00:00", "planned_at": "2022-10-16T04:15:00Z", "language": "vi",
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One route, filled in for one asker."""

    route: str
    method: str
    path: str
    body: Mapping[str, Any] | None

    @classmethod
    def of(cls, prefix: str, route: str, row: Row, fields: Mapping[str, str]) -> Question:
        method, path = put_in(route, fields).split(" ", 1)
        path = prefix + path + (f"?{put_in(row.query, fields)}" if row.query else "")
        body = {key: _within(value, fields) for key, value in (row.body or {}).items()}
        return cls(route, method, path, body if row.body is not None else None)

    def ask(self, client: Client, headers: Mapping[str, str] | None = None) -> httpx.Response:
        if self.path.startswith(f"{API_PREFIX}/"):
            return client.request(self.method, self.path, json=self.body, headers=headers)
        if self.method == "POST":
            return client.submit(self.path, **(self.body or {}))
        return client.request(self.method, self.path)


def put_in(text: str, fields: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: fields[found[1]], text)


def _within(value: Any, fields: Mapping[str, str]) -> Any:
    """The same in the texts of a document."""
    if isinstance(value, str):
        return put_in(value, fields)
    return [_within(one, fields) for one in value] if isinstance(value, list) else value


def fields_of(site: Site, unit: str, station: str, by: str) -> dict[str, str]:
    """A slot and a calendar in this unit, made by somebody of it."""
    person = site.province.people[by]
    details = slots.SlotDetails(
        title=f"Của {by}", unit_code=unit, audience=(f"unit:{unit}",), programme_id=1,
        starts_at=time(10 if unit == "352" else 9, 10), seconds=601,
    )  # fmt: skip
    slot = slots.add_slot(site.hub, details, by=person)
    feed, _ = feeds.add_feed(site.hub, unit, "Chị Đào", by=person)
    return {
        **THERE, "unit": unit, "code": station, "station": station,
        "station_id": str(site.province.stations[station.removeprefix("dai-")].id),
        "slot_id": str(slot.id), "feed_id": str(feed.id),
    }  # fmt: skip


def questions(letter: str, own: Mapping[str, str], other: Mapping[str, str]) -> tuple[
    list[Question], list[Question]
]:  # fmt: skip
    """What this role must be refused, and what it must not."""
    refused, allowed = [], []
    for prefix, table in ((API_PREFIX, API), ("", PAGES)):
        for route, row in table.items():
            if row.alone == SIGN_IN or route.split(" ")[1] in PUBLIC:
                continue
            may = allowed if letter in row.who else refused
            may.append(Question.of(prefix, route, row, own))
            if row.bounded and letter in row.who and letter in "dc":
                refused.append(Question.of(prefix, route, row, other))
    # Whose second factor is gone is asked for a new one, and for nothing else.
    allowed.sort(key=lambda one: "second-factor/remove" in one.route)
    return refused, allowed


def everything(site: Site) -> str:
    """A hash over every row that a refusal must leave alone."""
    read = hashlib.sha256()
    passing = {"api_token", "answer"}  # when a token was seen last
    with site.hub.database.read() as session:
        for table in Base.metadata.sorted_tables:
            if table.name not in passing:
                rows = session.execute(select(table)).all()
                read.update(repr(sorted(map(repr, rows))).encode())
    return read.hexdigest()


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Without a sign-in every page leads to the sign-in, and every endpoint answers 401."""
    fields = {**THERE, "unit": "353", "code": "dai-13579", "station": "dai-13579",
              "station_id": "1", "slot_id": "1", "feed_id": "1"}  # fmt: skip
    tables = ((API_PREFIX, API), ("", PAGES), ("", OTHERS))
    with shared_site.client() as client:
        for prefix, route in ((prefix, route) for prefix, table in tables for route in table):
            method, path = route.split(" ")
            if path in PUBLIC:
                continue
            path = prefix + put_in(path, fields)
            answer = client.request(method, path)
            if path.startswith(("/api/", "/uploads", "/live/")):
                assert answer.status_code == 401, path
                if method == "HEAD":
                    continue
                assert answer.json()["code"] == "not_signed_in", path
            else:
                assert answer.status_code == 303, path
                assert answer.headers["location"].startswith("/sign-in"), path


@pytest.mark.parametrize("letter", list(ROLES))
def test_every_route_as_every_role_in_the_own_and_in_another_unit(site: Site, letter: str) -> None:
    """
    What the table refuses is refused and changes no row; what it allows is not refused.

    Asked with a sign-in and, under /api/v1, also with a token that may do all that its person may.
    """
    unit, by = {"d": ("353", "lan"), "c": ("13579", "dao")}.get(letter, ("35", "huong"))
    own = fields_of(site, unit, "dai-13579", by)
    other = fields_of(site, "352", "dai-13501", "minh") if letter in "dc" else own
    refused, allowed = questions(letter, own, other)
    assert len(refused) + len(allowed) >= len(PAGES) + len(API) - len(PUBLIC) - 8
    username = ROLES[letter]
    token = issued(site, username, "*:write")
    with site.client(username) as client, site.client() as program:
        before = everything(site)
        for one in refused:
            assert_refused(one, one.ask(client))
            if one.path.startswith(API_PREFIX):
                assert_refused(one, one.ask(program, token))
        assert everything(site) == before
        for one in allowed:
            assert_not_refused(one, one.ask(client))
            if one.path.startswith(API_PREFIX):
                assert_not_refused(one, one.ask(program, token))


def assert_refused(one: Question, answer: httpx.Response) -> None:
    assert answer.status_code == 403, (one, answer.status_code, answer.text[-600:])
    if one.path.startswith(API_PREFIX) and one.method != "HEAD":
        assert answer.json()["code"] in ("not_allowed", "outside_unit"), (one, answer.text)


def assert_not_refused(one: Question, answer: httpx.Response) -> None:
    assert answer.status_code not in (401, 403), (one, answer.status_code, answer.text[-600:])
    assert answer.status_code < 500, (one, answer.text[-600:])


def test_a_token_opens_no_page(site: Site) -> None:
    """A token for programs is none for people's pages, whatever it may do."""
    token = issued(site, "tuan", "*:write")
    fields = fields_of(site, "35", "dai-13579", "dung")
    with site.client() as client:
        for route, row in PAGES.items():
            one = Question.of("", route, row, {**fields, "token": "x" * 32, "extension": "mp3"})
            if route.split(" ")[1] not in PUBLIC:
                answer = client.request(one.method, one.path, headers=token)
                assert answer.status_code in (303, 401), one


def test_made_up_and_signed_out_cookies_are_strangers(site: Site) -> None:
    """A cookie is worth what the table says, not what it says itself."""
    with site.client("lan") as client:
        assert client.get("/").status_code == 200
        assert client.submit("/sign-out").status_code == 303
        client.cookies.set("loa", site.token("lan"), domain="127.0.0.1")
        assert client.get("/").status_code == 303
    with site.client() as client:
        client.cookies.set("loa", "x" * 43)
        assert client.get("/").status_code == 303


def test_one_time_secret_opens_nothing_but_the_change_of_the_password(site: Site) -> None:
    """A secret that was read out over the telephone cannot be used to look around."""
    with site.client("admin") as client:
        fields = {"username": "moi", "full_name": "Người Mới", "role": "editor", "unit": ""}
        client.submit("/people", **fields)
        page = client.submit("/people/secret", username="moi").text
    secret = page.split('class="secret">')[1].split("<")[0]
    with site.client() as client:
        answer = client.post("/sign-in", data={"username": "moi", "password": secret})
        assert answer.status_code == 303
        assert client.get("/").headers["location"] == "/password"
        problem = client.get("/api/v1/programmes")
        assert (problem.status_code, problem.json()["code"]) == (403, "must_change_password")
        assert client.get("/password").status_code == 200


def test_wrong_role_sees_no_link_to_what_it_may_not_open(shared_site: Site) -> None:
    """The menu of a commune officer has no page of people."""
    with shared_site.client("dao") as client:
        assert 'href="/people"' not in client.get("/").text
    with shared_site.client("admin") as client:
        assert 'href="/people"' in client.get("/").text


@pytest.mark.parametrize("path", ["/", "/stations", "/map", "/airings"])
def test_nothing_of_another_unit_is_shown(shared_site: Site, path: str) -> None:
    """A commune officer sees the commune, and not one station of the neighbours."""
    with shared_site.client("dao") as client:
        shown = client.get(path).text

    names = {one.name for code, one in shared_site.province.stations.items() if code != "13579"}
    assert "Đài truyền thanh xã Đạo Lý" in shown
    assert not any(name in shown for name in names)


def test_wrong_unit_confirms_nothing(site: Site) -> None:
    """A neighbour's word about somebody else's loudspeaker is not taken."""
    station = site.province.stations["13579"]
    with site.hub.database.read() as session:
        open_one = session.query(Airing).filter_by(
            station_id=station.id, state=AiringState.ON_STATION
        ).order_by(Airing.planned_at).first()  # fmt: skip
    assert open_one is not None
    with site.client("minh") as client:
        answer = client.submit(
            "/confirm", station_id=str(station.id),
            planned_at=open_one.planned_at.isoformat(), aired="yes",
        )  # fmt: skip

    assert answer.status_code in (403, 422)
    with site.hub.database.read() as session:
        kept = session.get_one(Airing, (station.id, open_one.planned_at))
        assert kept.state is AiringState.ON_STATION


def test_wrong_unit_sends_nothing_again_and_plans_nothing(site: Site) -> None:
    """What belongs to Bình Lục is moved by Bình Lục and the province alone."""
    with site.client("lan") as client:
        assert client.submit("/stations/retry", code="dai-13501").status_code == 403
        slot = {"title": "Lấn sân", "programme_id": "1", "audience": "unit:352",
                "starts_at": "20:30"}  # fmt: skip
        assert client.submit("/timetable", **slot).status_code in (403, 422)
        answer = client.submit(f"/timetable/{site.province.slots[0].id}/remove")
        assert answer.status_code in (403, 422)

    with site.hub.database.read() as session:
        assert [one.title for one in session.query(Slot).all()].count("Lấn sân") == 0
        assert session.query(Slot).filter(Slot.removed_at.is_not(None)).count() == 0
        assert session.query(Station).count() == 20
