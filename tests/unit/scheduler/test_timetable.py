"""Rules become occurrences: on the right local day, once each, in every zone."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.errors import RuleInvalid
from scheduler.recurrence import check_rule
from scheduler.timetable import Change, Occurrence, Rule, coming, occurrences, to_utc

HA_NOI = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
MONDAY = date(2022, 10, 17)
A_DAY = timedelta(days=1)


def wall(text: str) -> datetime:
    """A time on a wall clock, which knows no zone."""
    return datetime.fromisoformat(text)


def rule(
    text: str, at: time = time(5), begin: date = date(2022, 1, 1), end: date | None = None
) -> Rule:
    check_rule(text)
    return Rule(at, 900, text, begin, end)


def days(found: Rule, first: date, last: date, zone: ZoneInfo = HA_NOI) -> list[date]:
    return [one.on for one in occurrences(found, first, last, zone)]


def test_five_in_the_morning_is_the_day_before_in_utc_and_keeps_its_broadcast_date() -> None:
    """The trap of every UTC report: 05:00 on Monday is 22:00 UTC on Sunday."""
    [one] = occurrences(rule("FREQ=DAILY"), MONDAY, MONDAY, HA_NOI)

    assert one == Occurrence(
        MONDAY,
        datetime(2022, 10, 16, 22, 0, tzinfo=UTC),
        datetime(2022, 10, 16, 22, 15, tzinfo=UTC),
        MONDAY,
    )


def test_both_ends_of_a_validity_are_included() -> None:
    """A slot "from the 17th to the 19th" airs three times."""
    found = rule("FREQ=DAILY", begin=MONDAY, end=MONDAY + 2 * A_DAY)

    assert days(found, date(2022, 10, 1), date(2022, 10, 31)) == [
        MONDAY, MONDAY + A_DAY, MONDAY + 2 * A_DAY,
    ]  # fmt: skip


def test_until_is_a_last_day_and_airs() -> None:
    """UNTIL is a local date, and what airs late on it still airs."""
    found = rule("FREQ=DAILY;UNTIL=20221018", at=time(23, 59), begin=MONDAY)

    assert days(found, MONDAY, MONDAY + 30 * A_DAY) == [MONDAY, MONDAY + A_DAY]


def test_count_counts_from_the_first_day_not_from_the_day_of_planning() -> None:
    """Ten parts of a serial stay ten, however often the coming week is planned."""
    found = rule("FREQ=DAILY;COUNT=10", begin=MONDAY)
    weeks = [days(found, MONDAY + 7 * n * A_DAY, MONDAY + (7 * n + 6) * A_DAY) for n in range(3)]

    assert [len(week) for week in weeks] == [7, 3, 0]


def test_a_slot_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    """23:50 for fifteen minutes ends on the next date and is still Monday's."""
    [one] = occurrences(rule("FREQ=DAILY", at=time(23, 50)), MONDAY, MONDAY, HA_NOI)

    assert one.on == MONDAY
    assert one.ends_at.astimezone(HA_NOI).date() == MONDAY + A_DAY


def test_sunday_means_sunday() -> None:
    """Weekdays have names here; numbers begin on another day in every library."""
    found = days(rule("FREQ=WEEKLY;BYDAY=SU"), date(2022, 10, 1), date(2022, 10, 31))

    assert found == [date(2022, 10, n) for n in (2, 9, 16, 23, 30)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("FREQ=MONTHLY;BYDAY=5SA", [date(2022, 1, 29), date(2022, 4, 30), date(2022, 7, 30)]),
        ("FREQ=MONTHLY;BYDAY=-1FR", [date(2022, n, d) for n, d in enumerate(
            (28, 25, 25, 29, 27, 24, 29, 26), start=1)]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", [date(2022, n, 31) for n in (1, 3, 5, 7, 8)]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;BYMONTH=2,4", [date(2022, 2, 28), date(2022, 4, 30)]),
        ("FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=15", [date(2022, n, 15) for n in (1, 4, 7)]),
        ("FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=30", [date(2022, 4, 30)]),
        ("FREQ=YEARLY;BYMONTH=8;BYDAY=1MO", [date(2022, 8, 1)]),
        ("FREQ=WEEKLY;INTERVAL=12;BYDAY=MO,WE",
         [date(2022, 3, 21), date(2022, 3, 23), date(2022, 6, 13), date(2022, 6, 15)]),
    ],
)  # fmt: skip
def test_what_a_rule_means_is_what_a_calendar_shows(text: str, wanted: list[date]) -> None:
    """The fifth Saturday, the last Friday, the last of the month: as RFC 5545 has it."""
    assert days(rule(text), date(2022, 1, 1), date(2022, 8, 31)) == wanted


