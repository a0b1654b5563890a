"""A nation's evening: 10,600 stations on one page that is still light, and says where to look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from api.pages.stations import has_problem
from api.scope import MOST_CHOICES
from api.unitstanding import MOST_UNITS
from scheduler import hub as hubs
from scheduler import people, second_factor
from scheduler.board import station_board
from scheduler.clock import ManualClock
from scheduler.config import PathSettings, Settings
from scheduler.hub import Hub
from scheduler.standing import standing_of
from scheduler.store.models import (
    Airing,
    Bulletin,
    BulletinStation,
    Delivery,
    Forecast,
    Person,
    Programme,
    Slot,
    SlotTarget,
    Station,
    StationUnit,
    Unit,
)
from scheduler.store.states import AiringState, DeliveryState, Grade, ProgrammeState
from scheduler.timetable import to_utc
from tests.templates import EVENING
from tests.web.data import Province
from tests.web.site import Site, serving
from tests.web.test_weight import ANY_KIB, loaded_bytes

PROVINCES, COMMUNES, PROGRAMMES, BAD_EVERY = 34, 10_600, 5_000, 20
OFFICERS, LINES = 2_000, 120
WAITING, OWN_EVERY = 3_000, 6  # for an approver; every sixth brought by that approver
SINCE = date(2020, 1, 1)


@pytest.fixture(scope="module")
def nation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Nobody may change anything here."""
    settings = Settings(paths=PathSettings(data=tmp_path_factory.mktemp("nation") / "data"))
    clock = ManualClock(EVENING)
    hubs.init(settings, clock=clock)
    hub = hubs.open_hub(settings, clock=clock)
    with hub.database.write() as session:
        everybody = _fill(session, hub)
    with serving(hub, Province(people=everybody, stations={}, programmes={}, slots=[])) as site:
        yield site
    hub.database.close()


def _fill(session: Session, hub: Hub) -> dict[str, Person]:
    provinces = [
        Unit(code=f"{n:02}", name=f"Tỉnh Thử {n}", level="tỉnh", valid_from=SINCE)
        for n in range(PROVINCES)
    ]
    session.add_all(provinces)
    session.flush()
    first = provinces[-1].id + 1
    numbers = range(COMMUNES)
    session.execute(insert(Unit), [_commune(n, first + n, provinces) for n in numbers])
    session.execute(insert(Station), [_station(n, hub) for n in numbers])
    session.execute(
        insert(StationUnit),
        [{"station_id": n + 1, "unit_id": first + n, "valid_from": SINCE} for n in numbers],
    )
    everybody = dict(_people(session, hub, provinces[3]))
    slot = _slot(session, hub, everybody["nga"], provinces[0])
    session.execute(insert(Person), [_officer(n, hub, first + n) for n in range(OFFICERS)])
    session.execute(insert(Slot), [_line(n, slot, first + n) for n in range(LINES)])
    session.execute(insert(Programme), [_waiting(n, hub, everybody) for n in range(WAITING)])
    session.execute(insert(Programme), [_programme(n, hub, everybody["nga"])
                                        for n in range(PROGRAMMES)])  # fmt: skip
    _drill(session, hub, everybody["nga"], slot, 5_000)
    _drill(session, hub, everybody["nga"], slot, 100)
    on = hub.today()
    for day, hour in ((on, 17), (on + timedelta(days=1), 5)):
        at = to_utc(datetime.combine(day, time(hour)), hub.settings.zone)
        session.execute(insert(Airing), [_airing(n, slot, at, day, hub) for n in numbers])
    session.execute(insert(Delivery), [_delivery(n, at, on, hub) for n in numbers])
    return everybody


def _commune(number: int, unit_id: int, provinces: list[Unit]) -> dict[str, Any]:
    return {
        "id": unit_id, "code": f"{10_000 + number}", "name": f"Xã Thử Nghiệm {number}",
        "level": "xã", "parent_id": provinces[number % PROVINCES].id, "valid_from": SINCE,
    }  # fmt: skip


def _station(number: int, hub: Hub) -> dict[str, Any]:
    return {
        "id": number + 1, "code": f"dai-{number}", "technology": "ip", "kind": "player",
        "name": f"Đài truyền thanh xã Thử Nghiệm {number}", "host": "127.0.0.1",
        "username": "loa", "host_key": "ssh-ed25519 AAAA", "clock_skew_s": 0.1,
        "phone": f"0912 345 {number % 1000:03}", "last_seen_at": hub.clock.now(),
    }  # fmt: skip


