"""Stations come in by a table: all of it or nothing, and a pinned key is never replaced by it."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from sqlalchemy import select

from scheduler.csvrows import read_csv_text
from scheduler.errors import FileRefused, NotFound
from scheduler.hub import Hub
from scheduler.registry import accept_host_key, find_station, list_stations, unit_of
from scheduler.stationimport import StationsImported, import_stations
from scheduler.stationrows import STATION_COLUMNS, template_csv
from scheduler.store.models import LedgerEntry, Station, StationUnit
from tests.builders import ON

HEADER = "code,name,unit_code,technology,kind,host,port,host_key,push_from,push_until\n"
KEY, OTHER_KEY = f"ssh-ed25519 {'A' * 68}", f"ssh-ed25519 {'B' * 68}"
GOOD = f"dao-ly,Đài Đạo Lý,13579,ip,player,10.0.0.1,22,{KEY},19:00,04:30\n"


def give(hub: Hub, text: str, on: date = ON) -> StationsImported:
    with hub.database.write() as session:
        return import_stations(session, text, name="x.csv", now=hub.clock.now(), by="test", on=on)


def stations(hub: Hub) -> list[Station]:
    with hub.database.read() as session:
        return list_stations(session)


def problems(hub: Hub, rows: str) -> list[str]:
    with pytest.raises(FileRefused) as refused:
        give(hub, HEADER + rows)
    assert stations(hub) == []
    return [str(problem) for problem in refused.value.problems]


def test_the_template_can_be_imported_as_it_is(hub: Hub) -> None:
    """What we hand out is what we take."""
    assert give(hub, template_csv()).added == 1
    assert template_csv().splitlines()[0] == ",".join(one.name for one in STATION_COLUMNS)


def test_a_good_row_becomes_a_station_in_its_commune(hub: Hub) -> None:
    """With every cell at its place, and defaults where a cell is empty."""
    assert give(hub, HEADER + GOOD) == StationsImported(added=1, changed=0, unchanged=0)

    with hub.database.read() as session:
        station = find_station(session, "dao-ly")
        unit = unit_of(session, station, ON)
    assert unit is not None
    assert unit.name == "Xã Đạo Lý"
    assert (station.name, station.host, station.port) == ("Đài Đạo Lý", "10.0.0.1", 22)
    assert (station.push_from, station.push_until) == (time(19), time(4, 30))
    assert (station.username, station.root, station.profile) == ("loa", ".", "loa-48")
    assert (station.host_key, station.active, station.next_seq) == (KEY, True, 1)


def test_all_bad_rows_are_told_at_once_and_none_of_the_table_comes_in(hub: Hub) -> None:
    """A person mends the table once, not eleven times."""
    assert problems(
        hub,
        GOOD
        + "Đạo Lý,A,13579,ip,player,h,22,,,\n"
        + "b,,13579,ip,player,h,22,,,\n"
        + "c,C,00000,ip,player,h,22,,,\n"
        + "d,D,13579,tv,player,h,22,,,\n"
        + "e,E,13579,ip,robot,h,22,,,\n"
        + "f,F,13579,ip,player,,22,,,\n"
        + f"g,G,13579,ip,player,h,{'9' * 5000},,,\n"
        + "h,H,13579,ip,player,h h,0,,,\n"
        + "i,I,13579,ip,player,h,22,AAAA,,\n"
        + "j,J,13579,ip,player,h,22,,25:00,04:30\n"
        + "k,K,13579,ip,player,h,22,,19:00,\n"
        + "dao-ly,L,13579,ip,player,h,22,,,\n",
    ) == [
        'Line 3: "code" is "Đạo Lý", wanted: a-z 0-9 -',
        'Line 4: "name" is empty',
        'Line 5: there is no unit with code "00000" on this day',
        'Line 6: "technology" is "tv", wanted: ip, fm, wired',
        'Line 7: "kind" is "robot", wanted: player, folder, person',
        'Line 8: "host" is empty',
        f'Line 9: "port" is "{"9" * 60}", wanted: 1-65535',
        'Line 10: "host" is "h h", wanted: 10.20.0.15',
        'Line 10: "port" is "0", wanted: 1-65535',
        'Line 11: "host_key" is "AAAA", wanted: ssh-ed25519 AAAA…',
        'Line 12: "push_from" is "25:00", wanted: HH:MM',
        'Line 13: "push_from" and "push_until" go together',
        'Line 14: code "dao-ly" stands on line 2 already',
    ]


@pytest.mark.parametrize("name", ["A\x00B", '"A\nB"', "A\x1b[31m", "x" * 121])
def test_a_name_that_no_page_could_show_is_refused(hub: Hub, name: str) -> None:
    """Control codes in names end up on terminals and in logs."""
    assert len(problems(hub, f"a,{name},13579,ip,player,h,22,,,\n")) == 1


def test_an_empty_table_is_said(hub: Hub) -> None:
    """A header alone imports nothing."""
    assert problems(hub, "") == ["Line 1: the file has no rows"]


def test_the_same_table_again_changes_nothing(hub: Hub) -> None:
    """As often as one likes."""
    give(hub, HEADER + GOOD)

    assert give(hub, HEADER + GOOD) == StationsImported(added=0, changed=0, unchanged=1)


def test_a_changed_row_changes_the_station_and_stations_that_are_not_named_stay(hub: Hub) -> None:
    """A table is what somebody knows, not all that there is."""
    give(hub, HEADER + GOOD + "tien,Đài Tiến,13579,fm,person,,,,,\n")

    result = give(hub, HEADER + GOOD.replace("10.0.0.1", "10.0.0.2"))

    assert result == StationsImported(added=0, changed=1, unchanged=0)
    assert {one.code: one.host for one in stations(hub)} == {"dao-ly": "10.0.0.2", "tien": None}


@pytest.mark.parametrize("cell", ["", OTHER_KEY])
def test_a_pinned_key_is_never_replaced_by_a_table(hub: Hub, cell: str) -> None:
    """Promise of §8: who can send a table must not be able to send us to another machine."""
    give(hub, HEADER + GOOD)

    give(hub, HEADER + GOOD.replace(KEY, cell))

    assert [one.host_key for one in stations(hub)] == [KEY]


def test_a_key_that_a_person_accepts_is_in_the_ledger_with_the_one_before(hub: Hub) -> None:
    """Who decided, and instead of what."""
    give(hub, HEADER + GOOD)

    with hub.database.write() as session:
        accept_host_key(
            session, find_station(session, "dao-ly"), OTHER_KEY, by="kỹ thuật", now=hub.clock.now()
        )

    assert [one.host_key for one in stations(hub)] == [OTHER_KEY]
    with hub.database.read() as session:
        last = session.scalars(select(LedgerEntry).order_by(LedgerEntry.seq.desc())).first()
    assert last is not None
    assert (last.what, last.who, last.detail) == (
        "host_key_accepted", "kỹ thuật", {"before": KEY, "after": OTHER_KEY},
    )  # fmt: skip


def test_a_station_that_serves_another_commune_from_a_day_served_the_first_before(
    hub: Hub,
) -> None:
    """Reports of last month keep the map of last month; moving twice on one day is one move."""
    give(hub, HEADER + GOOD)
    later = ON + timedelta(days=30)
    for code in ("13588", "13285", "13588"):
        give(hub, HEADER + GOOD.replace("13579", code), later)

    with hub.database.read() as session:
        station = find_station(session, "dao-ly")
        served = [
            unit_of(session, station, on)
            for on in (ON, later - timedelta(days=1), later, later + timedelta(days=9))
        ]
        rows = session.scalars(select(StationUnit)).all()
    assert [unit.name if unit else None for unit in served] == [
        "Xã Đạo Lý", "Xã Đạo Lý", "Xã Bắc Lý", "Xã Bắc Lý",
    ]  # fmt: skip
    assert len(rows) == 2


def test_nobody_is_found_under_a_code_that_is_not_there(hub: Hub) -> None:
    """With the code that was asked for."""
    with hub.database.read() as session, pytest.raises(NotFound) as refused:
        find_station(session, "nowhere")
    assert str(refused.value) == 'There is no station "nowhere".'


def test_excel_with_its_mark_and_its_line_ends_is_taken(hub: Hub) -> None:
    """ "CSV UTF-8" as Excel saves it."""
    data = b"\xef\xbb\xbf" + (HEADER + GOOD).replace("\n", "\r\n").encode()

    assert give(hub, read_csv_text(data, "x.csv")).added == 1
