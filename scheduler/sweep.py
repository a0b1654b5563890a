"""Makes room on a station: what no airing needs any more goes, what may still air never does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import bindparam, select

from scheduler.day import ready_renditions
from scheduler.hub import Hub
from scheduler.keys import keys_of
from scheduler.store import ledger
from scheduler.store.models import Airing, Station
from scheduler.store.states import AiringState
from stations import sweep as edge
from stations.errors import FileTooLong, ManifestRefused, NotWritable, StationError
from stations.layout import audio_path
from stations.placing import PART
from stations.sweep import Lying
from stations.visit import Visit

log = structlog.get_logger()

# A box whose clock is slow still plays them, and a plug that was pulled may be put in again.
_STILL_WANTED = timedelta(hours=6)
# A box that comes back after its day still wants the plan, to log what it missed.
_MANIFESTS_KEPT_DAYS = 3
_NAMES_RECORDED = 100

_airing: Any = Airing.__table__
_AIRINGS = select(
    _airing.c.planned_at, _airing.c.late_ok_s, _airing.c.ms, _airing.c.programme_id,
    _airing.c.ident_id,
).where(
    _airing.c.station_id == bindparam("station_id"),
    _airing.c.planned_at > bindparam("since"),
    _airing.c.state != AiringState.CANCELLED,
)  # fmt: skip


@dataclass(frozen=True)
class Swept:
    """What was removed from one station."""

    renditions: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    days: tuple[date, ...] = ()
    freed_bytes: int = 0

    @property
    def is_nothing(self) -> bool:
        return not (self.renditions or self.parts or self.days)


def sweep(hub: Hub, station: Station, visit: Visit, needed: Collection[str] = ()) -> Swept:
    """
    Remove from a station what nothing will play any more. Call it while you hold its lease.

    ``needed``: renditions of which the caller knows that already. Where nothing else lies, no row
    is asked.

    A rendition stays while a row wants it, or a plan that lies at the station does: until the
    next commit the station obeys the old plan. Who cannot read such a plan removes no sound.
    """
    with visit.diary.doing("sweep") as entry:
        swept = _sweep(hub, station, visit, needed)
        entry.facts.update(
            files=len(swept.renditions) + len(swept.parts), freed_bytes=swept.freed_bytes
        )
    _record(hub, station, swept)
    return swept


def _sweep(hub: Hub, station: Station, visit: Visit, needed: Collection[str]) -> Swept:
    lying = edge.look(visit)
    wanted = set(needed)
    if lying.parts or not wanted.issuperset(lying.audio):
        wanted |= _wanted_by_rows(hub, station)  # after the look: what came since is not in it
    idle = [name for name in sorted(lying.audio) if name not in wanted]
    if idle:
        idle = _without(idle, _wanted_at_station(hub, station, visit, lying))
    parts = [path for path in sorted(lying.parts) if path not in _parts_of(wanted)]
    oldest = hub.today() - timedelta(days=_MANIFESTS_KEPT_DAYS)
    days = sorted({on for on in (*lying.manifests, *lying.playlists) if on < oldest})
    visit.remove_audio(idle)
    edge.remove_parts(visit, parts)
    for on in days:
        edge.remove_day(visit, on)
    freed = sum(lying.audio[name] for name in idle) + sum(lying.parts[path] for path in parts)
    return Swept(tuple(idle), tuple(parts), tuple(days), freed)


def sweep_quietly(hub: Hub, station: Station, visit: Visit, needed: Collection[str] = ()) -> None:
    """After a delivery: what goes wrong here is told, and takes nothing back of what was done."""
    try:
        sweep(hub, station, visit, needed)
    except StationError as error:
        log.warning("sweep_failed", station=station.code, error=error.code)


def _wanted_by_rows(hub: Hub, station: Station) -> set[str]:
    """Names of the renditions that an airing needs: today's, the coming, the ones still in time."""
    since = hub.clock.now() - _STILL_WANTED
    # A late rule allows a day at most, and an item lasts a day at most.
    asked = {"station_id": station.id, "since": since - timedelta(days=2)}
    with hub.database.read() as session:
        ids = {
            one
            for planned_at, late_ok_s, ms, *plays in session.execute(_AIRINGS, asked)
            if _last_moment(planned_at, late_ok_s, ms) > since
            for one in plays
            if one is not None  # no ident
        }
        renditions = ready_renditions(session, ids)
    return {file.name for (_, profile), file in renditions.items() if profile == station.profile}


def _wanted_at_station(
    hub: Hub, station: Station, visit: Visit, lying: Lying
) -> Collection[str] | None:
    """What the plans at the station still want; None when one of them cannot be read."""
    since = hub.clock.now() - _STILL_WANTED
    keys = keys_of(hub, station).all
    wanted: set[str] = set()
    for on in lying.manifests:
        if on < hub.today() - timedelta(days=2):
            continue
        try:
            manifest = edge.read_manifest(visit, on, keys)
        except (ManifestRefused, FileTooLong, NotWritable) as error:
            log.warning("sweep_unsure", station=station.code, date=str(on), error=error.code)
            return None
        for item in manifest.items if manifest else ():
            if _last_moment(item.starts_at, item.late_ok_s, item.ms) > since:
                wanted.update(item.files)
    return wanted


def _last_moment(starts_at: datetime, late_ok_s: int, ms: int) -> datetime:
    return starts_at + timedelta(seconds=late_ok_s, milliseconds=ms)


def _without(names: list[str], wanted: Collection[str] | None) -> list[str]:
    return [] if wanted is None else [name for name in names if name not in wanted]


def _parts_of(names: Collection[str]) -> set[str]:
    """The unfinished files that a visit will go on with."""
    return {audio_path(name) + PART for name in names}


def _record(hub: Hub, station: Station, swept: Swept) -> None:
    if swept.is_nothing:
        return
    log.info(
        "station_swept", station=station.code, renditions=len(swept.renditions),
        parts=len(swept.parts), days=len(swept.days), freed_bytes=swept.freed_bytes,
    )  # fmt: skip
    if not swept.renditions and not swept.parts:
        return  # the plan of a day that is over goes every night, at every station
    with hub.database.write() as session:
        ledger.record(
            session, at=hub.clock.now(), who="loa", what="station_swept", subject=station.code,
            renditions=list(swept.renditions[:_NAMES_RECORDED]), count=len(swept.renditions),
            parts=len(swept.parts), days=[str(on) for on in swept.days],
            freed_bytes=swept.freed_bytes,
        )  # fmt: skip
