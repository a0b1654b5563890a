"""Brings urgent bulletins to their stations: at once, beside every other visit, in time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from scheduler.bulletins import alive, drill_id, end_the_expired
from scheduler.day import Renditions, ready_renditions
from scheduler.dispatch import interruptible_pool
from scheduler.errors import CoreError, LeaseLost, RenditionMissing
from scheduler.hub import Hub
from scheduler.keys import keys_of
from scheduler.leases import Lease, back_off
from scheduler.reach import reach
from scheduler.store.models import BulletinStation, Station
from scheduler.store.states import DeliveryState, moving
from scheduler.visitlog import Purpose, VisitLog
from stations.errors import StationError
from stations.layout import RenditionFile
from stations.manifest import Manifest, ManifestFile, ManifestItem, file_sha256, sign
from stations.visit import Step, Visit

log = structlog.get_logger()

# A minute of speech needs twelve seconds at 256 kbit/s; ten minutes at half of that, with room.
_LEASE = timedelta(minutes=15)
_LONGEST_WAIT = timedelta(minutes=2)  # between two tries: it is urgent
_ITEM_ID = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class UrgentVisit:
    """What one visit for the sake of what is urgent brought about."""

    station_id: int
    station_code: str
    error: StationError | CoreError | None = None


@dataclass(frozen=True)
class _Claimed:
    """A station's urgent manifest to be brought, and the rows that it settles."""

    station: Station
    manifest: Manifest
    files: tuple[RenditionFile, ...]
    leases: tuple[Lease, ...]  # of bulletins


def due_stations(hub: Hub) -> list[int]:
    """The stations that must be told of something urgent now."""
    now = hub.clock.now()
    with hub.database.write() as session:
        end_the_expired(session, now)
        ids = session.scalars(
            select(BulletinStation.station_id)
            .join(Station)
            .where(_waits(now), Station.active)
            .order_by(BulletinStation.next_try_at)
        ).all()
    return list(dict.fromkeys(ids))


def bring(hub: Hub, station_id: int, *, step: Step = lambda name: None) -> UrgentVisit | None:
    """
    Bring one station its urgent manifest; beside a visit that is under way there.

    Safe to kill at any step: what was not finished is due again when its lease ends. Gives
    ``None`` when nothing waits or another worker is at it.
    """
    try:
        claimed = _claim(hub, station_id)
    except CoreError as met:  # its encoding was lost here: nothing was claimed
        return UrgentVisit(station_id, "", met)
    if claimed is None:
        return None
    error: StationError | CoreError | None = None
    visited = VisitLog(hub, claimed.station, Purpose.URGENT)
    try:
        with reach(hub, claimed.station, step, visited.diary) as visit:
            sha256 = _put(hub, visit, claimed)
        _finish(hub, claimed, sha256, visited)
    except (StationError, CoreError) as met:
        error = met
        _give_back(hub, claimed, met, visited)
    code = claimed.station.code
    log.info("urgent_brought", station=code, error=error.code if error else None)
    return UrgentVisit(station_id, code, error)


def push(
    hub: Hub,
    *,
    stations: Collection[int] | None = None,
    on_result: Callable[[UrgentVisit], None] = lambda visit: None,
) -> list[UrgentVisit]:
    """Bring whatever is due to all these stations at once."""
    wanted = [one for one in due_stations(hub) if stations is None or one in stations]
    done: list[UrgentVisit] = []
    with interruptible_pool(max(hub.settings.push.workers, min(64, len(wanted))), "urgent") as pool:
        for visit in pool.map(lambda one: bring(hub, one), wanted):
            if visit is not None:
                done.append(visit)
                on_result(visit)
    return done


# ── Inside ─────────────────────────────────────────────────────────────────────────────────────


def _waits(now: datetime) -> ColumnElement[bool]:
    """Due, or left behind by a worker that died."""
    return or_(
        and_(BulletinStation.state == DeliveryState.DUE, BulletinStation.next_try_at <= now),
        and_(BulletinStation.state == DeliveryState.LEASED, BulletinStation.lease_until < now),
    )


def _claim(hub: Hub, station_id: int) -> _Claimed | None:
    now = hub.clock.now()
    with hub.database.write() as session:
        # Locks the row on PostgreSQL: two workers cannot both take the next number.
        station = session.get(Station, station_id, with_for_update=True)
        waiting = session.scalars(
            select(BulletinStation).where(BulletinStation.station_id == station_id, _waits(now))
        ).all()
        if station is None or not waiting:
            return None
        manifest, files = _manifest(hub, session, station, now)
        leases = tuple(Lease(row.bulletin_id, row.attempts + 1, "urgent") for row in waiting)
        ids = [row.bulletin_id for row in waiting]
        mine = (BulletinStation.station_id == station_id, BulletinStation.bulletin_id.in_(ids))
        # A dead worker's rows are leased already: first due again, then ours.
        session.execute(moving(BulletinStation, DeliveryState.DUE).where(*mine))
        session.execute(
            moving(BulletinStation, DeliveryState.LEASED)
            .where(*mine)
            .values(attempts=BulletinStation.attempts + 1, lease_until=now + _LEASE)
        )
    return _Claimed(station, manifest, files, leases)