def test_the_29th_of_february_waits_for_leap_years() -> None:
    """A yearly slot on it airs in leap years and moves to no other day."""
    found = rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", begin=date(2022, 1, 1))

    assert days(found, date(2022, 1, 1), date(2033, 1, 1)) == [
        date(2024, 2, 29), date(2028, 2, 29), date(2032, 2, 29),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "wish", "local"),
    [
        (BERLIN, wall("2022-03-27T02:30"), "03:00"),
        (BERLIN, wall("2022-03-27T02:00"), "03:00"),
        (BERLIN, wall("2022-03-27T02:59:59"), "03:00"),
        (BERLIN, wall("2022-03-27T03:00"), "03:00"),
        (LORD_HOWE, wall("2022-10-02T02:15"), "02:30"),
        (ZoneInfo("America/Santiago"), wall("2022-09-11T00:30"), "01:00"),
    ],
)
def test_a_start_that_the_clocks_skip_moves_to_the_first_valid_minute(
    zone: ZoneInfo, wish: datetime, local: str
) -> None:
    """In spring nothing is lost and nothing is shifted further than it must be."""
    assert f"{to_utc(wish, zone).astimezone(zone):%H:%M}" == local


@pytest.mark.parametrize(
    ("zone", "wish", "offset"),
    [
        (BERLIN, wall("2022-10-30T02:30"), timedelta(hours=2)),
        (LORD_HOWE, wall("2022-04-03T01:45"), timedelta(hours=11)),
    ],
)
def test_a_start_that_comes_twice_airs_once_at_its_first_coming(
    zone: ZoneInfo, wish: datetime, offset: timedelta
) -> None:
    """In autumn an hour comes again; the programme does not."""
    found = rule("FREQ=DAILY", at=wish.time())

    [one] = occurrences(found, wish.date(), wish.date(), zone)

    assert one.starts_at.astimezone(zone).utcoffset() == offset


def test_a_gap_at_midnight_and_a_date_that_was_skipped_lose_nothing_of_the_plan() -> None:
    """Samoa had no 30 December 2011: a plan day by day and one for the week must agree."""
    samoa = ZoneInfo("Pacific/Apia")
    found = rule("FREQ=DAILY", begin=date(2011, 1, 1))
    first = date(2011, 12, 28)
    week = list(occurrences(found, first, first + 6 * A_DAY, samoa))
    singly = [list(occurrences(found, first + n * A_DAY, first + n * A_DAY, samoa))
              for n in range(7)]  # fmt: skip

    assert week == [one for day in singly for one in day]
    assert date(2011, 12, 30) not in {one.on for one in week}


ZONES = st.sampled_from(
    ["Asia/Ho_Chi_Minh", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago",
     "Africa/Cairo", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "UTC"]
).map(ZoneInfo)  # fmt: skip
TIMES = st.times().map(lambda t: t.replace(microsecond=0))
BEGINS = st.dates(date(2008, 1, 1), date(2030, 12, 31))


