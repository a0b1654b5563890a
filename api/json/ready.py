"""Whether what airs soon is there, for programs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import SignedIn, Viewer, hub_of, needs
from api.fields import UnitCode
from api.json.routes import program_routes
from api.moments import moment_of
from api.pages.ready import resend
from api.pages.render import translator_of
from api.pages.stations import RETRIERS
from api.readywords import reason_of, step_of
from api.scope import scope_of
from scheduler.readiness import Due, Level, Readiness, by_moment, readiness

router = program_routes("/ready", tag="ready")


class ReadyOut(BaseModel):
    """One station, for one airing that is to come."""

    station: str
    name: str
    phone: str | None
    level: Level
    code: str = Field(description="why; stable")
    reason: str = Field(description="the same as a sentence")
    next_step: str | None
    programme_id: int
    sha256: str | None = Field(description="of the rendition that it is to play")
    seq: int | None = Field(description="of the manifest that counts")
    last_seen_at: AwareDatetime | None


class MomentOut(BaseModel):
    """One slot at one moment; ``total`` leaves out the stations without a computer."""

    planned_at: AwareDatetime
    broadcast_date: date
    slot_id: int
    title: str
    total: int
    ready: int
    by_hand: int
    stations: list[ReadyOut]


@router.get("")
def list_ready(
    request: Request,
    viewer: SignedIn,
    at: Annotated[str, Query(max_length=40, description="05:00; the next 24 hours else")] = "",
    unit: Annotated[str, Query(max_length=20, description="code; with all below it")] = "",
) -> list[MomentOut]:
    hub = hub_of(request)
    moment = moment_of(at, hub, is_ahead=True) if at else None
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, hub.today(), unit)
        rows = readiness(
            hub, session, first=moment, last=moment + timedelta(seconds=59) if moment else None,
            unit_ids=scope.unit_ids,
        )  # fmt: skip
    return [_moment(request, one) for one in by_moment(rows)]


class ResendIn(BaseModel):
    """To which stations; none: to all of them that are not ready."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"station": "dao-ly"}})

    station: str | None = Field(None, pattern="^[A-Za-z0-9-]{1,40}$", description="code")
    unit: UnitCode | None = Field(None, description="code; with all below it")


class ResentOut(BaseModel):
    stations: list[str] = Field(description="what waits for these is sent now")


@router.post("/resend")
def send_again(
    request: Request, viewer: Annotated[Viewer, Depends(needs(*RETRIERS))], body: ResendIn
) -> ResentOut:
    """Send now what failed or waits, to the stations that are not ready."""
    sent = resend(request, viewer, body.station or "", body.unit or "")
    return ResentOut(stations=sorted(one.code for one in sent))


def _moment(request: Request, due: Due) -> MomentOut:
    return MomentOut(
        planned_at=due.planned_at,
        broadcast_date=due.first.broadcast_date,
        slot_id=due.first.slot_id,
        title=due.first.slot.title,
        total=due.total,
        ready=due.count(Level.READY),
        by_hand=due.count(Level.BY_HAND),
        stations=[_row(request, row) for row in due.rows],
    )


def _row(request: Request, row: Readiness) -> ReadyOut:
    tr = translator_of(request)
    return ReadyOut(
        station=row.station.code,
        name=row.station.name,
        phone=row.station.phone,
        level=row.level,
        code=row.code,
        reason=reason_of(tr, row),
        next_step=step_of(tr, row) or None,
        programme_id=row.airing.programme_id,
        sha256=row.hash,
        seq=row.delivery.seq if row.delivery else None,
        last_seen_at=row.station.last_seen_at,
    )
