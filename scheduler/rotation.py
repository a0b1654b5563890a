"""No repeat within so many days at one station: what a theme in rotation airs where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from scheduler.choices import sources_of
from scheduler.errors import Said, said
from scheduler.repertoire import Repertoire, Sound
from scheduler.rundown import Row, Rundown
from scheduler.store.db import in_batches
from scheduler.store.models import Airing, Slot
from scheduler.store.states import AiringState

Picks = Mapping[int, Sound | None]  # by place in the list; none: nothing is left for them
_AS_CHOSEN: Picks = {}


class Rotation:
    """
    What stations heard lately, also in other slots.

    A slot has one choice for all; only a station that heard it too lately gets the next one.
    """

    def __init__(
        self, session: Session, lines: Iterable[Slot], repertoire: Repertoire,
        first: date, now: datetime,
    ) -> None:  # fmt: skip
        self._repertoire = repertoire
        rotating = [
            (line, source.id)
            for line in lines
            for source in sources_of(line)
            if source.kind == "theme"
        ]
        self._watched = {
            sound.id for _, theme_id in rotating for sound in repertoire.about(theme_id)
        }
        self._heard: dict[int, dict[int, date]] = defaultdict(dict)  # station → programme → day
        self._without: dict[tuple[str, date], int] = defaultdict(int)  # slot, day → stations
        if self._watched:
            days = max(line.no_repeat_days for line, _ in rotating)
            self._load(session, first, timedelta(days=days), now)

    def picks(self, rundown: Rundown, station_id: int) -> Picks:
        """What this station hears where it differs from the choice for all."""
        if not rundown.rotations:
            return _AS_CHOSEN
        heard, on = self._heard[station_id], rundown.occurrence.on
        days, picked = rundown.slot.no_repeat_days, dict[int, Sound | None]()
        for position in rundown.rotations:
            order = rundown.places[position].choice.order
            taken = [one.id for one in picked.values() if one is not None]
            picked[position] = next(
                (
                    one for one in order
                    if one.id not in taken
                    and (one.id not in heard or (on - heard[one.id]).days >= days)
                ),
                None,
            )  # fmt: skip
            if order and picked[position] is None:
                self._without[rundown.slot.title, on] += 1
        as_chosen = all(
            one is rundown.places[position].choice.first for position, one in picked.items()
        )
        return _AS_CHOSEN if as_chosen else picked

    def heard(self, station_id: int, parts: Sequence[tuple[datetime, Row]]) -> None:
        if not self._watched:
            return
        for _, row in parts:
            base = self._repertoire.base_of(row.programme_id)
            if base in self._watched:
                self._heard[station_id][base] = row.broadcast_date

    def told(self) -> Iterator[Said]:
        """Where nothing was left that a station had not heard lately."""
        for (slot, on), count in self._without.items():
            yield said(
                '{day}: "{slot}" has nothing for {count} stations that they did not hear lately.',
                day=f"{on:%d/%m/%Y}", slot=slot, count=count,
            )  # fmt: skip

    def _load(self, session: Session, first: date, days: timedelta, now: datetime) -> None:
        for batch in in_batches(sorted(self._repertoire.with_variants(self._watched))):
            rows = session.execute(
                select(Airing.station_id, Airing.programme_id, func.max(Airing.broadcast_date))
                .where(
                    Airing.programme_id.in_(batch),
                    Airing.broadcast_date > first - days,
                    or_(Airing.broadcast_date < first, Airing.planned_at <= now),
                    Airing.state != AiringState.CANCELLED,
                )
                .group_by(Airing.station_id, Airing.programme_id)
            )
            for station_id, programme_id, on in rows:
                heard, base = self._heard[station_id], self._repertoire.base_of(programme_id)
                heard[base] = max(on, heard.get(base, on))
