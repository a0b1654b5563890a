"""What a release would change, in the reader's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.i18n import Translator
from api.i18n import mark as _
from api.slotfields import FIELDS
from scheduler import releases
from scheduler.hub import Hub
from scheduler.releases import Effect, SlotChange
from scheduler.slotversions import version_of
from scheduler.store.db import in_batches
from scheduler.store.models import Slot, Station, Unit
from scheduler.units import station_units

_KINDS = {"added": _("new"), "removed": _("taken out"), "changed": _("changed")}
_MOST_NAMES = 12  # of units; the others are counted


@dataclass(frozen=True)
class ChangeShown:
    """One change, ready to be read."""

    change: SlotChange
    kind: str
    title: str
    fields: tuple[tuple[str, str, str], ...]  # what, before, after
    effect: str
    whom: str
    counts: Effect
    units: tuple[str, ...]
    stations: tuple[str, ...]  # codes
    version: str  # of the draft

    @property
    def slot_id(self) -> int:
        return self.change.slot_id


def shown_changes(
    hub: Hub, session: Session, translator: Translator, changes: Sequence[SlotChange]
) -> list[ChangeShown]:
    """These changes (``releases.pending``), with what they would do."""
    served = station_units(session, hub.today())
    return [
        _shown(session, translator, change, effect, served)
        for change, effect in zip(changes, releases.effects(hub, session, changes), strict=True)
    ]


def change_document(one: ChangeShown) -> dict[str, Any]:
    return {
        "slot_id": one.slot_id,
        "title": one.title,
        "kind": one.change.kind,
        "fields": [
            {"name": n, "before": before, "after": after} for n, before, after in one.fields
        ],
        "airings_added": one.counts.added,
        "airings_removed": one.counts.removed,
        "airings_changed": one.counts.changed,
        "stations": list(one.stations),
        "units": list(one.units),
        "version": one.version,
    }


def _shown(
    session: Session, tr: Translator, change: SlotChange, effect: Effect, served: dict[int, int]
) -> ChangeShown:
    stations = list[Station]()
    for batch in in_batches(sorted(effect.station_ids)):
        stations += session.scalars(select(Station).where(Station.id.in_(batch)))
    unit_ids = {served[one.id] for one in stations if one.id in served}
    names = sorted(_names(session, unit_ids))
    return ChangeShown(
        change, tr.text(_KINDS[change.kind]), change.line.title,
        tuple(_fields(change, tr)),
        tr.text(_("Airings: {added} new, {removed} gone, {changed} different."),
                added=effect.added, removed=effect.removed, changed=effect.changed),
        _whom(tr, names, len(stations)),
        effect, tuple(names), tuple(sorted(one.code for one in stations)),
        version_of(session.get_one(Slot, change.slot_id)),
    )  # fmt: skip


def _names(session: Session, unit_ids: set[int]) -> Iterator[str]:
    for batch in in_batches(sorted(unit_ids)):
        yield from session.scalars(select(Unit.name).where(Unit.id.in_(batch)))


def _whom(tr: Translator, names: list[str], stations: int) -> str:
    if not stations:
        return tr.text(_("Nobody in the days that are planned ahead."))
    told = ", ".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        more = len(names) - _MOST_NAMES
        return tr.text(_("{count} stations: {names} and {more} more."),
                       count=stations, names=told, more=more)  # fmt: skip
    return tr.text(_("{count} stations: {names}."), count=stations, names=told)


def _fields(change: SlotChange, tr: Translator) -> Iterator[tuple[str, str, str]]:
    before = dict(_told(change.before, tr)) if change.before else {}
    after = dict(_told(change.after, tr)) if change.after else {}
    for name in before or after:
        old, new = before.get(name, "–"), after.get(name, "–")
        if old != new:
            yield tr.text(name), old, new


def _told(slot: Slot, tr: Translator) -> Iterator[tuple[str, str]]:
    for field in FIELDS:
        if field.name != "time":  # it stands in the sentence that says when
            yield field.label, field.shown(slot, tr)
