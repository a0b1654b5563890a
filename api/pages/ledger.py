"""The audit trail: what was done, by whom and when; each entry seals the one before it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select

from api.auth import Viewer, hub_of, needs
from api.pages.render import page
from scheduler.store import ledger
from scheduler.store.models import LedgerEntry

router = APIRouter()

ROWS = 50
Word = Annotated[str, Query(max_length=80)]


@router.get("/ledger")
def show(
    request: Request,
    viewer: Annotated[Viewer, Depends(needs("administrator"))],
    who: Word = "",
    what: Word = "",
    subject: Word = "",
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    check: bool = False,
) -> Response:
    """A page of entries, newest first; ``check`` reads the whole chain again."""
    statement = select(LedgerEntry).order_by(LedgerEntry.seq.desc()).limit(ROWS + 1)
    for column, wanted in (
        (LedgerEntry.who, who), (LedgerEntry.what, what), (LedgerEntry.subject, subject)
    ):  # fmt: skip
        if wanted.strip():
            statement = statement.where(column == wanted.strip())
    if before is not None:
        statement = statement.where(LedgerEntry.seq < before)
    with hub_of(request).database.read() as session:
        entries = list(session.scalars(statement))
        words = sorted(session.scalars(select(LedgerEntry.what).distinct()))
        broken = ledger.verify(session) if check else None
    return page(
        request, "ledger.html", viewer=viewer, entries=entries[:ROWS], whats=words,
        older=entries[ROWS - 1].seq if len(entries) > ROWS else None, who=who, what=what,
        subject=subject, check=check, broken=broken,
    )  # fmt: skip
