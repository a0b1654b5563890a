"""Occurrences × audience → airings and deliveries, as often as one likes with the same result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import insert, select, tuple_
from sqlalchemy.orm import Session

from scheduler.day import Day, PlannedItem, Renditions, day_of, ready_renditions
from scheduler.hub import Hub
from scheduler.precedence import moved_starts
from scheduler.relay import is_allowed
from scheduler.slots import audience_ids, changes_of, list_slots, rule_of
from scheduler.store import ledger
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
from scheduler.timetable import occurrences, to_utc
from scheduler.units import stations_by_unit

_PLAN_LOCK = 0x706C616E  # "plan": one planner at a time

# What a changed slot may change in an airing that has not begun.
_PLANNED_COLUMNS = (
    "broadcast_date",
    "slot_id",
    "programme_id",
    "programme_class",
    "ms",
    "late_ok_s",
    "stream",
)

Key = tuple[int, datetime]  # station, planned_at
DayKey = tuple[int, date]  # station, broadcast date


@dataclass(frozen=True)
class PlanResult:
    days: int
    airings_added: int
    airings_changed: int
    airings_cancelled: int
    deliveries_new: int
    deliveries_superseded: int
    waiting: tuple[str, ...]  # programmes that are not encoded for every station yet
    warnings: tuple[str, ...]  # slots whose programme nobody approved


def plan(
    hub: Hub, *, first: date | None = None, days: int | None = None, by: str = "loa"
) -> PlanResult:
    """
    Bring airings and deliveries of the coming days to what the timetable says.

    What has begun is history and stays. Running it again, or twice at once, changes nothing.
    """
    first = first or hub.today() + timedelta(days=1)
    dates = [first + timedelta(days=n) for n in range(days or hub.settings.plan.days_ahead)]
    with hub.database.write() as session:
        lock(session, _PLAN_LOCK)
        planning = _Planning(hub, session, dates)
        result = planning.run()
        if result.airings_added or result.airings_changed or result.airings_cancelled:
            ledger.record(
                session, at=hub.clock.now(), who=by, what="days_planned",
                subject=f"{dates[0]}..{dates[-1]}", added=result.airings_added,
                changed=result.airings_changed, cancelled=result.airings_cancelled,
            )  # fmt: skip
    return result


class _Planning:
    """One run: what should be, held against what is."""

    def __init__(self, hub: Hub, session: Session, dates: Sequence[date]) -> None:
        self.hub, self.session, self.dates = hub, session, dates
        self.now = hub.clock.now()
        self.stations = {
            station.id: station
            for station in session.scalars(select(Station).where(Station.active))
        }
        self.renditions: Renditions = ready_renditions(session)
        self.slots = {slot.id: slot for slot in list_slots(session)}

    def run(self) -> PlanResult:
        wanted = self._wanted()
        found = self._found()
        added = [row for key, row in wanted.items() if key not in found]
        changed = [row for key, row in wanted.items() if key in found and _differs(row, found[key])]
        gone = [
            key
            for key, row in found.items()
            if key not in wanted and row["state"] in OPEN_AIRINGS and key[1] > self.now
        ]
        self._write(added, changed, gone, found)
        days, waiting = self._days(wanted, found)
        new, superseded = self._deliver(days)
        return PlanResult(
            days=len(self.dates),
            airings_added=len(added),
            airings_changed=len(changed),
            airings_cancelled=len(gone),
            deliveries_new=new,
            deliveries_superseded=superseded,
            waiting=tuple(sorted(waiting)),
            warnings=tuple(self._unapproved()),
        )

    # ── Airings ────────────────────────────────────────────────────────────────────────────────

    def _wanted(self) -> dict[Key, dict[str, Any]]:
        """Every airing that should be from now on. Urgent wins over priority over normal."""
        inside = {on: stations_by_unit(self.session, on) for on in self.dates}
        zone = self.hub.settings.zone
        moved = moved_starts(self.session, self.slots.values(), self.dates, zone)
        wanted: dict[Key, dict[str, Any]] = {}
        for slot in sorted(self.slots.values(), key=_rank):
            for on, planned_at, programme in self._moments(slot):
                row = self._row(slot, on, planned_at, programme)
                relay_ms = slot.seconds * 1000 if row["stream"] else None
                elsewhen = moved.get((slot.id, planned_at), {})
                for station_id in audience_ids(slot.targets, inside[on]):
                    if station_id in self.stations:
                        ms = relay_ms or self._length(programme, station_id)
                        at = elsewhen.get(station_id, planned_at)
                        own = {"station_id": station_id, "planned_at": at, "ms": ms}
                        wanted[station_id, at] = {**row, **own}
        return wanted

    def _moments(self, slot: Slot) -> Iterator[tuple[date, datetime, Programme]]:
        """When it airs, and what: what somebody named for that one day, or its own programme."""
        instead = {one.programme_id: one.programme for one in slot.exceptions}
        for occurrence in occurrences(
            rule_of(slot),
            self.dates[0],
            self.dates[-1],
            self.hub.settings.zone,
            changes_of(slot),
        ):
            change = occurrence.change
            programme = (change and instead.get(change.programme_id)) or slot.programme
            is_ahead = occurrence.starts_at > self.now
            if programme is not None and is_ahead and _may_air(programme, occurrence.on):
                yield occurrence.on, occurrence.starts_at, programme

    def _row(
        self, slot: Slot, on: date, planned_at: datetime, programme: Programme
    ) -> dict[str, Any]:
        return {
            "planned_at": planned_at,
            "broadcast_date": on,
            "slot_id": slot.id,
            "programme_id": programme.id,
            "programme_class": slot.programme_class,
            "late_ok_s": slot.late_ok_s,
            "stream": self._stream(slot, programme),
        }

    def _stream(self, slot: Slot, programme: Programme) -> str | None:
        """The live relay, unless its host is no longer allowed or another programme replaces it."""
        if not slot.stream or programme.id != slot.programme_id:
            return None
        return slot.stream if is_allowed(slot.stream, self.hub.settings) else None

    def _length(self, programme: Programme, station_id: int) -> int:
        """What will sound at this station: its own encoding, or the master until there is one."""
        profile = self.stations[station_id].profile
        rendition = self.renditions.get((programme.id, profile))
        ms = rendition.ms if rendition else programme.ms
        assert ms is not None
        return ms

    def _found(self) -> dict[Key, dict[str, Any]]:
        columns = [Airing.station_id, Airing.planned_at, Airing.state]
        columns += [getattr(Airing, name) for name in _PLANNED_COLUMNS]
        rows = self.session.execute(
            select(*columns).where(Airing.broadcast_date.between(self.dates[0], self.dates[-1]))
        )
        return {(row.station_id, row.planned_at): dict(row._mapping) for row in rows}

    def _write(
        self,
        added: list[dict[str, Any]],
        changed: list[dict[str, Any]],
        gone: list[Key],
        found: Mapping[Key, dict[str, Any]],
    ) -> None:
        # In the order in which workers and collectors lock: the station, then what belongs to it.
        touched = {row["station_id"] for row in (*added, *changed)} | {key[0] for key in gone}
        self._locked(touched)
        new = {"state": AiringState.PLANNED, "grade": Grade.D}
        for batch in in_batches(added):
            self.session.execute(insert(Airing), [row | new for row in batch])
        upsert(
            self.session, Airing, [row | new for row in changed],
            key=("station_id", "planned_at"), update=_PLANNED_COLUMNS,
        )  # fmt: skip
        keys = [(row["station_id"], row["planned_at"]) for row in changed]
        again = [key for key in keys if found[key]["state"] != AiringState.PLANNED]
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

    def _days(
        self, wanted: Mapping[Key, dict[str, Any]], found: Mapping[Key, dict[str, Any]]
    ) -> tuple[dict[DayKey, Day], set[str]]:
        """Each station's day: what is wanted, and what of it has begun already."""
        begun = {
            key: row
            for key, row in found.items()
            if key[1] <= self.now and row["state"] not in LEFT_OUT_AIRINGS
        }
        items: dict[DayKey, list[PlannedItem]] = defaultdict(list)
        for (station_id, planned_at), row in {**begun, **wanted}.items():
            items[station_id, row["broadcast_date"]].append(
                PlannedItem(
                    planned_at,
                    row["programme_id"],
                    row["programme_class"],
                    self._title(row["slot_id"]),
                    row["late_ok_s"],
                    row["stream"],
                    row["ms"],
                )
            )
        days: dict[DayKey, Day] = {}
        waiting: set[int] = set()
        for key, planned in items.items():
            station = self.stations.get(key[0])
            if station is not None and station.kind != "person":
                days[key] = day_of(planned, station.profile, self.renditions)
                waiting |= days[key].waiting
        named = [slot.programme for slot in self.slots.values() if slot.programme]
        titles = {programme.id: programme.title for programme in named}
        return days, {titles[programme_id] for programme_id in waiting if programme_id in titles}

    def _title(self, slot_id: int) -> str:
        slot = self.slots.get(slot_id) or self.session.get(Slot, slot_id)
        assert slot is not None
        return slot.title

    def _deliver(self, days: Mapping[DayKey, Day]) -> tuple[int, int]:
        empty = day_of((), "", {})
        current = self._current()
        wanted = {key: days.get(key, empty) for key in sorted(current.keys() | days.keys())}
        differing = {
            key: day for key, day in wanted.items() if self._is_new(key, day, current.get(key))
        }
        stations = self._locked({station_id for station_id, _ in differing})
        # Once more, now that no worker can claim there: one may have given the day a newer seq.
        current = self._current()
        new: list[Delivery] = []
        old: list[int] = []
        for key, day in differing.items():
            station, had = stations[key[0]], current.get(key)
            if had is not None and had.content_sha256 == day.content_sha256:
                continue
            if had is not None:
                old.append(had.id)
            if station.kind != "person":
                new.append(new_delivery(self.hub, station, key[1], day))
        supersede(self.session, old)
        self.session.add_all(new)
        return len(new), len(old)

    def _is_new(self, key: DayKey, day: Day, had: Delivery | None) -> bool:
        """Whether the day is not what was last written down to be delivered."""
        if key[0] not in self.stations:
            return False
        return self._has_future(day) if had is None else had.content_sha256 != day.content_sha256

    def _current(self) -> dict[DayKey, Delivery]:
        statement = select(Delivery).where(
            Delivery.for_date.between(self.dates[0], self.dates[-1]),
            Delivery.state.in_(CURRENT_DELIVERIES),
        )
        return {(one.station_id, one.for_date): one for one in self.session.scalars(statement)}

    def _locked(self, station_ids: Collection[int]) -> dict[int, Station]:
        """These stations as they stand now; on PostgreSQL no worker claims there until we end."""
        found: dict[int, Station] = {}
        for batch in in_batches(sorted(station_ids)):
            statement = select(Station).where(Station.id.in_(batch)).order_by(Station.id)
            locked = statement.with_for_update().execution_options(populate_existing=True)
            found |= {station.id: station for station in self.session.scalars(locked)}
        return found

    def _has_future(self, day: Day) -> bool:
        return any(item.starts_at > self.now for item in day.items)

    def _unapproved(self) -> Iterable[str]:
        for slot in self.slots.values():
            if slot.programme and slot.programme.state != ProgrammeState.APPROVED:
                yield slot.title


