"""A moment as people type it: ``05:00``, ``5h30 hôm qua``, ``25/11 05:00``, or as programs do."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta

from api.i18n import mark
from scheduler.errors import InputInvalid
from scheduler.hub import Hub
from scheduler.timetable import to_utc

_A_DAY = timedelta(days=1)
_IN_SIGHT = timedelta(days=5 * 366)  # 180 years ahead one look at the timetable takes seconds
_TIME = re.compile(r"(?<![\d/-])(\d{1,2})(?:[:h](\d{2})|\s?h|\s?giờ(?:\s(\d{1,2}))?)(?![\d/])")
_DAY = re.compile(r"(?<!\d)(\d{1,2})[/-](\d{1,2})(?:[/-](\d{4}))?(?!\d)")
_ISO_DAY = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
# How many days from today. Longer words first: "hôm kia" holds "hôm", "ngày kia" is to come.
_WORDS = (
    ("hôm kia", -2), ("hôm qua", -1), ("hôm nay", 0), ("ngày mai", 1), ("ngày kia", 2),
    ("yesterday", -1), ("today", 0), ("tomorrow", 1), ("sáng mai", 1), ("sáng nay", 0),
    ("chiều nay", 0), ("mai", 1), ("qua", -1),
)  # fmt: skip
# Typed without tones, as on many keyboards.
_PLAIN = {
    "hom kia": "hôm kia", "hom qua": "hôm qua", "hom nay": "hôm nay", "ngay mai": "ngày mai",
    "ngay kia": "ngày kia", "gio": "giờ",
}  # fmt: skip


def moment_of(text: str, hub: Hub, *, is_ahead: bool = False) -> datetime:
    """
    The instant that a person means, by local time; a day that is not named is today.

    ``is_ahead``: a bare time that is over means tomorrow.

    Raises:
        InputInvalid: it is not understood; the sentence has examples.
    """
    told = " ".join(unicodedata.normalize("NFC", text).casefold().split())
    instant = _iso(told, hub)
    if instant is not None:
        return instant
    for plain, toned in _PLAIN.items():
        told = told.replace(plain, toned)
    day, rest = _day(told, hub.today())
    clock = _time(rest)
    if clock is None:
        raise InputInvalid(problem=NOT_UNDERSTOOD)
    found = _utc(day or hub.today(), clock, hub)
    if day is None and is_ahead and found < hub.clock.now():
        found = _utc(hub.today() + _A_DAY, clock, hub)
    return found


NOT_UNDERSTOOD = mark(
    "this is no time like 05:00, hôm qua 05:00, 25/11/2026 05:00, 2026-11-25T05:00"
)


def _iso(told: str, hub: Hub) -> datetime | None:
    if not re.match(r"\d{4}-\d{2}-\d{2}[t ]\d", told):
        return None
    try:
        found = datetime.fromisoformat(told.upper().replace(" +", "+"))
    except ValueError:
        raise InputInvalid(problem=NOT_UNDERSTOOD) from None
    _bounded(found)
    return found.astimezone(UTC) if found.tzinfo else to_utc(found, hub.settings.zone)


def _day(told: str, today: date) -> tuple[date | None, str]:
    """The day that is named, and the text without it."""
    for pattern, parts in ((_ISO_DAY, (1, 2, 3)), (_DAY, (3, 2, 1))):
        named = pattern.search(told)
        if named is None:
            continue
        year, month, day = (named[part] for part in parts)
        try:
            found = date(int(year or today.year), int(month), int(day))
        except ValueError:
            raise InputInvalid(problem=NOT_UNDERSTOOD) from None
        return found, told[: named.start()] + " " + told[named.end() :]
    for word, days in _WORDS:
        if re.search(rf"(?<!\w){word}(?!\w)", told):
            return today + days * _A_DAY, re.sub(rf"(?<!\w){word}(?!\w)", " ", told)
    return None, told


def _time(told: str) -> time | None:
    named = _TIME.search(told)
    if named is None:
        return None
    hour, minute = int(named[1]), int(named[2] or named[3] or 0)
    # "5 giờ chiều" is five in the afternoon.
    if hour < 12 and re.search(r"(?<!\w)(chiều|tối|pm)(?!\w)", told):
        hour += 12
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _utc(day: date, clock: time, hub: Hub) -> datetime:
    return to_utc(_bounded(datetime.combine(day, clock)), hub.settings.zone)


def _bounded(at: datetime) -> datetime:
    """The year 0001 has no UTC in some zones, and no radio aired in it."""
    if not 1990 <= at.year <= 2200:
        raise InputInvalid(problem=NOT_UNDERSTOOD)
    return at


def in_sight(on: date, hub: Hub) -> date:
    """
    A day that the timetable is asked about; a rule is followed day by day from its beginning.

    Raises:
        InputInvalid: it lies too far from today.
    """
    if abs(on - hub.today()) > _IN_SIGHT:
        raise InputInvalid(problem="this day is too far away")
    return on
