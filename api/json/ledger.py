"""The audit trail for programs, in keyset pages, and the state of its chain."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from fastapi import Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import hub_of
from api.json.routes import program_routes
from api.ledgerwords import deed
from api.pages.people import Administrator
from api.pages.render import translator_of
from scheduler import trail
from scheduler.store.models import LedgerEntry

router = program_routes("/ledger", tag="ledger")

Word = Annotated[str, Query(max_length=200)]


class EntryOut(BaseModel):
    """What was done, by whom, when; sealed into the entry after it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "seq": 41,
                "at": "2022-10-16T03:00:00Z",
                "who": "tuan",
                "what": "programme_approved",
                "subject": "programme 7",
                "sentence": "Trần Anh Tuấn duyệt chương trình 7",
                "detail": {},
                "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            }
        }
    )

    seq: int
    at: AwareDatetime
    who: str
    what: str
    subject: str
    sentence: str = Field(description="in the language of the request")
    detail: dict[str, Any]
    hash: str


class LedgerPage(BaseModel):
    """Newest first; ``next`` is the ``before`` of the following page."""

    entries: list[EntryOut]
    next: int | None


class ChainOut(BaseModel):
    """How far the chain was read and found whole."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "head": 1290,
                "head_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "checked_at": "2022-10-16T03:00:00Z",
                "checked_seq": 1288,
                "unchecked": 2,
                "broken_seq": None,
            }
        }
    )

    head: int
    head_hash: str | None = Field(description="keep it elsewhere: it proves all that is before it")
    checked_at: AwareDatetime | None
    checked_seq: int
    unchecked: int
    broken_seq: int | None = Field(description="the first entry that was changed or is missing")

    @classmethod
    def of(cls, state: trail.ChainState) -> Self:
        checked = state.checked
        return cls(
            head=state.head, head_hash=state.head_hash, unchecked=state.unchecked,
            checked_at=checked.at if checked else None,
            checked_seq=checked.seq if checked else 0,
            broken_seq=checked.broken_seq if checked else None,
        )  # fmt: skip


@router.get("")
def list_entries(
    request: Request,
    viewer: Administrator,
    who: Word = "",
    what: Word = "",
    subject: Word = "",
    first: date | None = None,
    last: date | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> LedgerPage:
    hub, tr = hub_of(request), translator_of(request)
    with hub.database.read() as session:
        wanted = trail.Wanted(who, what, subject, first, last)
        found = trail.entries(hub, session, wanted, before=before, limit=limit + 1)
        names = trail.full_names(session)
    shown = [_out(one, deed(tr, one, names)) for one in found[:limit]]
    return LedgerPage(entries=shown, next=found[limit - 1].seq if len(found) > limit else None)


@router.get("/chain")
def get_chain(request: Request, viewer: Administrator) -> ChainOut:
    with hub_of(request).database.read() as session:
        return ChainOut.of(trail.chain_state(session))


@router.post("/chain/check")
def check_chain(request: Request, viewer: Administrator) -> ChainOut:
    """Read the whole chain again."""
    trail.check_chain(hub_of(request))
    return get_chain(request, viewer)


def _out(entry: LedgerEntry, sentence: str) -> EntryOut:
    columns = {name: getattr(entry, name) for name in EntryOut.model_fields if name != "sentence"}
    return EntryOut(sentence=sentence, **columns)
