"""Alerts of others become drafts: read aloud, measured, and on air only by a person's word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler import announce, bulletins, people
from scheduler.cap import CapAlert
from scheduler.clock import local_date
from scheduler.errors import CapRefused, NotFound
from scheduler.hub import Hub
from scheduler.programmes import UPLOADERS, ProgrammeDetails
from scheduler.store import ledger
from scheduler.store.models import Bulletin, ForeignAlert, Person
from scheduler.text import without_tones
from scheduler.units import units_on

PAGE = 30  # alerts shown at once


@dataclass(frozen=True)
class Imported:
    """What became of one alert."""

    alert: ForeignAlert
    is_new: bool  # False: it was imported before; nothing was done
    withdrawn: tuple[int, ...] = ()  # bulletins that its cancellation took back
    replaced: tuple[int, ...] = ()  # drafts of earlier alerts that it replaces


def import_alert(
    hub: Hub, cap: CapAlert, *, by: Person, progress: Callable[[float], None] | None = None
) -> Imported:
    """
    Take in an alert: a new or updated one as a draft that is read aloud, a cancellation at once.

    The same alert again (its sender and identifier) changes nothing. What is on air because of an
    earlier alert is taken back by a cancellation; an update leaves it until a person decides.

    Raises:
        CapRefused: it has expired, or cancels what we do not know.
        NotAllowed: to draft takes an uploader's role; to cancel one of ``[urgent] roles``.
    """
    people.require_role(by, *(hub.settings.urgent.roles if cap.kind == "Cancel" else UPLOADERS))
    with hub.database.read() as session:
        known = find_alert(session, cap.sender, cap.identifier)
        earlier = [
            found for pair in cap.references if (found := find_alert(session, *pair)) is not None
        ]
    if known is not None:
        return Imported(known, is_new=False)
    if cap.kind == "Cancel":
        return _cancel(hub, cap, earlier, by)
    if cap.expires_at is not None and cap.expires_at <= hub.clock.now():
        raise CapRefused(problem="it has expired")
    return _draft(hub, cap, earlier, by, progress)


def get_alert(session: Session, alert_id: int) -> ForeignAlert:
    """
    Raises:
        NotFound: there is no such alert.
    """
    found = session.get(ForeignAlert, alert_id)
    if found is None:
        raise NotFound(what="alert", key=alert_id)
    return found


def list_alerts(
    session: Session, limit: int = PAGE, *, before: int | None = None
) -> list[ForeignAlert]:
    """What was taken in, newest first; or what came before the one of this id."""
    statement = select(ForeignAlert).order_by(ForeignAlert.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(ForeignAlert.id < before)
    return list(session.scalars(statement))


def minutes_left(alert: ForeignAlert, now: datetime, most: int) -> int:
    """How long a bulletin made of it may be begun, in whole minutes; 0: no more."""
    if alert.cancelled_at is not None:
        return 0
    if alert.expires_at is None:
        return most
    return max(0, min(most, int((alert.expires_at - now).total_seconds() // 60)))


def find_alert(session: Session, sender: str, identifier: str) -> ForeignAlert | None:
    return session.scalar(
        select(ForeignAlert).where(
            ForeignAlert.sender == sender, ForeignAlert.identifier == identifier
        )
    )


def places_of(hub: Hub, session: Session, cap: CapAlert) -> tuple[list[str], list[str]]:
    """
    The units of today's map that its areas name, by code or by name; and the areas that none is.

    A name that two units bear is told as unknown: it is for a person to say which is meant.
    """
    units = units_on(session, hub.today())
    codes = {unit.code for unit in units}
    names: dict[str, list[str]] = {}
    for unit in units:
        names.setdefault(without_tones(unit.name), []).append(unit.code)
    found: list[str] = []
    unknown: list[str] = []
    for area in cap.areas:
        ours = [code for code in area.codes if code in codes]
        named = names.get(without_tones(area.name), [])
        if not ours and len(named) == 1:
            ours = named
        found += ours
        if not ours:
            unknown.append(area.name or ", ".join(area.codes))
    return list(dict.fromkeys(found)), unknown


# ── Inside ─────────────────────────────────────────────────────────────────────────────────────


def _draft(
    hub: Hub, cap: CapAlert, earlier: Sequence[ForeignAlert], by: Person,
    progress: Callable[[float], None] | None,
) -> Imported:  # fmt: skip
    zone = hub.settings.zone
    details = ProgrammeDetails(
        title=cap.headline, programme_class="urgent",
        expires_on=local_date(cap.expires_at, zone) if cap.expires_at else None,
    )  # fmt: skip
    programme = announce.announce(hub, cap.text, details, by=by, progress=progress)
    with hub.database.write() as session:
        alert = _remember(hub, session, cap, by, programme_id=programme.id)
        replaced = tuple(
            one.programme_id for one in earlier if one.programme_id and cap.kind == "Update"
        )
        _record(hub, session, alert, by, "alert_imported", replaces=list(replaced))
    return Imported(alert, is_new=True, replaced=replaced)


def _cancel(hub: Hub, cap: CapAlert, earlier: Sequence[ForeignAlert], by: Person) -> Imported:
    if not earlier:
        raise CapRefused(problem="it cancels an alert that was never imported here")
    now = hub.clock.now()
    drafts = [one.programme_id for one in earlier if one.programme_id]
    with hub.database.read() as session:
        live = session.scalars(
            select(Bulletin.id).where(
                Bulletin.programme_id.in_(drafts),
                Bulletin.withdrawn_at.is_(None),
                Bulletin.expires_at > now,
            )
        ).all()
    for bulletin_id in live:
        bulletins.withdraw(hub, bulletin_id, by=by, reason=f"CAP {cap.sender} {cap.identifier}")
    with hub.database.write() as session:
        alert = _remember(hub, session, cap, by, programme_id=None)
        for one in earlier:
            session.get_one(ForeignAlert, one.id).cancelled_at = now
        _record(hub, session, alert, by, "alert_cancelled", bulletins=list(live))
    return Imported(alert, is_new=True, withdrawn=tuple(live))


def _remember(
    hub: Hub, session: Session, cap: CapAlert, by: Person, *, programme_id: int | None
) -> ForeignAlert:
    found, unknown = places_of(hub, session, cap)
    alert = ForeignAlert(
        sender=cap.sender, identifier=cap.identifier, sent_at=cap.sent_at, status=cap.status,
        kind=cap.kind, headline=cap.headline, severity=cap.severity, urgency=cap.urgency,
        expires_at=cap.expires_at, units=found, unknown_areas=unknown, programme_id=programme_id,
        imported_by=by.id, imported_at=hub.clock.now(),
    )  # fmt: skip
    session.add(alert)
    session.flush()
    return alert


def _record(
    hub: Hub, session: Session, alert: ForeignAlert, by: Person, what: str, **more: object
) -> None:
    ledger.record(
        session, at=hub.clock.now(), who=by.username, what=what,
        subject=f"alert {alert.identifier}", sender=alert.sender, headline=alert.headline,
        programme=alert.programme_id, units=alert.units, unknown=alert.unknown_areas, **more,
    )  # fmt: skip
