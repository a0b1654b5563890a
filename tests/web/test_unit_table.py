"""Units as a table on a page: looked at unit by unit, then applied as it was seen."""

from __future__ import annotations

from datetime import UTC, date, datetime

from scheduler.clock import ManualClock
from scheduler.store.models import Person, Unit, UnitEvent
from tests.web.site import Site
from tests.web.test_station_table import hidden

HEAD = "valid_from,code,name,level,parent_code,made_of,basis\n"
NEIGHBOUR = "2022-01-01,36,Tỉnh Nam Định,tỉnh,,,\n2022-01-01,13999,Xã Mỹ Hà,xã,36,,\n"
LATER = (
    "2023-01-01,36,Tỉnh Nam Định,tỉnh,,,\n"
    '2023-01-01,13998,Xã Mỹ Tân,xã,36,13999,"Nghị quyết <b>số 1</b>"\n'
)
TABLE = HEAD + NEIGHBOUR + LATER


def units(site: Site) -> int:
    with site.hub.database.read() as session:
        return session.query(Unit).count()


def work_for(site: Site, code: str | None) -> None:
    with site.hub.database.write() as session:
        unit = session.query(Unit).filter_by(code=code).order_by(Unit.id).first()
        session.query(Person).filter_by(username="admin").one().unit_id = unit.id if unit else None


def test_anonymous_is_refused(shared_site: Site) -> None:
    """A stranger brings no map, and neither does a technician."""
    with shared_site.client() as client:
        assert client.get("/units/import").status_code == 303
    with shared_site.client("ky") as client:
        assert client.submit("/units/import", pasted=TABLE).status_code == 403


def test_a_map_is_looked_at_and_then_applied_once(site: Site) -> None:
    """New, renamed, with the days on which they hold; nothing is changed before; once, by two."""
    before = units(site)
    with site.client("admin") as client:
        shown = client.submit("/units/import", pasted=TABLE).text
        assert units(site) == before
        assert "<del>Xã Mỹ Hà" in shown
        assert "ngày 01/01/2022" in shown and "01/01/2023" in shown
        assert "Nghị quyết &lt;b&gt;số 1" in shown
        fields = {name: hidden(shown, name) for name in ("table", "name", "seen")}
        with site.client("admin") as other:
            assert other.submit("/units/import/apply", **fields).status_code == 303
        late = client.submit("/units/import/apply", **fields)
        assert late.status_code == 409
        assert "Trong lúc đó" in late.text and 'name="seen"' not in late.text
    assert units(site) == before + 3
    with site.hub.database.write() as session:
        assert session.query(UnitEvent).one().kind == "renamed"
        ended = session.query(Unit).filter_by(code="13999").one()
        session.query(Person).filter_by(username="dao").one().unit_id = ended.id
    clock, tokens = site.hub.clock, site.tokens
    assert isinstance(clock, ManualClock)
    clock.move_to(datetime(2023, 1, 1, tzinfo=UTC))
    tokens.clear()
    with site.client("admin") as client:
        assert "Xã Mỹ Hà, nay là Xã Mỹ Tân" in client.get("/people").text
        page = client.get("/people/dao").text
        assert "Xã Mỹ Hà, nay là Xã Mỹ Tân" in page
        assert '<option value="13998" selected' in page  # saved as it stands, it is that one
    with site.client("dao") as client:
        assert client.get("/airings?unit=13998").status_code == 200
        assert client.get("/airings?unit=36").status_code == 403  # the province above it
    with site.hub.database.write() as session:
        session.query(Unit).filter_by(code="13998").one().valid_to = date(2023, 1, 2)
    clock.move_to(datetime(2023, 1, 2, tzinfo=UTC))
    tokens.clear()
    with site.client("admin") as client:  # nothing came of it: saved as it stands, it stays so
        page = client.get("/people/dao").text
        assert "đã thôi tồn tại: hãy chọn đơn vị khác" in page
        version = hidden(page, "version")
        sent = {"username": "dao", "role": "commune", "unit": "ended:13999", "version": version}
        assert f'value="{sent["unit"]}" selected' in page
        assert client.submit("/people/role", **sent).status_code == 404


def test_bad_rows_are_told_all_at_once_and_what_was_pasted_stays(shared_site: Site) -> None:
    """With their lines; nothing can be applied."""
    bad = TABLE + "hôm qua,1,A,xã,36,,\n2023-01-01,2,,xã,77,,\n"
    with shared_site.client("admin") as client:
        answer = client.submit("/units/import", pasted=bad)
        assert client.get("/units/import/template.csv").content.startswith(b"\xef\xbb\xbf")
    assert answer.status_code == 422
    for told in ("6", "hôm qua", "7", "77", "Xã Mỹ Tân"):
        assert told in answer.text
    assert 'name="seen"' not in answer.text


def test_a_program_sees_the_same_and_applies_what_it_saw(site: Site) -> None:
    """``dry_run``, then the digest; who works for one province brings no other one's map."""
    path, before = "/api/v1/units/import", units(site)
    with site.client("admin") as client:
        seen = client.post(f"{path}?dry_run=true", json={"table": TABLE}).json()
        assert [one["outcome"] for one in seen["units"]] == ["new", "new", "unchanged", "renamed"]
        assert units(site) == before
        other = client.post(path, json={"table": TABLE, "seen": "x"})
        assert (other.status_code, other.json()["code"]) == (409, "preview_outdated")
        work_for(site, "35")
        assert client.post(path, json={"table": TABLE}).status_code == 422
        work_for(site, None)
        done = client.post(path, json={"table": TABLE, "seen": seen["digest"]}).json()
        assert (done["dry_run"], done["added"], done["events"]) == (False, 3, 1)
    assert units(site) == before + 3
