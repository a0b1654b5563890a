"""The nightly look at what really lies on each station: "delivered" is checked, not remembered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from scheduler.day import day_from_rows, rendition_files
from scheduler.dispatch import interruptible_pool
from scheduler.errors import CoreError
from scheduler.hub import Hub
from scheduler.reach import reach
from scheduler.receipts import lose, receipt_of
from scheduler.store import ledger
from scheduler.store.among import among
from scheduler.store.models import Delivery, Station
from scheduler.store.states import OPEN_DELIVERIES, DeliveryState
from scheduler.sweep import Swept, sweep
from scheduler.visitlog import Purpose, VisitLog
from stations import audit as edge
from stations.audit import Found, WantedDay
from stations.errors import BadReceipt, FileTooLong, StationError
from stations.visit import Visit

log = structlog.get_logger()

_BROUGHT = (DeliveryState.DELIVERED, DeliveryState.VERIFIED)
# A station that cannot be reached is tried again after this; before its air time more often.
_NEXT_TRY = timedelta(hours=1)
_NEXT_TRY_BEFORE_AIR = timedelta(minutes=15)
# The player reads every file to its end once a day; an older word of it is an old word.
_RECEIPT_COUNTS_FOR = timedelta(hours=26)
_NAMES_KEPT = 20


@dataclass(frozen=True)
class AuditResult:
    """What one look at one station brought, and what was done about it."""

    station_code: str
    found: Found | None = None
    healed: int = 0  # days that are due again
    swept: Swept | None = None
    error: StationError | CoreError | None = None

    @property
    def findings(self) -> dict[str, Any]:
        """As it is stored at the station's row, and shown."""
        if self.found is None:
            return {}
        swept = self.swept or Swept()
        return {
            "files": self.found.files,
            "missing": sorted(self.found.missing)[:_NAMES_KEPT],
            "wrong": sorted(self.found.wrong)[:_NAMES_KEPT],
            "bad": len(self.found.bad),
            "lost_days": [str(on) for on in self.found.lost_days],
            "by_station": self.found.by_station,
            "by_sample": self.found.by_sample,
            "bytes_read": self.found.bytes_read,
            "strays": self.found.strays,
            "removed": len(swept.renditions) + len(swept.parts) + len(swept.days),
            "healed": self.healed,
        }


def audit_station(hub: Hub, station_id: int) -> AuditResult:
    """
    Look at what lies on one station; what was lost is due again, what is nobody's is removed.

    A loss heals at once the first time and after growing pauses from then on: a card that loses
    everything is not sent the same night for ever.
    """
    with hub.database.write() as session:
        station = session.get_one(Station, station_id)
        station.audit_tried_at = hub.clock.now()
        days = _days(hub, session, station)
    result, visited = AuditResult(station.code), VisitLog(hub, station, Purpose.AUDIT)
    try:
        with reach(hub, station, diary=visited.diary) as visit:
            visit.end_within(hub.settings.collect.limit_s)
            result = _look(hub, station, visit, days)
    except (StationError, CoreError) as error:
        result = AuditResult(station.code, error=error)
    visited.write_alone(result.error)
    log.info(
        "station_audited", station=station.code, healed=result.healed,
        bad=len(result.found.bad) if result.found else None,
        error=result.error.code if result.error else None,
    )  # fmt: skip
    return result


def audit(
    hub: Hub,
    *,
    stations: Collection[int] | None = None,
    on_result: Callable[[AuditResult], None] = lambda result: None,
) -> list[AuditResult]:
    """Look at these stations now, or at every one that can be looked at."""
    with hub.database.read() as session:
        ids = session.scalars(select(Station.id).where(*_can_be_seen()).order_by(Station.code))
        chosen = [one for one in ids if stations is None or one in stations]
    results = []
    with interruptible_pool(hub.settings.push.workers, "audit") as pool:
        for result in pool.map(lambda one: audit_station(hub, one), chosen):
            results.append(result)
            on_result(result)
    return results


@dataclass(frozen=True)
class DueAudit:
    """A station that is to be looked at now."""

    station_id: int
    is_near: bool  # its day airs soon: before the night's other work


def to_audit(hub: Hub) -> list[DueAudit]:
    """
    The stations that hold a coming day and were not looked at since tonight's hour, or since an
    hour before that day airs. They count as tried from here on: no message comes twice.
    """
    now, before_air = hub.clock.now(), timedelta(minutes=hub.settings.audit.before_air_min)
    tonight = _last(hub, now)
    with hub.database.read() as session:
        rows = session.execute(_COMING, {"now": now}).all()
    due: dict[int, DueAudit] = {}
    for station_id, seen, tried, first in rows:
        is_near = first - now <= before_air
        since = max(tonight, first - before_air) if is_near else tonight
        if (seen is None or seen < since) and (tried is None or tried <= now - _pause(is_near)):
            due[station_id] = DueAudit(station_id, is_near)
    if not due:
        return []
    with hub.database.write() as session:
        taken = _tried_now(session, due.values(), now)
    return [one for one in due.values() if one.station_id in taken]


def _pause(is_near: bool) -> timedelta:
    return _NEXT_TRY_BEFORE_AIR if is_near else _NEXT_TRY


