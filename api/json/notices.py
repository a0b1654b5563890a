"""Notices for programs: what was told to whom, and what did not arrive."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from api.auth import hub_of
from api.fields import PathId
from api.json.following import IN_PARTS, LastSeen, Limit, name_next
from api.json.routes import program_routes
from api.noticewords import notice_document
from api.pages.people import Administrator
from api.pages.render import translator_of
from scheduler import outbox
from scheduler.store.states import NoticeState

router = program_routes("/notices", tag="notices")


class NoticeOut(BaseModel):
    """One notice to one recipient."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 17,
                "kind": "digest",
                "channel": "mail",
                "target": "truc@hanam.example",
                "subject": "113/115 đài sẵn sàng; 2 đài cần gọi",
                "made_at": "2022-10-17T00:00:00Z",
                "state": "sent",
                "attempts": 1,
                "next_try_at": None,
                "sent_at": "2022-10-17T00:00:02Z",
                "error_code": None,
                "error": None,
            }
        }
    )

    id: int
    kind: str
    channel: str
    target: str | None
    subject: str
    made_at: AwareDatetime
    state: NoticeState
    attempts: int
    next_try_at: AwareDatetime | None
    sent_at: AwareDatetime | None
    error_code: str | None
    error: str | None


@router.get("", responses=IN_PARTS)
def list_notices(
    request: Request,
    response: Response,
    viewer: Administrator,
    state: NoticeState | None = None,
    before: LastSeen = None,
    limit: Limit = 100,
) -> list[NoticeOut]:
    """Newest first."""
    with hub_of(request).database.read() as session:
        found = outbox.list_notices(session, state=state, limit=limit + 1, before=before)
        shown = [_shown(request, one) for one in found[:limit]]
    if len(found) > limit:
        name_next(request, response, before=shown[-1].id)
    return shown


@router.post("/{notice_id}/retry")
def retry_notice(request: Request, viewer: Administrator, notice_id: PathId) -> NoticeOut:
    """A dead notice is due again."""
    made = outbox.revive(hub_of(request), notice_id, by=viewer.person.username)
    return _shown(request, made)


def _shown(request: Request, notice: Any) -> NoticeOut:
    return NoticeOut.model_validate(notice_document(notice, translator_of(request)))
