"""What the draft of the timetable would change, the button that releases it, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response
from pydantic import Field

from api.airwords import fix_in_words
from api.auth import SignedIn, Viewer, checked_form, hub_of, needs
from api.errors import status_of
from api.fields import MAX_ID
from api.i18n import LoaError
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.parts import FormPageNumber, PageNumber, part_of
from api.releasewords import shown_changes
from scheduler import releases
from scheduler.errors import CoreError, InputInvalid, SlotRefused
from scheduler.releasefixes import may_release
from scheduler.slotversions import version_of
from scheduler.store.models import Slot

router = page_routes()

Releaser = Annotated[Viewer, Depends(needs(*releases.ROLES))]
Numbers = Annotated[list[Annotated[int, Field(ge=1, le=MAX_ID)]], Form(max_length=1000)]
Seen = Annotated[list[Annotated[str, Field(max_length=40)]], Form(max_length=1000)]
_SHOWN = 10
_DRAFTS_SHOWN = 100


@router.get("/timetable/changes")
def show(
    request: Request, viewer: SignedIn, number: PageNumber = 1,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:  # fmt: skip
    return _page(request, viewer, number=number, before=before)


@router.post("/timetable/release", dependencies=[Depends(checked_form)])
def release(
    request: Request, viewer: Releaser, note: Annotated[str, Form(max_length=400)] = "",
    slot_ids: Numbers = [],  # noqa: B006 - FastAPI copies it
    seen: Seen = [],  # noqa: B006
    number: FormPageNumber = 1,
) -> Response:  # fmt: skip
    """Release what is ticked, as it was looked at; a page of before that says neither, nothing."""
    try:
        if not slot_ids:
            raise InputInvalid(problem="choose at least one change to release")
        releases.release(
            hub_of(request), by=viewer.person, note=note, slot_ids=slot_ids, seen=_versions(seen)
        )
    except CoreError as error:
        return _page(request, viewer, error, note, slot_ids, number=number)
    return _planned(request, "timetable_released")


def _versions(seen: Sequence[str]) -> dict[int, str]:
    """``7:0f3a…`` for each line that the page showed."""
    pairs = [one.partition(":") for one in seen]
    return {int(number): version for number, _, version in pairs if number.isdecimal()}


@router.post("/timetable/restore", dependencies=[Depends(checked_form)])
def restore(
    request: Request, viewer: Releaser, version: Annotated[int, Form(ge=0, le=1_000_000_000)]
) -> Response:
    try:
        releases.restore(hub_of(request), version, by=viewer.person)
    except CoreError as error:
        return _page(request, viewer, error)
    return _planned(request, "timetable_restored")


def _planned(request: Request, done: str) -> Response:
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect("/timetable/changes", done=done)


def _page(
    request: Request, viewer: Viewer, error: LoaError | None = None, note: str = "",
    chosen: Sequence[int] = (), number: int = 1, before: int | None = None,
) -> Response:  # fmt: skip
    hub, translator = hub_of(request), translator_of(request)
    with hub.database.read() as session:
        pending = releases.pending(session)
        drafts = {one.slot_id: session.get_one(Slot, one.slot_id) for one in pending}
        mine = {n for n, slot in drafts.items() if may_release(hub, session, slot, viewer.person)}
        pending.sort(key=lambda one: one.slot_id not in mine)  # what one may release comes first
        part = part_of(pending, number, _DRAFTS_SHOWN)
        changes = shown_changes(hub, session, translator, part.rows)
        mine &= {one.slot_id for one in changes}
        made = releases.list_releases(session, _SHOWN + 1, before=before)
        versions = {n: version_of(slot) for n, slot in drafts.items()}
    refused = error if isinstance(error, SlotRefused) else None
    return page(
        request, "changes.html", status=status_of(error) if error else 200, viewer=viewer,
        changes=changes, found=part, releases=made[:_SHOWN], before=before,
        older=made[_SHOWN - 1].version if len(made) > _SHOWN else None,
        may_release=viewer.may(*releases.ROLES), mine=mine,
        versions=versions, note=note, chosen=set(chosen) or mine,
        error=translator.error(error) if error else None,
        problems=[translator.error(one) for one in refused.problems[1:]] if refused else [],
        fixes=[(fix_in_words(fix, translator), fix) for fix in refused.fixes] if refused else [],
    )  # fmt: skip