def _tried_now(session: Session, due: Iterable[DueAudit], now: datetime) -> set[int]:
    """Of these the stations that nobody took meanwhile."""
    taken: set[int] = set()
    for is_near in (True, False):
        ids = [one.station_id for one in due if one.is_near is is_near]
        tried = or_(
            Station.audit_tried_at.is_(None), Station.audit_tried_at <= now - _pause(is_near)
        )
        statement = update(Station).where(among(Station.id, ids), tried)
        taken |= set(session.scalars(statement.values(audit_tried_at=now).returning(Station.id)))
    return taken


def _last(hub: Hub, now: datetime) -> datetime:
    """The last time that the clock on the wall showed the hour of the audit."""
    zone = hub.settings.zone
    today = datetime.combine(hub.today(), hub.settings.audit.at, zone)
    return today if today <= now else today - timedelta(days=1)


def _can_be_seen() -> list[Any]:
    is_folder_here = and_(Station.kind == "folder", Station.username.is_(None))
    return [
        Station.active,
        Station.kind != "person",
        or_(Station.host_key.is_not(None), is_folder_here),
    ]


_COMING = (
    select(Station.id, Station.audited_at, Station.audit_tried_at, func.min(Delivery.first_air_at))
    .join(Delivery)
    .where(*_can_be_seen(), Delivery.state.in_(_BROUGHT), Delivery.first_air_at > bindparam("now"))
    .group_by(Station.id)
    .order_by(func.min(Delivery.first_air_at), Station.id)
)


def _days(hub: Hub, session: Session, station: Station) -> list[WantedDay]:
    """What was brought and still counts; a day that was planned anew is about to be sent."""
    days = []
    for delivery in session.scalars(
        select(Delivery).where(
            Delivery.station_id == station.id,
            Delivery.state.in_(_BROUGHT),
            Delivery.last_air_at > hub.clock.now(),
        )
    ):
        day = day_from_rows(session, station, delivery.for_date)
        if day.content_sha256 == delivery.content_sha256:
            files = tuple(rendition_files(hub, day))
            days.append(WantedDay(delivery.for_date, delivery.manifest_sha256 or "", files))
    return days


def _look(hub: Hub, station: Station, visit: Visit, days: Sequence[WantedDay]) -> AuditResult:
    ok, wrong = _own_words(hub, station, visit)
    with visit.diary.doing("audit") as entry:
        found = edge.audit(
            visit, days, ok=ok, wrong=wrong, budget_bytes=hub.settings.audit.budget_bytes,
            seed=str(hub.today()),
        )  # fmt: skip
        entry.facts.update(files=found.files, bad=len(found.bad))
    lost = [day for day in days if found.is_lost(day)]
    healed = _heal(hub, station, lost, found) if lost else 0
    # A visit sweeps at its end, so only a station that gets none is swept from here.
    swept = sweep(hub, station, visit) if _is_quiet(hub, station) else Swept()
    result = AuditResult(station.code, found, healed, swept)
    with hub.database.write() as session:
        session.execute(
            update(Station)
            .where(Station.id == station.id)
            .values(audited_at=hub.clock.now(), last_seen_at=hub.clock.now(), audit=result.findings)
        )
        if lost:
            ledger.record(
                session, at=hub.clock.now(), who="loa", what="audit_found_loss",
                subject=station.code, **result.findings,
            )  # fmt: skip
    return result


def _own_words(hub: Hub, station: Station, visit: Visit) -> tuple[Collection[str], Collection[str]]:
    """What the station itself has read, if its receipt is fresh: right, and wrong."""
    try:
        receipt = receipt_of(hub, station, visit) if station.kind == "player" else None
    except (BadReceipt, FileTooLong):
        return (), ()
    if receipt is None or abs(hub.clock.now() - receipt.at) > _RECEIPT_COUNTS_FOR:
        return (), ()
    days = receipt.days.values()
    return (
        frozenset().union(*(day.ok for day in days)),
        frozenset().union(*(day.wrong for day in days)),
    )


def _heal(hub: Hub, station: Station, lost: Sequence[WantedDay], found: Found) -> int:
    """Make the lost days due again, unless somebody replaced or took them meanwhile."""
    manifests = {day.on: day.manifest_sha256 for day in lost}
    healed = 0
    with hub.database.write() as session:
        known = session.get_one(Station, station.id, with_for_update=True)
        # A visit would take a file with one flipped bit for one that is there already.
        known.distrusted = sorted({*(known.distrusted or ()), *found.wrong})
        for delivery in session.scalars(
            select(Delivery).where(
                Delivery.station_id == station.id,
                Delivery.for_date.in_(manifests),
                Delivery.state.in_(_BROUGHT),
            )
        ):
            if delivery.manifest_sha256 == manifests[delivery.for_date]:
                lose(hub, session, delivery)
                healed += 1
    return healed


def _is_quiet(hub: Hub, station: Station) -> bool:
    """
    Whether no visit is there or about to come, so that nothing is swept from under its hands.

    Should one begin within this very second, the worst is a part that it writes once more.
    """
    with hub.database.read() as session:
        waiting = select(Delivery.id).where(
            Delivery.station_id == station.id,
            Delivery.state.in_(OPEN_DELIVERIES),
            Delivery.last_air_at > hub.clock.now(),
        )
        return session.scalar(waiting.limit(1)) is None
