"""The lines of the timetable twice: the draft that people write, and what of it airs.

The columns of a slot are its draft. What airs is ``Slot.released``, a document with the same
columns, which only a release changes (``scheduler.releases``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, selectinload

from scheduler.hearing import Map
from scheduler.store.among import among
from scheduler.store.models import Programme, Series, Slot, SlotException, SlotTarget, Theme, Unit

Content = dict[str, Any]

_NOT_CONTENT = {"id", "uid", "created_by", "created_at", "removed_at", "released"}
_COLUMNS = [column for column in Slot.__table__.columns if column.name not in _NOT_CONTENT]
_NAMES = [column.name for column in _COLUMNS]
_NAMED = {"programme": Programme, "series": Series, "theme": Theme, "ident": Programme,
          "filler": Programme, "unit": Unit}  # fmt: skip


def draft_of(slot: Slot) -> Content | None:
    """What would air if it were released now; none: it was taken out."""
    if slot.removed_at is not None:
        return None
    return _content([getattr(slot, name) for name in _NAMES], _targets(slot.targets))


def _content(values: Iterable[object], targets: list[list[object]]) -> Content:
    content = dict(zip(_NAMES, map(_plain, values), strict=True))
    return normal({**content, "targets": targets}) or {}


def normal(content: Mapping[str, Any] | None) -> Content | None:
    """Without what is empty or as always: a column of a later Loa changes no older release."""
    if content is None:
        return None
    return {
        name: value
        for name, value in content.items()
        if value is not None and value != _DEFAULTS.get(name)
    }


def is_draft(slot: Slot) -> bool:
    """Whether its draft is not what airs."""
    return draft_of(slot) != normal(slot.released)


def draft_ids(session: Session) -> list[int]:
    """Of which slots the draft is not what airs; told by their columns, with no slot loaded."""
    return list(_draft_ids(session))


def has_drafts(session: Session) -> bool:
    """Whether there is one."""
    return next(_draft_ids(session), None) is not None


def _draft_ids(session: Session) -> Iterator[int]:
    targets: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(_TARGETS):
        targets[row.slot_id].append(row)
    for slot_id, removed_at, released, *values in session.execute(_DRAFTS):
        draft = None if removed_at else _content(values, _targets(targets[slot_id]))
        if draft != normal(released):
            yield slot_id


def drafts(session: Session) -> list[Slot]:
    """The slots of which the draft is not what airs, by time of day."""
    return _read(session, among(Slot.id, draft_ids(session)))


def every_slot(session: Session) -> list[Slot]:
    """The rows of all slots that air, or will when they are released."""
    return _read(session, _AIRS_OR_WILL)


def lines_on_air(session: Session) -> list[Slot]:
    """What the last release lets air, by time of day."""
    return [on_air(session, slot) for slot in every_slot(session) if slot.released is not None]


def lines_heard(
    session: Session, maps: Iterable[Map], stations: Collection[int], *, released: bool
) -> list[Slot]:
    """
    What some of these stations may hear by these maps, by time of day: as it airs, or the draft.

    Of a nation's lines nearly all name none of them as their audience, and are not read.
    """
    units = {one for inside in maps for one, its in inside.items() if not its.isdisjoint(stations)}
    if released:
        aired = among(Slot.id, _aired_for(session, units, stations))
        return [on_air(session, slot) for slot in _read(session, aired)]
    meant = select(SlotTarget.slot_id).where(
        SlotTarget.excluded.is_(False),
        or_(among(SlotTarget.unit_id, units), among(SlotTarget.station_id, stations)),
    )
    return _read(session, Slot.removed_at.is_(None), Slot.id.in_(meant))


def _read(session: Session, *conditions: ColumnElement[bool]) -> list[Slot]:
    statement = with_all(select(Slot)).where(*conditions)
    return list(session.scalars(statement.order_by(Slot.starts_at, Slot.id)))


def _aired_for(session: Session, units: Collection[int], stations: Collection[int]) -> list[int]:
    """The lines whose audience, as it was released, names one of these units or stations."""
    return [
        slot_id
        for slot_id, targets in session.execute(_AUDIENCES)
        if any(
            not excluded and (unit_id in units or station_id in stations)
            for unit_id, station_id, excluded in targets
        )
    ]


def on_air(session: Session, slot: Slot) -> Slot:
    """A slot that was released as it airs; with a newer draft it is no row: never add it."""
    if not is_draft(slot):
        return slot
    assert slot.released is not None
    return made_of(session, slot, slot.released)


def made_of(session: Session, slot: Slot, content: Content) -> Slot:
    """A slot with other content than its row, for reading only."""
    line = Slot(id=slot.id, created_by=slot.created_by, created_at=slot.created_at)
    write(line, content)
    for name, model in _NAMED.items():
        key = getattr(line, f"{name}_id")
        if key is not None:
            setattr(line, name, session.get(model, key))
    line.targets = [_with_names(session, target) for target in line.targets]
    line.exceptions = list(slot.exceptions)
    return line


def write(slot: Slot, content: Content) -> None:
    """Make this the content of a slot."""
    for column in _COLUMNS:
        value = content.get(column.name, _DEFAULTS.get(column.name))
        setattr(slot, column.name, _typed(column, value))
    if _targets(slot.targets) != content["targets"]:
        slot.targets = [
            SlotTarget(unit_id=unit_id, station_id=station_id, excluded=excluded)
            for unit_id, station_id, excluded in content["targets"]
        ]


def with_all(statement: Select[tuple[Slot]]) -> Select[tuple[Slot]]:
    """Everything of a slot that pages and the planner look at."""
    return statement.options(
        selectinload(Slot.programme),
        selectinload(Slot.series),
        selectinload(Slot.theme),
        selectinload(Slot.ident),
        selectinload(Slot.filler),
        selectinload(Slot.exceptions).options(
            selectinload(SlotException.programme),
            selectinload(SlotException.unit),
            selectinload(SlotException.station),
        ),
        selectinload(Slot.unit),
        selectinload(Slot.targets).selectinload(SlotTarget.unit),
        selectinload(Slot.targets).selectinload(SlotTarget.station),
    )


def _with_names(session: Session, target: SlotTarget) -> SlotTarget:
    made = SlotTarget(
        unit_id=target.unit_id, station_id=target.station_id, excluded=target.excluded
    )
    for name in ("unit", "station"):
        key = getattr(made, f"{name}_id")
        if key is not None:
            relation = SlotTarget.__mapper__.relationships[name].mapper.class_
            setattr(made, name, session.get(relation, key))
    return made


def _targets(targets: Iterable[Any]) -> list[list[object]]:
    found: list[list[object]] = [
        [one.unit_id, one.station_id, bool(one.excluded)] for one in targets
    ]
    return sorted(found, key=repr)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | time | datetime) else value


def _typed(column: ColumnElement[Any], value: Any) -> Any:
    kind = column.type.python_type
    return kind.fromisoformat(value) if value is not None and kind in (date, time) else value


def _default(column: Any) -> object:
    """What a new row has there; none where nothing says so."""
    default = column.default
    return default.arg if default is not None and default.is_scalar else None


_AIRS_OR_WILL = or_(Slot.released.is_not(None), Slot.removed_at.is_(None))
_DRAFTS = select(Slot.id, Slot.removed_at, Slot.released, *_COLUMNS).where(_AIRS_OR_WILL)
_DRAFTS = _DRAFTS.order_by(Slot.id)
_TARGETS = select(
    SlotTarget.slot_id, SlotTarget.unit_id, SlotTarget.station_id, SlotTarget.excluded
)
_AUDIENCES = select(Slot.id, Slot.released["targets"]).where(Slot.released.is_not(None))
_DEFAULTS = {column.name: _default(column) for column in _COLUMNS}
