"""Every form of every page, sent twice at once and once more: nothing is done twice."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import select
from sqlalchemy.orm import Session, make_transient

from api.pages import page_router
from api.pages.forms import FormRoute
from scheduler import second_factor, uploads
from scheduler.hub import Hub
from scheduler.lines import draft_of
from scheduler.pinning import seen_host_key
from scheduler.registry import find_station
from scheduler.store.models import (
    Base,
    LedgerEntry,
    LoginSession,
    Person,
    Programme,
    Slot,
    SlotTarget,
)
from scheduler.store.states import ProgrammeState
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd
from tests.web.crawl import PAGES, FoundForm, forms_of, kind_of, read_page, redrawn, send
from tests.web.data import PASSWORD, tone
from tests.web.site import Client, Site
from tests.web.test_accounts import code, sign_in, with_factor

NEW_PASSWORD = "hoa súng tím 1986"

# What a person fills in, by the name of the field; choices take the first real one.
TYPED = {
    "title": "Bản tin thử", "starts_at": "20:30", "minutes": "15", "valid_from": "2022-10-20",
    "valid_to": "2022-12-31", "reason": "Vì đổi lịch", "note": "Nghe rõ", "name": "Phần mềm",
    "scope": "*:read", "full_name": "Người Mới", "username": "moi", "old": PASSWORD,
    "new": NEW_PASSWORD, "again": NEW_PASSWORD, "start": "0:10", "end": "9:00", "to": "2022-10-21",
    "at": "20:45", "theme": "Giảm nghèo", "genre": "bản tin", "expires_on": "2022-12-31",
    "word": "yes", "label": "Chị Đào, văn phòng xã", "sure": "yes", "on": "2022-10-20",
    "basis": "Nghị quyết 12",
}  # fmt: skip
# Where a form of that address wants something else than the others do.
TYPED_AT = {
    "/timetable": {"starts_at": "13:30"},  # at 20:30 airs the line that was edited before
    "/timetable/…/days/…": {"minutes": "12"},  # the others have 15 every day
    "/new-station": {"code": "dai-moi", "host": "10.9.9.9"},
    "/units/events": {"kind": "founded", "on": "2020-01-01", "after": "13579"},
}

# They end a sign-in, so what comes after them has to sign in anew.
ENDING = ("/people/access", "/people/end", "/account/end", "/password", "/sign-out")
# Pages to which few links lead, in the state that draws their forms.
MORE_PAGES = {
    "admin": ("/stations/dai-13501", "/timetable/2/days/2022-10-18", "/people/tuan"),
}
# Its box was replaced: another host key answers there than the one that is pinned.
REPLACED = "dai-13501"

# What of a row says nothing about what was done.
_VOLATILE = ("id", "at", "seq", "hash", "prev_hash", "token_hash")
_OUR_OWN = {"form_answer", "kept_form"}


def dump(hub: Hub) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table but those in which forms are remembered."""
    with hub.database.read() as session:
        return {
            name: sorted((dict(row._mapping) for row in session.execute(select(table))), key=str)
            for name, table in Base.metadata.tables.items()
            if name not in _OUR_OWN
        }


