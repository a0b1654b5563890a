"""The administrative map changes; what was true on a day stays true for that day."""

from __future__ import annotations

import unicodedata
from collections import Counter
from datetime import date, timedelta
from itertools import product

import pytest
from sqlalchemy import select

from scheduler.csvrows import read_csv_text
from scheduler.errors import FileRefused, NotFound, PreviewOutdated
from scheduler.hub import Hub
from scheduler.registry import find_station, unit_of
from scheduler.store.models import LedgerEntry, Unit
from scheduler.unitevents import after_of, before_of, list_events
from scheduler.unitimport import UnitsImported, import_units, plan_units
from scheduler.units import (
    find_unit,
    maps_of,
    stations_by_unit,
    unit_ids_below,
    unit_path,
    units_on,
)
from tests.builders import HA_NAM, stations

HEADER = "valid_from,code,name,level,parent_code\n"
FIRST, SECOND, THIRD = date(2020, 1, 1), date(2025, 1, 1), date(2025, 7, 1)
SMALL = (
    "2020-01-01,35,Tỉnh Hà Nam,tỉnh,\n"
    "2020-01-01,353,Huyện Lý Nhân,huyện,35\n"
    "2020-01-01,13579,Xã Đạo Lý,xã,353\n"
)
COMMUNES = ("xã", "phường", "thị trấn")


def give(hub: Hub, rows: str, name: str = "units.csv") -> UnitsImported:
    with hub.database.write() as session:
        return import_units(session, HEADER + rows, name=name, now=hub.clock.now(), by="test")


def refused(hub: Hub, rows: str) -> list[str]:
    """What is said of a table, after looking that nothing of it came in."""
    before = everything(hub)
    with pytest.raises(FileRefused) as error:
        give(hub, rows)
    assert everything(hub) == before
    return [str(problem) for problem in error.value.problems]


def everything(hub: Hub) -> list[tuple[object, ...]]:
    columns = (Unit.id, Unit.code, Unit.name, Unit.parent_id, Unit.valid_from, Unit.valid_to)
    with hub.database.read() as session:
        return [tuple(row) for row in session.execute(select(*columns).order_by(Unit.id))]


def test_the_three_maps_of_ha_nam_are_as_the_statistics_office_has_them(hub: Hub) -> None:
    """109, 98 and 33 communes below six districts, six, and none; each on its own days."""
    with hub.database.read() as session:
        found = {
            on: Counter(unit.level in COMMUNES for unit in units_on(session, on))
            for on in (FIRST, date(2024, 12, 31), SECOND, date(2025, 6, 30), THIRD)
        }

    assert found == {
        FIRST: {True: 109, False: 7},
        date(2024, 12, 31): {True: 109, False: 7},
        SECOND: {True: 98, False: 7},
        date(2025, 6, 30): {True: 98, False: 7},
        THIRD: {True: 33, False: 1},
    }


def test_no_code_stands_for_two_places_on_one_day(hub: Hub) -> None:
    """Also on the day on which the province itself was merged into another."""
    with hub.database.read() as session:
        for on in (FIRST, SECOND, THIRD, date(2026, 1, 1)):
            codes = Counter(unit.code for unit in units_on(session, on))
            assert max(codes.values()) == 1


def test_a_code_is_two_different_places_on_two_days(hub: Hub) -> None:
    """13579 was Xã Đạo Lý and is Xã Bắc Lý, which was 13588."""
    with hub.database.read() as session:
        old, new = find_unit(session, "13579", FIRST), find_unit(session, "13579", THIRD)
        assert (old.name, new.name) == ("Xã Đạo Lý", "Xã Bắc Lý")
        assert old.id != new.id
        assert [unit.code for unit in unit_path(session, old)] == ["13579", "353", "35"]
        assert [unit.code for unit in unit_path(session, new)] == ["13579", "37"]
        assert find_unit(session, "13588", FIRST).name == "Xã Bắc Lý"
        with pytest.raises(NotFound):
            find_unit(session, "13588", THIRD)


def test_importing_the_same_maps_again_changes_nothing(hub: Hub) -> None:
    """As often as one likes."""
    before = everything(hub)

    result = give(hub, HA_NAM.read_text(encoding="utf-8").partition("\n")[2])

    assert (result.added, result.ended) == (0, 0)
    assert result.unchanged == 116 + 105 + 34
    assert everything(hub) == before