@given(zone=ZONES, at=TIMES, begin=BEGINS, length=st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_a_daily_slot_airs_exactly_once_on_every_day_in_every_zone(
    zone: ZoneInfo, at: time, begin: date, length: int
) -> None:
    """Fault 21: neither a gap nor a fold nor a leap day doubles or loses an airing."""
    last = begin + length * A_DAY
    found = list(occurrences(rule("FREQ=DAILY", at, begin), begin, last, zone))

    expected = [begin + n * A_DAY for n in range(length + 1)]
    skipped = [day for day in expected if to_utc(datetime.combine(day, time(12)), zone)
               .astimezone(zone).date() != day]  # fmt: skip
    assert sorted({one.on for one in found}) == [day for day in expected if day not in skipped]
    assert len({one.on for one in found}) >= len(found) - len(skipped)
    assert all(one.starts_at.utcoffset() == timedelta(0) for one in found)
    assert [one.starts_at for one in found] == sorted(one.starts_at for one in found)


WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@given(
    begin=BEGINS, offset=st.integers(0, 400), length=st.integers(0, 60),
    names=st.sets(st.sampled_from(WEEKDAYS), min_size=1), every=st.integers(1, 4),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_weekly_rules_agree_with_counting_on_the_fingers(
    begin: date, offset: int, length: int, names: set[str], every: int
) -> None:
    """Every n-th week on these days, counted from the week of the first day."""
    first = begin + offset * A_DAY
    last = first + length * A_DAY
    text = f"FREQ=WEEKLY;INTERVAL={every};BYDAY={','.join(sorted(names))}"
    monday = begin - begin.weekday() * A_DAY
    wanted = [
        day for day in (first + n * A_DAY for n in range(length + 1))
        if WEEKDAYS[day.weekday()] in names and (day - monday).days // 7 % every == 0
    ]  # fmt: skip

    assert days(rule(text, begin=begin), first, last) == wanted


@given(begin=BEGINS, number=st.integers(1, 31))
@settings(max_examples=100, deadline=None)
def test_monthly_rules_pass_over_months_without_that_day(begin: date, number: int) -> None:
    """The 31st of a month that has 30 days airs on no other day instead."""
    last = begin + 400 * A_DAY
    found = days(rule(f"FREQ=MONTHLY;BYMONTHDAY={number}", begin=begin), begin, last)

    assert all(day.day == number for day in found)
    months = {(day.year, day.month) for day in (begin + n * A_DAY for n in range(401))}
    possible = [
        date(y, m, number) for y, m in sorted(months) if number <= calendar.monthrange(y, m)[1]
    ]
    assert found == [day for day in possible if begin <= day <= last]


def test_a_rule_that_airs_too_often_is_ended_instead_of_filling_the_memory() -> None:
    """Nobody plans three years in one expansion; whoever tries is told."""
    with pytest.raises(RuleInvalid):
        list(occurrences(rule("FREQ=DAILY"), date(2022, 1, 1), date(2025, 1, 1), HA_NOI))


CHANGES = {
    MONDAY: Change("skip"),
    MONDAY + A_DAY: Change("move", to=wall("2022-10-25T11:00")),
    MONDAY + 2 * A_DAY: Change("replace", programme_id=7),
    MONDAY - A_DAY: Change("move", to=wall("2022-10-17T17:00")),
}


def test_one_day_can_be_skipped_moved_and_replaced_and_the_rule_stays() -> None:
    """The moved one airs on its new day alone, also when its old day lies outside of the week."""
    found = list(occurrences(rule("FREQ=DAILY"), MONDAY, MONDAY + 2 * A_DAY, HA_NOI, CHANGES))

    assert [(f"{one.starts_at.astimezone(HA_NOI):%d %H:%M}", one.change) for one in found] == [
        ("17 17:00", CHANGES[MONDAY - A_DAY]), ("19 05:00", CHANGES[MONDAY + 2 * A_DAY]),
    ]  # fmt: skip
    later = list(occurrences(rule("FREQ=DAILY"), date(2022, 10, 25), date(2022, 10, 25), HA_NOI,
                             CHANGES))  # fmt: skip
    assert [f"{one.starts_at.astimezone(HA_NOI):%H:%M}" for one in later] == ["05:00", "11:00"]


def test_a_change_of_a_day_that_the_rule_does_not_name_changes_nothing() -> None:
    """A rule that was edited later does not bring back what was once moved."""
    found = occurrences(rule("FREQ=WEEKLY;BYDAY=FR"), MONDAY, MONDAY + 3 * A_DAY, HA_NOI, CHANGES)

    assert list(found) == []


def test_the_next_airings_of_a_rare_rule_are_found_years_ahead() -> None:
    """29 February, and a rule that has ended."""
    rare = rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29")
    ended = rule("FREQ=DAILY", end=date(2022, 1, 3))

    assert [one.on.year for one in coming(rare, MONDAY, 2, HA_NOI)] == [2024, 2028]
    assert [one.on.day for one in coming(ended, date(2022, 1, 2), 9, HA_NOI)] == [2, 3]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("LUNAR;DAY=15", [date(2023, 2, 5), date(2023, 3, 6), date(2023, 4, 5), date(2023, 5, 4)]),
        ("LUNAR;MONTH=2;DAY=15", [date(2023, 3, 6)]),
        ("LUNAR;MONTH=3;DAY=10", [date(2023, 4, 29)]),
        ("LUNAR;DAY=1;COUNT=2", [date(2023, 1, 22), date(2023, 2, 20)]),
        ("LUNAR;MONTH=12;DAY=-1", [date(2023, 1, 21)]),
        ("LUNAR;DAY=-1;UNTIL=20230219", [date(2023, 1, 21), date(2023, 2, 19)]),
    ],
)
def test_days_of_the_moon_are_those_of_the_printed_calendar(text: str, wanted: list[date]) -> None:
    """2023 had two second months: every full moon airs, a feast only in the month itself."""
    found = rule(text, begin=date(2023, 1, 20))

    assert days(found, date(2023, 1, 20), date(2023, 5, 19)) == wanted
