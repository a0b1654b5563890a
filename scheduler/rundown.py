"""What a slot airs on one day at one station: its programmes one after the other, with their
lengths, their language and what fills the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from scheduler.choices import Choice, Choices, Source, sources_of
from scheduler.config import Settings
from scheduler.day import Renditions
from scheduler.errors import Said
from scheduler.relay import is_allowed
from scheduler.repertoire import Repertoire, Sound
from scheduler.store.models import Slot
from scheduler.timetable import Occurrence

_MOST_FILLERS = 60  # in one slot: a jingle of a second must not make a day of 3,600 airings


class Row(NamedTuple):
    """The planned part of an airing; stations that hear the same share one."""

    broadcast_date: date
    slot_id: int
    programme_id: int
    programme_class: str
    ms: int
    late_ok_s: int
    ident_id: int | None
    stream: str | None


@dataclass(frozen=True)
class Listener:
    """What of a station decides how something sounds there."""

    profile: str
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """One place of a slot on one day."""

    source: Source
    choice: Choice


@dataclass(frozen=True)
class Rundown:
    """One slot on one day, before it is known for whom."""

    slot: Slot
    occurrence: Occurrence
    places: tuple[Place, ...]
    filler: Sound | None  # that may air on this day
    ident: Sound | None
    stream: str | None

    @property
    def why_none(self) -> Said | None:
        """Why nothing of what was meant airs; none: something does."""
        if any(place.choice.order for place in self.places):
            return None
        return self.places[0].choice.why_none if self.places else None

    @property
    def rotations(self) -> tuple[int, ...]:
        """The places at which a station may hear another programme than the others."""
        return tuple(n for n, place in enumerate(self.places) if place.source.kind == "theme")


class Rundowns:
    """Makes them, and lays them out in time for groups of stations that hear the same."""

    def __init__(
        self, settings: Settings, repertoire: Repertoire, renditions: Renditions,
        choices: Choices, filler: int | None,
    ) -> None:  # fmt: skip
        self._settings, self._zone = settings, settings.zone
        self._repertoire, self._renditions = repertoire, renditions
        self._choices, self._filler = choices, filler

    def make(self, slot: Slot, occurrence: Occurrence, place_at: datetime) -> Rundown:
        """``place_at`` names what was chosen: where a day is moved for some, that of the others."""
        on = occurrence.starts_at.astimezone(self._zone).date()
        change = occurrence.change
        instead = change.programme_id if change is not None else None
        sources: Sequence[Source] = sources_of(slot)
        if instead is not None:
            sources = (Source("programme", instead),)
        room_ms = _length_ms(occurrence)
        places = []
        for position, source in enumerate(sources):
            choice = self._choices.choose(slot, place_at, position, source, room_ms)
            places.append(Place(source, choice))
        return Rundown(
            slot, occurrence, tuple(places),
            filler=self._filler_of(slot, on),
            ident=self._airable(slot.ident_id, on),
            stream=self._stream(slot) if instead is None else None,
        )  # fmt: skip

    def laid_out(
        self, rundown: Rundown, listener: Listener, picks: Mapping[int, Sound | None]
    ) -> list[tuple[datetime, Row]]:
        """
        The airings of one group of stations, each with its moment.

        ``picks`` says what they hear at the places of a theme (none: nothing is left for them).
        """
        slot, at = rundown.slot, rundown.occurrence.starts_at
        end = rundown.occurrence.ends_at
        wanted = [picks.get(n, place.choice.first) for n, place in enumerate(rundown.places)]
        is_list = bool(slot.items)
        found: list[tuple[datetime, Row]] = []
        for sound in wanted:
            if sound is None:
                continue
            row = self._row(rundown, sound, listener, at, is_first=not found)
            if found and at + timedelta(milliseconds=row.ms) > end:
                continue  # a list that is longer than its slot ends with what fits whole
            found.append((at, row))
            at = _behind(at, row.ms)
        filler = rundown.filler
        while filler is not None and (not found or (is_list and slot.filler_id is not None)):
            row = self._row(rundown, filler, listener, at, is_first=not found)
            if at + timedelta(milliseconds=row.ms) > end or len(found) >= _MOST_FILLERS:
                break
            found.append((at, row))
            at = _behind(at, row.ms)
        return found

    def _row(
        self, rundown: Rundown, base: Sound, listener: Listener, at: datetime, *, is_first: bool
    ) -> Row:
        slot, on = rundown.slot, at.astimezone(self._zone).date()
        room = rundown.occurrence.ends_at - at
        sound = self._repertoire.heard_as(
            base, listener.languages, on, round(room.total_seconds() * 1000)
        )
        ident = rundown.ident if is_first else None
        ms = self._length(sound, listener.profile)
        if ident is not None:
            ms += self._length(ident, listener.profile)
        if rundown.stream is not None:
            ms = _length_ms(rundown.occurrence)
        return Row(
            on, slot.id, sound.id, slot.programme_class, ms, slot.late_ok_s,
            ident.id if ident else None, rundown.stream,
        )  # fmt: skip

    def _length(self, sound: Sound, profile: str) -> int:
        """What will sound there: its own encoding, or the master until there is one."""
        rendition = self._renditions.get((sound.id, profile))
        return rendition.ms if rendition is not None else sound.ms

    def _filler_of(self, slot: Slot, on: date) -> Sound | None:
        return self._airable(slot.filler_id, on) or self._airable(self._filler, on)

    def _airable(self, programme_id: int | None, on: date) -> Sound | None:
        if programme_id is None or programme_id not in self._repertoire:
            return None
        sound = self._repertoire[programme_id]
        return sound if sound.may_air(on) else None

    def _stream(self, slot: Slot) -> str | None:
        """The live relay, unless its host is no longer allowed."""
        if not slot.stream:
            return None
        return slot.stream if is_allowed(slot.stream, self._settings) else None


def _length_ms(one: Occurrence) -> int:
    return round((one.ends_at - one.starts_at).total_seconds() * 1000)


def _behind(at: datetime, ms: int) -> datetime:
    """The next whole second after it: an item is named by the second in which it begins."""
    return at + timedelta(seconds=-(-ms // 1000))