def test_a_correction_on_the_same_day_is_no_event(empty_hub: Hub) -> None:
    """A misspelt name is put right in place: the unit, its key and its stations stay."""
    give(empty_hub, SMALL)
    stations(empty_hub, ["13579"])
    before = {row[1]: row[0] for row in everything(empty_hub)}

    result = give(empty_hub, SMALL.replace("Đạo Lý", "Đạo Lí"))

    assert (result.added, result.ended) == (0, 0)
    assert {row[1]: row[0] for row in everything(empty_hub)} == before
    with empty_hub.database.read() as session:
        assert find_unit(session, "13579", FIRST).name == "Xã Đạo Lí"


def test_a_unit_that_was_told_by_mistake_goes_if_nothing_hangs_on_it(empty_hub: Hub) -> None:
    """The same day told again without it: it never was."""
    extra = SMALL + "2020-01-01,99,Xã Không Có,xã,353\n"
    give(empty_hub, extra)

    result = give(empty_hub, SMALL)

    assert result.ended == 1
    assert [row[1] for row in everything(empty_hub)] == ["35", "353", "13579"]
    give(empty_hub, extra)
    stations(empty_hub, ["99"])
    assert refused(empty_hub, SMALL) == ['Line 2: "99" is left out, but something belongs to it']


def test_stations_follow_a_unit_that_only_moved(empty_hub: Hub) -> None:
    """The district goes, the commune stays itself below the province, with its station."""
    give(empty_hub, SMALL + "2020-01-01,13588,Xã Bắc Lý,xã,353\n")
    stations(empty_hub, ["13579", "13588"])

    result = give(
        empty_hub,
        "2025-07-01,35,Tỉnh Hà Nam,tỉnh,\n"
        "2025-07-01,13579,Xã Đạo Lý,xã,35\n"
        "2025-07-01,13588,Xã Lý Nhân,xã,35\n",
    )

    assert result.stations_without_unit == 1  # of Bắc Lý, which is no more
    with empty_hub.database.read() as session:
        moved = find_station(session, "s13579")
        before, after = (unit_of(session, moved, on) for on in (date(2025, 6, 30), THIRD))
        assert before is not None
        assert after is not None
        assert (before.id, after.id) == (
            find_unit(session, "13579", FIRST).id, find_unit(session, "13579", THIRD).id,
        )  # fmt: skip
        inside = stations_by_unit(session, THIRD)
        assert inside[find_unit(session, "35", THIRD).id] == {moved.id}


def test_a_station_that_came_after_the_day_of_a_late_map_follows_too(empty_hub: Hub) -> None:
    """Maps are often told months after the day from which they hold."""
    give(empty_hub, SMALL)
    stations(empty_hub, ["13579"])  # on 16/10/2022

    result = give(empty_hub, "2021-01-01,35,Tỉnh Hà Nam,tỉnh,\n2021-01-01,13579,Xã Đạo Lý,xã,35\n")

    assert result.stations_without_unit == 0
    on = date(2022, 10, 17)
    with empty_hub.database.read() as session:
        unit = unit_of(session, find_station(session, "s13579"), on)
        assert unit is not None
        assert unit.id == find_unit(session, "13579", on).id


def test_who_belongs_below_whom_is_of_one_day(hub: Hub) -> None:
    """A district's people see its communes of that day, and after its end nothing."""
    with hub.database.read() as session:
        district = find_unit(session, "353", FIRST)
        below = unit_ids_below(session, district.id, FIRST)
        assert below is not None
        assert find_unit(session, "13579", FIRST).id in below
        assert find_unit(session, "35", FIRST).id not in below
        assert unit_ids_below(session, district.id, THIRD) == {district.id}
        assert unit_ids_below(session, None, FIRST) is None


