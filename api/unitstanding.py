"""Where most stations fail: the units right below the one that is looked at, the worst first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.scope import Scope
from api.vietnamese import sort_key
from scheduler.standing import Standing
from scheduler.store.models import Unit
from scheduler.units import valid_on

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
    columns = select(Unit.id, Unit.parent_id, Unit.code, Unit.name)
    units = {row.id: row for row in session.execute(columns.where(*valid_on(Unit, on)))}
    top = scope.chosen.id if scope.chosen else None
    inside = units.keys() if scope.unit_ids is None else scope.unit_ids
    under: dict[int, int] = {}  # each unit → the one of the first line that it lies in

    def first_line(unit_id: int) -> int:
        if unit_id not in under:
            above = units[unit_id].parent_id
            is_first = above not in inside or above == top or above not in units
            under[unit_id] = unit_id if is_first else first_line(above)
        return under[unit_id]

    stations: Counter[int] = Counter()
    failing: Counter[int] = Counter()
    for unit_id, number in standing.by_unit.items():
        if unit_id is not None and unit_id in units:
            stations[first_line(unit_id)] += number
    for one in standing.failing:
        if one.unit_id is not None and one.unit_id in units:
            failing[first_line(one.unit_id)] += 1
    found = [
        UnitStanding(units[i].code, units[i].name, stations[i], number)
        for i, number in failing.items()
    ]
    found.sort(key=lambda one: (-one.failing, sort_key(one.name)))
    return found[:MOST_UNITS]
