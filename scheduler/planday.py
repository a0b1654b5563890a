"""One day's airings: what is wanted, held against what the rows have, and written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, or_, select, tuple_
from sqlalchemy.orm import Session

from scheduler.hearing import soundings
from scheduler.repertoire import Repertoire
from scheduler.rundown import Row
from scheduler.store.bulk import bulk_insert
from scheduler.store.db import in_batches, upsert
from scheduler.store.models import Airing, LedgerEntry, Programme, Slot, SlotException
from scheduler.store.states import OPEN_AIRINGS, AiringState, Grade, ProgrammeState, moving

_A_DAY = timedelta(days=1)

Key = tuple[int, datetime]  # station, planned_at


@dataclass
class Counts:
    """What a run did to the airings."""

    added: int = 0
    changed: int = 0
    cancelled: int = 0


@dataclass
class Found:
    """The airings of one day as the rows have them."""

    rows: dict[Key, Row]
    states: dict[Key, AiringState]

    def is_open(self, key: Key) -> bool:
        return self.states[key] in OPEN_AIRINGS


class DayAirings:
    """Brings one day after the other to what is wanted; what is proved is history and stays."""

    def __init__(
        self, session: Session, now: datetime, zone: ZoneInfo, repertoire: Repertoire,
        lines: Collection[Slot], lock: Callable[[Collection[int]], None],
    ) -> None:  # fmt: skip
        """``lock`` keeps workers from claiming at stations until the run ends."""
        self._session, self._now, self._zone = session, now, zone
        self._repertoire, self._lines, self._lock = repertoire, lines, lock
        self.counts = Counts()

    def bring(self, on: date, wanted: Mapping[Key, Row], found: Found) -> None:
        """Write down what differs."""
        added = [key for key in wanted if key not in found.rows]
        changed = [key for key, row in wanted.items()
                   if key in found.rows and _differs(row, found, key)]  # fmt: skip
        gone = [key for key in found.rows
                if key not in wanted and key[1] > self._now and found.is_open(key)]  # fmt: skip
        self._write(wanted, added, changed, gone, found)
        self.counts.added += len(added)
        self.counts.changed += len(changed)
        self.counts.cancelled += len(gone)

    def found(self, on: date) -> Found:
        """What the rows have of a day; bulletins go their own way."""
        columns: list[ColumnElement[Any]] = [Airing.__table__.c[name] for name in Row._fields]
        table = Airing.__table__.c
        rows = self._session.execute(
            select(table.station_id, table.planned_at, table.state, *columns).where(
                table.broadcast_date == on, table.bulletin_id.is_(None)
            )
        )
        found = Found({}, {})
        for station_id, planned_at, state, *planned in rows:
            found.rows[station_id, planned_at] = Row(*planned)
            found.states[station_id, planned_at] = state
        return found

    def only_mended(
        self, on: date, wanted: Mapping[Key, Row], found: Found, redecided: Collection[int]
    ) -> dict[Key, Row]:
        """
        The day as it is, but for what may no longer air: that is replaced, or goes.

        The slots about whose day somebody decided are as wanted.
        """
        kept = {key: row for key, row in wanted.items() if row.slot_id in redecided}
        for key, row in found.rows.items():
            if key[1] <= self._now or not found.is_open(key) or row.slot_id in redecided:
                continue
            if self._may_air(row.programme_id, on):
                kept[key] = row
            elif key in wanted:
                kept[key] = wanted[key]
        return kept

    def begun_yesterday(self, on: date, found: Found) -> dict[Key, Row]:
        """What a list that began on the eve airs behind midnight."""
        eve, until = on - _A_DAY, dict[int, datetime]()
        for line in self._lines:
            if line.items:
                ends = [s.occurrence.ends_at for s in soundings(line, eve, eve, self._zone)]
                if ends:
                    until[line.id] = max(ends)
        return {
            key: row
            for key, row in found.rows.items()
            if row.slot_id in until and self._now < key[1] < until[row.slot_id]
            and found.is_open(key) and self._may_air(row.programme_id, on)
        }  # fmt: skip

    def _may_air(self, programme_id: int, on: date) -> bool:
        known = programme_id in self._repertoire
        return known and self._repertoire[programme_id].may_air(on)

    def _write(
        self,
        wanted: Mapping[Key, Row],
        added: Sequence[Key],
        changed: Sequence[Key],
        gone: Sequence[Key],
        found: Found,
    ) -> None:
        # In the order in which workers and collectors lock: the station, then what belongs to it.
        self._lock({key[0] for keys in (added, changed, gone) for key in keys})
        new = (AiringState.PLANNED.value, Grade.D.value)
        columns = ("station_id", "planned_at", *Row._fields, "state", "grade")
        bulk_insert(self._session, Airing, columns, ((*key, *wanted[key], *new) for key in added))
        rows = [
            {"station_id": key[0], "planned_at": key[1], "state": AiringState.PLANNED,
             "grade": Grade.D, **wanted[key]._asdict()}
            for key in changed
        ]  # fmt: skip
        upsert(self._session, Airing, rows, key=("station_id", "planned_at"), update=Row._fields)
        again = [key for key in changed if found.states[key] != AiringState.PLANNED]
        self._move(again, AiringState.PLANNED)
        self._move(gone, AiringState.CANCELLED)

    def _move(self, keys: Sequence[Key], state: AiringState) -> None:
        for batch in in_batches(keys):
            self._session.execute(
                moving(Airing, state).where(
                    tuple_(Airing.station_id, Airing.planned_at).in_(list(batch))
                )
            )


def has_what_may_not_air(session: Session, on: date, now: datetime) -> bool:
    """Whether something of today was withdrawn after it was planned, or has expired."""
    statement = (
        select(Airing.station_id)
        .join(Programme, Programme.id == Airing.programme_id)
        .where(
            Airing.broadcast_date == on,
            Airing.planned_at > now,
            Airing.state.in_(OPEN_AIRINGS),
            or_(Programme.state != ProgrammeState.APPROVED, Programme.expires_on < on),
        )
    )
    return session.scalar(statement.limit(1)) is not None


def decided_today(session: Session, on: date, slot_ids: Iterable[int]) -> set[int]:
    """The slots of which somebody decided about this very day, or gave it back."""
    mine = or_(SlotException.on == on, SlotException.moved_on == on)
    found = set(session.scalars(select(SlotException.slot_id).where(mine)))
    given_back = session.scalars(
        select(LedgerEntry).where(
            LedgerEntry.subject.in_([f"slot {slot_id}" for slot_id in slot_ids]),
            LedgerEntry.what == "slot_day_restored",
            or_(*(LedgerEntry.detail[name].as_string() == str(on) for name in ("on", "moved_on"))),
        )
    )
    return found | {int(entry.subject.removeprefix("slot ")) for entry in given_back}


def _differs(row: Row, found: Found, key: Key) -> bool:
    """An airing changes while it is open or cancelled; what is proved is history."""
    if found.states[key] == AiringState.CANCELLED:
        return True
    return found.is_open(key) and row != found.rows[key]
