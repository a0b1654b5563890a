"""A line of the timetable field by field, in the reader's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.i18n import Translator
from api.i18n import mark as _
from api.rulewords import describe
from api.slotwords import content_in_words
from api.words import CLASS_WORDS, KIND_WORDS
from scheduler.hearing import rule_of
from scheduler.slots import SlotDetails
from scheduler.store.models import Slot


@dataclass(frozen=True)
class SlotField:
    """What a person takes for one thing about a line, whatever number of columns it has."""

    name: str
    label: str
    attributes: tuple[str, ...]  # of SlotDetails
    shown: Callable[[Slot, Translator], str]

    def of(self, details: SlotDetails) -> Mapping[str, Any]:
        return {name: getattr(details, name) for name in self.attributes}


def when_in_words(slot: Slot, tr: Translator) -> str:
    return describe(rule_of(slot), tr)


def _audience(slot: Slot, tr: Translator) -> str:
    heard, left_out = _named(slot, False), _named(slot, True)
    if not left_out:
        return heard
    return tr.text(_("{heard}, without {left_out}"), heard=heard, left_out=left_out)


def _named(slot: Slot, excluded: bool) -> str:
    places = [one.unit or one.station for one in slot.targets if bool(one.excluded) is excluded]
    return ", ".join(place.name for place in places if place is not None)


def _content(slot: Slot, tr: Translator) -> str:
    words = content_in_words(slot, tr)
    if slot.theme is not None:
        never = _("{content}, nothing twice within {n} days")
        return tr.text(never, content=words, n=slot.no_repeat_days)
    return words


FIELDS: tuple[SlotField, ...] = (
    SlotField("title", _("Name of the slot"), ("title",), lambda slot, tr: slot.title),
    SlotField("time", _("Begins at"), ("starts_at",), lambda slot, tr: tr.time(slot.starts_at)),
    SlotField("days", _("When"), ("rrule",), when_in_words),
    SlotField("content", _("Programme"),
              ("programme_id", "series", "theme", "items", "no_repeat_days"), _content),
    SlotField("length", _("Length"), ("seconds",),
              lambda slot, tr: tr.lasted(slot.seconds * 1000)),
    SlotField("audience", _("Who hears it"), ("audience", "exclude"), _audience),
    SlotField("kind", _("Kind"), ("kind",), lambda slot, tr: tr.text(KIND_WORDS[slot.kind])),
    SlotField("class", _("Class"), ("programme_class",),
              lambda slot, tr: tr.text(CLASS_WORDS[slot.programme_class])),
    SlotField("late", _("May be late"), ("late_ok_s",),
              lambda slot, tr: tr.lasted(slot.late_ok_s * 1000)),
    SlotField("relay", _("Live relay"), ("stream",), lambda slot, tr: slot.stream or "–"),
    SlotField("ident", _("Ident"), ("ident_id",),
              lambda slot, tr: slot.ident.title if slot.ident else "–"),
    SlotField("filler", _("Filler"), ("filler_id",),
              lambda slot, tr: slot.filler.title if slot.filler else "–"),
    SlotField("from", _("From"), ("valid_from",), lambda slot, tr: tr.day(slot.valid_from)),
    SlotField("until", _("Until"), ("valid_to",),
              lambda slot, tr: tr.day(slot.valid_to) if slot.valid_to else "–"),
)  # fmt: skip


def differing(one: SlotDetails, other: SlotDetails) -> list[SlotField]:
    """What is not the same in two contents of a line."""
    return [field for field in FIELDS if field.of(one) != field.of(other)]


def mixed(theirs: SlotDetails, mine: SlotDetails, names: frozenset[str]) -> SlotDetails:
    """Theirs, with these fields as in mine."""
    taken: dict[str, Any] = {}
    for field in FIELDS:
        if field.name in names:
            taken |= field.of(mine)
    return replace(theirs, **taken)
