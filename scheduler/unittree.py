"""The map of a day as a tree that is opened branch by branch: a nation is never drawn at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.store.models import Unit
from scheduler.text import has_words, without_tones
from scheduler.units import station_units, valid_on

# More than a province with its communes is opened by hand.
DRAWN_AT_ONCE = 160
FOUND_ROWS = 100


@dataclass
class Branch:
    """One unit of the tree, with what lies below it as far as it is drawn."""

    id: int
    code: str
    name: str
    level: str
    valid_from: date
    valid_to: date | None
    units: int = 0  # below it, at every depth
    stations: int = 0  # in it and below it
    below: list[Branch] = field(default_factory=list)
    is_drawn: bool = True  # whether ``below`` is all of it; else it is opened by its link


@dataclass(frozen=True)
class Tree:
    """What is drawn of a day's map: the path to the opened unit, and what lies below it."""

    path: Sequence[Branch]  # the province first; the opened unit last
    branches: Sequence[Branch]
    units: int
    stations: int


def tree_on(
    session: Session, on: date, *, opened: int | None = None,
    visible: Collection[int] | None = None,
) -> Tree:  # fmt: skip
    """
    The tree of a day below one unit, or from the top.

    Args:
        visible: the stations that the reader may know of (``None``: all); others are not counted.
    """
    nodes, children = _nodes(session, on)
    _count(session, nodes, children, on, visible)
    tops = [nodes[opened]] if opened in nodes else [nodes[one] for one in children[None]]
    below = [nodes[one] for one in children[opened]] if opened in nodes else tops
    for branch in below:
        _draw(branch, nodes, children, sum(one.units + 1 for one in below))
    return Tree(
        path=_path(session, nodes, opened) if opened in nodes else (),
        branches=below,
        units=sum(one.units + 1 for one in below),
        stations=sum(one.stations for one in tops),
    )


def find_units(session: Session, words: str) -> list[Unit]:
    """
    The units of every day whose name or code has these words, tones aside; those of today first.

    Old names are what people remember, so ended units are found too.
    """
    rows = session.execute(select(Unit.id, Unit.name, Unit.code, Unit.valid_to)).all()
    found = [row for row in rows if has_words([row.name, row.code], words)]
    found.sort(key=lambda row: (row.valid_to is not None, without_tones(row.name), row.id))
    ids = [row.id for row in found[:FOUND_ROWS]]
    units = {unit.id: unit for unit in session.scalars(select(Unit).where(Unit.id.in_(ids)))}
    return [units[one] for one in ids]


def _nodes(session: Session, on: date) -> tuple[dict[int, Branch], Mapping[int | None, list[int]]]:
    rows = session.execute(
        select(
            Unit.id, Unit.code, Unit.name, Unit.level, Unit.valid_from, Unit.valid_to,
            Unit.parent_id,
        ).where(*valid_on(Unit, on))
    ).all()  # fmt: skip
    nodes = {row.id: Branch(*row[:6]) for row in rows}
    children: dict[int | None, list[int]] = defaultdict(list)
    for row in rows:
        children[row.parent_id if row.parent_id in nodes else None].append(row.id)
    return nodes, children


def _count(
    session: Session, nodes: Mapping[int, Branch], children: Mapping[int | None, list[int]],
    on: date, visible: Collection[int] | None,
) -> None:  # fmt: skip
    own = Counter(
        unit_id
        for station_id, unit_id in station_units(session, on).items()
        if visible is None or station_id in visible
    )
    parents = {below: above for above, ids in children.items() for below in ids}
    for unit_id in nodes:
        above: int | None = unit_id
        while above is not None:
            nodes[above].stations += own[unit_id]
            nodes[above].units += above != unit_id
            above = parents[above]


def _draw(
    branch: Branch, nodes: Mapping[int, Branch], children: Mapping[int | None, list[int]],
    total: int,
) -> None:  # fmt: skip
    """Hang on what lies below a branch, if the whole picture stays small."""
    branch.is_drawn = total <= DRAWN_AT_ONCE or branch.units == 0
    if branch.is_drawn:
        branch.below = [nodes[one] for one in children.get(branch.id, ())]
        for below in branch.below:
            _draw(below, nodes, children, total)


def _path(session: Session, nodes: Mapping[int, Branch], opened: int | None) -> list[Branch]:
    path: list[Branch] = []
    above = opened
    while above is not None and above in nodes:
        path.append(nodes[above])
        above = session.scalar(select(Unit.parent_id).where(Unit.id == above))
    return path[::-1]