def done_twice(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> list[str]:
    """New rows that say the same as another new row."""
    found = []
    for name, rows in after.items():
        new = [row for row in rows if row not in before[name]]
        said = Counter(
            str({k: v for k, v in row.items() if k not in _VOLATILE and not k.endswith("_at")})
            for row in new
        )
        found += [f"{name}: {text}" for text, count in said.items() if count > 1]
    return found


def same(one: httpx.Response, other: httpx.Response) -> bool:
    return (one.status_code, one.headers.get("location"), one.text) == (
        other.status_code, other.headers.get("location"), other.text
    )  # fmt: skip


@pytest.fixture
def busy_site(site: Site, tmp_path: Path) -> Iterator[Site]:
    """The province with one of everything that can be decided: a clash, an unfinished upload …"""
    need_sshd()
    hub = site.hub
    with Sshd(tmp_path / "box", tmp_path / "root", hub.ssh_key_path) as box:
        with hub.database.write() as session:
            station = find_station(session, REPLACED)
            station.host, station.port = "127.0.0.1", box.port
        _fill(site)
        yield site


def _fill(site: Site) -> None:
    hub, people = site.hub, site.province.people
    with hub.database.write() as session:
        _more_programmes(hub, session)
        for title, starts_at in (("Dịch bệnh", time(19, 0)), ("Xả lũ", time(19, 5))):
            slot = _copied(session, session.get_one(Slot, 3))
            slot.title, slot.starts_at, slot.programme_class = title, starts_at, "priority"
            slot.unit_id = people["lan"].unit_id or 0
            slot.targets = [SlotTarget(unit_id=slot.unit_id)]
            session.flush()
            slot.released = draft_of(slot)
        person = session.get_one(Person, people["tuan"].id)
        person.totp_secret = second_factor._seal(hub).close(pyotp.random_base32())
    for username in ("admin", "dao"):
        uploads.begin(hub, by=people[username], file_name="dở dang.wav", size_bytes=1000)


def _more_programmes(hub: Hub, session: Session) -> None:
    """Enough of each state for every decision."""
    for number, state in enumerate([ProgrammeState.READY] * 4 + [ProgrammeState.REJECTED] * 2):
        programme = _copied(session, session.get_one(Programme, 4))
        programme.title, programme.state = f"Chương trình {number}", state
        programme.sha256 = f"{number + 500:064x}"
        (hub.masters / programme.sha256).write_bytes(tone(200))


def _copied(session: Session, row: Any) -> Any:
    list(getattr(row, "targets", ())), list(getattr(row, "renditions", ()))
    session.expunge(row)
    make_transient(row)
    row.id = None
    for name in ("renditions", "targets", "exceptions"):
        if hasattr(row, name):
            setattr(row, name, [])
    session.add(row)
    return row


def filled(site: Site, username: str, form: FoundForm) -> list[tuple[str, str]]:
    """As a person would fill it in."""
    given = dict(form.fields)
    values = {name: text for name, text in TYPED.items() if name in form.typed}
    for name, choices in form.options.items():
        if name == "exclude":  # who does not hear it: nobody
            continue
        if name == "programme_id" or not given.get(name):
            # The first programme is one whose encodings are there.
            values[name] = "1" if "1" in choices else next((one for one in choices if one), "")
    if "code" in form.typed:
        with site.hub.database.read() as session:
            person = session.get_one(Person, site.province.people[username].id)
            secret = second_factor.pending_of(site.hub, person)
        if secret is not None:
            values["code"] = pyotp.TOTP(secret).at(site.hub.clock.now())
    if "fingerprint" in form.typed:  # read from the box by telephone
        with site.hub.database.read() as session:
            station = find_station(session, REPLACED)
        values["fingerprint"] = seen_host_key(site.hub, station).fingerprint
    return form.filled(values | TYPED_AT.get(kind_of(form.action), {}))


def pair_of_clients(site: Site, username: str) -> Iterator[tuple[Client, Client]]:
    with site.client(username) as one, site.client(username) as other:
        yield one, other


def at_once(clients: tuple[Client, Client], form: FoundForm, fields: list[tuple[str, str]]) -> Any:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda client: send(client, form, fields), clients))


def test_every_form_sent_twice_is_done_once(busy_site: Site) -> None:
    """Two clicks at once, a third one later: one answer for all three, and nothing done again."""
    site, reached, refused = busy_site, set[str](), dict[str, tuple[Any, ...]]()
    seen: set[tuple[str, ...]] = set()
    for username in ("admin", "tuan", "huong", "dao"):
        starts = [path for name, path in PAGES if name == username]
        starts = ["/", *MORE_PAGES.get(username, ()), *starts]
        for _ in range(3):  # what was done draws forms that were not there before
            with site.client(username) as client:
                found = [one for one in forms_of(client, starts) if one.signature not in seen]
            found.sort(
                key=lambda one: (
                    # Without it an administrator gets no further than the page that sets it up.
                    one.action.endswith("second-factor/remove"),
                    one.action.startswith(ENDING),
                    "remove" in one.action,
                )
            )
            if not found:
                break
            while found:
                form = found.pop(0)
                for clients in pair_of_clients(site, username):
                    fresh = redrawn(clients[0], form)
                    if fresh is None or form.signature in seen:
                        continue
                    seen.add(form.signature)
                    answer = _sent_three_times(site, username, clients, fresh)
                    reached.add(kind_of(form.action))
                    if answer.status_code >= 400:
                        told = re.findall(r'role="alert">(.*?)</div>', answer.text)
                        refused[kind_of(form.action)] = (answer.status_code, *told)
                    forms = read_page(form.action, answer.text).forms
                    found[:0] = [
                        dataclasses.replace(one, drawn_by=answer.text)
                        for one in forms
                        if one.method == "post"
                        and one.signature not in seen
                        and not one.has_file
                        and answer.status_code < 400
                    ]
                    if form.action.startswith(ENDING):
                        site.tokens.pop(username, None)
    assert refused == {}  # each did something, once
    assert len(reached) > 35  # of the kinds of addresses that take a form


