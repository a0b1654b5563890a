"""Which episode of a series, which programme of a theme: chosen once, and then remembered.

A choice is a row (``assignment``). It stays while it may air. When one falls away, what was chosen
behind it in the same slot is chosen anew, so that a series stays in order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session

from scheduler.errors import Said, said
from scheduler.repertoire import Repertoire, Sound
from scheduler.store.db import in_batches, upsert
from scheduler.store.models import Assignment, Slot

Place = tuple[int, datetime, int]  # slot, start of the slot on that day, position in its list


@dataclass(frozen=True)
class Source:
    """Where one place of a slot takes its programme from."""

    kind: str  # programme, series, theme
    id: int


def sources_of(slot: Slot) -> tuple[Source, ...]:
    """What airs in it, one after the other."""
    if slot.items:
        return tuple(Source(kind, number) for kind, number in slot.items)
    for kind in ("programme", "series", "theme"):
        named = getattr(slot, f"{kind}_id")
        if named is not None:
            return (Source(kind, named),)
    return ()


def is_chosen(slot: Slot) -> bool:
    """Whether somebody has to choose: it does not name its programmes."""
    return any(source.kind != "programme" for source in sources_of(slot))


@dataclass(frozen=True)
class Choice:
    """What airs at one place; for a theme also the others, for stations that heard the first."""

    order: tuple[Sound, ...]
    why_none: Said | None = None

    @property
    def first(self) -> Sound | None:
        return self.order[0] if self.order else None


_NOTHING = Choice(())
_NEVER = datetime.min.replace(tzinfo=UTC)


class Choices:
    """The choices of the slots that leave one, from the rows and back into them."""

    def __init__(
        self, session: Session, slots: Iterable[Slot], repertoire: Repertoire, zone: ZoneInfo,
        bounds: Callable[[int], datetime],
    ) -> None:  # fmt: skip
        """``bounds`` tells from which moment on a slot is planned; before it, it is history."""
        self._session, self._repertoire, self._zone = session, repertoire, zone
        self._bounds = bounds
        self._slot_ids = sorted(slot.id for slot in slots if is_chosen(slot))
        self._used: dict[int, dict[int, datetime]] = defaultdict(dict)  # slot → programme → when
        self._had: dict[Place, int] = {}  # as the rows have it, from the first moment on
        self._load(bounds)
        self._ahead = dict(self._had)
        self._made: dict[Place, int] = {}
        self._told: dict[Place, Choice] = {}  # asked again for stations at which the day is moved

    def forget_others(self, places: Iterable[Place], until: datetime) -> None:
        """What begins at another time by now, or not at all, holds no choice; until that day."""
        wanted = set(places)
        for place in list(self._ahead):
            if place[1] < until and place not in wanted:
                del self._ahead[place]

    def choose(self, slot: Slot, at: datetime, position: int, source: Source, room_ms: int
    ) -> Choice:  # fmt: skip
        """What airs there; asked from the earliest place of a slot to the latest."""
        on = at.astimezone(self._zone).date()
        if source.kind == "programme":
            return self._named(source.id, on)
        place = (slot.id, at, position)
        if place not in self._told:
            aired = self._aired(place, on) if at < self._bounds(slot.id) else None
            self._told[place] = aired or self._chosen(slot, on, place, source, room_ms)
        return self._told[place]

    def _aired(self, place: Place, on: date) -> Choice | None:
        """What others heard there already, for who hears it later."""
        row = self._session.get(Assignment, place)
        return None if row is None else self._named(row.programme_id, on)

    def _chosen(self, slot: Slot, on: date, place: Place, source: Source, room_ms: int) -> Choice:
        find = self._episode if source.kind == "series" else self._rotated
        kept = self._ahead.pop(place, None)
        choice = _NOTHING if kept is None else find(slot, on, source.id, room_ms, kept)
        if choice.first is None or choice.first.id != kept:
            for later in [one for one in self._ahead if one[0] == slot.id and one > place]:
                del self._ahead[later]
            choice = find(slot, on, source.id, room_ms, None)
        if choice.first is not None:
            self._made[place] = choice.first.id
            self._used[slot.id][choice.first.id] = place[1]
        return choice

    def save(self) -> None:
        """Write down what changed."""
        kept = {**self._ahead, **self._made}
        gone = [place for place in self._had if place not in kept]
        for batch in in_batches(gone):
            key = tuple_(Assignment.slot_id, Assignment.starts_at, Assignment.position)
            self._session.execute(delete(Assignment).where(key.in_(list(batch))))
        new = [
            {"slot_id": slot_id, "starts_at": at, "position": position, "programme_id": chosen}
            for (slot_id, at, position), chosen in kept.items()
            if self._had.get((slot_id, at, position)) != chosen
        ]
        upsert(
            self._session, Assignment, new, key=("slot_id", "starts_at", "position"),
            update=("programme_id",),
        )  # fmt: skip

    def _named(self, programme_id: int, on: date) -> Choice:
        if programme_id not in self._repertoire:
            return Choice((), said("its programme was never measured"))
        sound = self._repertoire[programme_id]
        why = sound.why_not(on)
        return Choice((), why) if why else Choice((sound,))

    # ── Series ─────────────────────────────────────────────────────────────────────────────────

    def _episode(
        self, slot: Slot, on: date, series_id: int, room_ms: int, kept: int | None
    ) -> Choice:
        """The first one in order that this slot has not had."""
        taken = self._used[slot.id].keys() | self._later(slot.id)
        why = said('"{series}" has no new episode', series=self._repertoire.series(series_id).name)
        for sound in self._repertoire.episodes(series_id):
            if sound.id == kept or (kept is None and sound.id not in taken):
                if sound.ms > room_ms:
                    return Choice((), said('"{title}" is longer than the slot', title=sound.title))
                if sound.may_air(on):
                    return Choice((sound,))
        return Choice((), why)

    def _later(self, slot_id: int) -> set[int]:
        return {chosen for place, chosen in self._ahead.items() if place[0] == slot_id}

    # ── Themes ─────────────────────────────────────────────────────────────────────────────────

    def _rotated(
        self, slot: Slot, on: date, theme_id: int, room_ms: int, kept: int | None
    ) -> Choice:
        """The one that this slot has not had for the longest time, and the others behind it."""
        used = self._used[slot.id]
        fitting = [
            sound
            for sound in self._repertoire.of_theme(theme_id, on)
            if sound.may_air(on) and sound.ms <= room_ms
        ]
        rested = [one for one in fitting if self._has_rested(used.get(one.id), on, slot)]
        # Sorting keeps the order of approval among those that were never heard here.
        rested.sort(key=lambda one: used.get(one.id, _NEVER))
        if kept is not None:
            rested.sort(key=lambda one: one.id != kept)
        if rested:
            return Choice(tuple(rested))
        name, days = self._repertoire.theme(theme_id).name, slot.no_repeat_days
        if fitting:
            why = said('everything about "{theme}" aired within {days} days', theme=name, days=days)
        else:
            why = said('there is nothing about "{theme}" that may air', theme=name)
        return Choice((), why)

    def _has_rested(self, last: datetime | None, on: date, slot: Slot) -> bool:
        return last is None or (
            (on - last.astimezone(self._zone).date()).days >= slot.no_repeat_days
        )

    def _load(self, bounds: Callable[[int], datetime]) -> None:
        for slot_id in self._slot_ids:
            mine = Assignment.slot_id == slot_id
            for chosen, last in self._session.execute(
                select(Assignment.programme_id, func.max(Assignment.starts_at))
                .where(mine, Assignment.starts_at < bounds(slot_id))
                .group_by(Assignment.programme_id)
            ):
                self._used[slot_id][chosen] = last
            for one in self._session.scalars(
                select(Assignment).where(mine, Assignment.starts_at >= bounds(slot_id))
            ):
                self._had[slot_id, one.starts_at, one.position] = one.programme_id