def new_delivery(hub: Hub, station: Station, on: date, day: Day) -> Delivery:
    """A delivery of this day under the station's next seq; due at once."""
    now = hub.clock.now()
    midnight = to_utc(datetime.combine(on + timedelta(days=1), time.min), hub.settings.zone)
    helps_until = [item.starts_at + timedelta(seconds=item.late_ok_s) for item in day.items] or [
        midnight
    ]
    seq, station.next_seq = station.next_seq, station.next_seq + 1
    return Delivery(
        station_id=station.id,
        for_date=on,
        seq=seq,
        content_sha256=day.content_sha256,
        generated_at=now.replace(microsecond=0),  # as it stands in the manifest: whole seconds
        first_air_at=day.items[0].starts_at if day.items else midnight,
        last_air_at=max(helps_until),
        state=DeliveryState.DUE,
        next_try_at=now,
    )


def supersede(session: Session, delivery_ids: Sequence[int]) -> None:
    """Deliveries that a newer day replaces; a worker in the middle of one notices and stops."""
    for batch in in_batches(delivery_ids):
        session.execute(
            moving(Delivery, DeliveryState.SUPERSEDED).where(Delivery.id.in_(list(batch)))
        )


def _differs(row: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """An airing changes while it is open or cancelled; what is proved is history."""
    if found["state"] == AiringState.CANCELLED:
        return True
    if found["state"] not in OPEN_AIRINGS:
        return False
    return any(row[name] != found[name] for name in _PLANNED_COLUMNS)


def _may_air(programme: Programme, on: date) -> bool:
    is_expired = programme.expires_on is not None and on > programme.expires_on
    return programme.state == ProgrammeState.APPROVED and not is_expired


def _rank(slot: Slot) -> tuple[int, int]:
    # The last one written to a moment stays: urgent after priority after normal.
    return (("normal", "priority", "urgent").index(slot.programme_class), -slot.id)
