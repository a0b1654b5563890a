"""Priority bulletins that collide: both must air, and the commune decides which comes first.

Until it does, the earlier one comes first, and of two at one moment the older line. They air one
after another from the first start on. A decision belongs to a unit and a day; the one of the
commune counts before the one of its district.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from scheduler import people
from scheduler.errors import InputInvalid, OutsideUnit, said
from scheduler.hearing import days_looked_at, hearers, soundings
from scheduler.hub import Hub
from scheduler.slots import list_slots
from scheduler.store import ledger
from scheduler.store.db import upsert
from scheduler.store.models import AirOrder, Person, Slot, Unit
from scheduler.timetable import Occurrence
from scheduler.units import find_unit, maps_of, station_units, unit_ids_below

Item = tuple[Slot, Occurrence]


@dataclass(frozen=True)
class Collision:
    """Priority lines that collide in one unit on one day, in the order in which they will air."""

    unit: Unit
    on: date
    items: tuple[Item, ...]
    starts: tuple[datetime, ...]  # of each, after the other
    stations: frozenset[int]
    decided: AirOrder | None


# By the slot and the moment of its rule: where it begins at another one.
Moved = Mapping[tuple[int, datetime], Mapping[int, datetime]]


def moved_starts(session: Session, slots: Iterable[Slot], days: Sequence[date], zone: ZoneInfo
) -> Moved:  # fmt: skip
    """For the planner: which priority lines begin at another moment, and at which stations."""
    priority = [slot for slot in slots if slot.programme_class == "priority"]
    moved: dict[tuple[int, datetime], dict[int, datetime]] = {}
    if len(priority) < 2:
        return moved
    for on in days:
        for collision in _collisions(session, priority, on, zone):
            for (slot, one), at in zip(collision.items, collision.starts, strict=True):
                if at != one.starts_at:
                    where = moved.setdefault((slot.id, one.starts_at), {})
                    where.update(dict.fromkeys(collision.stations, at))
    return moved


def collisions(
    session: Session, on: date, zone: ZoneInfo, unit_ids: Collection[int] | None = None
) -> list[Collision]:
    """What collides on a day in these units (``None``: all), by the name of the unit."""
    if (session.scalar(_PRIORITY_LINES) or 0) < 2:
        return []
    found = _collisions(session, list_slots(session, programme_class="priority"), on, zone)
    mine = [one for one in found if unit_ids is None or one.unit.id in unit_ids]
    return sorted(mine, key=lambda one: (one.unit.name, one.unit.code, one.starts[0]))


def decide_order(
    hub: Hub, unit_code: str, days: Sequence[date], slot_ids: Sequence[int], *, by: Person
) -> list[date]:
    """
    Put the priority lines that collide in a unit in order; the next planning obeys.

    Days on which they do not collide are passed over; gives those on which they do. A decision may
    be changed until the first of them begins.

    Raises:
        InputInvalid: nothing collides there, others do, or the first one has begun.
        OutsideUnit: another one's unit.
    """
    people.require_role(by, "editor", "district", "commune")
    with hub.database.write() as session:
        unit = find_unit(session, unit_code, days[0])
        mine = unit_ids_below(session, by.unit_id, days[0])
        if mine is not None and unit.id not in mine:
            raise OutsideUnit(who=by.full_name, unit=by.unit.name if by.unit else "")
        decided = [on for on in days if _decide(hub, session, unit, on, slot_ids, by, days)]
        ledger.record(
            session, at=hub.clock.now(), who=by.username, what="priority_ordered",
            subject=f"unit {unit.code}", days=[on.isoformat() for on in decided],
            slots=list(slot_ids),
        )  # fmt: skip
    return decided


def _decide(
    hub: Hub, session: Session, unit: Unit, on: date, slot_ids: Sequence[int], by: Person,
    days: Sequence[date],
) -> bool:  # fmt: skip
    below = unit_ids_below(session, unit.id, on) or set()
    found = collisions(session, on, hub.settings.zone, below)
    if not found and on != days[0]:
        return False
    _check(hub, found, slot_ids)
    row = {
        "unit_id": unit.id, "on": on, "slot_ids": list(slot_ids), "decided_by": by.id,
        "decided_at": hub.clock.now(),
    }  # fmt: skip
    columns = ("slot_ids", "decided_by", "decided_at")
    upsert(session, AirOrder, [row], key=("unit_id", "on"), update=columns)
    return True


def _check(hub: Hub, found: Sequence[Collision], slot_ids: Sequence[int]) -> None:
    meant = [one for one in found if {slot.id for slot, _ in one.items} <= set(slot_ids)]
    if not meant or len(set(slot_ids)) != len(slot_ids):
        known = {str(slot.id) for one in found for slot, _ in one.items}
        raise InputInvalid(
            problem=said("name the slots that collide there, each once: {slots}",
                         slots=", ".join(sorted(known)) or "–")
        )  # fmt: skip
    if any(min(one.starts) <= hub.clock.now() for one in meant):
        raise InputInvalid(problem="what has begun is history and stays")


# ── Finding them ───────────────────────────────────────────────────────────────────────────────


def _collisions(
    session: Session, priority: Sequence[Slot], on: date, zone: ZoneInfo
) -> list[Collision]:
    sounding = [(slot, one) for slot in priority for one in soundings(slot, on, on, zone)]
    items = dict.fromkeys((slot, one.occurrence) for slot, one in sounding)
    groups = [group for group in _overlapping(items) if len(group) > 1]
    if not groups:
        return []
    maps = maps_of(session, days_looked_at(priority, [on]))
    hear: dict[Item, set[int]] = defaultdict(set)
    for slot, one in sounding:
        hear[slot, one.occurrence] |= hearers(slot, one, maps)
    units = station_units(session, on)
    by_id = {unit.id: unit for unit in session.scalars(select(Unit))}
    orders = _orders(session, on)
    found: dict[tuple[int, tuple[Item, ...]], set[int]] = {}
    for group in groups:
        for station_id in set().union(*(hear[item] for item in group)) & units.keys():
            heard = [item for item in group if station_id in hear[item]]
            for there in _overlapping(heard):
                if len(there) > 1:
                    found.setdefault((units[station_id], tuple(there)), set()).add(station_id)
    return [
        _collision(by_id, orders, unit_id, on, there, stations)
        for (unit_id, there), stations in found.items()
    ]


def _overlapping(items: Iterable[Item]) -> list[list[Item]]:
    """Groups of which each one sounds into the next."""
    groups: list[list[Item]] = []
    end: datetime | None = None
    for item in sorted(items, key=_default):
        one = item[1]
        if end is not None and one.starts_at < end:
            groups[-1].append(item)
            end = max(end, one.ends_at)
        else:
            groups.append([item])
            end = one.ends_at
    return groups


def _default(item: Item) -> tuple[datetime, int]:
    return item[1].starts_at, item[0].id


def _collision(
    by_id: Mapping[int, Unit], orders: Mapping[int, AirOrder], unit_id: int, on: date,
    items: Sequence[Item], stations: set[int],
) -> Collision:  # fmt: skip
    decided = _nearest(by_id, orders, unit_id)
    ranks = {number: n for n, number in enumerate(decided.slot_ids if decided else ())}
    in_order = sorted(items, key=lambda item: (ranks.get(item[0].id, len(ranks)), _default(item)))
    at = min(one.starts_at for _, one in items)
    starts = []
    for _, one in in_order:
        starts.append(at)
        at += one.ends_at - one.starts_at
    return Collision(
        by_id[unit_id], on, tuple(in_order), tuple(starts), frozenset(stations), decided
    )


def _nearest(
    by_id: Mapping[int, Unit], orders: Mapping[int, AirOrder], unit_id: int | None
) -> AirOrder | None:
    while unit_id is not None:
        if unit_id in orders:
            return orders[unit_id]
        unit_id = by_id[unit_id].parent_id
    return None


def _orders(session: Session, on: date) -> dict[int, AirOrder]:
    rows = session.scalars(
        select(AirOrder).where(AirOrder.on == on).options(joinedload(AirOrder.person))
    )
    return {row.unit_id: row for row in rows}


_slot: Any = Slot.__table__
_PRIORITY_LINES = (  # prepared once: most have none, and every look at today asks
    select(func.count())
    .select_from(_slot)
    .where(_slot.c.removed_at.is_(None), _slot.c.programme_class == "priority")
)
