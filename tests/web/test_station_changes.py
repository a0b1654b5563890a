"""A station changed by form and by program: two at once, keys, closing, links."""

from __future__ import annotations

import re

import httpx

from scheduler.keys import keys_of
from scheduler.store.models import LedgerEntry, Link, Station
from tests.web.site import Client, Site

CARD = "/stations/dai-13579"
EDIT = f"{CARD}/edit"
API = "/api/v1/stations"


def fields_of(page: str) -> dict[str, str]:
    """The form of a station as a browser would send it back unchanged."""
    form = page.split(f'action="{EDIT}"')[1].split("</form>")[0]
    found = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', form))
    for name, options in re.findall(r'<select[^>]* name="(\w+)".*?>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    found.pop("form_token")
    return found


def opened(client: Client) -> dict[str, str]:
    return fields_of(client.get(EDIT).text)


def saved(client: Client, fields: dict[str, str], **changes: str) -> httpx.Response:
    return client.submit(EDIT, **{**fields, **changes})


def station(site: Site, code: str = "dai-13579") -> Station:
    with site.hub.database.read() as session:
        return session.query(Station).filter_by(code=code).one()


def ledger(site: Site, what: str) -> list[LedgerEntry]:
    with site.hub.database.read() as session:
        return session.query(LedgerEntry).filter_by(what=what).order_by(LedgerEntry.seq).all()


def test_anonymous_is_refused(shared_site: Site) -> None:
    """A stranger changes nothing."""
    with shared_site.client() as client:
        assert client.get(EDIT).status_code == 303


def test_a_form_sent_back_as_it_came_changes_nothing(site: Site) -> None:
    """And leaves no entry in the ledger."""
    with site.client("ky") as client:
        assert saved(client, opened(client)).status_code == 303
    assert ledger(site, "station_changed") == []


def test_a_change_is_saved_and_the_card_says_who(site: Site) -> None:
    """With what was before."""
    with site.client("ky") as client:
        answer = saved(client, opened(client), phone="0999 000 111", push_from="19:00",
                       push_until="04:00", lat="20,5443", lon="106.08")  # fmt: skip
        assert answer.headers["location"] == f"{CARD}?done=station_changed"
        card = client.get(CARD).text
    now = station(site)
    assert (now.phone, f"{now.push_from:%H:%M}", now.lat) == ("0999 000 111", "19:00", 20.5443)
    [entry] = ledger(site, "station_changed")
    assert (entry.who, entry.detail["before"]["phone"]) == ("ky", "0912 345 000")
    assert "<del>0912 345 000</del>" in card


def test_what_cannot_be_is_told_at_its_field_and_nothing_typed_is_lost(shared_site: Site) -> None:
    """Port, window and coordinates at once."""
    with shared_site.client("ky") as client:
        answer = saved(client, opened(client), port="99999", push_from="25:00", lat="91", lon="1",
                       phone="0933")  # fmt: skip
    assert answer.status_code == 422
    for column in ("port", "push_from", "lat"):
        assert f'id="bad-{column}"' in answer.text
    assert 'value="0933"' in answer.text
    assert '"Cổng SFTP"' in answer.text.replace("&#34;", '"')


def test_the_second_of_two_sees_the_difference_and_chooses(site: Site) -> None:
    """Nothing of either is lost; what only one of them changed needs no choice."""
    with site.client("ky") as first, site.client("admin") as second:
        mine, theirs = opened(first), opened(second)
        assert saved(second, theirs, phone="0988", notes="Cầu chì mới").status_code == 303
        answer = saved(first, mine, phone="0977", host="10.1.1.1")
        assert answer.status_code == 409
        assert "Quản trị viên" in answer.text
        for text in ("0988", "0977", "Cầu chì mới", "10.1.1.1"):
            assert text in answer.text
        assert station(site).phone == "0988"
        assert "radio" in answer.text
        choice = fields_of(answer.text)
        assert saved(first, choice, phone="0977").status_code == 303
    now = station(site)
    assert (now.phone, now.host, now.notes) == ("0977", "10.1.1.1", "Cầu chì mới")


def test_a_station_is_closed_only_by_who_is_sure_and_can_be_opened(site: Site) -> None:
    """Closed, it stands on no list but the one of closed stations."""
    with site.client("ky") as client:
        assert client.submit(f"{CARD}/active", active="no").status_code == 422
        assert station(site).active
        assert client.submit(f"{CARD}/active", active="no", sure="yes").status_code == 303
        assert "dai-13579" not in client.get("/stations?search=dao ly").text
        assert "dai-13579" in client.get("/stations?standing=closed").text
        assert "dai-13579" not in client.get("/map").text
        assert client.submit(f"{CARD}/active", active="yes").status_code == 303
    assert station(site).active
    assert [one.what for one in ledger(site, "station_closed")] == ["station_closed"]


def test_a_key_is_replaced_step_by_step_and_given_out_as_a_file(site: Site) -> None:
    """The card tells the steps; the secret stands on no page; every step is in the ledger."""
    with site.client("ky") as client:
        assert client.submit(f"{CARD}/key/begin").status_code == 422
        assert client.submit(f"{CARD}/key/file", which="next").status_code == 422
        assert client.submit(f"{CARD}/key/begin", sure="yes").status_code == 303
        card = client.get(CARD).text
        file = client.submit(f"{CARD}/key/file", which="next")
        keys = keys_of(site.hub, station(site))
        assert keys.next is not None
        assert file.text == f"{keys.next.hex()}\n"
        assert file.headers["cache-control"] == "no-store"
        assert "attachment" in file.headers["content-disposition"]
        assert keys.next.hex() not in card and keys.current.hex() not in card
        assert "Việc cần làm tại đài" in card
        assert client.submit(f"{CARD}/key/keep").status_code == 422
        assert client.submit(f"{CARD}/key/keep", sure="yes").status_code == 303
    assert station(site).next_key_number is None
    for what in ("station_key_rotation_begun", "station_key_given_out",
                 "station_key_rotation_given_up"):  # fmt: skip
        assert len(ledger(site, what)) == 1


def test_a_technician_of_one_unit_changes_nothing_of_another(site: Site) -> None:
    """Neither by form, nor by table, nor by a link that others share."""
    with site.hub.database.write() as session:
        from scheduler.store.models import Person, Unit

        unit = session.query(Unit).filter_by(code="353").one()
        session.query(Person).filter_by(username="ky").one().unit_id = unit.id
        link = Link(name="VPN", max_sessions=2)
        session.add(link)
        session.flush()
        session.query(Station).filter_by(code="dai-13300").one().link_id = link.id
        number = str(link.id)
    with site.client("ky") as client:
        assert client.get("/stations/dai-13300/edit").status_code == 403
        assert saved(client, opened(client), unit_code="13300").status_code == 422
        table = "code,name,unit_code,technology,kind,host\ndai-13300,X,13300,ip,player,h\n"
        assert 'name="seen"' not in client.submit("/import", pasted=table).text
        fields = {"link_id": number, "name": "VPN", "sessions": "9", "was": "VPN|2|"}
        assert client.submit("/links/change", **fields).status_code == 403
    assert station(site, "dai-13300").name != "X"


def test_a_link_is_added_changed_and_removed_and_never_over_somebody_elses_change(
    site: Site,
) -> None:
    """The second of two is told; a link that carries stations stays."""
    with site.client("ky") as client:
        assert client.submit("/links", name="Cột 3G", sessions="4", kbps="2000").status_code == 303
        assert client.submit("/links", name="Cột 3G", sessions="4").status_code == 409
        assert client.submit("/links", name="Khác", sessions="x").status_code == 422
        with site.hub.database.read() as session:
            number = str(session.query(Link).one().id)
        change = {"link_id": number, "name": "Cột 3G", "sessions": "2", "kbps": ""}
        stale = client.submit("/links/change", **change, was="Cột 3G|3|2000")
        assert stale.status_code == 409
        right = client.submit("/links/change", **change, was="Cột 3G|4|2000")
        assert right.status_code == 303
        assert client.submit("/links/remove", link_id=number).status_code == 422
        with site.hub.database.write() as session:
            session.query(Station).filter_by(code="dai-13579").one().link_id = int(number)
        assert client.submit("/links/remove", link_id=number, sure="yes").status_code in (409, 422)
    with site.hub.database.read() as session:
        link = session.query(Link).one()
    assert (link.max_sessions, link.kbps) == (2, None)
    assert len(ledger(site, "link_changed")) == 1


def test_a_program_changes_what_it_saw_and_nothing_else(site: Site) -> None:
    """The version of the sheet goes back with the change."""
    with site.client("ky") as client:
        sheet = client.get(f"{API}/dai-13579/sheet").json()
        assert sheet["cells"]["port"] == "22"
        body = {"version": sheet["version"], "phone": "0911", "lat": 20.5, "lon": 106.0}
        assert client.patch(f"{API}/dai-13579", json=body).json()["phone"] == "0911"
        again = client.patch(f"{API}/dai-13579", json=body)
        assert (again.status_code, again.json()["code"]) == (409, "station_moved_on")
        new = {"code": "moi", "name": "Đài mới", "unit_code": "13582", "technology": "fm",
               "kind": "player"}  # fmt: skip
        bad = client.post(API, json=new)
        assert [one["field"] for one in bad.json()["problems"]] == ["host"]
        made = client.post(API, json={**new, "host": "10.0.0.9"}, headers={"idempotency-key": "k"})
        same = client.post(API, json={**new, "host": "10.0.0.9"}, headers={"idempotency-key": "k"})
        assert (made.status_code, same.json()) == (201, made.json())
        assert client.post(f"{API}/moi/keys").status_code == 201
        keys = client.get(f"{API}/moi/keys").json()["keys"]
        assert [(one["number"], one["standing"]) for one in keys] == [(1, "in_force"), (2, "next")]
        assert client.delete(f"{API}/moi/keys/1").status_code == 422
        assert client.delete(f"{API}/moi/keys/2").json()["keys"] == keys[:1]
        assert client.delete(f"{API}/moi/keys/2").status_code == 422
        closed = client.post(f"{API}/moi/active", json={"active": False}).json()
        assert closed["standing"] == "closed"


def test_a_program_reads_all_stations_page_by_page(shared_site: Site) -> None:
    """By following ``Link``, each of them once."""
    seen: list[str] = []
    path = f"{API}?limit=7"
    with shared_site.client("ky") as client:
        for _ in range(5):
            answer = client.get(path)
            seen += [one["code"] for one in answer.json()]
            following = re.search(r"<([^>]+)>", answer.headers.get("link", ""))
            if following is None:
                break
            path = following[1]
    assert len(seen) == len(set(seen)) == 20
