"""The audit trail: what was done, by whom and when; each entry seals the one before it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from api import ledgerwords
from api.auth import checked_form, hub_of
from api.pages.people import Administrator
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.scope import MOST_CHOICES
from api.vietnamese import sort_key
from scheduler import trail
from scheduler.trail import Wanted

router = page_routes("/ledger")

ROWS = 50
Word = Annotated[str, Query(max_length=200)]
Day = Annotated[str, Query(max_length=10)]


@router.get("")
def show(
    request: Request,
    viewer: Administrator,
    who: Word = "",
    what: Word = "",
    subject: Word = "",
    first: Day = "",
    last: Day = "",
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """A page of entries, newest first, and how far the chain was read."""
    hub, tr = hub_of(request), translator_of(request)
    wanted = Wanted(who.strip(), what.strip(), subject.strip(), _day(first), _day(last))
    with hub.database.read() as session:
        found = trail.entries(hub, session, wanted, before=before, limit=ROWS + 1)
        names = trail.full_names(session)
        chain, deeds, doers = trail.chain_state(session), trail.deeds(session), trail.doers(session)
    kinds = [(one, ledgerwords.kind(tr, one)) for one in deeds]
    return page(
        request, "ledger.html", viewer=viewer, entries=found[:ROWS], chain=chain, wanted=wanted,
        most_doers=MOST_CHOICES, names=names, say=ledgerwords,
        kinds=sorted(kinds, key=lambda one: sort_key(one[1])),
        doers=sorted(((one, names.get(one, one)) for one in doers), key=lambda it: sort_key(it[1])),
        next_page=_older(wanted, found[ROWS - 1].seq) if len(found) > ROWS else None,
        is_later_page=before is not None,
    )  # fmt: skip


@router.post("/check", dependencies=[Depends(checked_form)])
def check(request: Request, viewer: Administrator) -> Response:
    """Read the whole chain again; the page says what was found."""
    trail.check_chain(hub_of(request))
    return redirect("/ledger")


def _older(wanted: Wanted, seq: int) -> str:
    kept = {name: str(value) for name, value in asdict(wanted).items() if value}
    return f"/ledger?{urlencode({**kept, 'before': seq})}"


def _day(text: str) -> date | None:
    """A half-typed date counts as none: the form shows what was taken instead."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