def _sent_three_times(
    site: Site, username: str, clients: tuple[Client, Client], form: FoundForm
) -> httpx.Response:
    fields = filled(site, username, form)
    cookies = dict(clients[1].cookies)
    before = dump(site.hub)
    first, second = at_once(clients, form, fields)
    after = dump(site.hub)
    with site.client() as late:  # a click that was on its way when the answer came
        late.cookies.update(cookies)
        third = send(late, form, fields)
    if first.status_code < 400:
        assert same(first, second), (form.action, first.status_code, second.status_code)
        assert same(first, third), (form.action, first.status_code, third.status_code)
    assert done_twice(before, after) == [], form.action
    assert dump(site.hub) == after, form.action
    return first


def test_every_route_that_takes_a_form_guards_it() -> None:
    """A page that is added later cannot forget it."""
    for route in iter_route_contexts(page_router().routes):
        if route.methods and "POST" in route.methods:
            assert isinstance(route.original_route, FormRoute), route.path


def test_a_sign_in_clicked_twice_is_one_sign_in(site: Site) -> None:
    """Both clicks get the same cookie; a wrong password is counted as often as it was sent."""
    with site.client() as one, site.client() as other:
        form = read_page("/sign-in", one.get("/sign-in").text).forms[0]
        fields = form.filled({"username": "lan", "password": PASSWORD})
        first, second = at_once((one, other), form, fields)
    assert first.status_code == 303
    assert first.headers["set-cookie"] == second.headers["set-cookie"]
    assert sign_ins(site, "lan") == 1


def test_an_invitation_and_a_code_clicked_twice_open_once(site: Site) -> None:
    """The address of an invitation and a code of the app work once, and so does a double click."""
    with site.client("admin") as client:
        fields = {"username": "moi", "full_name": "Người Mới", "role": "editor", "unit": ""}
        address = re.findall(r"/welcome/[\w-]+", client.submit("/people", **fields).text)[0]
    with site.client() as one, site.client() as other:
        form = read_page(address, one.get(address).text).forms[0]
        fields_typed = form.filled({"new": NEW_PASSWORD, "again": NEW_PASSWORD})
        first, second = at_once((one, other), form, fields_typed)
        assert (first.status_code, first.headers["location"]) == (303, "/?done=password")
        assert first.headers["set-cookie"] == second.headers["set-cookie"]
    assert sign_ins(site, "moi") == 1

    app, _ = with_factor(site, "lan")
    site.hub.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    with site.client() as one, site.client() as other:
        answer = sign_in(one, "lan")
        assert answer.headers["location"] == "/second"
        other.cookies.update(one.cookies)
        form = read_page("/second", one.get("/second").text).forms[0]
        first, second = at_once((one, other), form, form.filled({"code": code(site, app)}))
        assert first.headers["set-cookie"] == second.headers["set-cookie"]
    assert first.status_code == 303


def test_an_upload_clicked_twice_is_one_programme(site: Site) -> None:
    """Without a script the file comes twice, and the second one leads to the same programme."""
    with site.client("huong") as one, site.client("huong") as other:
        form = next(
            form for form in read_page("/programmes", one.get("/programmes").text).forms
            if form.has_file
        )  # fmt: skip
        fields = dict(form.filled({"title": "Hai lần"}))

        def post(client: Client) -> httpx.Response:
            sound = {"file": ("bài.wav", tone(333), "audio/wav")}
            return client.post("/programmes", data=fields, files=sound)

        with ThreadPoolExecutor(2) as pool:
            first, second = list(pool.map(post, (one, other)))
        third = post(one)
    assert first.status_code == 303
    assert same(first, second)
    assert same(first, third)
    with site.hub.database.read() as session:
        assert session.query(Programme).filter_by(title="Hai lần").count() == 1


def test_another_form_of_the_same_page_is_another_form(site: Site) -> None:
    """Sent again to this station, then to that one: two things, though the page was drawn once."""
    with site.client("huong") as client:
        codes = [
            form for form in read_page("/stations", client.get("/stations").text).forms
            if form.action == "/stations/retry"
        ]  # fmt: skip
        assert len(codes) > 1
        for form in codes[:2]:
            assert send(client, form, form.fields).status_code == 303
    with site.hub.database.read() as session:
        entries = session.query(LedgerEntry).filter(LedgerEntry.who == "huong").all()
    assert len({entry.subject for entry in entries}) == 2


def sign_ins(site: Site, username: str) -> int:
    with site.hub.database.read() as session:
        person = session.query(Person).filter_by(username=username).one()
        return session.query(LoginSession).filter_by(person_id=person.id).count()
