"""One way to choose units on every form: a plain list, or for a nation a search and a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from api.scope import Place, UnitChoice, scope_of
from api.vietnamese import sort_key
from scheduler.store.among import among
from scheduler.store.models import Person, Station, StationUnit, Unit
from scheduler.text import without_tones
from scheduler.units import unit_ids_below, valid_on

# A province with its communes is read through faster than it is searched.
MOST_LISTED = 160
MOST_STATIONS = 300
MOST_FOUND = 40
MOST_OPENED = 400  # of one level of the tree: no province has as many communes
_LETTERS = 100


@dataclass(frozen=True)
class Asked:
    """What was searched for, or which unit was opened, at one picker."""

    find: str = ""
    opened: str = ""  # the code of a unit


@dataclass(frozen=True)
class Picks:
    """What a form says about its pickers, beside what is chosen in them."""

    fields: Mapping[str, str]

    @property
    def is_asked(self) -> bool:
        """
        Whether the form came to search or to open, and is not sent yet.

        A search that was typed and not carried out counts: Enter sends the form, and what was
        looked for is chosen before anything is done.
        """
        return bool(self.fields.get("pick")) or any(
            value.strip() and value.strip() != self.fields.get(f"was_{name}", "").strip()
            for name, value in self.fields.items()
            if name.endswith("_find") and not name.startswith("was_")
        )

    def asked(self, name: str) -> Asked:
        """``pick`` is a field's name for its search, and ``name@code`` for a unit to open."""
        here, _, code = self.fields.get("pick", "").partition("@")
        if here == name and "@" in self.fields.get("pick", ""):
            return Asked("", code[:20])
        find = self.fields.get(f"{name}_find", "").strip()[:_LETTERS]
        return Asked(find, self.fields.get(f"was_{name}_open", "")[:20])


NOTHING_PICKED = Picks({})


async def picks_of(request: Request) -> Picks:
    """A dependency: of the form that came, or of the address."""
    sent = await request.form() if request.method == "POST" else request.query_params
    return Picks({name: value for name, value in sent.items() if isinstance(value, str)})


Picked = Annotated[Picks, Depends(picks_of)]


@dataclass(frozen=True)
class Choice:
    """Something that may be chosen, or opened."""

    value: str
    name: str
    where: str = ""  # the unit above: "Trần Hưng Đạo" exists twice
    opens: str = ""  # its code, where units or stations lie in it
    below: int = 0
    is_chosen: bool = False


@dataclass(frozen=True)
class Picker:
    """What is drawn of one field in which units are chosen."""

    name: str
    is_list: bool  # few enough for one plain list
    is_multiple: bool
    kept: Sequence[Choice]  # what is chosen
    units: Sequence[UnitChoice] = ()  # of the plain list
    stations: Sequence[Choice] = ()
    asked: Asked = Asked()
    found: Sequence[Choice] = ()
    more: int = 0  # found, but not shown
    path: Sequence[Choice] = ()  # the opened unit and those above it, the highest first
    level: Sequence[Choice] = ()
    prefix: str = ""  # of the values that are units
    is_lively: bool = True  # whether the script may ask for another part of it alone

    @property
    def is_cut(self) -> bool:
        """Whether the opened level holds more than is shown."""
        return len(self.level) >= MOST_OPENED

    @property
    def is_asked(self) -> bool:
        """Whether something is searched or opened here: what it is folded away in stays open."""
        return self.asked != Asked()

    @property
    def values(self) -> set[str]:
        return {one.value for one in self.kept}

    @property
    def unlisted(self) -> list[Choice]:
        """What is chosen and stands on no list of today: a unit that has ended, for example."""
        listed = {self.prefix + one.code for one in self.units}
        listed |= {one.value for one in self.stations}
        return [one for one in self.kept if one.value not in listed]


@dataclass(frozen=True)
class _Node:
    id: int
    parent_id: int | None
    code: str
    name: str


