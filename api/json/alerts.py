"""CAP alerts of others for programs: taken in as drafts, and what became of each."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, Viewer, hub_of
from api.fields import PathId
from api.json.following import IN_PARTS, LastSeen, name_next
from api.json.routes import program_routes
from scheduler import alerts, people, programmes
from scheduler.alerts import Imported
from scheduler.cap import MAX_BYTES, parse_cap
from scheduler.store.models import ForeignAlert

router = program_routes("/alerts", tag="urgent")

_EXAMPLE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>lu-1</identifier>…</alert>'
)


def _allowed(request: Request, viewer: SignedIn) -> Viewer:
    """
    Raises:
        NotAllowed: who neither drafts nor orders has nothing to do here.
    """
    orders = hub_of(request).settings.urgent.roles
    people.require_role(viewer.person, *programmes.UPLOADERS, *orders)
    return viewer


Allowed = Annotated[Viewer, Depends(_allowed)]


class AlertIn(BaseModel):
    """A CAP 1.2 alert as it came."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"cap": _EXAMPLE}})

    cap: str = Field(min_length=1, max_length=MAX_BYTES, description="the XML, whole")


class AlertOut(BaseModel):
    """An alert that was taken in; ``programme_id`` is the draft that was read aloud of it."""

    id: int
    sender: str
    identifier: str
    sent_at: AwareDatetime
    status: str = Field(description="Actual or Exercise")
    kind: str = Field(description="Alert, Update or Cancel")
    headline: str
    severity: str
    urgency: str
    expires_at: AwareDatetime | None
    cancelled_at: AwareDatetime | None
    units: list[str] = Field(description="codes of our map")
    unknown_areas: list[str] = Field(description="areas that are not on it")
    programme_id: int | None

    @classmethod
    def of(cls, alert: ForeignAlert) -> AlertOut:
        return cls(**{name: getattr(alert, name) for name in cls.model_fields})


class ImportedOut(AlertOut):
    """What became of one that was sent."""

    is_new: bool = Field(description="false: it was imported before, and nothing was done")
    withdrawn: list[int] = Field(description="bulletins that its cancellation took back")
    replaces: list[int] = Field(description="drafts of earlier alerts; on air until taken back")

    @classmethod
    def made(cls, result: Imported) -> ImportedOut:
        return cls(
            **AlertOut.of(result.alert).model_dump(), is_new=result.is_new,
            withdrawn=list(result.withdrawn), replaces=list(result.replaced),
        )  # fmt: skip


@router.get("", responses=IN_PARTS)
def list_alerts(
    request: Request,
    response: Response,
    viewer: Allowed,
    before: LastSeen = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[AlertOut]:
    """The last ones, newest first."""
    with hub_of(request).database.read() as session:
        found = alerts.list_alerts(session, limit + 1, before=before)
        shown = [AlertOut.of(one) for one in found[:limit]]
    if len(found) > limit:
        name_next(request, response, before=shown[-1].id)
    return shown


@router.post("", status_code=201)
def import_alert(request: Request, viewer: Allowed, body: AlertIn) -> ImportedOut:
    """Take one in as a draft; a person with the right role hears it and puts it on air."""
    cap = parse_cap(body.cap.encode())
    return ImportedOut.made(alerts.import_alert(hub_of(request), cap, by=viewer.person))


@router.get("/{alert_id}")
def get_alert(request: Request, viewer: Allowed, alert_id: PathId) -> AlertOut:
    with hub_of(request).database.read() as session:
        return AlertOut.of(alerts.get_alert(session, alert_id))
