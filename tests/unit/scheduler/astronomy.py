"""Moon and sun after Jean Meeus, "Astronomical Algorithms" (2nd edition): the other way to a table.

New moons are those of chapter 49 (seconds), the sun's longitude that of chapter 25 (0.01°), the
difference between even and turning time that of Espenak and Meeus for 2005-2050, drawn on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from math import floor, radians, sin

VIET_NAM = timedelta(hours=7)
CHINA = timedelta(hours=8)
_J2000 = datetime(2000, 1, 1, 12)

# Chapter 49: amplitude in days, power of the eccentricity, and multiples of M, M', F and Omega.
_NEW_MOON = (
    (-0.40720, 0, 0, 1, 0, 0), (0.17241, 1, 1, 0, 0, 0), (0.01608, 0, 0, 2, 0, 0),
    (0.01039, 0, 0, 0, 2, 0), (0.00739, 1, -1, 1, 0, 0), (-0.00514, 1, 1, 1, 0, 0),
    (0.00208, 2, 2, 0, 0, 0), (-0.00111, 0, 0, 1, -2, 0), (-0.00057, 0, 0, 1, 2, 0),
    (0.00056, 1, 1, 2, 0, 0), (-0.00042, 0, 0, 3, 0, 0), (0.00042, 1, 1, 0, 2, 0),
    (0.00038, 1, 1, 0, -2, 0), (-0.00024, 1, -1, 2, 0, 0), (-0.00017, 0, 0, 0, 0, 1),
    (-0.00007, 0, 2, 1, 0, 0), (0.00004, 0, 0, 2, -2, 0), (0.00004, 0, 3, 0, 0, 0),
    (0.00003, 0, 1, 1, -2, 0), (0.00003, 0, 0, 2, 2, 0), (-0.00003, 0, 1, 1, 2, 0),
    (0.00003, 0, -1, 1, 2, 0), (-0.00002, 0, -1, 1, -2, 0), (-0.00002, 0, 1, 3, 0, 0),
    (0.00002, 0, 0, 4, 0, 0),
)  # fmt: skip
# The fourteen arguments of the planets: amplitude, angle at k = 0, its growth.
_PLANETS = (
    (0.000325, 299.77, 0.107408), (0.000165, 251.88, 0.016321), (0.000164, 251.83, 26.651886),
    (0.000126, 349.42, 36.412478), (0.000110, 84.66, 18.206239), (0.000062, 141.74, 53.303771),
    (0.000060, 207.14, 2.453732), (0.000056, 154.84, 7.306860), (0.000047, 34.52, 27.261239),
    (0.000042, 207.19, 0.121824), (0.000040, 291.34, 1.844379), (0.000037, 161.72, 24.198154),
    (0.000035, 239.56, 25.513099), (0.000023, 331.55, 3.592518),
)  # fmt: skip


def new_moon(k: int) -> datetime:
    """The k-th new moon after that of 6 January 2000, in UTC without its zone."""
    t = k / 1236.85
    jde = 2451550.09766 + 29.530588861 * k + 0.00015437 * t**2 - 0.000000150 * t**3
    m = radians(2.5534 + 29.10535670 * k - 0.0000014 * t**2)
    m_moon = radians(201.5643 + 385.81693528 * k + 0.0107582 * t**2 + 0.00001238 * t**3)
    f = radians(160.7108 + 390.67050284 * k - 0.0016118 * t**2 - 0.00000227 * t**3)
    omega = radians(124.7746 - 1.56375588 * k + 0.0020672 * t**2)
    e = 1 - 0.002516 * t - 0.0000074 * t**2
    for amplitude, power, *n in _NEW_MOON:
        angle = n[0] * m + n[1] * m_moon + n[2] * f + n[3] * omega
        jde += amplitude * e**power * sin(angle)
    for i, (amplitude, start, growth) in enumerate(_PLANETS):
        bend = -0.009173 * t**2 if i == 0 else 0
        jde += amplitude * sin(radians(start + growth * k + bend))
    return _utc(jde)


@lru_cache(maxsize=4096)
def solar_term(n: int) -> datetime:
    """When the sun has gone n × 30° since the March equinox of 2000, in UTC without its zone."""
    jde = 2451623.816 + n * 365.2422 / 12
    for _ in range(6):
        behind = (n * 30 - _longitude(jde) + 180) % 360 - 180
        jde += behind * 365.2422 / 360
    return _utc(jde)


def _longitude(jde: float) -> float:
    t = (jde - 2451545) / 36525
    mean = 280.46646 + 36000.76983 * t + 0.0003032 * t**2
    m = radians(357.52911 + 35999.05029 * t - 0.0001537 * t**2)
    centre = (
        (1.914602 - 0.004817 * t - 0.000014 * t**2) * sin(m)
        + (0.019993 - 0.000101 * t) * sin(2 * m)
        + 0.000289 * sin(3 * m)
    )
    omega = radians(125.04 - 1934.136 * t)
    # Light takes its time, and the axis nods.
    return mean + centre - 0.00569 - 0.00478 * sin(omega)


def _utc(jde: float) -> datetime:
    years = (jde - 2451545) / 365.25
    delta_t = 62.92 + 0.32217 * years + 0.005589 * years**2
    return _J2000 + timedelta(days=jde - 2451545) - timedelta(seconds=delta_t)


def months(
    first: int, last: int, offset: timedelta = VIET_NAM
) -> Iterator[tuple[int, int, bool, date]]:
    """
    Year, month, whether it is a leap month, and first day of every month of these lunar years.

    The rules: a month begins on the local day of a new moon; the winter solstice lies in month 11;
    where thirteen months lie between two of them, the first without a principal term is the leap.
    """
    for solstice in range(first - 1, last + 1):
        yield from (found for found in _between(solstice, offset) if first <= found[0] <= last)


def _between(year: int, offset: timedelta) -> Iterator[tuple[int, int, bool, date]]:
    """From month 11 of this year up to month 11 of the next one."""
    begin, end = (_moon_before(_day(solar_term((y - 2000) * 12 + 9), offset), offset)
                  for y in (year, year + 1))  # fmt: skip
    starts = [_day(new_moon(k), offset) for k in range(begin, end + 1)]
    terms = {_day(solar_term((year - 2000) * 12 + 9 + n), offset) for n in range(13)}
    is_leap_year, number, leap_found = end - begin == 13, 10, False
    for n, start in enumerate(starts[:-1]):
        bare = not any(start <= day < starts[n + 1] for day in terms)
        leap = is_leap_year and bare and not leap_found
        leap_found |= leap
        number += not leap
        yield (year if number <= 12 else year + 1), (number - 1) % 12 + 1, leap, start


def _moon_before(day: date, offset: timedelta) -> int:
    k = floor((day - date(2000, 1, 6)).days / 29.530588861) + 2
    while _day(new_moon(k), offset) > day:
        k -= 1
    return k


def _day(at: datetime, offset: timedelta) -> date:
    return (at + offset).date()


def seconds_from_midnight(at: datetime, offset: timedelta = VIET_NAM) -> float:
    """How near a new moon or a term lies to a change of date."""
    local = at + offset
    into = (local - datetime.combine(local.date(), time())).total_seconds()
    return min(into, 86_400 - into)
