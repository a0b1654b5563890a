"""Stations come in by a table: all of it or nothing, and a pinned key is never replaced by it."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from scheduler.csvrows import read_csv_text
from scheduler.errors import FileRefused, NotFound, PreviewOutdated, StationMovedOn
from scheduler.hub import Hub
from scheduler.registry import accept_host_key, find_station, list_stations, unit_of
from scheduler.stationedit import edit_station, sheet_of
from scheduler.stationimport import ImportPlan, StationsImported, import_stations, plan_import
from scheduler.stationrows import STATION_COLUMNS, template_csv
from scheduler.store.models import LedgerEntry, Station, StationUnit
from scheduler.units import find_unit
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
    example = {one.name: one.example for one in STATION_COLUMNS}
    with hub.database.read() as session:  # a code that was given to another place means that one
        now = find_unit(session, example["unit_code"], date(2025, 7, 1))
    assert example["name"].casefold().endswith(now.name.casefold())


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


def planned(hub: Hub, text: str, **options: Any) -> ImportPlan:
    with hub.database.read() as session:
        return plan_import(session, text, name="x.csv", on=ON, **options)


def test_a_plan_tells_each_row_and_changes_nothing(hub: Hub) -> None:
    """New, changed, as it is, refused: with line, cells and reasons."""
    give(hub, HEADER + GOOD + "tien,Đài Tiến,13579,fm,person,,,,,\n")

    plan = planned(
        hub,
        HEADER + GOOD.replace("10.0.0.1", "10.0.0.2") + "tien,Đài Tiến,13579,fm,person,,,,,\n"
        + "moi,Đài mới,13588,ip,player,10.0.0.3,,,,\n" + "xau,,13579,ip,person,,,,,\n",
    )  # fmt: skip

    assert [(row.line, row.outcome) for row in plan.rows] == [
        (2, "changed"), (3, "unchanged"), (4, "added"), (5, "refused"),
    ]  # fmt: skip
    assert [(c.column, c.before, c.after) for c in plan.rows[0].changes] == [
        ("host", "10.0.0.1", "10.0.0.2")
    ]
    assert plan.counts == {"refused": 1, "added": 1, "changed": 1, "unchanged": 1}
    assert {one.code for one in stations(hub)} == {"dao-ly", "tien"}


def test_what_is_applied_is_what_was_seen(hub: Hub) -> None:
    """A change of the same station in between makes the preview void; another one does not."""
    give(hub, HEADER + GOOD + "tien,Đài Tiến,13579,fm,person,,,,,\n")
    text = HEADER + GOOD.replace("10.0.0.1", "10.0.0.2")
    seen = planned(hub, text).digest

    give(hub, HEADER + "tien,Đài xã Tiến,13579,fm,person,,,,,\n")
    assert planned(hub, text).digest == seen
    give(hub, HEADER + GOOD.replace("10.0.0.1", "10.0.0.7"))
    with hub.database.write() as session, pytest.raises(PreviewOutdated):
        import_stations(session, text, name="x", now=hub.clock.now(), by="test", on=ON, seen=seen)
    assert {one.host for one in stations(hub)} == {"10.0.0.7", None}


def test_a_column_that_the_table_lacks_leaves_a_station_as_it_is(hub: Hub) -> None:
    """Who brings telephone numbers does not take away the addresses."""
    give(hub, HEADER + GOOD)

    give(hub, "code,name,unit_code,technology,kind,phone\ndao-ly,Đài Đạo Lý,13579,ip,player,0912\n")

    [one] = stations(hub)
    assert (one.phone, one.host, one.push_from) == ("0912", "10.0.0.1", time(19))


def test_coordinates_are_read_as_excel_writes_them_and_kept_in_the_country(hub: Hub) -> None:
    """A decimal comma is a decimal comma; half a place is none."""
    head = "code;name;unit_code;technology;kind;lat;lon\n"
    give(hub, head + "a;A;13579;ip;person;20,5443;106.0872\n")

    assert [(one.lat, one.lon) for one in stations(hub)] == [(20.5443, 106.0872)]
    for cells in ("91;1", "1;181", "20;", ";106", "x;1", "1e300;1", "nan;1"):
        plan = planned(hub, head + f"b;B;13579;ip;person;{cells}\n")
        assert [row.outcome for row in plan.rows] == ["refused"], cells


def test_rows_outside_the_own_unit_are_refused(hub: Hub) -> None:
    """Neither a station of others, nor one of ours moved to others."""
    give(hub, HEADER + GOOD)
    with hub.database.read() as session:
        there = find_unit(session, "13588", ON)
        here = find_unit(session, "13579", ON)
    moved = HEADER + GOOD.replace("13579", "13588")

    assert planned(hub, moved, unit_ids={here.id}).counts["refused"] == 1
    assert planned(hub, moved, unit_ids={there.id}).counts["refused"] == 1
    assert planned(hub, moved, unit_ids={here.id, there.id}).counts["changed"] == 1


def test_two_who_edit_one_station_do_not_overwrite_each_other(hub: Hub) -> None:
    """The second holds another version, and nothing of his is written."""
    give(hub, HEADER + GOOD)
    with hub.database.read() as session:
        version = sheet_of(session, find_station(session, "dao-ly"), ON).version

    def edit(**cells: str) -> None:
        with hub.database.write() as session:
            edit_station(
                session, find_station(session, "dao-ly"), cells, seen=version, on=ON, by="x",
                now=hub.clock.now(),
            )  # fmt: skip

    edit(phone="0911", unit_code="13588")
    with pytest.raises(StationMovedOn):
        edit(phone="0922")

    with hub.database.read() as session:
        station = find_station(session, "dao-ly")
        unit = unit_of(session, station, ON)
    assert station.phone == "0911"
    assert unit is not None and unit.code == "13588"
