"""Occurrences × audience → airings and deliveries, as often as one likes with the same result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, tuple_, update
from sqlalchemy.orm import Session

from scheduler.choices import Choices, sources_of
from scheduler.day import Day, PlannedItem, day_of, item_title, ready_renditions
from scheduler.errors import Said, said
from scheduler.hub import Hub
from scheduler.lines import every_slot, is_draft, on_air
from scheduler.precedence import moved_starts
from scheduler.repertoire import DEFAULT_LANGUAGES, Repertoire
from scheduler.rotation import Rotation
from scheduler.rundown import Listener, Row, Rundown, Rundowns
from scheduler.slots import audience_ids, changes_of, rule_of
from scheduler.store import ledger
from scheduler.store.bulk import bulk_insert
from scheduler.store.db import in_batches, lock, upsert
from scheduler.store.models import Airing, Delivery, Programme, Slot, Station
from scheduler.store.states import (
    CURRENT_DELIVERIES,
    LEFT_OUT_AIRINGS,
    OPEN_AIRINGS,
    AiringState,
    DeliveryState,
    Grade,
    ProgrammeState,
    moving,
)
from scheduler.timetable import Occurrence, occurrences, to_utc
from scheduler.units import maps_of

_PLAN_LOCK = 0x706C616E  # "plan": one planner at a time
_A_DAY = timedelta(days=1)

Key = tuple[int, datetime]  # station, planned_at


@dataclass(frozen=True)
class PlanResult:
    days: int
    airings_added: int
    airings_changed: int
    airings_cancelled: int
    deliveries_new: int
    deliveries_superseded: int
    waiting: tuple[str, ...]  # programmes that are not encoded for every station yet
    warnings: tuple[Said, ...]  # what does not air as it was meant, and why
    drafts: int  # slots with changes that nobody has released


def plan(
    hub: Hub, *, first: date | None = None, days: int | None = None, by: str = "loa"
) -> PlanResult:
    """
    Bring airings and deliveries of the coming days to what the released timetable says.

    Of today, which is on the stations already, only what may no longer air is taken out. What has
    begun is history and stays. Running it again, or twice at once, changes nothing.
    """
    today = hub.today()
    begin = first or today + _A_DAY
    dates = [begin + timedelta(days=n) for n in range(days or hub.settings.plan.days_ahead)]
    with hub.database.write() as session:
        lock(session, _PLAN_LOCK)
        planning = _Planning(hub, session, dates, mended=today if first is None else None)
        result = planning.run()
        if result.airings_added or result.airings_changed or result.airings_cancelled:
            ledger.record(
                session, at=hub.clock.now(), who=by, what="days_planned",
                subject=f"{dates[0]}..{dates[-1]}", added=result.airings_added,
                changed=result.airings_changed, cancelled=result.airings_cancelled,
            )  # fmt: skip
    return result


@dataclass
class _Counts:
    added: int = 0
    changed: int = 0
    cancelled: int = 0
    new: int = 0
    superseded: int = 0


@dataclass
class _Found:
    """The airings of one day as the rows have them."""

    rows: dict[Key, Row]
    states: dict[Key, AiringState]

    def is_open(self, key: Key) -> bool:
        return self.states[key] in OPEN_AIRINGS


class _Planning:
    """One run: what should be, held against what is, one day after the other."""

    def __init__(
        self, hub: Hub, session: Session, dates: Sequence[date], *, mended: date | None
    ) -> None:
        self.hub, self.session, self.zone = hub, session, hub.settings.zone
        self.now = hub.clock.now()
        self.dates, self.mended = list(dates), mended
        if mended is not None and self._has_what_may_not_air(mended):
            self.dates.insert(0, mended)
        self.counts, self.waiting = _Counts(), set[int]()
        self.warnings: dict[str, tuple[Said, list[date]]] = {}
        self.stations = {
            station.id: station
            for station in session.scalars(select(Station).where(Station.active))
        }
        self.listeners = {
            one.id: Listener(one.profile, tuple(one.languages or DEFAULT_LANGUAGES))
            for one in self.stations.values()
        }
        self.next_seqs: dict[int, int] = {}  # of the stations that no worker can claim until we end
        self.slots = {slot.id: slot for slot in every_slot(session)}
        self.lines = {
            slot.id: on_air(session, slot)
            for slot in self.slots.values()
            if slot.released is not None
        }
        named = {source.id for line in self.lines.values() for source in sources_of(line)
                 if source.kind == "programme"}  # fmt: skip
        for line in self.lines.values():
            others = (line.ident_id, line.filler_id, *(one.programme_id for one in line.exceptions))
            named |= {one for one in others if one is not None}
        filler = hub.settings.plan.filler or None
        self.repertoire = Repertoire(session, named | ({filler} if filler else set()), self.zone)
        self.renditions = dict(ready_renditions(session, self.repertoire.ids))
        self.coming = self._occurrences()
        self.choices = Choices(
            session, self.lines.values(), self.repertoire, self.zone, self._planned_from
        )
        self.rundowns = Rundowns(
            hub.settings, self.repertoire, self.renditions, self.choices, filler
        )
        self.rotation = Rotation(
            session, self.lines.values(), self.repertoire, self.dates[0], self.now
        )
        self.day_cache: dict[object, Day] = {}

    def run(self) -> PlanResult:
        self._forget_choices()
        maps = maps_of(self.session, self.dates)
        moved = moved_starts(self.session, self.lines.values(), self.dates, self.zone)
        behind_midnight: dict[Key, Row] = {}
        for on in self.dates:
            wanted, behind_midnight = behind_midnight, {}
            if on == self.mended:
                wanted = {}
            for occurrence, line in self.coming.get(on, ()):
                hearing = audience_ids(line.targets, maps[on]) & self.stations.keys()
                elsewhen = moved.get((line.id, occurrence.starts_at), {})
                for key, row in self._airings(line, occurrence, hearing, elsewhen):
                    into = wanted if row.broadcast_date <= on else behind_midnight
                    held = into.get(key)
                    if held is None or self._rank(held) <= self._rank(row):
                        into[key] = row
            self._plan_day(on, wanted)
        self.choices.save()
        self._save_seqs()
        return self._result()

    # ── What should air ────────────────────────────────────────────────────────────────────────

    def _occurrences(self) -> dict[date, list[tuple[Occurrence, Slot]]]:
        """By day, in order of time; at one moment the most urgent slot last: it stays."""
        found: dict[date, list[tuple[Occurrence, Slot]]] = defaultdict(list)
        planned_today = self._slots_of(self.mended) if self.mended in self.dates else set()
        for line in self.lines.values():
            for one in occurrences(
                rule_of(line), self.dates[0], self.dates[-1], self.zone, changes_of(line)
            ):
                is_meant = one.on != self.mended or line.id in planned_today
                if one.starts_at > self.now and is_meant:
                    found[one.on].append((one, line))
        for day in found.values():
            day.sort(key=lambda item: (item[0].starts_at, _slot_rank(item[1])))
        return found

    def _slots_of(self, on: date | None) -> set[int]:
        """The slots that have airings on a day: nothing that is new is begun on it."""
        statement = select(Airing.slot_id).where(Airing.broadcast_date == on).distinct()
        return set(self.session.scalars(statement))

    def _planned_from(self, slot_id: int) -> datetime:
        """From this moment on a slot is planned anew; what was chosen before is history."""
        midnight = to_utc(datetime.combine(self.dates[0], time.min), self.zone)
        return max(self.now + timedelta(microseconds=1), midnight)

    def _forget_choices(self) -> None:
        places = (
            (line.id, one.starts_at, position)
            for day in self.coming.values()
            for one, line in day
            for position in range(len(sources_of(line)))
        )
        end = datetime.combine(self.dates[-1] + _A_DAY, time.min)
        self.choices.forget_others(places, to_utc(end, self.zone))

    def _airings(
        self, line: Slot, occurrence: Occurrence, hearing: Collection[int],
        elsewhen: Mapping[int, datetime],
    ) -> Iterator[tuple[Key, Row]]:  # fmt: skip
        rundown = self.rundowns.make(line, occurrence)
        self._warn(rundown)
        laid_out: dict[object, list[tuple[datetime, Row]]] = {}
        for station_id in hearing:
            picks = self.rotation.picks(rundown, station_id)
            # Stations that hear the same share one list.
            group = (self.listeners[station_id], *((n, s and s.id) for n, s in picks.items()))
            parts = laid_out.get(group)
            if parts is None:
                parts = self.rundowns.laid_out(rundown, self.listeners[station_id], picks)
                laid_out[group] = parts
            shift = elsewhen.get(station_id, occurrence.starts_at) - occurrence.starts_at
            for at, row in parts:
                yield (station_id, at + shift if shift else at), row
            self.rotation.heard(station_id, parts)

    def _warn(self, rundown: Rundown) -> None:
        why, on = rundown.why_none, rundown.occurrence.on
        slot, filler = rundown.slot.title, rundown.filler
        if why is not None and filler is not None:
            note = said('"{slot}" plays its filler "{title}": {why}.', slot=slot,
                        title=filler.title, why=why)  # fmt: skip
        elif why is not None:
            note = said('"{slot}" stays silent: {why}.', slot=slot, why=why)
        else:
            return
        self.warnings.setdefault(str(note), (note, []))[1].append(on)

    def _rank(self, row: Row) -> tuple[int, int]:
        return _slot_rank(self.lines[row.slot_id])

    # ── Airings ────────────────────────────────────────────────────────────────────────────────

    def _plan_day(self, on: date, wanted: dict[Key, Row]) -> None:
        found = self._found(on)
        if on == self.mended:
            wanted = self._only_mended(on, wanted, found)
        elif on == self.dates[0]:
            wanted = {**self._begun_yesterday(on, found), **wanted}
        added = [key for key in wanted if key not in found.rows]
        changed = [key for key, row in wanted.items()
                   if key in found.rows and _differs(row, found, key)]  # fmt: skip
        gone = [key for key in found.rows
                if key not in wanted and key[1] > self.now and found.is_open(key)]  # fmt: skip
        self._write(wanted, added, changed, gone, found)
        self.counts.added += len(added)
        self.counts.changed += len(changed)
        self.counts.cancelled += len(gone)
        self._deliver(on, self._days(wanted, found))

    def _found(self, on: date) -> _Found:
        columns: list[ColumnElement[Any]] = [Airing.__table__.c[name] for name in Row._fields]
        table = Airing.__table__.c
        rows = self.session.execute(
            select(table.station_id, table.planned_at, table.state, *columns).where(
                table.broadcast_date == on, table.bulletin_id.is_(None)
            )
        )
        found = _Found({}, {})
        for station_id, planned_at, state, *planned in rows:
            found.rows[station_id, planned_at] = Row(*planned)
            found.states[station_id, planned_at] = state
        return found

    def _only_mended(self, on: date, wanted: Mapping[Key, Row], found: _Found) -> dict[Key, Row]:
        """The day as it is, but for what may no longer air: that is replaced, or goes."""
        kept: dict[Key, Row] = {}
        for key, row in found.rows.items():
            if key[1] <= self.now or not found.is_open(key):
                continue
            if self._may_air(row.programme_id, on):
                kept[key] = row
            elif key in wanted:
                kept[key] = wanted[key]
        return kept

    def _begun_yesterday(self, on: date, found: _Found) -> dict[Key, Row]:
        """What a list that began on the eve airs behind midnight."""
        eve, until = on - _A_DAY, dict[int, datetime]()
        for line in self.lines.values():
            for one in occurrences(rule_of(line), eve, eve, self.zone, changes_of(line)):
                if line.items:
                    until[line.id] = one.ends_at
        return {
            key: row
            for key, row in found.rows.items()
            if row.slot_id in until and self.now < key[1] < until[row.slot_id]
            and found.is_open(key) and self._may_air(row.programme_id, on)
        }  # fmt: skip

    def _may_air(self, programme_id: int, on: date) -> bool:
        known = programme_id in self.repertoire
        return known and self.repertoire[programme_id].may_air(on)

    def _has_what_may_not_air(self, on: date) -> bool:
        """Whether something of today was withdrawn after it was planned, or has expired."""
        statement = (
            select(Airing.station_id)
            .join(Programme, Programme.id == Airing.programme_id)
            .where(
                Airing.broadcast_date == on,
                Airing.planned_at > self.now,
                Airing.state.in_(OPEN_AIRINGS),
                or_(Programme.state != ProgrammeState.APPROVED, Programme.expires_on < on),
            )
        )
        return self.session.scalar(statement.limit(1)) is not None

    def _write(
        self,
        wanted: Mapping[Key, Row],
        added: Sequence[Key],
        changed: Sequence[Key],
        gone: Sequence[Key],
        found: _Found,
    ) -> None:
        # In the order in which workers and collectors lock: the station, then what belongs to it.
        self._lock({key[0] for keys in (added, changed, gone) for key in keys})
        new = (AiringState.PLANNED.value, Grade.D.value)
        columns = ("station_id", "planned_at", *Row._fields, "state", "grade")
        bulk_insert(self.session, Airing, columns, ((*key, *wanted[key], *new) for key in added))
        rows = [
            {"station_id": key[0], "planned_at": key[1], "state": AiringState.PLANNED,
             "grade": Grade.D, **wanted[key]._asdict()}
            for key in changed
        ]  # fmt: skip
        upsert(self.session, Airing, rows, key=("station_id", "planned_at"), update=Row._fields)
        again = [key for key in changed if found.states[key] != AiringState.PLANNED]
        self._move(again, AiringState.PLANNED)
        self._move(gone, AiringState.CANCELLED)

    def _move(self, keys: Sequence[Key], state: AiringState) -> None:
        for batch in in_batches(keys):
            self.session.execute(
                moving(Airing, state).where(
                    tuple_(Airing.station_id, Airing.planned_at).in_(list(batch))
                )
            )

    # ── Deliveries ─────────────────────────────────────────────────────────────────────────────

    def _days(self, wanted: Mapping[Key, Row], found: _Found) -> dict[int, Day]:
        """Each station's day: what is wanted, and what of it has begun already."""
        items: dict[int, list[tuple[datetime, Row]]] = defaultdict(list)
        for key, row in found.rows.items():
            if key[1] <= self.now and found.states[key] not in LEFT_OUT_AIRINGS:
                items[key[0]].append((key[1], row))
        for key, row in wanted.items():
            items[key[0]].append((key[1], row))
        return {
            station_id: self._day(self.listeners[station_id].profile, tuple(sorted(planned)))
            for station_id, planned in items.items()
            if station_id in self.stations and self.stations[station_id].kind != "person"
        }

    def _day(self, profile: str, planned: tuple[tuple[datetime, Row], ...]) -> Day:
        """Thousands of stations have the same day: it is made and hashed once."""
        day = self.day_cache.get((profile, planned))
        if day is None:
            items = [self._item(at, row) for at, row in planned]
            day = day_of(items, profile, self.renditions)
            self.day_cache[profile, planned] = day
            self.waiting |= day.waiting
        return day

    def _item(self, at: datetime, row: Row) -> PlannedItem:
        slot = self.slots.get(row.slot_id) or self.session.get_one(Slot, row.slot_id)
        if row.programme_id not in self.repertoire:  # what has begun may be withdrawn since
            self.renditions.update(ready_renditions(self.session, {row.programme_id}))
        return PlannedItem(
            at, row.programme_id, row.programme_class,
            item_title(slot.title, slot.released, self._title(row.programme_id)), row.late_ok_s,
            row.stream, row.ms, row.ident_id,
        )  # fmt: skip

    def _title(self, programme_id: int) -> str:
        if programme_id in self.repertoire:
            return self.repertoire[programme_id].title
        return self.session.get_one(Programme, programme_id).title

    def _deliver(self, on: date, days: Mapping[int, Day]) -> None:
        empty = day_of((), "", {})
        current = self._current(on)
        wanted = {station_id: days.get(station_id, empty) for station_id in {*current, *days}}
        differing = {
            station_id: day for station_id, day in wanted.items()
            if self._is_new(station_id, day, current.get(station_id))
        }  # fmt: skip
        if not differing:
            return
        self._lock(differing.keys())
        # Once more, now that no worker can claim there: one may have given the day a newer seq.
        current = self._current(on)
        old: list[int] = []
        new: list[dict[str, Any]] = []
        for station_id in sorted(differing):
            day, had = differing[station_id], current.get(station_id)
            if had is not None and had[1] == day.content_sha256:
                continue
            if had is not None:
                old.append(had[0])
            if self.stations[station_id].kind != "person":
                seq = self.next_seqs[station_id]
                self.next_seqs[station_id] = seq + 1
                new.append(_delivery_values(self.hub, station_id, seq, on, day))
        supersede(self.session, old)
        if new:
            columns = tuple(new[0])
            values = ((*one.values(),) for one in new)
            bulk_insert(self.session, Delivery, columns, values)
        self.counts.new += len(new)
        self.counts.superseded += len(old)

    def _is_new(self, station_id: int, day: Day, had: tuple[int, str] | None) -> bool:
        """Whether the day is not what was last written down to be delivered."""
        if station_id not in self.stations:
            return False
        if had is None:
            return any(item.starts_at > self.now for item in day.items)
        return had[1] != day.content_sha256

    def _current(self, on: date) -> dict[int, tuple[int, str]]:
        """The delivery of each station that counts, with the hash of what it holds."""
        rows = self.session.execute(
            select(Delivery.station_id, Delivery.id, Delivery.content_sha256).where(
                Delivery.for_date == on, Delivery.state.in_(CURRENT_DELIVERIES)
            )
        )
        return {row.station_id: (row.id, row.content_sha256) for row in rows}

    def _lock(self, station_ids: Collection[int]) -> None:
        """On PostgreSQL no worker claims at these stations until we end."""
        for batch in in_batches(sorted(set(station_ids) - self.next_seqs.keys())):
            rows = self.session.execute(
                select(Station.id, Station.next_seq)
                .where(Station.id.in_(batch))
                .order_by(Station.id)
                .with_for_update()
            )
            for row in rows:
                self.next_seqs[row.id] = row.next_seq

    def _save_seqs(self) -> None:
        """The stations whose number was used up to here."""
        rows = [
            {"id": station_id, "next_seq": seq}
            for station_id, seq in self.next_seqs.items()
            if station_id in self.stations and self.stations[station_id].next_seq != seq
        ]
        for batch in in_batches(rows):
            self.session.execute(update(Station), list(batch))

    # ── What is told ───────────────────────────────────────────────────────────────────────────

    def _result(self) -> PlanResult:
        counts = self.counts
        return PlanResult(
            days=sum(1 for on in self.dates if on != self.mended),
            airings_added=counts.added,
            airings_changed=counts.changed,
            airings_cancelled=counts.cancelled,
            deliveries_new=counts.new,
            deliveries_superseded=counts.superseded,
            waiting=tuple(sorted({self._title(one) for one in self.waiting})),
            warnings=tuple(self._told()),
            drafts=sum(1 for slot in self.slots.values() if is_draft(slot)),
        )

    def _told(self) -> Iterator[Said]:
        for note, days in self.warnings.values():
            first, last = f"{days[0]:%d/%m/%Y}", f"{days[-1]:%d/%m/%Y}"
            if len(days) == 1:
                yield said("{day}: {note}", day=first, note=note)
            else:
                yield said(
                    "{first} to {last} ({count} times): {note}",
                    first=first, last=last, count=len(days), note=note,
                )  # fmt: skip
        yield from self.rotation.told()