def _programme(number: int, hub: Hub, by: Person) -> dict[str, Any]:
    return {
        "title": f"Chuyện của bản làng số {number}", "file_name": "a.wav",
        "sha256": f"{number:064}", "size_bytes": 1, "ms": 600_000 + number,
        "state": ProgrammeState.APPROVED,
        "uploaded_by": by.id, "uploaded_at": hub.clock.now(),
    }  # fmt: skip


def _waiting(number: int, hub: Hub, everybody: dict[str, Person]) -> dict[str, Any]:
    by = everybody["phuc" if number % OWN_EVERY else "nga"]
    return {
        **_programme(number, hub, by), "title": f"Tin của xã số {number}",
        "sha256": f"{PROGRAMMES + number:064}", "state": ProgrammeState.READY,
    }  # fmt: skip


def _people(session: Session, hub: Hub, unit: Unit) -> Iterator[tuple[str, Person]]:
    for name, role, where in (("nga", "approver", None), ("phuc", "district", unit),
                              ("quan", "administrator", None)):  # fmt: skip
        people.add_person(session, username=name, full_name=f"Nguyễn {name}", role=role,
                          unit=where, now=hub.clock.now(), by="test")  # fmt: skip
        person = people.find_person(session, name)
        person.must_change_password = False
        if role == "administrator":  # without a second factor nothing opens to one
            second_factor.begin(hub, session, person)
            person.totp_secret, person.totp_pending = person.totp_pending, None
        yield name, person


def _slot(session: Session, hub: Hub, by: Person, unit: Unit) -> Slot:
    programme = Programme(
        title="Gương thoát nghèo", file_name="a.wav", sha256="0" * 64, size_bytes=1, ms=900_000,
        state=ProgrammeState.APPROVED, uploaded_by=by.id, uploaded_at=hub.clock.now(),
    )  # fmt: skip
    slot = Slot(
        unit_id=unit.id, title="Buổi sáng", programme=programme, starts_at=time(5), seconds=900,
        rrule="FREQ=DAILY", valid_from=SINCE, created_by=by.id, created_at=hub.clock.now(),
        targets=[SlotTarget(unit_id=unit.id)],
    )  # fmt: skip
    session.add(slot)
    session.flush()
    return slot


