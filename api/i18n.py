"""What Loa says, in the language of who reads it.

The English sentence in the source is the name of a message. Catalogues are read as they lie in
``locale/<language>/LC_MESSAGES/loa.po``: nothing has to be compiled, and 2,300 messages take 40 ms.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.messages.pofile import read_po

from api.systemwords import in_words
from audio.errors import AudioError
from scheduler.errors import CoreError, Said
from stations.errors import StationError

LANGUAGES = ("vi", "en")
DOMAIN = "loa"

LoaError = AudioError | CoreError | StationError

LOCALE = Path(__file__).parent / "locale"
_MINUTE, _HOUR = 60_000, 3_600_000


def mark(msgid: str) -> str:
    """Marks a sentence for the catalogue where it stands far from its translation."""
    return msgid


class Translator:
    """One language: sentences, errors, dates, times, lengths and sizes."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone
        self._messages = catalogue(language)

    def text(self, msgid: str, **fields: Any) -> str:
        """The sentence, its fields filled in; a field that is itself a message is translated."""
        sentence = self._messages.get(msgid, msgid)
        if not fields:
            return sentence
        return sentence.format_map(_Known({k: self._shown(k, v) for k, v in fields.items()}))

    def count(self, number: int, one: str, many: str) -> str:
        """``one`` or ``many``, with ``{n}``; Vietnamese has one form and translates ``many``."""
        msgid = one if number == 1 and self.language == "en" else many
        return self.text(msgid, n=self.number(number))

    def error(self, error: LoaError) -> str:
        return self._sentence(type(error), error.fields)

    def coded(self, code: str, fields: Mapping[str, Any] | None) -> str:
        """The sentence of an error that was kept as its code and fields (deliveries do)."""
        kind = error_classes().get(code)
        return self._sentence(kind, fields or {}) if kind else code

    # ── Dates and figures ──────────────────────────────────────────────────────────────────────

    def day(self, day: date) -> str:
        return f"{day:%d/%m/%Y}"

    def weekday(self, day: date) -> str:
        return self.text(DAY_NAMES[day.weekday()])

    def time(self, at: datetime | time) -> str:
        """The local time of day: 05:00."""
        return f"{at.astimezone(self.zone) if isinstance(at, datetime) else at:%H:%M}"

    def exact_time(self, at: datetime) -> str:
        """The local time of day with its seconds: 05:00:07."""
        return f"{at.astimezone(self.zone):%H:%M:%S}"

    def moment(self, at: datetime) -> str:
        """Local time and date: 05:00 12/03/2022."""
        return f"{at.astimezone(self.zone):%H:%M %d/%m/%Y}"

    def near(self, at: datetime, now: datetime) -> str:
        """As a person says it: 05:00, 05:00 ngày mai, 05:00 hôm qua; else with its date."""
        day, today = (one.astimezone(self.zone).date() for one in (at, now))
        if day == today:
            return self.time(at)
        said = _NEAR.get((day - today).days)
        return self.text(said, time=self.time(at)) if said else self.moment(at)

    def iso(self, at: datetime) -> str:
        """For machines: the local time with its offset."""
        return at.astimezone(self.zone).isoformat(timespec="seconds")

    def length(self, ms: int) -> str:
        """How long a sound is: 14:59 minutes and seconds, or 1:00:00."""
        minutes, seconds = divmod(round(ms / 1000), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

    def minutes(self, ms: int) -> str:
        """How long a sound is, in words: 15 phút; under a minute in seconds."""
        if ms < _MINUTE:
            return self.count(round(ms / 1000), "1 second", "{n} seconds")
        return self.count(round(ms / _MINUTE), "1 minute", "{n} minutes")

    def lasted(self, ms: int) -> str:
        """How long something sounded, never to be taken for a time of day: 3 phút 20 giây."""
        minutes, seconds = divmod(round(ms / 1000), 60)
        said = [self.count(minutes, "1 minute", "{n} minutes")] if minutes else []
        if seconds or not minutes:
            said.append(self.count(seconds, "1 second", "{n} seconds"))
        return " ".join(said)

    def size(self, size_bytes: int) -> str:
        if size_bytes < 1 << 20:
            return f"{self.number(max(1, round(size_bytes / 1024)))} KB"
        if size_bytes < 1 << 30:
            return f"{self.number(size_bytes / (1 << 20), 1)} MB"
        return f"{self.number(size_bytes / (1 << 30), 1)} GB"

    def number(self, value: float, digits: int = 0) -> str:
        """1.234,5 in Vietnamese, 1,234.5 in English."""
        text = f"{value:,.{digits}f}"
        return text.translate(_SWAP) if self.language == "vi" else text

    def ago(self, at: datetime, now: datetime) -> str:
        """How long ago something was: ``5 phút trước``."""
        ms = round((now - at).total_seconds() * 1000)
        if ms < _MINUTE:
            return self.text("just now")
        if ms < _HOUR:
            return self.count(ms // _MINUTE, "1 minute ago", "{n} minutes ago")
        if ms < 48 * _HOUR:
            return self.count(ms // _HOUR, "1 hour ago", "{n} hours ago")
        return self.count(ms // (24 * _HOUR), "1 day ago", "{n} days ago")

    # ── Inside ─────────────────────────────────────────────────────────────────────────────────

    def _sentence(self, kind: type[Exception], fields: Mapping[str, Any]) -> str:
        # An old row without its fields shows "…" for each, never the names of the fields.
        sentence = self.text(error_msgid(kind), **(fields or {"": ""}))
        return sentence[:1].upper() + sentence[1:]

    def _shown(self, field: str, value: Any) -> str:
        if isinstance(value, Said):
            return self.text(value.msgid, **value.fields)
        if isinstance(value, float):
            return self.number(value, 0 if value.is_integer() else 1)
        if isinstance(value, int) and field.endswith("_bytes"):
            return self.size(value)
        if not isinstance(value, str):
            return str(value)
        if field == "detail" and (told := in_words(value, self.text)) != value:
            return told
        # 'programme "Bản tin sáng"': what it is can be translated, what it is called cannot.
        thing, quote, name = value.partition(' "')
        return self._messages.get(value) or self._messages.get(thing, thing) + quote + name


class _Known(dict[str, str]):
    """A field that an old row lacks shows as "…": no page fails over a sentence."""

    def __missing__(self, key: str) -> str:
        return "…"


@lru_cache
def catalogue(language: str) -> Mapping[str, str]:
    """Message → translation; English needs none."""
    path = LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        entries = read_po(file, locale=language, domain=DOMAIN, abort_invalid=True)
    return {str(entry.id): str(entry.string) for entry in entries if entry.id and entry.string}


@lru_cache
def translator(language: str, zone: ZoneInfo) -> Translator:
    return Translator(language, zone)


def error_msgid(kind: type[Exception]) -> str:
    """The docstring on one line: wrapping it differently does not lose its translation."""
    return " ".join((inspect.getdoc(kind) or "").split())


@lru_cache
def error_classes() -> Mapping[str, type[Exception]]:
    """Every error that a person may read, by its code; a station's meaning of it comes first."""
    found: dict[str, type[Exception]] = {}
    for root in (StationError, CoreError, AudioError):
        for kind in _with_subclasses(root):
            found.setdefault(kind.code, kind)  # type: ignore[attr-defined]
    return found


def _with_subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _with_subclasses(below)


_SWAP = str.maketrans(",.", ".,")
_NEAR = {-1: mark("{time} yesterday"), 1: mark("{time} tomorrow")}
DAY_NAMES = (
    mark("Monday"),
    mark("Tuesday"),
    mark("Wednesday"),
    mark("Thursday"),
    mark("Friday"),
    mark("Saturday"),
    mark("Sunday"),
)