BAD = {
    "a circle": (
        SMALL + "2020-01-01,1,A,xã,2\n2020-01-01,2,B,xã,1\n",
        ['Line 5: "1" lies below itself', 'Line 6: "2" lies below itself'],
    ),
    "a missing parent": (
        SMALL + "2020-01-01,1,A,xã,999\n",
        ['Line 5: parent "999" is not on this map'],
    ),
    "a doubled code": (
        SMALL + "2020-01-01,13579,Xã Khác,xã,353\n",
        ['Line 5: code "13579" stands on line 4 already'],
    ),
    "a wrong date": (
        SMALL + "01/01/2020,1,A,xã,35\n",
        ['Line 5: "01/01/2020" is not a date like 2020-01-31'],
    ),
    "an empty name": (SMALL + "2020-01-01,1,,xã,35\n", ['Line 5: "name" is empty']),
    "a name that is too long": (
        SMALL + f"2020-01-01,1,{'x' * 121},xã,35\n",
        ['Line 5: "name" is longer than 120 letters'],
    ),
    "a control code": (
        SMALL + "2020-01-01,1,A\0B,xã,35\n",
        ['Line 5: "name" has a control character'],
    ),
    "no rows": ("", ["Line 1: the file has no rows"]),
    "several at once": (
        "2020-01-01,35,,tỉnh,\nx,1,A,xã,35\n2020-01-01,2,B,xã,77\n",
        ['Line 2: "name" is empty', 'Line 3: "x" is not a date like 2020-01-31',
         'Line 4: parent "77" is not on this map'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_every_bad_row_is_told_with_its_line_and_nothing_comes_in(
    empty_hub: Hub, what: str
) -> None:
    """All problems at once, so that a person mends the table once."""
    rows, problems = BAD[what]

    assert refused(empty_hub, rows) == problems


def test_an_older_map_is_not_laid_below_a_newer_one(empty_hub: Hub) -> None:
    """Its units would hold beside the newer ones for ever."""
    give(empty_hub, SMALL)

    told = refused(empty_hub, SMALL.replace("2020-01-01", "2019-01-01"))

    assert told == ["Line 2: a newer map, of 2020-01-01, is here already"]


MERGED = (
    "2025-07-01,35,Tỉnh Hà Nam,tỉnh,,,\n"
    "2025-07-01,13579,Xã Bắc Lý,xã,35,13579 13588,Nghị quyết số 1\n"
)
WIDE = "valid_from,code,name,level,parent_code,made_of,basis\n"


def test_stations_follow_into_the_unit_that_theirs_was_merged_into(empty_hub: Hub) -> None:
    """What the preview says is what is done; the event stands in the records with its basis."""
    give(empty_hub, SMALL + "2020-01-01,13588,Xã Bắc Lý,xã,353\n")
    stations(empty_hub, ["13579", "13588"])
    before = everything(empty_hub)

    with empty_hub.database.write() as session:
        plan = plan_units(session, WIDE + MERGED, name="x")
    assert everything(empty_hub) == before
    told = {(one.outcome, one.code): one for one in plan.units}
    assert set(told) == {("unchanged", "35"), ("merged", "13579"), ("ends", "353")}
    merged = told["merged", "13579"]
    assert [was.name for was in merged.before] == ["Xã Đạo Lý", "Xã Bắc Lý"]
    assert (merged.stations, merged.valid_from, plan.stations_without_unit) == (2, THIRD, 0)
    assert told["ends", "353"].valid_to == THIRD

    with empty_hub.database.write() as session:
        import_units(session, WIDE + MERGED, name="x", now=empty_hub.clock.now(), by="test",
                     seen=plan.digest)  # fmt: skip
    with empty_hub.database.read() as session:
        unit = find_unit(session, "13579", THIRD)
        assert len(stations_by_unit(session, THIRD)[unit.id]) == 2
        [event] = list_events(session)
        assert (event.kind, event.basis) == ("merged", "Nghị quyết số 1")
        again = plan_units(session, WIDE + MERGED, name="x")
    assert again.changes_nothing
    with empty_hub.database.write() as session, pytest.raises(PreviewOutdated):
        import_units(session, WIDE + MERGED, name="x", now=empty_hub.clock.now(), by="test",
                     seen=plan.digest)  # fmt: skip


def test_a_map_of_some_units_or_of_one_station_says_the_same_of_them(empty_hub: Hub) -> None:
    """Also in the week in which two communes become one and their district ends."""
    give(empty_hub, SMALL + "2020-01-01,13588,Xã Bắc Lý,xã,353\n")
    stations(empty_hub, ["13579", "13588"])
    with empty_hub.database.write() as session:
        import_units(session, WIDE + MERGED, name="x", now=empty_hub.clock.now(), by="test")
    days = [THIRD + timedelta(days=n) for n in range(-3, 4)]
    compared = 0
    with empty_hub.database.read() as session:
        whole = maps_of(session, days)
        for unit in session.scalars(select(Unit).order_by(Unit.id)):
            inside = unit_ids_below(session, unit.id, days[0])
            assert inside is not None
            some = maps_of(session, days, unit_ids=inside)
            for on, one in product(days, inside):
                assert some[on].get(one, set()) == whole[on].get(one, set()), (on, one)
                compared += bool(whole[on].get(one))
        first = find_station(session, "s13579").id
        of_it = maps_of(session, days, station_id=first)
        for on in days:
            kept = {unit: found & {first} for unit, found in whole[on].items() if first in found}
            assert of_it[on] == kept
    assert compared > 20


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (MERGED.replace(",Nghị quyết số 1", ","), '"made_of" and "basis" go together'),
        (MERGED.replace("13588", "13599"), 'there is no unit "13599" on the day before'),
        (SMALL.replace("2020", "2025").replace("xã,353", "xã,353,13579,NQ"),
         "none of these units changes on that day"),
    ],
)  # fmt: skip
def test_what_units_are_not_made_of_is_told(empty_hub: Hub, rows: str, problem: str) -> None:
    """With its line, before anything is written."""
    give(empty_hub, SMALL + "2020-01-01,13588,Xã Bắc Lý,xã,353\n")
    before = everything(empty_hub)
    with empty_hub.database.write() as session, pytest.raises(FileRefused) as error:
        import_units(session, WIDE + rows, name="x", now=empty_hub.clock.now(), by="test")
    assert any(problem in str(one) for one in error.value.problems)
    assert everything(empty_hub) == before


def test_a_commune_that_takes_in_others_goes_on_and_a_split_one_is_in_all_its_parts(
    empty_hub: Hub,
) -> None:
    """Each with its event; the stations of a split unit stay with who keeps its code and name."""
    give(empty_hub, SMALL + "2020-01-01,13588,Xã Bắc Lý,xã,353\n2020-01-01,13591,Xã Cũ,xã,353\n")
    stations(empty_hub, ["13588", "13591"])
    rows = SMALL.replace("2020", "2025").replace("xã,353", "xã,353,13588,NQ 1")
    rows += "2025-01-01,1,Xã Một,xã,353,13591,NQ 2\n2025-01-01,2,Xã Hai,xã,353,13591,NQ 2\n"
    with empty_hub.database.write() as session:
        result = import_units(session, WIDE + rows, name="x", now=empty_hub.clock.now(), by="test")

    assert (result.added, result.ended, result.stations_without_unit) == (2, 2, 1)
    with empty_hub.database.read() as session:
        events = {event.kind: event for event in list_events(session)}
        assert sorted(one.code for one in before_of(events["merged"])) == ["13579", "13588"]
        assert sorted(one.code for one in after_of(events["split"])) == ["1", "2"]
        assert len(stations_by_unit(session, SECOND)[find_unit(session, "13579", SECOND).id]) == 1


def test_a_preview_of_the_real_maps_says_what_became_of_each_unit(empty_hub: Hub) -> None:
    """Also that a name was another code the day before: 13579 is now what 13588 was."""
    with empty_hub.database.read() as session:
        plan = plan_units(session, HA_NAM.read_text(encoding="utf-8"), name="ha_nam")

    first = Counter(one.outcome for one in plan.units if one.on == FIRST)
    assert first == {"new": 116}
    told = [one for one in plan.units if one.on == THIRD and one.code == "13579"]
    assert [(one.outcome, one.before[0].name, one.name) for one in told] == [
        ("renamed", "Xã Đạo Lý", "Xã Bắc Lý")
    ]
    assert told[0].same_name is not None
    assert told[0].same_name.code == "13588"
    lived = [(one.valid_from, one.valid_to) for one in plan.units if one.code == "353"]
    assert lived[0] == (FIRST, THIRD)


def test_a_code_of_another_province_is_not_taken_from_it(hub: Hub) -> None:
    """A typing error in one province must not end a commune of its neighbour."""
    told = refused(hub, "2023-01-01,36,Tỉnh Nam Định,tỉnh,\n2023-01-01,13579,Xã Khác,xã,36\n")

    assert told == [
        'Line 3: code "13579" is "Xã Đạo Lý" of another province on this day: '
        "give the maps of both in one file"
    ]


def test_another_province_lives_beside_this_one(hub: Hub) -> None:
    """A complete map of one says nothing of the other."""
    give(hub, "2023-01-01,36,Tỉnh Nam Định,tỉnh,\n2023-01-01,13999,Xã Mỹ Hà,xã,36\n")

    with hub.database.read() as session:
        assert len(units_on(session, date(2023, 1, 1))) == 118


def test_an_import_is_in_the_ledger(hub: Hub) -> None:
    """Who laid which map, with its counts; a file name may be as long as a disk allows."""
    give(hub, "2023-01-01,36,Tỉnh Nam Định,tỉnh,\n", name="x" * 255)

    with hub.database.read() as session:
        last = session.scalar(select(LedgerEntry).order_by(LedgerEntry.seq.desc()).limit(1))
        assert last is not None
        assert (last.what, last.detail["added"]) == ("units_imported", 1)


def test_names_typed_in_pieces_are_the_same_names(empty_hub: Hub) -> None:
    """Half of the keyboards write "ế" as three characters; that is no new commune."""
    give(empty_hub, SMALL)

    result = give(empty_hub, unicodedata.normalize("NFD", SMALL))

    assert (result.added, result.ended, result.unchanged) == (0, 0, 3)


def test_the_reference_table_reads_as_it_lies_there() -> None:
    """The file that ships is UTF-8 with the header that the template promises."""
    assert read_csv_text(HA_NAM, "ha_nam").startswith(HEADER.strip())