def _drill(session: Session, hub: Hub, by: Person, slot: Slot, stations: int) -> None:
    """Brought to every second station."""
    now = hub.clock.now()
    made = Bulletin(
        programme_id=slot.programme_id, title="Diễn tập", reason="Lũ", is_drill=True,
        issued_by=by.id, issued_at=now, expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    session.add(made)
    session.flush()
    session.execute(insert(BulletinStation), [
        {"bulletin_id": made.id, "station_id": n + 1, "planned_at": now, "next_try_at": now,
         "state": DeliveryState.DELIVERED if n % 2 else DeliveryState.DUE,
         "delivered_at": now if n % 2 else None}
        for n in range(stations)
    ])  # fmt: skip


def _line(number: int, like: Slot, unit_id: int) -> dict[str, Any]:
    """A commune's own line, which nobody hears."""
    return {
        "unit_id": unit_id, "title": f"Tin xã {number}", "programme_id": like.programme_id,
        "starts_at": time(6 + number % 3), "seconds": 900, "rrule": "FREQ=DAILY",
        "valid_from": SINCE, "created_by": like.created_by, "created_at": like.created_at,
    }  # fmt: skip


def _officer(number: int, hub: Hub, unit_id: int) -> dict[str, Any]:
    return {
        "username": f"cb-{number}", "full_name": f"Cán bộ {number:04}", "role": "commune",
        "unit_id": unit_id, "password_hash": "", "must_change_password": True,
        "created_at": hub.clock.now(),
    }  # fmt: skip


def _airing(number: int, slot: Slot, at: datetime, on: date, hub: Hub) -> dict[str, Any]:
    is_past = at < hub.clock.now()
    state = AiringState.AIRED if is_past else AiringState.ON_STATION
    if is_past and number % 37 == 0:
        state = AiringState.MISSED
    return {
        "station_id": number + 1, "planned_at": at, "broadcast_date": on, "slot_id": slot.id,
        "programme_id": slot.programme_id, "programme_class": "normal", "ms": 900_000,
        "late_ok_s": 600, "grade": Grade.A if is_past else Grade.D, "state": state,
    }  # fmt: skip


def _delivery(number: int, at: datetime, on: date, hub: Hub) -> dict[str, Any]:
    is_bad = number % BAD_EVERY == 7
    return {
        "station_id": number + 1, "for_date": on + timedelta(days=1), "seq": 1, "attempts": 3,
        "state": DeliveryState.FAILED if is_bad else DeliveryState.VERIFIED,
        "next_try_at": hub.clock.now(), "first_air_at": at, "last_air_at": at,
        "content_sha256": "0" * 64, "generated_at": hub.clock.now(),
        "error_code": "auth" if is_bad else None,
        "error_fields": {"username": "loa", "host": "10.0.0.9"} if is_bad else None,
    }  # fmt: skip


def test_anonymous_is_refused(nation: Site) -> None:
    with nation.client() as client:
        assert client.get("/").status_code == 303


def test_nation_is_one_light_page(nation: Site) -> None:
    """Counts, the first that failed, and each province in which something did, with a way there."""
    with nation.client("nga", language="en") as client:
        page = client.get("/").text
        assert loaded_bytes(client, "/") <= ANY_KIB * 1024

    assert f"{COMMUNES // BAD_EVERY} stations need somebody" in page
    assert "10,070 of 10,600 stations have everything" in page
    units = re.findall(
        r'<a class="more" href="/\?unit=(\d+)">Tỉnh Thử \d+</a> <span class="soft">(\d+) of', page
    )
    assert sum(int(number) for _, number in units) == COMMUNES // BAD_EVERY
    assert len(units) <= MOST_UNITS
    worst = [int(number) for _, number in units]
    assert worst == sorted(worst, reverse=True)
    assert page.count("<option") < MOST_CHOICES


def test_one_goes_on_from_the_nation_to_a_commune(nation: Site) -> None:
    """A province is chosen, then one of its communes; both lists are short."""
    with nation.client("nga", language="en") as client:
        province = client.get("/?unit=07").text
        assert 'value="10007"' in province
        assert 'value="10008"' not in province
        commune = client.get("/?unit=10007").text
    assert 'value="10007" selected' in commune
    assert "Tỉnh Thử 33" in commune
    assert len(province) < 200_000


def test_person_of_a_province_sees_theirs_alone(nation: Site) -> None:
    """Also where all of it is counted and not read."""
    with nation.client("phuc", language="en") as client:
        page = client.get("/").text
        assert client.get("/?unit=07").status_code == 403
    assert "Tỉnh Thử 7" not in page
    assert "312 stations have everything" in page


FORMS = (
    "/people", "/people/phuc", "/feeds", "/urgent", "/timetable/new", "/timetable/1/edit",
    "/stations/dai-7/edit", "/timetable/1/days/2022-10-18",
)  # fmt: skip


def test_no_form_lists_a_nation(nation: Site) -> None:
    """Each of them is light and has a search and a tree; what stands on it is kept as chosen."""
    with nation.client("quan") as client:
        for path in FORMS:
            page = client.get(path).text
            assert loaded_bytes(client, path) <= ANY_KIB * 1024, path
            assert 'class="picker"' in page, path
            assert page.count("Tỉnh Thử") < 7 * PROVINCES, path
        assert 'value="03" checked' in client.get("/people/phuc").text
        assert 'value="unit:00" checked' in client.get("/timetable/1/edit").text


def test_five_thousand_programmes_are_searched_and_not_listed(nation: Site) -> None:
    """The newest are offered, any other is found by its words, and what stands there stays."""
    slot = {"title": "Tin xã", "programme_id": "1", "audience": "unit:07", "starts_at": "20:40",
            "items": "programme:70"}  # fmt: skip
    asked = {"programme_find": "ban lang so 1234", "pick": "programme"}
    with nation.client("quan") as client:
        first = client.get("/timetable/new").text
        found = client.submit("/timetable", **slot, do="add", **asked).text
        entered = client.submit("/timetable", **slot, do="add", programme_find="khong co").text
        day = client.submit("/timetable/1/days/2022-10-18", what="replace", reason="Lũ", **asked)
        urgent = client.submit("/urgent/confirm", reason="Lũ về", **asked).text
        page = client.get("/programmes").text
        older = client.get(re.search(r'href="([^"]+)" rel="next"', page)[1].replace("&amp;", "&"))  # type: ignore[index]
        assert loaded_bytes(client, "/programmes") <= ANY_KIB * 1024
    assert "bản làng số 4999 (" in first and "bản làng số 4959 (" not in first
    for kept in ('value="1" selected', 'value="programme:70" selected', 'value="20:40"'):
        assert kept in found and kept in entered
    for text in (found, day.text, urgent):
        assert "bản làng số 1234 (" in text and "bản làng số 4999 (" not in text
    assert "Không có chương trình nào" in entered
    assert 'value="Lũ"' in day.text and 'value="Lũ về"' in urgent
    assert "bản làng số 4950<" in page and "bản làng số 4949<" in older.text


def test_thousands_that_wait_for_an_approver_are_counted_and_come_in_parts(nation: Site) -> None:
    """The oldest in full, the next by name, never one's own among them, and a link to the rest."""
    others = WAITING - WAITING // OWN_EVERY
    with nation.client("nga", language="en") as client:
        page = client.get("/approve").text
        assert loaded_bytes(client, "/approve") <= ANY_KIB * 1024
        following = re.search(r'href="([^"]+)" rel="next"', page)[1]  # type: ignore[index]
        then = client.get(following.partition("#")[0]).text
        last = client.get(f"/approve?after={2**31 - 1}").text
    assert f"{others:,} programmes wait for you" in page and "Tin của xã số 1</a></h2>" in page
    queue, own = page.split("Brought by you")
    assert named(queue) == [n for n in range(26) if n % OWN_EVERY][:21]
    assert named(own) == [n * OWN_EVERY for n in range(20)] and "480 more programmes." in own
    assert named(then.split("Brought by you")[0])[:3] == [1, 26, 27]
    assert "Nothing more waits." in last and 'rel="next"' not in last


def test_people_and_lines_of_a_nation_are_found_and_come_in_parts(nation: Site) -> None:
    """By words without tones; each part is light and leads on."""
    with nation.client("quan", language="en") as client:
        people, lines = client.get("/people").text, client.get("/timetable").text
        assert loaded_bytes(client, "/timetable") <= ANY_KIB * 1024
        then = client.get(re.search(r'rel="next" href="(/timetable[^"]+)"', lines)[1]).text  # type: ignore[index]
        last = client.get("/people?page=100000").text
        officer = client.get("/people?search=can bo 1234").text
        line = client.get("/timetable?search=thu nghiem 77").text
    assert people.count('<th scope="row">') == 50 and "Page 1 of 41" in people
    assert "Page 41 of 41" in last and "Nguyễn quan" in last
    assert re.findall(r'href="/people/(cb-[^"]+)"', officer) == ["cb-1234"]
    hours = [re.findall(r">Tin xã (\d+)<", page) for page in (lines, then)]
    assert [len(one) for one in hours] == [49, 50]  # the line of all stands first
    assert not set(hours[0]) & set(hours[1])
    assert re.findall(r">Tin xã (\d+)<", line) == ["77"]


def test_what_is_not_ready_and_what_is_not_released_comes_in_parts(nation: Site) -> None:
    """Ten thousand stations that wait, and as many drafts as somebody writes."""
    with nation.client("quan", language="en") as client:
        for path, card, sizes in (("/ready", '<section class="card late"', (50, 50)),
                                  ("/timetable/changes", '<section class="card">',
                                   (100, LINES - 99))):  # fmt: skip
            pages = [client.get(f"{path}?page={n}").text for n in (1, 2)]
            assert loaded_bytes(client, path) <= ANY_KIB * 1024, path
            assert tuple(page.count(card) for page in pages) == sizes, path
            parts = [set(re.findall(r'id="s(\d+)"|name="slot_ids" value="(\d+)"', one))
                     for one in pages]  # fmt: skip
            assert tuple(len(one) for one in parts) == sizes and not parts[0] & parts[1], path


def test_an_order_to_thousands_shows_first_whom_it_has_not_reached(nation: Site) -> None:
    """A hundred at once, each counted; programs get as many orders as they can take."""
    with nation.client("quan", language="en") as client:
        page, last = client.get("/urgent/1").text, client.get("/urgent/1?page=50").text
        assert loaded_bytes(client, "/urgent/1") <= ANY_KIB * 1024
        newest = client.get("/api/v1/bulletins")
        before = client.get(newest.links["next"]["url"])
    numbers = [[int(n) for n in re.findall(r"/stations/dai-(\d+)", one)] for one in (page, last)]
    assert [len(one) for one in numbers] == [100, 100]
    assert {n % 2 for n in numbers[0]} == {0} and {n % 2 for n in numbers[1]} == {1}
    assert "Page 1 of 50" in page and page.count(">2,500<") == 2
    assert [[len(one["stations"]) for one in answer.json()] for answer in (newest, before)] == [
        [100], [5_000]
    ]  # fmt: skip


def named(page: str) -> list[int]:
    return [int(number) for number in re.findall(r">Tin của xã số (\d+)</a>", page)]


def test_a_unit_is_found_and_opened_without_a_script_and_nothing_typed_is_lost(
    nation: Site,
) -> None:
    """Tones do not matter; a station is found too; one that was chosen stays while one searches."""
    person = {"full_name": "Lê Thị Hoa", "username": "hoa", "role": "district", "unit": "07"}
    slot = {"title": "Tin xã", "programme_id": "1", "audience": "unit:07", "starts_at": "20:40",
            "more": "unit:10044"}  # fmt: skip
    with nation.client("quan") as client:
        found = client.submit("/people", **person, unit_find="thu nghiem 104", pick="unit")
        assert found.status_code == 200
        for kept in ('value="Lê Thị Hoa"', 'value="district" selected', 'value="07" checked'):
            assert kept in found.text
        assert 'value="10104"' in found.text and 'value="10105"' not in found.text
        opened = client.submit("/people", **person, pick="unit@08").text
        assert 'value="10008"' in opened and 'value="10007"' not in opened
        # Enter in the search sends the form: it is carried out before anybody is added.
        entered = client.submit("/people", **person, unit_find="xa thu nghiem 77")
        assert 'value="10077"' in entered.text
        both = client.submit("/timetable", **slot, do="add", pick="exclude",
                             exclude_find="truyen thanh xa thu nghiem 4321").text  # fmt: skip
        for kept in ('value="unit:07" checked', 'value="unit:10044" checked', 'value="20:40"'):
            assert kept in both
        assert 'value="station:dai-4321"' in both
        part = client.get("/units/pick?name=more&places=yes&multiple=yes&chosen=unit:07"
                          "&pick=more@00").text  # fmt: skip
        assert 'type="checkbox" name="more" value="unit:07" checked' in part
        assert 'value="unit:10034"' in part
    with nation.hub.database.read() as session:
        assert session.query(Person).filter_by(username="hoa").count() == 0
        assert session.query(Slot).count() == 1 + LINES


@pytest.mark.parametrize("username", ["nga", "phuc"])
def test_what_is_counted_is_what_the_board_shows(nation: Site, username: str) -> None:
    """The same stations fail on both, whatever is wrong with them; it is rolled back."""
    hub, now, on = nation.hub, nation.hub.clock.now(), nation.hub.today()
    with Session(hub.database.engine) as session:
        _break(session, now, on)
        session.flush()
        person = people.find_person(session, username)
        inside = None
        if person.unit_id is not None:
            inside = {person.unit_id} | {
                row.id for row in session.query(Unit.id).filter(Unit.parent_id == person.unit_id)
            }
        board = station_board(session, now, on=on, unit_ids=inside)
        standing = standing_of(session, now, on=on, unit_ids=inside)
        failing = {line.station.id: line for line in board if has_problem(line)}
        assert {one.station_id for one in standing.failing} == failing.keys()
        assert standing.watched == len(board)
        for one in standing.failing:
            line = failing[one.station_id]
            assert one.unit_id == (line.unit.id if line.unit else None)
            assert one.airs_at == (line.next_airing.planned_at if line.next_airing else None)
        session.rollback()


def _break(session: Session, now: datetime, on: date) -> None:
    """A bit of everything: clocks, keys, maps, forecasts true and outlived, newer versions."""
    ids = iter(range(1, COMMUNES, 3))  # so that both people see some of each
    for _ in range(40):
        session.get_one(Station, next(ids)).clock_skew_s = -31
        session.get_one(Station, next(ids)).host_key = None
        session.get_one(Station, next(ids)).active = False
        for row in session.query(StationUnit).filter_by(station_id=next(ids)):
            row.valid_to = on
        for ready_at in (None, now + timedelta(days=2), now):
            session.add(Forecast(
                station_id=next(ids), for_date=on + timedelta(days=1), bytes_left=1,
                needed_at=now + timedelta(hours=9), ready_at=ready_at, **_rest(now),
            ))  # fmt: skip
        waiting = session.query(Delivery).filter_by(station_id=next(ids)).one()
        waiting.state, waiting.error_code = DeliveryState.DUE, "unreachable"
        late = session.query(Delivery).filter_by(station_id=next(ids)).one()
        late.state = DeliveryState.DUE
        session.add(Forecast(
            station_id=late.station_id, for_date=late.for_date, bytes_left=1,
            needed_at=now + timedelta(hours=9), ready_at=None, **_rest(now),
        ))  # fmt: skip
        over = session.query(Delivery).filter_by(station_id=next(ids)).one()
        over.state, over.last_air_at = DeliveryState.FAILED, now - timedelta(hours=1)


def _rest(now: datetime) -> dict[str, Any]:
    return {"kbps": 256, "basis": "measured", "made_at": now}
