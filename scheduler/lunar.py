"""The Vietnamese lunar calendar from 2000 to 2100, out of a table.

Months begin on the local day of a new moon in UTC+7, so the calendar is not the Chinese one: Tết
2007 and 2030 fall a day earlier here. The table was computed from the positions of moon and sun
(libastro, VSOP87 and ELP2000) and is held by a test against a second way (Meeus). It is a table
and no formula because the short formulas in use move two months of this century by a day.

Two new moons lie less than a minute before midnight (15 November 2077, 18 October 2085): which day
they take is known when the Earth has turned so far.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

_TABLE = Path(__file__).parent / "reference" / "lunar_years.csv"
_DAYS = {"L": 30, "S": 29}


@dataclass(frozen=True)
class LunarMonth:
    """One month: ``number`` 1 to 12, a leap month after its namesake."""

    year: int  # of its Tết
    number: int
    is_leap: bool
    first: date
    days: int  # 29 or 30

    def day(self, number: int) -> date | None:
        """The date of a day of this month; -1 is the last; none where the month is shorter."""
        wanted = self.days if number == -1 else number
        return self.first + timedelta(days=wanted - 1) if wanted <= self.days else None


@dataclass(frozen=True)
class LunarDate:
    """A day as people call it: rằm tháng bảy is day 15 of month 7."""

    day: int
    month: int
    is_leap: bool
    year: int

    def __str__(self) -> str:
        return f"{self.day}/{self.month}{' nhuận' if self.is_leap else ''}"


def months_between(first: date, last: date) -> Sequence[LunarMonth]:
    """The months that have a day in this time, as far as the table goes."""
    months, starts = _months()
    begin = max(0, bisect_right(starts, first) - 1)
    return months[begin : bisect_right(starts, last)]


def lunar_date(on: date) -> LunarDate | None:
    """What day it is by the moon; none outside of the table."""
    for month in months_between(on, on):
        day = (on - month.first).days + 1
        if 1 <= day <= month.days:
            return LunarDate(day, month.number, month.is_leap, month.year)
    return None


@lru_cache(maxsize=1)
def _months() -> tuple[Sequence[LunarMonth], Sequence[date]]:
    with _TABLE.open(encoding="utf-8", newline="") as file:
        months = [month for row in csv.DictReader(file) for month in _year(row)]
    return months, [month.first for month in months]


def _year(row: dict[str, str]) -> Iterator[LunarMonth]:
    year, first = int(row["year"]), date.fromisoformat(row["new_year"])
    leap = int(row["leap_month"] or 0)
    numbers = [(n, False) for n in range(1, 13)]
    if leap:
        numbers.insert(leap, (leap, True))
    for (number, is_leap), length in zip(numbers, row["months"], strict=True):
        yield LunarMonth(year, number, is_leap, first, _DAYS[length])
        first += timedelta(days=_DAYS[length])
