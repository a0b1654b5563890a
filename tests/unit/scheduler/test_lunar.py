"""The table of the lunar calendar, held against the sky and against printed calendars."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.lunar import LunarDate, lunar_date, months_between
from tests.unit.scheduler import astronomy

FIRST, LAST = date(2000, 2, 5), date(2101, 1, 28)
A_DAY = timedelta(days=1)
ALL = months_between(FIRST, LAST)

# Tết as it was, and will be, kept in Việt Nam; in 2007 and 2030 the Chinese one is a day later.
TET = {
    2000: date(2000, 2, 5), 2005: date(2005, 2, 9), 2007: date(2007, 2, 17),
    2012: date(2012, 1, 23), 2015: date(2015, 2, 19), 2020: date(2020, 1, 25),
    2021: date(2021, 2, 12), 2022: date(2022, 2, 1), 2023: date(2023, 1, 22),
    2024: date(2024, 2, 10), 2025: date(2025, 1, 29), 2026: date(2026, 2, 17),
    2030: date(2030, 2, 2), 2033: date(2033, 1, 31),
}  # fmt: skip
# Hùng Kings' day (10/3), the Buddha's birthday (15/4), Vu Lan (15/7), mid-autumn (15/8).
FEASTS = {
    date(2022, 4, 10): (10, 3), date(2023, 4, 29): (10, 3), date(2024, 4, 18): (10, 3),
    date(2025, 4, 7): (10, 3), date(2026, 4, 26): (10, 3), date(2022, 5, 15): (15, 4),
    date(2023, 8, 30): (15, 7), date(2022, 9, 10): (15, 8), date(2023, 9, 29): (15, 8),
    date(2024, 9, 17): (15, 8),
}  # fmt: skip


@pytest.mark.parametrize("year", TET)
def test_tet_falls_on_the_day_on_which_the_country_keeps_it(year: int) -> None:
    """The first day of the first month."""
    assert lunar_date(TET[year]) == LunarDate(1, 1, False, year)


@pytest.mark.parametrize("on", FEASTS)
def test_feasts_have_the_days_of_the_printed_calendar(on: date) -> None:
    """Days off work and the great full moons."""
    found = lunar_date(on)

    assert found is not None
    assert (found.day, found.month, found.is_leap) == (*FEASTS[on], False)


def test_leap_months_stand_where_the_printed_calendar_has_them() -> None:
    """2033 is the year that trips the simple rule: its leap month is the eleventh."""
    leaps = {month.year: month.number for month in ALL if month.is_leap}

    assert {year: leaps.get(year) for year in range(2001, 2035)} == {
        **dict.fromkeys(range(2001, 2035)),
        2001: 4, 2004: 2, 2006: 7, 2009: 5, 2012: 4, 2014: 9, 2017: 6, 2020: 4, 2023: 2,
        2025: 6, 2028: 5, 2031: 3, 2033: 11,
    }  # fmt: skip


def test_every_month_begins_with_the_moon_as_a_second_way_computes_it() -> None:
    """1249 months; only two new moons lie so near to midnight that the ways may differ."""
    computed = {m[:3]: m[3] for m in astronomy.months(2000, 2100)}

    differing = [m.first for m in ALL if computed[m.year, m.number, m.is_leap] != m.first]

    assert len(computed) == len(ALL) == 1249
    assert differing == [date(2077, 11, 15), date(2085, 10, 18)]
    moons = [astronomy.new_moon(k) for k in range(1250)]
    near = [at for at in moons if astronomy.seconds_from_midnight(at) < 60]
    assert all(any(abs(at.date() - day) <= A_DAY for at in near) for day in differing)


@pytest.mark.parametrize(
    ("year", "here", "china"),
    [
        (1968, date(1968, 1, 29), date(1968, 1, 30)),
        (1985, date(1985, 1, 21), date(1985, 2, 20)),
        (2007, date(2007, 2, 17), date(2007, 2, 18)),
        (2030, date(2030, 2, 2), date(2030, 2, 3)),
    ],
)
def test_the_second_way_knows_the_years_in_which_two_countries_differ(
    year: int, here: date, china: date
) -> None:
    """What checks the table must itself be right where an hour of longitude decides."""

    def new_year(offset: timedelta) -> date:
        found = astronomy.months(year, year, offset)
        return next(first for _, number, leap, first in found if (number, leap) == (1, False))

    assert (new_year(astronomy.VIET_NAM), new_year(astronomy.CHINA)) == (here, china)


@given(st.dates(FIRST, LAST))
def test_every_day_has_one_lunar_date_and_the_next_day_has_the_next(on: date) -> None:
    """No day is lost between two months, and none belongs to both."""
    today, tomorrow = lunar_date(on), lunar_date(on + A_DAY)

    assert today is not None
    assert 1 <= today.day <= 30
    if on < LAST:
        assert tomorrow is not None
        assert tomorrow.day in (today.day + 1, 1)
        assert tomorrow.day != 1 or today.day in (29, 30)


def test_outside_of_the_table_nothing_is_invented() -> None:
    """Before 2000 and after 2100 the calendar is silent."""
    assert lunar_date(FIRST - A_DAY) is None
    assert lunar_date(date(2101, 1, 29)) is None
    assert months_between(date(1990, 1, 1), date(1999, 1, 1)) == []