def _slot_rank(slot: Slot) -> tuple[int, int]:
    # Urgent goes before priority goes before normal; of two alike the older line stays.
    return ("normal", "priority", "urgent").index(slot.programme_class), -slot.id


def _differs(row: Row, found: _Found, key: Key) -> bool:
    """An airing changes while it is open or cancelled; what is proved is history."""
    if found.states[key] == AiringState.CANCELLED:
        return True
    return found.is_open(key) and row != found.rows[key]


def _delivery_values(hub: Hub, station_id: int, seq: int, on: date, day: Day) -> dict[str, Any]:
    """A delivery of this day under that seq; due at once."""
    now = hub.clock.now()
    midnight = to_utc(datetime.combine(on + _A_DAY, time.min), hub.settings.zone)
    helps_until = [item.starts_at + timedelta(seconds=item.late_ok_s) for item in day.items] or [
        midnight
    ]
    return {
        "station_id": station_id,
        "for_date": on,
        "seq": seq,
        "content_sha256": day.content_sha256,
        "generated_at": now.replace(microsecond=0),  # as in the manifest: whole seconds
        "first_air_at": day.items[0].starts_at if day.items else midnight,
        "last_air_at": max(helps_until),
        "state": DeliveryState.DUE.value,
        "attempts": 0,
        "next_try_at": now,
    }


def new_delivery(hub: Hub, station: Station, on: date, day: Day) -> Delivery:
    """A delivery of this day under the station's next seq; due at once."""
    seq, station.next_seq = station.next_seq, station.next_seq + 1
    values = _delivery_values(hub, station.id, seq, on, day)
    return Delivery(**{**values, "state": DeliveryState.DUE})


def supersede(session: Session, delivery_ids: Sequence[int]) -> None:
    """Deliveries that a newer day replaces; a worker in the middle of one notices and stops."""
    for batch in in_batches(delivery_ids):
        session.execute(
            moving(Delivery, DeliveryState.SUPERSEDED).where(Delivery.id.in_(list(batch)))
        )
