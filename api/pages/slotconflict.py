"""Two people edited one line: both versions side by side, and the choice field by field."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import Request, Response

from api.auth import Viewer, hub_of
from api.i18n import LoaError
from api.pages.render import page, translator_of
from api.pages.slotform import Writing, opened_details
from api.slotfields import FIELDS, SlotField, differing
from scheduler import slots
from scheduler.slots import SlotDetails, details_of
from scheduler.slottrial import line_like
from scheduler.slotversions import last_change

_PICK = "pick_"


@dataclass(frozen=True)
class Difference:
    """One field in which what was typed is not what stands there by now."""

    field: SlotField
    mine: str
    theirs: str
    i_changed: bool
    they_changed: bool

    @property
    def takes_mine(self) -> bool:
        """What is proposed: whoever touched a field meant it; where both did, one's own."""
        return self.i_changed or not self.they_changed


async def picked(request: Request) -> frozenset[str]:
    """A dependency: the fields of which a person chose the own version."""
    sent = await request.form()
    return frozenset(one.name for one in FIELDS if sent.get(_PICK + one.name) == "mine")


def conflict_page(
    request: Request, viewer: Viewer, writing: Writing, mine: SlotDetails, error: LoaError
) -> Response:
    """Nothing was saved; the page holds all that was typed and the version that it shows."""
    assert writing.slot is not None
    tr = translator_of(request)
    hub = hub_of(request)
    with hub.database.read() as session:
        slot = slots.find_slot(session, writing.slot.id)
        theirs = details_of(slot)
        line = line_like(hub, session, replace(mine, unit_code=theirs.unit_code), slot.id)
        base = opened_details(writing.opened)
        differences = [
            Difference(
                field, field.shown(line, tr), field.shown(slot, tr),
                base is None or field.of(base) != field.of(mine),
                base is None or field.of(base) != field.of(theirs),
            )
            for field in differing(mine, theirs)
        ]  # fmt: skip
        who, at = last_change(session, slot)
    seen = replace(Writing.of(slot, theirs, writing.back), typed=writing.typed)
    return page(
        request, "slot_conflict.html", status=409, viewer=viewer, writing=seen,
        typed=writing.typed, differences=differences, who=who, at=at, error=tr.error(error),
        pick=_PICK,
    )  # fmt: skip