def _manifest(
    hub: Hub, session: Session, station: Station, now: datetime
) -> tuple[Manifest, tuple[RenditionFile, ...]]:
    """All that is alive at the station, under its next number."""
    rows = list(alive(session, station.id, now))
    renditions = ready_renditions(session, {row.bulletin.programme_id for row in rows})
    chosen = [(row, _rendition(renditions, row, station)) for row in rows]
    seq, station.next_seq = station.next_seq, station.next_seq + 1
    manifest = Manifest(
        station=station.code, tz=hub.settings.time.zone, for_date=hub.today(), seq=seq,
        generated_at=now.replace(microsecond=0), not_before=now.replace(microsecond=0),
        expires_at=max((row.bulletin.expires_at for row in rows), default=now + _LEASE),
        files=tuple({file.sha256: file for _, file in chosen}.values()), is_urgent=True,
        items=tuple(_item(row, file) for row, file in chosen),
    )  # fmt: skip
    files = tuple(
        RenditionFile(one.sha256, one.extension, hub.renditions / one.name, one.size_bytes)
        for one in manifest.files
    )
    return manifest, files


def _rendition(renditions: Renditions, row: BulletinStation, station: Station) -> ManifestFile:
    found = renditions.get((row.bulletin.programme_id, station.profile))
    if found is None:
        raise RenditionMissing(name=f"{row.bulletin.title} ({station.profile})")
    return found


def _item(row: BulletinStation, file: ManifestFile) -> ManifestItem:
    bulletin = row.bulletin
    return ManifestItem(
        id=drill_id(bulletin.id) if bulletin.is_drill else f"{row.planned_at:{_ITEM_ID}}",
        starts_at=row.planned_at,
        late_ok_s=min(86_400, int((bulletin.expires_at - row.planned_at).total_seconds())),
        ms=file.ms, gain_db=0.0, bulletin_class="urgent", title=bulletin.title,
        files=(file.name,), is_drill=bulletin.is_drill,
    )  # fmt: skip


def _put(hub: Hub, visit: Visit, claimed: _Claimed) -> str:
    for file in claimed.files:
        if not file.path.exists():
            raise RenditionMissing(name=file.name)
        visit.put_rendition(file)
    keys = keys_of(hub, claimed.station)
    data = sign(claimed.manifest, keys.current, keys.next)
    visit.commit_urgent(data)
    return file_sha256(data)


def _finish(hub: Hub, claimed: _Claimed, sha256: str, visited: VisitLog) -> None:
    now = hub.clock.now()
    with hub.database.write() as session:
        for lease in claimed.leases:
            changed = session.execute(
                moving(BulletinStation, DeliveryState.DELIVERED)
                .where(*_held(claimed.station, lease))
                .values(
                    delivered_at=now, lease_until=None, error_code=None, error_fields=None,
                    manifest_sha256=sha256,
                )
                .returning(BulletinStation.bulletin_id)
            ).all()  # fmt: skip
            if not changed:
                raise LeaseLost()
        # The others that are alive lie there under this manifest now.
        session.execute(
            update(BulletinStation)
            .where(
                BulletinStation.station_id == claimed.station.id,
                BulletinStation.planned_at.in_([i.starts_at for i in claimed.manifest.items]),
                BulletinStation.state.in_((DeliveryState.DELIVERED, DeliveryState.VERIFIED)),
            )
            .values(manifest_sha256=sha256)
        )
        visited.write(session)


def _give_back(
    hub: Hub, claimed: _Claimed, error: StationError | CoreError, visited: VisitLog
) -> None:
    now = hub.clock.now()
    state = DeliveryState.DUE if error.retry else DeliveryState.FAILED
    fields = {name: str(value) for name, value in error.fields.items()}
    with hub.database.write() as session:
        for lease in claimed.leases:
            wait = min(back_off(hub.settings.push, lease), _LONGEST_WAIT)
            session.execute(
                moving(BulletinStation, state)
                .where(*_held(claimed.station, lease))
                .values(
                    next_try_at=now + wait, lease_until=None, error_code=error.code,
                    error_fields=fields,
                )
            )  # fmt: skip
        visited.write(session, error)


def _held(station: Station, lease: Lease) -> Sequence[ColumnElement[bool]]:
    return (
        BulletinStation.station_id == station.id,
        BulletinStation.bulletin_id == lease.delivery_id,
        BulletinStation.attempts == lease.attempt,
        BulletinStation.state == DeliveryState.LEASED,
    )
