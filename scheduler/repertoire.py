"""What may air on which day, in which order, and in which language it is said somewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.errors import Said, said
from scheduler.store.db import in_batches
from scheduler.store.models import Programme, Series, Theme
from scheduler.store.states import ProgrammeState

DEFAULT_LANGUAGES = ("vi",)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sound:
    """What the planner has to know of a programme."""

    id: int
    title: str
    state: ProgrammeState
    ms: int  # of what is heard of the master
    language: str
    theme: str | None
    series_id: int | None
    episode: int | None
    made_on: date
    approved_at: datetime
    not_before: date | None
    expires_on: date | None
    variant_of: int | None

    def may_air(self, on: date) -> bool:
        return self.why_not(on) is None

    def why_not(self, on: date) -> Said | None:
        """Why it may not air on that day; none: it may."""
        if self.state == ProgrammeState.WITHDRAWN:
            return said('"{title}" was withdrawn', title=self.title)
        if self.state != ProgrammeState.APPROVED:
            return said('"{title}" is not approved', title=self.title)
        if self.expires_on is not None and on > self.expires_on:
            day = f"{self.expires_on:%d/%m/%Y}"
            return said('"{title}" airs until {day}', title=self.title, day=day)
        if self.not_before is not None and on < self.not_before:
            day = f"{self.not_before:%d/%m/%Y}"
            return said('"{title}" airs from {day}', title=self.title, day=day)
        return None


class Repertoire:
    """Everything approved, and what slots name besides; read once for one planning."""

    def __init__(self, session: Session, named: Collection[int], zone: ZoneInfo) -> None:
        self._zone = zone
        self._sounds: dict[int, Sound] = {}
        self._series = {one.id: one for one in session.scalars(select(Series))}
        self._themes = {one.id: one for one in session.scalars(select(Theme))}
        self._variants: dict[int, list[Sound]] = defaultdict(list)
        self._episodes: dict[int, list[Sound]] = defaultdict(list)
        self._by_theme: dict[str, list[Sound]] = defaultdict(list)
        for sound in self._load(session, named):
            self._sounds[sound.id] = sound
        for sound in sorted(self._sounds.values(), key=lambda one: (one.approved_at, one.id)):
            self._sort_in(sound)

    def __getitem__(self, programme_id: int) -> Sound:
        return self._sounds[programme_id]

    def __contains__(self, programme_id: int) -> bool:
        return programme_id in self._sounds

    @property
    def ids(self) -> Collection[int]:
        return self._sounds.keys()

    def base_of(self, programme_id: int) -> int:
        """The programme itself, or the one that it says in another language."""
        sound = self._sounds.get(programme_id)
        return programme_id if sound is None or sound.variant_of is None else sound.variant_of

    def heard_as(self, base: Sound, languages: Sequence[str], on: date, room_ms: int) -> Sound:
        """The variant for people who speak these; the programme itself where there is none."""
        for language in languages:
            for sound in (base, *self._variants[base.id]):
                fits = sound is base or sound.ms <= room_ms
                if sound.language == language and sound.may_air(on) and fits:
                    return sound
        return base

    def series(self, series_id: int) -> Series:
        return self._series[series_id]

    def episodes(self, series_id: int) -> list[Sound]:
        """In the order of the series: by number, or by the day on which they were made."""
        by_date = self._series[series_id].order_by == "date"

        def order(one: Sound) -> tuple[object, ...]:
            # Without a number it comes behind those that have one.
            number = (0, 0) if by_date else (one.episode is None, one.episode or 0)
            return (*number, one.made_on, one.approved_at, one.id)

        return sorted(self._episodes[series_id], key=order)

    def theme(self, theme_id: int) -> Theme:
        return self._themes[theme_id]

    def about(self, theme_id: int) -> list[Sound]:
        """Everything that is about a theme, be it on this day or not."""
        return self._by_theme[self._themes[theme_id].name]

    def with_variants(self, programme_ids: Collection[int]) -> set[int]:
        variants = (one.id for base in programme_ids for one in self._variants[base])
        return {*programme_ids, *variants}

    def of_theme(self, theme_id: int, on: date) -> list[Sound]:
        """What is about it, the longest approved first; nothing when the theme does not hold."""
        theme = self._themes[theme_id]
        is_over = theme.valid_to is not None and on > theme.valid_to
        return [] if on < theme.valid_from or is_over else self._by_theme[theme.name]

    def _sort_in(self, sound: Sound) -> None:
        if sound.variant_of is not None:
            self._variants[sound.variant_of].append(sound)
            return
        if sound.series_id is not None:
            self._episodes[sound.series_id].append(sound)
        if sound.theme is not None:
            self._by_theme[sound.theme].append(sound)

    def _load(self, session: Session, named: Collection[int]) -> Iterator[Sound]:
        # Columns, not rows: a programme carries the facts of its measurement and its outline.
        statement = select(
            Programme.id, Programme.title, Programme.state, Programme.heard_ms, Programme.language,
            Programme.theme, Programme.series_id, Programme.episode, Programme.made_on,
            Programme.uploaded_at, Programme.approved_at, Programme.not_before,
            Programme.expires_on, Programme.variant_of,
        ).where(Programme.ms.is_not(None))  # fmt: skip
        rows = list(session.execute(statement.where(Programme.state == ProgrammeState.APPROVED)))
        others = sorted(set(named) - {row.id for row in rows})
        for batch in in_batches(others):
            rows += session.execute(statement.where(Programme.id.in_(batch)))
        for row in rows:
            made = row.made_on or row.uploaded_at.astimezone(self._zone).date()
            yield Sound(
                row.id, row.title, row.state, row.heard_ms, row.language,
                row.theme, row.series_id, row.episode, made, row.approved_at or _EARLIEST,
                row.not_before, row.expires_on, row.variant_of,
            )  # fmt: skip
