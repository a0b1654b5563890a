"""Units come as complete maps: first what a table would change, unit by unit, then exactly that."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import Column, func, or_, select
from sqlalchemy.orm import Session

from scheduler.errors import FileRefused, PreviewOutdated, RowProblem, said
from scheduler.store import ledger
from scheduler.store.among import among
from scheduler.store.models import Base, Person, StationUnit, Unit, UnitEvent, UnitEventSide
from scheduler.unitevents import AFTER, BEFORE, record_event
from scheduler.unitrows import UnitRow, parents_first, read_maps

NEW, MERGED, SPLIT, RENAMED, MOVED = "new", "merged", "split", "renamed", "moved"
CORRECTED, ENDS, REMOVED, UNCHANGED = "corrected", "ends", "removed", "unchanged"
OUTCOMES = (NEW, MERGED, SPLIT, RENAMED, MOVED, CORRECTED, ENDS, REMOVED, UNCHANGED)


@dataclass(frozen=True)
class Was:
    """A unit as it was before a map."""

    code: str
    name: str
    level: str
    above: str  # the name of the unit above; empty for the province


@dataclass(frozen=True)
class UnitPlan:
    """What becomes of one unit on one map."""

    on: date  # the first day of the map
    line: int | None  # of the row; none where no row tells of the unit any more
    outcome: str  # of OUTCOMES
    code: str
    name: str
    level: str
    above: str
    before: tuple[Was, ...]  # what it was, or what it was made of
    same_name: Was | None  # renamed: who bore this name, under another code, the day before
    valid_from: date
    valid_to: date | None  # as far as is known; the first day on which it is no more
    stations: int  # that follow to it; of a unit that ends: that stay without one
    people: int  # who work for the unit that ends here
    basis: str

    @property
    def people_follow(self) -> bool:
        """Whether they see this unit from its first day (``units.with_followers``)."""
        is_same = any((one.code, one.name) == (self.code, self.name) for one in self.before)
        return self.outcome not in (ENDS, REMOVED) and (is_same or bool(self.basis))


@dataclass(frozen=True)
class MapsPlan:
    """What a table would do to the map as it is now."""

    name: str
    units: tuple[UnitPlan, ...]
    added: int
    ended: int
    unchanged: int
    events: int  # that are written down
    stations_without_unit: int  # afterwards, on the whole map
    stations_left: int  # of these, those that this table leaves without one
    digest: str  # of all of it: what is applied is what somebody saw

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(one.outcome for one in self.units)
        return {outcome: found[outcome] for outcome in OUTCOMES}

    @property
    def changes_nothing(self) -> bool:
        return self.counts[UNCHANGED] == len(self.units)


@dataclass(frozen=True)
class UnitsImported:
    added: int
    ended: int
    unchanged: int
    stations_without_unit: int  # whose unit has ended with no successor


def plan_units(session: Session, text: str, *, name: str, root: str | None = None) -> MapsPlan:
    """
    What a table of maps would do, unit by unit; nothing is changed.

    A unit that is the same on the next map (code, name, level, parent) goes on; one that is not
    ends, and another begins. Each map is complete: a unit that it does not tell of ends.

    Args:
        root: the province that the person works for, by its code (``None``: all).

    Raises:
        FileRefused: with every bad row.
    """
    return _planned(session, text, name, root).plan


def import_units(
    session: Session,
    text: str,
    *,
    name: str,
    now: datetime,
    by: str,
    seen: str | None = None,
    root: str | None = None,
) -> UnitsImported:
    """
    Import one or several complete maps, each with the day from which it holds.

    Stations follow a unit that only moved below another parent, and one that was made part of
    another (``made_of``), which is written down as an event of the map with its basis.

    Args:
        seen: the digest of the preview that a person agreed to.

    Raises:
        FileRefused: with every bad row; nothing was imported.
        PreviewOutdated: it would do something else by now than what was seen.
    """
    planned = _planned(session, text, name, root)
    plan = planned.plan
    if seen is not None and seen != plan.digest:
        raise PreviewOutdated()
    for one in planned.maps:
        _write(session, one, by=by, now=now)
    result = UnitsImported(plan.added, plan.ended, plan.unchanged, _stations_without_unit(session))
    ledger.record(
        session, at=now, who=by, what="units_imported", subject=name, added=result.added,
        ended=result.ended, events=plan.events,
    )  # fmt: skip
    return result


# ── What would become of the map ───────────────────────────────────────────────────────────────


@dataclass(eq=False)
class _Node:
    """A unit as it lies in the table, or as it would."""

    id: int | None
    code: str
    name: str
    level: str
    parent: _Node | None
    valid_from: date
    valid_to: date | None
    stations: int = 0  # that serve it without an end
    people: int = 0

    def is_on(self, on: date) -> bool:
        return self.valid_from <= on and (self.valid_to is None or self.valid_to > on)

    @property
    def root(self) -> str:
        node = self
        while node.parent is not None:
            node = node.parent
        return node.code

    @property
    def was(self) -> Was:
        return Was(self.code, self.name, self.level, self.parent.name if self.parent else "")


@dataclass(eq=False)
class _Event:
    kind: str
    before: list[_Node]
    after: list[_Node]
    basis: str


@dataclass(eq=False)
class _Step:
    """One row of a map, with the unit that it becomes."""

    row: UnitRow
    node: _Node
    old: _Node | None  # that had the code until then; the node itself where it goes on
    was: Was | None  # the old one as it was
    sources: list[_Node] = field(default_factory=list)
    moved: int = 0  # stations
    event: _Event | None = None
    same_name: Was | None = None

    @property
    def is_new(self) -> bool:
        """Whether a unit begins with it."""
        return self.node is not self.old


@dataclass(eq=False)
class _Map:
    """One map as it is laid over what holds on its day."""

    on: date
    steps: list[_Step]
    ended: list[_Node] = field(default_factory=list)  # also those that another follows
    removed: list[_Node] = field(default_factory=list)
    events: list[_Event] = field(default_factory=list)
    moves: list[tuple[_Node, _Node]] = field(default_factory=list)  # stations: from, to

    @property
    def added(self) -> list[_Node]:
        return [step.node for step in self.steps if step.is_new]


@dataclass
class _Planned:
    maps: list[_Map]
    plan: MapsPlan


def _planned(session: Session, text: str, name: str, root: str | None) -> _Planned:
    maps = read_maps(text, name)
    nodes = _nodes(session)
    without_before = _without_unit(nodes)
    problems: list[RowProblem] = []
    done: list[_Map] = []
    # One table tells of one territory, also where the province itself was merged away (35 → 37).
    roots: set[str] = set()
    added = 0
    for on, rows in maps.items():
        roots |= {row.code for row in rows if not row.parent_code}
        problems += _foreign_roots(rows, root)
        before = [node for node in nodes if node.is_on(on)]
        one = _lay(on, rows, before, roots, problems)
        nodes += one.added
        _link(session, one, nodes, problems)
        if one.added or one.ended or one.removed:
            problems += _newer_maps(nodes, on, rows, roots)
        problems += _still_needed(session, one, nodes, rows)
        for node in one.removed:
            nodes.remove(node)
        added += len(one.added)
        done.append(one)
    if problems:
        raise FileRefused(name=name, problems=sorted(problems, key=lambda p: p.fields["line"]))
    units = tuple(unit for one in done for unit in _units_of(one))
    ended = sum(len(one.ended) + len(one.removed) for one in done)
    rows_read = sum(len(one.steps) for one in done)
    plan = MapsPlan(
        name, units, added, ended, rows_read - added, sum(len(one.events) for one in done),
        _without_unit(nodes), max(0, _without_unit(nodes) - without_before), _digest(units),
    )  # fmt: skip
    return _Planned(done, plan)


def _nodes(session: Session) -> list[_Node]:
    rows = session.execute(
        select(
            Unit.id, Unit.parent_id, Unit.code, Unit.name, Unit.level, Unit.valid_from,
            Unit.valid_to,
        ).order_by(Unit.valid_from, Unit.id)
    ).all()  # fmt: skip
    stations = _count_by_unit(session, StationUnit.unit_id, StationUnit.valid_to.is_(None))
    people = _count_by_unit(session, Person.unit_id, Person.active)
    nodes = {
        row.id: _Node(
            row.id, row.code, row.name, row.level, None, row.valid_from, row.valid_to,
            stations.get(row.id, 0), people.get(row.id, 0),
        )
        for row in rows
    }  # fmt: skip
    for row in rows:
        nodes[row.id].parent = nodes.get(row.parent_id)
    return list(nodes.values())


def _without_unit(nodes: Sequence[_Node]) -> int:
    return sum(node.stations for node in nodes if node.valid_to is not None)


def _count_by_unit(session: Session, column: object, condition: object) -> dict[int, int]:
    statement = select(column, func.count()).where(condition).group_by(column)  # type: ignore[call-overload]
    return {row[0]: row[1] for row in session.execute(statement)}


def _lay(
    on: date, rows: Sequence[UnitRow], before: Sequence[_Node], roots: Collection[str],
    problems: list[RowProblem],
) -> _Map:  # fmt: skip
    """Lay one map over what holds on its day."""
    # Another province's units are none of this map's business.
    mine = {node.code: node for node in before if node.root in roots}
    problems += _foreign_codes(rows, {node.code: node for node in before}, mine)
    kept: dict[str, _Node] = {}
    steps, ended = [], []
    for row in parents_first(rows):
        parent = kept.get(row.parent_code)
        old = mine.pop(row.code, None)
        was = old.was if old else None
        node = old
        is_same = old is not None and (old.name, old.level, old.parent) == (
            row.name, row.level, parent,
        )  # fmt: skip
        if old is not None and not is_same and old.valid_from == on:
            # The same day told anew: a correction, not an event.
            old.name, old.level, old.parent = row.name, row.level, parent
        elif not is_same or node is None:
            node = _Node(None, row.code, row.name, row.level, parent, on, None)
            if old is not None:
                ended.append(old)
        assert node is not None
        kept[row.code] = node
        steps.append(_Step(row, node, old, was))
    left = [*ended, *mine.values()]
    laid = _Map(on, steps, ended=[node for node in left if node.valid_from < on])
    laid.removed += [node for node in left if node.valid_from == on]  # a mistake: it never was
    for node in laid.ended:
        node.valid_to = on
    return laid


def _link(session: Session, one: _Map, nodes: Sequence[_Node], problems: list[RowProblem]) -> None:
    """Find what the units were made of, which events say so, and which stations follow."""
    last_day = one.on - timedelta(days=1)
    steps = [step for step in one.steps if step.row.made_of]
    if steps:
        yesterday = {node.code: node for node in nodes if node.is_on(last_day)}
        for step in steps:
            problems += _find_sources(step, yesterday)
        problems += _make_events(session, one, steps)
    uses = Counter(source for step in steps for source in step.sources)
    for step in one.steps:
        if step.is_new and not step.sources:
            step.same_name = _namesake(one, step)
        for source in step.sources:
            is_over = source.valid_to is not None and source.valid_to <= one.on
            if is_over and uses[source] == 1:
                _move(one, step, source)
        old = step.old
        if old and old is not step.node and old.name == step.node.name and uses[old] != 1:
            _move(one, step, old)


def _find_sources(step: _Step, yesterday: Mapping[str, _Node]) -> Iterator[RowProblem]:
    for code in step.row.made_of:
        if code in yesterday:
            step.sources.append(yesterday[code])
        else:
            reason = said('"made_of": there is no unit "{code}" on the day before', code=code[:20])
            yield RowProblem(line=step.row.line, reason=reason)
    # A unit that goes on and takes in others is one of those that it is made of.
    node = step.node
    if node is step.old and yesterday.get(node.code) is node and node not in step.sources:
        step.sources.insert(0, node)


def _make_events(session: Session, one: _Map, steps: Sequence[_Step]) -> Iterator[RowProblem]:
    uses: dict[_Node, list[_Step]] = defaultdict(list)
    for step in steps:
        for source in step.sources:
            uses[source].append(step)
    known = _known_events(session, one.on)
    splits: dict[_Node, _Event] = {}
    for step in steps:
        if not step.sources:
            continue  # told as a problem already
        event = _event_of(step, uses, one.on, splits)
        if event is None:
            continue
        if not _is_change(event, one.on):
            reason = said("none of these units changes on that day")
            yield RowProblem(line=step.row.line, reason=reason)
        elif _sides(event) not in known:
            step.event = event
            if event not in one.events:
                one.events.append(event)


def _event_of(
    step: _Step, uses: Mapping[_Node, Sequence[_Step]], on: date, splits: dict[_Node, _Event]
) -> _Event | None:
    row, node, sources = step.row, step.node, step.sources
    if len(sources) > 1:
        return _Event(MERGED, sources, [node], row.basis)
    source = sources[0]
    if len(uses[source]) > 1 or source.valid_to != on:
        if source not in splits:
            splits[source] = _Event(SPLIT, [source], [], row.basis)
        splits[source].after.append(node)
        return splits[source]
    is_renamed = (source.name, source.level) != (node.name, node.level)
    return _Event(RENAMED if is_renamed else MOVED, [source], [node], row.basis)


def _is_change(event: _Event, on: date) -> bool:
    return any(node.valid_to == on for node in event.before) or any(
        node.valid_from == on for node in event.after
    )


def _sides(event: _Event) -> tuple[str, frozenset[tuple[int | None, str]]]:
    sides = {(node.id, BEFORE) for node in event.before}
    return event.kind, frozenset(sides | {(node.id, AFTER) for node in event.after})


def _known_events(session: Session, on: date) -> set[tuple[str, frozenset[tuple[int | None, str]]]]:
    rows = session.execute(
        select(UnitEvent.id, UnitEvent.kind, UnitEventSide.unit_id, UnitEventSide.side)
        .join(UnitEventSide)
        .where(UnitEvent.on_day == on)
    )
    found: dict[tuple[int, str], set[tuple[int | None, str]]] = defaultdict(set)
    for row in rows:
        found[row.id, row.kind].add((row.unit_id, row.side))
    return {(kind, frozenset(sides)) for (_, kind), sides in found.items()}


def _namesake(one: _Map, step: _Step) -> Was | None:
    """Who bore the name the day before, under another code: codes are given to other places."""
    if step.was is None or step.was.name == step.node.name:
        return None
    found = [old for old in one.ended if old.name == step.node.name and old is not step.old]
    return found[0].was if len(found) == 1 else None


def _move(one: _Map, step: _Step, source: _Node) -> None:
    if source is step.node:
        return
    one.moves.append((source, step.node))
    step.moved += source.stations
    step.node.stations += source.stations
    source.stations = 0


# ── What stands in the way ─────────────────────────────────────────────────────────────────────


def _foreign_roots(rows: Sequence[UnitRow], root: str | None) -> Iterator[RowProblem]:
    for row in rows:
        if root is not None and not row.parent_code and row.code != root:
            reason = said("it lies outside the unit that you work for")
            yield RowProblem(line=row.line, reason=reason)


def _foreign_codes(
    rows: Sequence[UnitRow], now_valid: Mapping[str, _Node], mine: Mapping[str, _Node]
) -> Iterator[RowProblem]:
    """A code is one place at a time; who takes over another province tells of both in one file."""
    for row in rows:
        if row.code in now_valid and row.code not in mine:
            reason = said(
                'code "{code}" is "{other}" of another province on this day: '
                "give the maps of both in one file",
                code=row.code,
                other=now_valid[row.code].name,
            )
            yield RowProblem(line=row.line, reason=reason)


def _newer_maps(
    nodes: Sequence[_Node], on: date, rows: Sequence[UnitRow], roots: Collection[str]
) -> Iterator[RowProblem]:
    """An older map laid below a newer one would hold beside it for ever."""
    newer = [node for node in nodes if node.valid_from > on and node.root in roots]
    if newer:
        first = min(node.valid_from for node in newer)
        reason = said("a newer map, of {day}, is here already", day=f"{first}")
        yield RowProblem(line=rows[0].line, reason=reason)


def _still_needed(
    session: Session, one: _Map, nodes: Sequence[_Node], rows: Sequence[UnitRow]
) -> Iterator[RowProblem]:
    """A unit that was told by mistake goes only if nothing hangs on it."""
    if not one.removed:
        return
    ids = {node.id for node in one.removed if node.id is not None}
    needed: set[int] = {
        node.parent.id
        for node in nodes
        if node.parent in one.removed and node not in one.removed and node.parent.id is not None
    }
    for column in _pointing_at_units():
        needed |= set(session.scalars(select(column).where(among(column, ids)).distinct()))
    for node in one.removed:
        if node.id in needed:
            reason = said('"{code}" is left out, but something belongs to it', code=node.code)
            yield RowProblem(line=rows[0].line, reason=reason)


def _pointing_at_units() -> list[Column[int]]:
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if table is not Unit.__table__
        and any(key.column.table is Unit.__table__ for key in column.foreign_keys)
    ]


# ── As a person sees it ────────────────────────────────────────────────────────────────────────


def _units_of(one: _Map) -> list[UnitPlan]:
    """One line for each unit of a map, and for each that ends without a follower."""
    told: set[_Node] = set()
    found = []
    for step in sorted(one.steps, key=lambda step: step.row.line):
        outcome = _outcome(step, one.on)
        if outcome in (MERGED, SPLIT, RENAMED, MOVED):
            told |= {*step.sources, *([step.old] if step.old else [])}
        before = [source.was for source in step.sources] if step.event else []
        if not before and step.was and outcome not in (UNCHANGED, NEW):
            before = [step.was]
        over = {node for node in (*step.sources, step.old) if node and node.valid_to == one.on}
        found.append(
            _unit(one.on, step.node, outcome, tuple(before), line=step.row.line,
                  basis=step.row.basis, stations=step.moved, same_name=step.same_name,
                  people=sum(node.people for node in over))
        )  # fmt: skip
    for nodes, outcome in ((one.ended, ENDS), (one.removed, REMOVED)):
        found += [
            _unit(one.on, node, outcome, (), stations=node.stations, people=node.people)
            for node in sorted(nodes, key=lambda node: node.code)
            if node not in told
        ]
    return found


def _outcome(step: _Step, on: date) -> str:
    if step.event is not None:
        return step.event.kind
    if step.is_new:
        if step.was is None:
            return NEW
        is_renamed = (step.was.name, step.was.level) != (step.node.name, step.node.level)
        return RENAMED if is_renamed else MOVED
    return UNCHANGED if step.was == step.node.was else CORRECTED


def _unit(
    on: date, node: _Node, outcome: str, before: tuple[Was, ...], *, line: int | None = None,
    basis: str = "", stations: int = 0, people: int = 0, same_name: Was | None = None,
) -> UnitPlan:  # fmt: skip
    above = node.parent.name if node.parent else ""
    return UnitPlan(
        on, line, outcome, node.code, node.name, node.level, above, before, same_name,
        node.valid_from, node.valid_to, stations, people, basis,
    )  # fmt: skip


def _digest(units: Sequence[UnitPlan]) -> str:
    told = json.dumps([asdict(one) for one in units], ensure_ascii=False, default=str)
    return hashlib.sha256(told.encode()).hexdigest()


# ── Into the database ──────────────────────────────────────────────────────────────────────────


def _write(session: Session, one: _Map, *, by: str, now: datetime) -> None:
    _add(session, one)
    touched = {node.id for node in (*one.ended, *one.removed)}
    touched |= {step.node.id for step in one.steps if step.was and step.was != step.node.was}
    ids = {number for number in touched if number is not None}
    units = {unit.id: unit for unit in session.scalars(select(Unit).where(among(Unit.id, ids)))}
    for step in one.steps:
        unit = units.get(step.node.id or 0)
        if unit is not None and not step.is_new:
            unit.name, unit.level = step.node.name, step.node.level
            unit.parent_id = step.node.parent.id if step.node.parent else None
    for node in one.ended:
        units[node.id or 0].valid_to = one.on
    session.flush()
    for source, follower in one.moves:
        _move_stations(session, source, follower, one.on)
    session.flush()
    for node in sorted(one.removed, key=_depth, reverse=True):
        session.delete(units[node.id or 0])
        session.flush()
    for event in one.events:
        record_event(
            session, on=one.on, kind=event.kind, basis=event.basis,
            before=[node.code for node in event.before], after=[node.code for node in event.after],
            by=by, now=now,
        )  # fmt: skip


def _add(session: Session, one: _Map) -> None:
    """The new units, those above first: each needs the number of its parent."""
    levels: dict[int, list[_Node]] = defaultdict(list)
    for node in one.added:
        levels[_depth(node)].append(node)
    for _, nodes in sorted(levels.items()):
        units = [
            Unit(code=node.code, name=node.name, level=node.level, valid_from=one.on,
                 parent_id=node.parent.id if node.parent else None)
            for node in nodes
        ]  # fmt: skip
        session.add_all(units)
        session.flush()
        for node, unit in zip(nodes, units, strict=True):
            node.id = unit.id


def _depth(node: _Node) -> int:
    return 0 if node.parent is None else 1 + _depth(node.parent)


def _move_stations(session: Session, old: _Node, new: _Node, on: date) -> None:
    """Stations of the old unit serve the new one from that day, those that came later too."""
    still_there = or_(StationUnit.valid_to.is_(None), StationUnit.valid_to > on)
    rows = session.scalars(
        select(StationUnit)
        .where(StationUnit.unit_id == old.id, still_there)
        .order_by(StationUnit.station_id, StationUnit.valid_from)
    )
    for served in rows.all():
        session.add(
            StationUnit(
                station_id=served.station_id,
                unit_id=new.id,
                valid_from=max(served.valid_from, on),
                valid_to=served.valid_to,
            )
        )
        if served.valid_from < on:
            served.valid_to = on
        else:
            session.delete(served)


def _stations_without_unit(session: Session) -> int:
    statement = (
        select(func.count(StationUnit.station_id.distinct()))
        .join(Unit)
        .where(StationUnit.valid_to.is_(None), Unit.valid_to.is_not(None))
    )
    return session.scalar(statement) or 0
