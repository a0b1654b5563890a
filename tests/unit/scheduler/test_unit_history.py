"""The map of any day, branch by branch, and why it changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from api.scope import scope_of
from scheduler import people
from scheduler.errors import AlreadyExists, InputInvalid, NotFound, OutsideUnit
from scheduler.hub import Hub
from scheduler.store.models import LedgerEntry, Person, Station, StationUnit, Unit, UnitEvent
from scheduler.unitevents import after_of, before_of, events_of, record_event, silent_changes
from scheduler.unitimport import import_units
from scheduler.units import find_unit, units_on
from scheduler.unittree import DRAWN_AT_ONCE, Branch, find_units, tree_on

OLD, NEW = date(2020, 1, 1), date(2025, 7, 1)
HEAD = "valid_from,code,name,level,parent_code\n"
MAPS = (
    HEAD
    + "2020-01-01,35,Tỉnh Hà Nam,tỉnh,\n"
    + "2020-01-01,353,Huyện Lý Nhân,huyện,35\n"
    + "2020-01-01,13579,Xã Đạo Lý,xã,353\n"
    + "2020-01-01,13588,Xã Bắc Lý,xã,353\n"
    + "2025-07-01,35,Tỉnh Hà Nam,tỉnh,\n"
    + "2025-07-01,13579,Xã Bắc Lý,xã,35\n"
)


@pytest.fixture
def mapped(empty_hub: Hub) -> Hub:
    """Two maps: on the later one two communes are one, and the district is no more."""
    with empty_hub.database.write() as session:
        import_units(session, MAPS, name="x", now=empty_hub.clock.now(), by="test")
    return empty_hub


def merge(hub: Hub, **changes: Any) -> None:
    values: dict[str, Any] = {
        "on": NEW, "kind": "merged", "basis": "Nghị quyết số 1", "before": ["13579", "13588"],
        "after": ["13579"], **changes,
    }  # fmt: skip
    with hub.database.write() as session:
        record_event(session, **values, by="ky", now=hub.clock.now())


def names(branches: list[Branch]) -> list[str]:
    return [branch.name for branch in branches]


def test_an_event_is_found_from_each_unit_that_took_part(mapped: Hub) -> None:
    """From both that were, and from the one that came of them; with its basis."""
    merge(mapped)

    with mapped.database.read() as session:
        old = find_unit(session, "13588", OLD)
        new = find_unit(session, "13579", NEW)
        [event] = events_of(session, [old.id])
        assert [one.id for one in events_of(session, [new.id])] == [event.id]
        assert sorted(one.code for one in before_of(event)) == ["13579", "13588"]
        assert [one.name for one in after_of(event)] == ["Xã Bắc Lý"]
        assert (event.basis, event.recorded_by) == ("Nghị quyết số 1", "ky")
        assert silent_changes(session, old) == []
        what = session.scalars(select(LedgerEntry.what).order_by(LedgerEntry.seq.desc())).first()
    assert what == "unit_event_recorded"


def test_a_change_without_an_event_is_named_with_who_has_the_code_now(mapped: Hub) -> None:
    """13579 was Đạo Lý and is Bắc Lý: nobody is led to think that they are one place."""
    with mapped.database.read() as session:
        old = find_unit(session, "13579", OLD)
        [change] = silent_changes(session, old)
        assert change.same_code is not None
        assert (change.unit.name, change.same_code.name) == ("Xã Đạo Lý", "Xã Bắc Lý")
        assert silent_changes(session, find_unit(session, "35", OLD)) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": "flooded"}, InputInvalid),
        ({"basis": " \n "}, InputInvalid),
        ({"before": []}, InputInvalid),
        ({"after": []}, InputInvalid),
        ({"before": ["13579"] * 3 + [str(n) for n in range(60)]}, InputInvalid),
        ({"kind": "renamed"}, InputInvalid),
        ({"kind": "renamed", "before": ["35"], "after": ["35"]}, InputInvalid),
        ({"on": NEW + timedelta(days=1)}, (InputInvalid, NotFound)),
        ({"on": date(1, 1, 1)}, InputInvalid),
        ({"before": ["1\x003"]}, InputInvalid),
        ({"before": ["99999"]}, NotFound),
    ],
)
def test_what_did_not_happen_on_the_map_is_not_written_down(
    mapped: Hub, changes: dict[str, Any], error: type[Exception]
) -> None:
    """Wrong kinds, no basis, units that go on, days without a change."""
    with pytest.raises(error):
        merge(mapped, **changes)
    with mapped.database.read() as session:
        assert session.scalars(select(UnitEvent)).all() == []


def test_the_same_event_is_written_down_once(mapped: Hub) -> None:
    """A double click is one event."""
    merge(mapped)
    with pytest.raises(AlreadyExists):
        merge(mapped)


def test_the_tree_is_that_of_its_day(mapped: Hub) -> None:
    """Before the day the district is there, from the day on the commune lies in the province."""
    with mapped.database.read() as session:
        before, after = tree_on(session, NEW - timedelta(days=1)), tree_on(session, NEW)
        nothing = tree_on(session, OLD - timedelta(days=1))
    [province] = before.branches
    assert names(province.below) == ["Huyện Lý Nhân"]
    assert (before.units, province.units, len(province.below[0].below)) == (4, 3, 2)
    assert names(after.branches[0].below) == ["Xã Bắc Lý"]
    assert (nothing.units, list(nothing.branches)) == (0, [])


def test_stations_are_counted_in_every_unit_above_and_only_those_that_one_may_see(
    mapped: Hub,
) -> None:
    """A reader of another unit learns of no station."""
    with mapped.database.write() as session:
        unit = find_unit(session, "13579", OLD)
        station = Station(code="a", name="A", technology="ip", kind="person")
        session.add(station)
        session.flush()
        session.add(StationUnit(station_id=station.id, unit_id=unit.id, valid_from=OLD))
        number = station.id

    with mapped.database.read() as session:
        everything = tree_on(session, OLD)
        for visible, count in ((None, 1), ({number}, 1), (set(), 0)):
            tree = tree_on(session, OLD, visible=visible)
            assert (tree.stations, tree.branches[0].below[0].stations) == (count, count)
        opened = tree_on(session, OLD, opened=everything.branches[0].below[0].id)
    assert [one.name for one in opened.path] == ["Tỉnh Hà Nam", "Huyện Lý Nhân"]
    assert sorted(names(list(opened.branches))) == ["Xã Bắc Lý", "Xã Đạo Lý"]


def test_a_nation_is_opened_branch_by_branch(empty_hub: Hub) -> None:
    """What is drawn is bounded; the next level is opened by its link."""
    rows = "".join(
        f"2020-01-01,{n:02},Tỉnh {n},tỉnh,\n"
        + "".join(f"2020-01-01,{n:02}{k:03},Xã {k},xã,{n:02}\n" for k in range(40))
        for n in range(8)
    )
    with empty_hub.database.write() as session:
        import_units(session, HEAD + rows, name="x", now=empty_hub.clock.now(), by="test")

    with empty_hub.database.read() as session:
        tree = tree_on(session, OLD)
        below = tree_on(session, OLD, opened=tree.branches[0].id)
    assert tree.units == 8 * 41 > DRAWN_AT_ONCE
    assert [(one.is_drawn, one.below, one.units) for one in tree.branches] == [(False, [], 40)] * 8
    assert len(below.branches) == 40


def test_a_name_is_found_without_tones_on_every_map(mapped: Hub) -> None:
    """Old names are what people remember; those that still hold come first."""
    with mapped.database.read() as session:
        assert [one.name for one in find_units(session, "dao ly")] == ["Xã Đạo Lý"]
        both = find_units(session, "bac ly")
        assert [one.valid_to for one in both] == [None, NEW]
        assert [one.name for one in find_units(session, "13588")] == ["Xã Bắc Lý"]
        assert find_units(session, "khong co") == []
        assert len(session.scalars(select(Unit)).all()) == 5


# ── People of units that have ended ────────────────────────────────────────────────────────────

SPLIT_AND_MOVED = (
    HEAD.replace("parent_code", "parent_code,made_of,basis")
    + "2020-01-01,35,Tỉnh Hà Nam,tỉnh,,,\n"
    + "2020-01-01,353,Huyện Lý Nhân,huyện,35,,\n"
    + "2020-01-01,13579,Xã Đạo Lý,xã,353,,\n"
    + "2020-01-01,13588,Xã Bắc Lý,xã,353,,\n"
    + "2022-01-01,35,Tỉnh Hà Nam,tỉnh,,,\n"
    + "2022-01-01,351,Huyện Nam Lý,huyện,35,353,NQ 1\n"
    + "2022-01-01,352,Huyện Thượng Lý,huyện,35,353,NQ 1\n"
    + "2022-01-01,13579,Xã Đạo Lý,xã,351,,\n"
    + "2022-01-01,13588,Xã Bắc Lý,xã,352,,\n"
    + "2025-07-01,35,Tỉnh Hà Nam,tỉnh,,,\n"
    + "2025-07-01,13579,Xã Bắc Lý,xã,35,13579 13588,NQ 2\n"
)


def worker(hub: Hub, code: str, on: date) -> Person:
    """A person of the unit that had this code on that day."""
    with hub.database.write() as session:
        people.add_person(
            session, username=f"u{code}", full_name=f"Người {code}", role="district",
            unit=find_unit(session, code, on), now=hub.clock.now(), by="test",
        )  # fmt: skip
    with hub.database.read() as session:
        return people.find_person(session, f"u{code}")


def seen(hub: Hub, person: Person, on: date) -> set[str]:
    """What the person may choose on that day, which is also what may be asked for by its code."""
    with hub.database.read() as session:
        choices = [one.code for one in scope_of(session, person, on, None).choices]
        every = [unit.code for unit in units_on(session, on)]
        refused = set()
        for code in every:
            try:
                scope_of(session, person, on, code)
            except OutsideUnit:
                refused.add(code)
    assert len(choices) == len(set(choices))
    assert set(choices) == set(every) - refused
    return set(choices)


def test_people_follow_their_unit_from_the_day_on_which_it_ends(mapped: Hub) -> None:
    """Not before the event is written down: a code that another place got says nothing."""
    eve = NEW - timedelta(days=1)
    north, district = worker(mapped, "13588", OLD), worker(mapped, "353", OLD)
    dao_ly = worker(mapped, "13579", OLD)
    assert [seen(mapped, one, NEW) for one in (north, dao_ly)] == [set(), set()]

    merge(mapped)

    assert [seen(mapped, one, NEW) for one in (north, dao_ly)] == [{"13579"}] * 2
    assert (seen(mapped, north, eve), seen(mapped, dao_ly, eve)) == ({"13588"}, {"13579"})
    assert seen(mapped, district, NEW) == set()  # nothing came of it
    with mapped.database.read() as session:
        told = session.scalars(
            select(LedgerEntry).where(LedgerEntry.what == "unit_event_recorded")
        ).one()
        assert told.detail["people"] == ["u13579", "u13588"]


def test_of_a_unit_that_was_split_its_people_see_all_parts_and_nobody_elses(empty_hub: Hub) -> None:
    """Also where communes only moved below another district, and over several changes."""
    with empty_hub.database.write() as session:
        import_units(session, SPLIT_AND_MOVED, name="x", now=empty_hub.clock.now(), by="test")
    middle = date(2022, 1, 1)
    old, part, north = (
        worker(empty_hub, code, on) for code, on in (("353", OLD), ("351", middle), ("13588", OLD))
    )

    assert seen(empty_hub, old, middle) == {"351", "352", "13579", "13588"}
    assert seen(empty_hub, part, middle) == {"351", "13579"}
    assert seen(empty_hub, north, middle) == {"13588"}
    assert seen(empty_hub, north, NEW) == {"13579"}
    assert seen(empty_hub, old, NEW) == seen(empty_hub, part, NEW) == set()
