"""Where most stations fail: the units right below the one that is looked at, the worst first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Date, bindparam, or_, select
from sqlalchemy.orm import Session

from api.scope import Scope
from api.vietnamese import sort_key
from scheduler.standing import Standing
from scheduler.store.among import among_param
from scheduler.store.models import Unit

MANY = 400  # stations; below that, naming the first that failed tells enough
MOST_UNITS = 40


@dataclass(frozen=True)
class UnitStanding:
    """One unit with all that lies below it."""

    code: str
    name: str
    stations: int
    failing: int


def units_below(session: Session, on: date, scope: Scope, standing: Standing) -> list[UnitStanding]:
    """
    The units in which something fails, at most forty, the worst first.

    Nothing where the stations are few: then those that failed are named themselves.
    """
    if standing.watched < MANY:
        return []
    parents = {row[0]: row[1] for row in session.execute(_PARENTS, {"on": on}).all()}
    top = scope.chosen.id if scope.chosen else None
    inside = parents.keys() if scope.unit_ids is None else scope.unit_ids
    under: dict[int, int] = {}  # each unit → the one of the first line that it lies in

    def first_line(unit_id: int) -> int:
        if unit_id not in under:
            above = parents[unit_id]
            is_first = above is None or above == top or above not in inside
            under[unit_id] = unit_id if is_first or above not in parents else first_line(above)
        return under[unit_id]

    stations: Counter[int] = Counter()
    failing: Counter[int] = Counter()
    for unit_id, number in standing.by_unit.items():
        if unit_id is not None and unit_id in parents:
            stations[first_line(unit_id)] += number
    for one in standing.failing:
        if one.unit_id is not None and one.unit_id in parents:
            failing[first_line(one.unit_id)] += 1
    if not failing:
        return []
    names = {row.id: row for row in session.execute(_NAMES, {"ids": sorted(failing)})}
    found = [
        UnitStanding(names[i].code, names[i].name, stations[i], number)
        for i, number in failing.items()
    ]
    found.sort(key=lambda one: (-one.failing, sort_key(one.name), one.code))
    return found[:MOST_UNITS]


# Prepared once, and without the names of a nation's units: forty are shown.
_unit: Any = Unit.__table__
_ON = bindparam("on", type_=Date)
_PARENTS = select(_unit.c.id, _unit.c.parent_id).where(
    _unit.c.valid_from <= _ON, or_(_unit.c.valid_to.is_(None), _unit.c.valid_to > _ON)
)
_NAMES = select(_unit.c.id, _unit.c.code, _unit.c.name).where(
    among_param(_unit.c.id, "ids", are_few=True)
)
