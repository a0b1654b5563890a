"""Where timetables of others are wrong: each case by name, through the real planner."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from scheduler import dispatch
from scheduler.airings import day_schedule
from scheduler.forecast import first_outlooks, read_book
from scheduler.registry import list_stations
from scheduler.slots import edit_slot
from scheduler.stationimport import import_stations
from scheduler.store.models import Airing, StationUnit
from scheduler.store.states import AiringState, moving
from scheduler.timetable import Rule, coming, occurrences, to_utc
from scheduler.units import find_unit
from tests.builders import programme, slot, someone, stations_csv
from tests.unit.scheduler.scene import MONDAY, Scene, local

A_DAY = timedelta(days=1)
COMMUNE, NEIGHBOUR = "13579", "13588"
HA_NOI = ZoneInfo("Asia/Ho_Chi_Minh")


def planned(scene: Scene, code: str) -> list[str]:
    """What airs at a station: date and local time, as the plan has it."""
    zone = scene.base.settings.zone
    return [
        f"{one.broadcast_date:%d/%m} {one.planned_at.astimezone(zone):%H:%M}"
        for one in scene.airings(code)
        if one.state is not AiringState.CANCELLED
    ]


# ── By name ────────────────────────────────────────────────────────────────────────────────────

BY_NAME: dict[str, tuple[str, time, date, list[str]]] = {
    "the last day of a rule airs": (
        "FREQ=DAILY;UNTIL=20221019", time(5), date(2022, 10, 17), ["17/10", "18/10", "19/10"]),
    "Sunday is Sunday": (
        "FREQ=WEEKLY;BYDAY=SU", time(5), date(2022, 10, 17), ["23/10", "30/10", "06/11"]),
    "a slot over midnight belongs to its first day": (
        "FREQ=WEEKLY;BYDAY=SA", time(23, 50), date(2022, 10, 17), ["22/10", "29/10", "05/11"]),
    "29 February waits for it": (
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", time(5), date(2022, 10, 17),
        ["29/02", "29/02", "29/02"]),
    "the fifth Saturday, in months that have one": (
        "FREQ=MONTHLY;BYDAY=5SA", time(5), date(2022, 10, 1), ["29/10", "31/12", "29/04"]),
    "the last day of months of every length": (
        "FREQ=MONTHLY;BYMONTHDAY=-1", time(5), date(2023, 1, 31), ["31/01", "28/02", "31/03"]),
    "the 31st passes over short months": (
        "FREQ=MONTHLY;BYMONTHDAY=31", time(5), date(2023, 1, 31), ["31/01", "31/03", "31/05"]),
    "every second week goes on over New Year": (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", time(5), date(2022, 12, 23),
        ["23/12", "06/01", "20/01"]),
    "Tết is a day earlier here than in China": (
        "LUNAR;MONTH=1;DAY=1", time(5), date(2029, 6, 1), ["02/02", "23/01", "11/02"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_rules_mean_what_people_mean(name: str) -> None:
    """The first three airings, by the calendar on the wall."""
    rrule, at, begin, days = BY_NAME[name]

    found = coming(Rule(at, 900, rrule, begin, None), begin, 3, HA_NOI)

    assert [f"{one.on:%d/%m}" for one in found] == days


def test_five_in_the_morning_stands_under_its_own_date_everywhere(scene: Scene) -> None:
    """22:00 UTC of Sunday: the schedule, the delivery and the row say Monday."""
    scene.night(COMMUNE, at=time(5))

    [airing] = scene.airings()
    [delivery] = scene.deliveries()
    assert airing.planned_at.astimezone(UTC).date() == MONDAY - A_DAY
    assert (airing.broadcast_date, delivery.for_date) == (MONDAY, MONDAY)
    with scene.base.database.read() as session:
        assert [one.planned_at for one in day_schedule(session, MONDAY)] == [airing.planned_at]
        assert day_schedule(session, MONDAY - A_DAY) == []


def test_half_past_midnight_is_not_the_evening_before(scene: Scene) -> None:
    """And 23:50 is not the day after; nothing is grouped by a UTC date."""
    made = programme(scene.base, "Tin")
    scene.stations(COMMUNE)
    for at in (time(0, 30), time(23, 50)):
        scene.slot(made, at=at, seconds=600)
    scene.plan()

    assert planned(scene, f"s{COMMUNE}") == ["17/10 00:30", "17/10 23:50"]


# ── While the week goes on ─────────────────────────────────────────────────────────────────────


def test_a_rule_edited_in_the_middle_of_the_week_leaves_what_has_aired(scene: Scene) -> None:
    """Monday and Tuesday stay as they were at 05:00; from Wednesday on it is 06:00."""
    scene.stations(COMMUNE)
    line = slot(scene.base, programme(scene.base, "Tin"), valid_from=MONDAY)
    scene.plan(days=5)
    before = scene.airings()[:2]
    with scene.base.database.write() as session:
        for state in (AiringState.ON_STATION, AiringState.AIRED):
            session.execute(moving(Airing, state).where(Airing.planned_at <= before[-1].planned_at))
    scene.clock.move_to(local("12:00", MONDAY + A_DAY))

    edit_slot(scene.base, line.id, {"starts_at": time(6)}, by=someone(scene.base, "editor"))
    for first in (MONDAY, MONDAY + 2 * A_DAY):
        scene.plan(first=first, days=5)

    assert planned(scene, f"s{COMMUNE}")[:5] == [
        "17/10 05:00", "18/10 05:00", "19/10 06:00", "20/10 06:00", "21/10 06:00",
    ]  # fmt: skip
    assert [one.state for one in scene.airings() if one.planned_at < scene.clock.now()] == [
        AiringState.AIRED, AiringState.AIRED,
    ]  # fmt: skip


def test_a_serial_of_ten_parts_stays_ten_when_its_time_is_edited(scene: Scene) -> None:
    """COUNT is counted from the first day, not from the day of the change."""
    scene.stations(COMMUNE)
    line = slot(scene.base, programme(scene.base, "Tin"), rrule="FREQ=DAILY;COUNT=10",
                valid_from=MONDAY)  # fmt: skip
    scene.plan(days=5)
    scene.clock.move_to(local("12:00", MONDAY + 4 * A_DAY))

    edit_slot(scene.base, line.id, {"starts_at": time(17)}, by=someone(scene.base, "editor"))
    scene.plan(first=MONDAY, days=20)

    found = planned(scene, f"s{COMMUNE}")
    assert len({one[:5] for one in found}) == 10
    assert found[-1] == "26/10 17:00"


def test_a_commune_merged_on_thursday_still_hears_what_was_planned_for_it(scene: Scene) -> None:
    """Its station serves the new unit from then on; the line was made for the old one."""
    scene.stations(COMMUNE, NEIGHBOUR)
    made = programme(scene.base, "Tin")
    slot(scene.base, made, audience=(f"unit:{COMMUNE}",), valid_from=MONDAY)
    slot(scene.base, made, at=time(17), audience=("unit:353",), valid_from=MONDAY)
    thursday = MONDAY + 3 * A_DAY
    with scene.base.database.write() as session:
        old, new = find_unit(session, COMMUNE, MONDAY), find_unit(session, NEIGHBOUR, MONDAY)
        old.valid_to = thursday
        served = session.scalars(select(StationUnit).where(StationUnit.unit_id == old.id)).one()
        served.valid_to = thursday
        session.add(StationUnit(station_id=served.station_id, unit_id=new.id, valid_from=thursday))

    scene.plan()

    week = [MONDAY + n * A_DAY for n in range(7)]
    assert planned(scene, f"s{COMMUNE}") == [
        f"{day:%d/%m} {at}" for day in week for at in ("05:00", "17:00")
    ]
    assert planned(scene, f"s{NEIGHBOUR}") == [f"{day:%d/%m} 17:00" for day in week]


def test_a_whole_new_map_from_one_day_to_the_next_loses_no_airing(scene: Scene) -> None:
    """On 1 July 2025 the province, its districts and its communes became others, codes reused."""
    scene.stations(COMMUNE)
    scene.clock.move_to(local("12:00", date(2025, 6, 28)))
    made = programme(scene.base, "Tin")
    slot(scene.base, made, audience=(f"unit:{COMMUNE}",), valid_from=date(2025, 6, 29))
    before = len(scene.airings())

    scene.plan()

    found = planned(scene, f"s{COMMUNE}")
    assert len(found) - before == 7
    assert found[0] == "29/06 05:00"
    assert found[-1] == "05/07 05:00"


def test_two_stations_of_one_commune_have_each_its_own_window(scene: Scene) -> None:
    """One is visited in the evening, one after midnight; both hear the same slot."""
    scene.stations(COMMUNE)
    text = stations_csv([COMMUNE], push_from="01:00", push_until="04:00").replace(
        f"s{COMMUNE},", "second,"
    )
    with scene.base.database.write() as session:
        import_stations(session, text, name="x", now=scene.clock.now(), by="t", on=MONDAY - A_DAY)
    scene.slot(programme(scene.base, "Tin"))
    scene.plan()
    ids = {one.code: one.id for one in _stations(scene)}

    assert planned(scene, "second") == planned(scene, f"s{COMMUNE}") == ["17/10 05:00"]
    assert dispatch.admit(scene.base) == [ids[f"s{COMMUNE}"]]
    with scene.base.database.read() as session:
        ahead = {one.station.code: one for one in first_outlooks(read_book(scene.base, session))}
    assert ahead["second"].ready_at is not None
    assert ahead["second"].ready_at >= local("01:00")
    scene.clock.move_to(local("01:00"))
    assert ids["second"] in dispatch.admit(scene.base)


def test_a_station_that_was_never_seen_is_planned_like_any_other(scene: Scene) -> None:
    """Off, behind a broken mast, without a pinned key: its days wait for it."""
    scene.stations(COMMUNE, host_key="")
    line = scene.slot(programme(scene.base, "Tin"))
    scene.plan()

    assert scene.station(f"s{COMMUNE}").last_seen_at is None
    assert planned(scene, f"s{COMMUNE}") == ["17/10 05:00"]
    assert [one.for_date for one in scene.deliveries()] == [MONDAY]
    assert line.removed_at is None


def _stations(scene: Scene) -> list[object]:
    with scene.base.database.read() as session:
        return list(list_stations(session))


# ── Clocks that change: fault 21 ───────────────────────────────────────────────────────────────

ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo",
         "America/St_Johns", "Africa/Casablanca", "Pacific/Apia", "Asia/Tehran",
         "Asia/Ho_Chi_Minh")  # fmt: skip
_MINUTE = timedelta(minutes=1)


@lru_cache
def changes(name: str) -> tuple[datetime, ...]:
    """Every instant from 2008 to 2037 at which the clocks of a zone change, to the minute."""
    zone, found = ZoneInfo(name), []
    at, step = datetime(2008, 1, 1, tzinfo=UTC), timedelta(hours=12)
    while at.year < 2037:
        if at.astimezone(zone).utcoffset() != (at + step).astimezone(zone).utcoffset():
            low, high = at, at + step
            while high - low > _MINUTE:
                middle = (low + (high - low) / 2).replace(second=0, microsecond=0)
                is_before = middle.astimezone(zone).utcoffset() == at.astimezone(zone).utcoffset()
                low, high = (middle, high) if is_before else (low, middle)
            found.append(high)
        at += step
    return tuple(found)


def by_looking_at_the_clock(wish: datetime, zone: ZoneInfo, about: datetime) -> datetime:
    """The first minute at which a wall clock shows the wish, or has jumped over it."""
    around = timedelta(hours=30 if str(zone) == "Pacific/Apia" else 8)  # a date may be skipped
    at, before = about - around, None
    while at < about + around:
        shown = at.astimezone(zone).replace(tzinfo=None)
        if shown == wish or (before is not None and before < wish < shown):
            return at
        before, at = shown, at + timedelta(minutes=15)
    raise AssertionError("no such minute")


@given(
    name=st.sampled_from(ZONES), which=st.integers(0, 1000), quarter=st.integers(-24, 24),
)  # fmt: skip
@settings(max_examples=1_000, deadline=None)
def test_around_every_change_of_the_clocks_a_start_is_where_the_wall_clock_has_it(
    name: str, which: int, quarter: int
) -> None:
    """1,000 starts within six hours of a change: the first coming, or the first valid minute."""
    zone = ZoneInfo(name)
    known = changes(name) or (datetime(2022, 10, 16, 22, tzinfo=UTC),)
    about = known[which % len(known)]
    wish = about.astimezone(zone).replace(tzinfo=None) + quarter * timedelta(minutes=15)

    assert to_utc(wish, zone) == by_looking_at_the_clock(wish, zone, about)


@given(name=st.sampled_from(ZONES), which=st.integers(0, 1000), minute=st.integers(0, 1439))
@settings(max_examples=500, deadline=None)
def test_a_daily_slot_airs_once_on_every_date_around_a_change(
    name: str, which: int, minute: int
) -> None:
    """Neither doubled nor lost, and in order; a date that a zone skips has none."""
    zone = ZoneInfo(name)
    known = changes(name) or (datetime(2022, 10, 16, 22, tzinfo=UTC),)
    about = known[which % len(known)]
    first = about.astimezone(zone).date() - 3 * A_DAY
    rule = Rule(time(minute // 60, minute % 60), 900, "FREQ=DAILY", first, None)

    found = [one.on for one in occurrences(rule, first, first + 6 * A_DAY, zone)]

    exists = {(about + n * timedelta(hours=6)).astimezone(zone).date() for n in range(-24, 25)}
    wanted = {first + n * A_DAY for n in range(7)} & exists
    assert set(found) == wanted
    assert found == sorted(found)
    assert len(found) - len(wanted) <= (1 if len(wanted) < 7 else 0)


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"])
def test_the_zones_of_the_table_do_change(name: str) -> None:
    """Otherwise the tests above would prove nothing: two changes a year, of an hour or a half."""
    assert len(changes(name)) >= 2 * 25