class Places:
    """The units of a day that a person may choose from, and the stations in them where asked."""

    def __init__(
        self, session: Session, person: Person, on: date, *, prefix: str = "",
        with_stations: bool = False, only: tuple[Collection[int], Collection[int]] | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            prefix: before the code of a unit in its value (``unit:``).
            only: the ids of the units and of the stations that may be chosen at all.
        """
        self.prefix, self._is_lively = prefix, only is None
        mine = unit_ids_below(session, person.unit_id, on)
        if only is not None:
            mine = set(only[0]) if mine is None else mine & set(only[0])
        inside = [*valid_on(Unit, on), *([] if mine is None else [among(Unit.id, mine)])]
        count = session.scalar(select(func.count()).select_from(Unit).where(*inside)) or 0
        columns = (Unit.id, Unit.parent_id, Unit.code, Unit.name)
        rows = session.execute(select(*columns).where(*inside).order_by(Unit.id))
        self._nodes = {row.id: _Node(*row) for row in rows}
        self._by_code = {node.code: node for node in self._nodes.values()}
        self._stations = _stations(session, on, mine, only) if with_stations else []
        self.is_short = count <= MOST_LISTED and len(self._stations) <= MOST_STATIONS
        self._units: tuple[UnitChoice, ...] = ()
        if self.is_short:
            choices = scope_of(session, person, on, None).choices
            self._units = tuple(one for one in choices if one.code in self._by_code)
        self._children: dict[int | None, list[_Node]] = defaultdict(list)
        for node in self._nodes.values():
            above = node.parent_id if node.parent_id in self._nodes else None
            self._children[above].append(node)
        self._inside: dict[int, list[Choice]] = defaultdict(list)
        for unit_id, station in self._stations:
            self._inside[unit_id].append(station)

    def picker(
        self, name: str, chosen: Iterable[str], picks: Picks = NOTHING_PICKED, *,
        multiple: bool = False, names: Mapping[str, str] | None = None,
    ) -> Picker:  # fmt: skip
        """
        One field of a form.

        Args:
            chosen: what was chosen already; it stays chosen whatever is searched for.
            names: of what may be chosen no more and is.
        """
        values = [value for value in dict.fromkeys(chosen) if value]
        kept = [self._known(value, names or {}) for value in values]
        if self.is_short:
            stations = [station for _, station in self._stations]
            return Picker(name, True, multiple, kept, self._units, stations, prefix=self.prefix)
        asked, taken = picks.asked(name), set(values)
        found, more = self._find(asked.find, taken)
        opened = self._by_code.get(asked.opened)
        return Picker(
            name, False, multiple, kept, asked=asked, found=found, more=more,
            path=self._path(opened, taken), level=self._level(opened, taken), prefix=self.prefix,
            is_lively=self._is_lively,
        )  # fmt: skip

    def _known(self, value: str, names: Mapping[str, str]) -> Choice:
        if value.startswith("station:"):
            for _, station in self._stations:
                if station.value == value:
                    return station
        node = self._by_code.get(value.removeprefix(self.prefix))
        if node is not None and value.startswith(self.prefix):
            return self._choice(node, ())
        return Choice(value, names.get(value, value))

    def _choice(self, node: _Node, taken: Collection[str]) -> Choice:
        above = self._nodes.get(node.parent_id or 0)
        below = len(self._children.get(node.id, ()))
        value = self.prefix + node.code
        return Choice(
            value, node.name, above.name if above else "",
            node.code if below or self._inside.get(node.id) else "", below, value in taken,
        )  # fmt: skip

    def _find(self, find: str, taken: Collection[str]) -> tuple[list[Choice], int]:
        words = without_tones(find).split()
        if not words:
            return [], 0
        units = [
            (node, _folded(node.name))
            for node in self._nodes.values()
            if _has(words, node.name, node.code, self._above(node))
        ]
        # "ha nam" is the province first and then what lies in it; "xa 7" before "xa 77".
        units.sort(key=lambda one: (_nearness(words, one[1]), sort_key(one[0].name)))
        stations = [one for _, one in self._stations if _has(words, one.name, one.value, one.where)]
        shown = [self._choice(node, taken) for node, _ in units[:MOST_FOUND]]
        shown += [_marked(one, taken) for one in stations[: MOST_FOUND - len(shown)]]
        return shown, len(units) + len(stations) - len(shown)

    def _above(self, node: _Node) -> str:
        above = self._nodes.get(node.parent_id or 0)
        return above.name if above else ""

    def _path(self, opened: _Node | None, taken: Collection[str]) -> list[Choice]:
        path: list[Choice] = []
        while opened is not None:
            path.append(self._choice(opened, taken))
            opened = self._nodes.get(opened.parent_id or 0)
        return path[::-1]

    def _level(self, opened: _Node | None, taken: Collection[str]) -> list[Choice]:
        nodes = self._children[opened.id if opened else None]
        units = [
            self._choice(one, taken) for one in sorted(nodes, key=lambda one: sort_key(one.name))
        ]
        stations = self._inside.get(opened.id, []) if opened else []
        return [*units, *(_marked(one, taken) for one in stations)][:MOST_OPENED]


def _stations(
    session: Session, on: date, unit_ids: Collection[int] | None,
    only: tuple[Collection[int], Collection[int]] | None,
) -> list[tuple[int, Choice]]:  # fmt: skip
    above = aliased(Unit)
    statement = (
        select(Station.code, Station.name, Unit.id, Unit.name, above.name)
        .join(StationUnit, StationUnit.station_id == Station.id)
        .join(Unit, Unit.id == StationUnit.unit_id)
        .outerjoin(above, above.id == Unit.parent_id)
        .where(Station.active, *valid_on(StationUnit, on), *valid_on(Unit, on))
        .order_by(Station.code)
    )
    if only is not None:
        statement = statement.where(among(Station.id, only[1]))
    if unit_ids is not None:
        statement = statement.where(among(StationUnit.unit_id, unit_ids))
    return [
        (unit_id, Choice(f"station:{code}", name, Place(unit_id, unit, higher).beside(name)))
        for code, name, unit_id, unit, higher in session.execute(statement)
    ]


def _marked(one: Choice, taken: Collection[str]) -> Choice:
    return Choice(one.value, one.name, one.where, is_chosen=True) if one.value in taken else one


def _nearness(words: Sequence[str], folded: str) -> int:
    """0: each word stands in the name; 1: as a part of one; 2: it is found by what lies above."""
    if set(words) <= set(folded.split()):
        return 0
    return 1 if all(word in folded for word in words) else 2


def _has(words: Sequence[str], *texts: str) -> bool:
    folded = " ".join(_folded(text) for text in texts)
    return all(word in folded for word in words)


@lru_cache(maxsize=32_768)  # the units and stations of a nation; each costs 5 µs
def _folded(text: str) -> str:
    return without_tones(text)
