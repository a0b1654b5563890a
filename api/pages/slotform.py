"""The page on which a line of the timetable is written, with what stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import Request, Response
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from api.airwords import fix_in_words
from api.auth import Viewer, hub_of
from api.errors import status_of
from api.i18n import LoaError, Translator, mark
from api.pages.render import page, translator_of
from api.pages.slottyped import LIST, NTH, REPEATS, Typed, typed_date
from api.picker import NOTHING_PICKED, Picks, Places
from api.programmepick import ProgrammePick, programmes_to_pick
from api.rulewords import describe, notice_sentences
from api.scope import MOST_CHOICES, scope_of
from scheduler import series
from scheduler.errors import CoreError, InputInvalid, SlotRefused
from scheduler.hearing import rule_of
from scheduler.lunar import lunar_date
from scheduler.slotfixes import Fix
from scheduler.slots import SlotDetails, target_code
from scheduler.slottrial import Trial, try_line
from scheduler.slotversions import version_of
from scheduler.store.models import Slot
from scheduler.units import find_unit, own_units, unit_path

WEEKDAYS = (
    ("MO", mark("Mon")),
    ("TU", mark("Tue")),
    ("WE", mark("Wed")),
    ("TH", mark("Thu")),
    ("FR", mark("Fri")),
    ("SA", mark("Sat")),
    ("SU", mark("Sun")),
)
_EMPTY_ROWS = 2  # of a list: more come when these are filled
_details = TypeAdapter(SlotDetails)


@dataclass(frozen=True)
class Writing:
    """A line that somebody writes: a new one, or one that stands and the version that was read."""

    typed: Typed
    slot: Slot | None = None
    version: str = ""
    opened: str = ""  # its content as it was read: who changed what is seen from it
    back: str = ""  # where the person came from

    @classmethod
    def of(cls, slot: Slot, details: SlotDetails, back: str = "") -> Writing:
        opened = _details.dump_json(details).decode()
        return cls(Typed.of(details), slot, version_of(slot), opened, back)

    @property
    def path(self) -> str:
        return "/timetable" if self.slot is None else f"/timetable/{self.slot.id}/edit"

    @property
    def do(self) -> str:
        return "add" if self.slot is None else "save"

    def details(self, session: Session, viewer: Viewer, request: Request) -> SlotDetails:
        """
        What was typed as the core wants it.

        Raises:
            InputInvalid: it is no line.
        """
        if self.slot is not None:
            details = self.typed.details(self.slot.unit.code)
            if details.valid_from is None:
                raise InputInvalid(problem="a line that stands has a first day")
            return details
        today = hub_of(request).today()
        on = typed_date(self.typed.valid_from) or today
        return self.typed.details(_owner(session, viewer, self.typed.audience, max(on, today)))


def opened_details(text: str) -> SlotDetails | None:
    """What a person saw when the form was opened; none where that cannot be told."""
    try:
        return _details.validate_json(text)
    except (ValidationError, CoreError):
        return None


def slot_page(
    request: Request, viewer: Viewer, writing: Writing, error: LoaError | None = None, *,
    trial: Trial | None = None, picks: Picks = NOTHING_PICKED,
) -> Response:  # fmt: skip
    """The form as it was typed, what was refused, and what would become of it."""
    hub = hub_of(request)
    with hub.database.read() as session:
        choices = _choices(request, session, viewer, writing, picks)
    return page(
        request, "slot_edit.html", status=status_of(error) if error else 200, viewer=viewer,
        writing=writing, typed=writing.typed, weekdays=WEEKDAYS, repeats=REPEATS, nth=NTH,
        list_code=LIST, relay_hosts=hub.settings.relay.hosts,
        rows=[*writing.typed.items, *[""] * _EMPTY_ROWS], **choices,
        **told(request, writing, error, trial),
    )  # fmt: skip


def told(
    request: Request, writing: Writing, error: LoaError | None, trial: Trial | None
) -> dict[str, Any]:
    """What the page says about what was typed: refused when saved, or found while writing."""
    tr = translator_of(request)
    found = error or (trial.refused if trial else None)
    return {
        "error": tr.error(found) if found else None,
        "problems": _problem_sentences(found, tr),
        "proposals": _proposals(found, writing.typed, tr),
        "proposal_does": "preview" if trial else writing.do,
        "warnings": list(notice_sentences(tr, trial.notices)) if trial else [],
        "preview": describe(rule_of(trial.line), tr) if trial and not found else None,
        "coming_up": trial.coming if trial else (),
        "lunar_date": lunar_date,
    }


def tried(request: Request, viewer: Viewer, writing: Writing) -> Trial:
    """
    Raises:
        CoreError: what was typed is no line yet.
    """
    hub = hub_of(request)
    with hub.database.read() as session:
        details = writing.details(session, viewer, request)
        slot_id = writing.slot.id if writing.slot else None
        return try_line(hub, session, details, by=viewer.person, slot_id=slot_id)


@dataclass(frozen=True)
class Proposal:
    """One thing that would help, as a button: the same form with one thing changed, or a page."""

    sentence: str
    fields: Sequence[tuple[str, str]]
    path: str | None = None


def _proposals(error: object, typed: Typed, tr: Translator) -> list[Proposal]:
    if not isinstance(error, SlotRefused):
        return []
    return [
        Proposal(
            fix_in_words(fix, tr), typed.taking(fix).fields() if fix.changes else (), page_of(fix)
        )
        for fix in error.fixes
        if fix.changes or page_of(fix)
    ]


def page_of(fix: Fix) -> str | None:
    """Where somebody does what is to be done first; none where that is no page."""
    if fix.kind == "move_other":
        return f"/timetable/{fix.instead[2]}/edit"
    return f"/timetable/{fix.instead[2]}/remove" if fix.kind == "remove_other" else None


def _problem_sentences(error: object, tr: Translator) -> list[str]:
    """All that stands in the way, the first one first."""
    if isinstance(error, SlotRefused) and error.problems:
        return [tr.error(one) for one in error.problems]
    return []


# ── What may be chosen ─────────────────────────────────────────────────────────────────────────


def _choices(
    request: Request, session: Session, viewer: Viewer, writing: Writing, picks: Picks
) -> dict[str, Any]:
    today = hub_of(request).today()
    places = Places(session, viewer.person, today, prefix="unit:", with_stations=True)
    typed, names = writing.typed, _names_of(writing.slot)
    return {
        "audience": places.picker("audience", [typed.audience], picks, names=names),
        "more": places.picker("more", typed.more, picks, multiple=True, names=names),
        "exclude": places.picker("exclude", typed.exclude, picks, multiple=True, names=names),
        "programmes": _programmes(session, writing.typed, picks),
        "series": series.list_series(session),
        "themes": series.list_themes(session, today),
    }


def _programmes(session: Session, typed: Typed, picks: Picks) -> ProgrammePick:
    """What may air, and what stands in the line already, even if it was withdrawn since."""
    chosen = {typed.programme_id, typed.ident_id, typed.filler_id}
    chosen |= {one.removeprefix("programme:") for one in typed.items}
    return programmes_to_pick(session, picks, chosen=chosen)


def _names_of(slot: Slot | None) -> dict[str, str]:
    """By the codes of its targets: a unit of a line may have ended, or be another one's, by now."""
    places = {target_code(one): one.unit or one.station for one in (slot.targets if slot else ())}
    return {code: place.name for code, place in places.items() if place is not None}


def _owner(session: Session, viewer: Viewer, audience: str, on: date) -> str:
    """Whose line it is: the person's own unit, or the province above those who hear it."""
    kind, _, code = audience.partition(":")
    path = unit_path(session, find_unit(session, code, on)) if kind == "unit" else []
    if viewer.person.unit is not None:
        own = own_units(session, viewer.person.unit.id, on) or [viewer.person.unit]
        heard = {unit.id for unit in path}
        return next((unit for unit in own if unit.id in heard), own[0]).code
    if path:
        return path[-1].code
    choices = scope_of(session, viewer.person, on, None, most_choices=MOST_CHOICES).choices
    if not choices:
        raise InputInvalid(problem="import the administrative units first")
    return choices[0].code
