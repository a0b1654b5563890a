"""The rule of a slot as a sentence: ``Thứ 2, 4, 6 hằng tuần lúc 05:00, đến 31/03/2022``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from api.i18n import DAY_NAMES, Translator, mark
from scheduler.recurrence import WEEKDAYS, is_lunar, parts_of
from scheduler.slots import Notices
from scheduler.timetable import Rule

_DAYS = (
    mark("Mondays"),
    mark("Tuesdays"),
    mark("Wednesdays"),
    mark("Thursdays"),
    mark("Fridays"),
    mark("Saturdays"),
    mark("Sundays"),
)
_NTH: Mapping[str, str] = {
    "1": mark("the first {day}"),
    "2": mark("the second {day}"),
    "3": mark("the third {day}"),
    "4": mark("the fourth {day}"),
    "5": mark("the fifth {day}"),
    "-1": mark("the last {day}"),
}
_EVERY: Mapping[str, str] = {
    "DAILY": mark("every day"),
    "WEEKLY": mark("every week"),
    "MONTHLY": mark("every month"),
    "YEARLY": mark("every year"),
}
_EVERY_FEW: Mapping[str, str] = {
    "DAILY": mark("once in {n} days"),
    "WEEKLY": mark("once in {n} weeks"),
    "MONTHLY": mark("once in {n} months"),
    "YEARLY": mark("once in {n} years"),
}
# Days of the moon that have a name of their own, by month and day.
_FEASTS: Mapping[tuple[str, str], str] = {
    ("1", "1"): mark("the first day of Tết"),
    ("3", "10"): mark("the Hùng Kings' day (10/3 by the moon)"),
    ("12", "-1"): mark("the last day before Tết"),
}


def describe(rule: Rule, tr: Translator) -> str:
    """When a slot airs, as a person would say it; every part of the rule is in it."""
    parts = parts_of(rule.rrule)
    when = _by_the_moon(parts, tr) if is_lunar(rule.rrule) else _by_the_sun(parts, tr)
    text = " ".join([*when, tr.text(mark("at {time}"), time=tr.time(rule.starts_at))])
    text = ", ".join([text, *_end(rule, parts, tr)])
    return text[0].upper() + text[1:]


def notice_sentences(tr: Translator, notices: Notices) -> Iterator[str]:
    """What a person should know about a line that may stand."""
    if notices.quiet is not None:
        window = str(notices.quiet)
        yield tr.text(
            mark("It sounds in the quiet hours ({window}): ask the communes first."), window=window
        )
    for clash in notices.clashes:
        yield tr.text(
            mark('It collides with "{other}", priority too, from {day} on at {time}: the communes '
                 "put them in order (loa air clashes)."),
            other=clash.other.title, day=tr.day(clash.first.on),
            time=tr.time(clash.first.starts_at),
        )  # fmt: skip


def days_in_words(days: Sequence[str], tr: Translator) -> str:
    """``MO,WE`` as ``Thứ 2, 4``."""
    return ", ".join(_weekdays(days, tr))


def _by_the_sun(parts: Mapping[str, str], tr: Translator) -> Iterator[str]:
    days = list(_weekdays(_listed(parts, "BYDAY"), tr))
    days += [
        tr.text(mark("on the last day")) if n == "-1" else tr.text(mark("on day {n}"), n=n)
        for n in _listed(parts, "BYMONTHDAY")
    ]
    if days:
        yield ", ".join(days)
    months = [tr.text(mark("of month {n}"), n=n) for n in _listed(parts, "BYMONTH")]
    if months:
        yield ", ".join(months)
    interval = parts.get("INTERVAL", "1")
    if interval == "1":
        yield tr.text(_EVERY[parts["FREQ"]])
    else:
        yield tr.text(_EVERY_FEW[parts["FREQ"]], n=interval)


def _by_the_moon(parts: Mapping[str, str], tr: Translator) -> Iterator[str]:
    days, months = _listed(parts, "DAY"), _listed(parts, "MONTH")
    feast = _FEASTS.get((months[0], days[0])) if len(months) == len(days) == 1 else None
    if feast:
        yield tr.text(feast)
        return
    yield ", ".join(_moon_day(day, tr) for day in days)
    if months:
        named = [tr.text(mark("of month {n}"), n=n) for n in months]
        yield tr.text(mark("{months} by the moon"), months=", ".join(named))
    else:
        yield tr.text(mark("of every month by the moon"))


def _moon_day(day: str, tr: Translator) -> str:
    if day == "15":
        return tr.text(mark("the full moon (15th)"))
    if day == "-1":
        return tr.text(mark("the last day"))
    # The first ten days are "mùng" in Vietnamese.
    is_early = int(day) <= 10
    return tr.text(mark("day {n} of the new moon") if is_early else mark("on day {n}"), n=day)


def _end(rule: Rule, parts: Mapping[str, str], tr: Translator) -> Iterator[str]:
    if "COUNT" in parts:
        yield tr.text(mark("{n} times"), n=parts["COUNT"])
    ends = [rule.valid_to] if rule.valid_to else []
    if "UNTIL" in parts:
        ends.append(_day(parts["UNTIL"]))
    if ends:
        yield tr.text(mark("until {day}"), day=tr.day(min(ends)))


def _weekdays(days: Sequence[str], tr: Translator) -> Iterator[str]:
    """``Thứ 2, 4, 6``: the word before the figure is said once."""
    said_before = ""
    for day in days:
        nth, number = day[:-2], WEEKDAYS.index(day[-2:])
        word = tr.text(_DAYS[number])
        if nth:
            yield tr.text(_NTH[nth], day=tr.text(DAY_NAMES[number]))
        else:
            numbered = re.fullmatch(r"(.+) (\d)", word)
            name = numbered[1] if numbered else word
            yield numbered[2] if numbered and name == said_before else word
            said_before = name


def _listed(parts: Mapping[str, str], name: str) -> list[str]:
    return [value for value in parts.get(name, "").split(",") if value]


def _day(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a local date
