"""What one station's day holds, from the rows, and the manifest that says so."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from scheduler.hub import Hub
from scheduler.keys import keys_of
from scheduler.store.db import in_batches, one_of
from scheduler.store.models import Airing, Delivery, Programme, Rendition, Slot, Station
from scheduler.store.states import LEFT_OUT_AIRINGS, RenditionState
from stations.layout import DayFiles, RenditionFile, Sha256
from stations.manifest import Manifest, ManifestFile, ManifestItem, sign
from stations.sidefiles import playlists

ITEM_ID = "%Y%m%dT%H%M%SZ"  # the planned instant names an airing within its station
_ITEM_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z")

# A box that was off when its day came still wants the log line "too late", and then nothing.
_EXPIRES_AFTER = timedelta(days=2)


@dataclass(frozen=True)
class Day:
    """The items of a station's day, in order, with the files that they play."""

    items: tuple[ManifestItem, ...]
    files: tuple[ManifestFile, ...]
    waiting: frozenset[int]  # programmes without a rendition for this station yet

    @cached_property
    def content_sha256(self) -> str:
        """Of what airs: two equal days need no second delivery."""
        rows: list[object] = [
            [i.id, i.late_ok_s, i.ms, i.gain_db, i.bulletin_class, i.title, list(i.files)]
            + ([i.stream] if i.stream else [])
            for i in self.items
        ]
        return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()

    @property
    def bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @cached_property
    def file_names(self) -> frozenset[str]:
        return frozenset(file.name for file in self.files)


# A day is what its hash says: of seven that are coming six were read the night before.
_days_read: dict[str, Day] = {}
_DAYS_KEPT = 1000  # 6 MB of six items each


# What of an airing stands in a manifest.
@dataclass(frozen=True)
class PlannedItem:
    planned_at: datetime
    programme_id: int
    programme_class: str
    title: str
    late_ok_s: int
    stream: str | None = None  # a live relay …
    ms: int = 0  # … and how long it is on air
    ident_id: int | None = None  # a programme that sounds before it


Renditions = Mapping[
    tuple[int, str], ManifestFile
]  # those that are ready, by programme and profile


def day_of(items: Iterable[PlannedItem], profile: str, renditions: Renditions) -> Day:
    """Make a station's day; a programme that is not encoded for it yet is left out and named."""
    made: list[ManifestItem] = []
    files: dict[str, ManifestFile] = {}
    waiting: set[int] = set()
    for item in sorted(items, key=lambda item: item.planned_at):
        rendition = renditions.get((item.programme_id, profile))
        if rendition is None:
            waiting.add(item.programme_id)
            continue
        plays = [rendition]
        ident = renditions.get((item.ident_id, profile)) if item.ident_id else None
        if ident is not None:  # without it the programme still airs
            plays.insert(0, ident)
        files |= {file.name: file for file in plays}
        made.append(_item_of(item, plays))
    return Day(tuple(made), tuple(files[name] for name in sorted(files)), frozenset(waiting))


def item_title(slot: str, released: Mapping[str, Any] | None, programme: str) -> str:
    """As the printed day shows it: what changes from day to day is told with its own title."""
    content = released or {}
    title: str = content.get("title", slot)
    return title if "programme_id" in content or not content else f"{title}: {programme}"


def programmes_of(items: Iterable[PlannedItem]) -> set[int]:
    """Every programme whose sound is needed."""
    items = list(items)
    return {one.programme_id for one in items} | {one.ident_id for one in items if one.ident_id}


def ready_renditions(session: Session, programme_ids: Collection[int] | None = None) -> Renditions:
    """The renditions that exist, by programme and profile."""
    if programme_ids is None:
        return _by_programme(session.execute(_READY))
    found: dict[tuple[int, str], ManifestFile] = {}
    for batch in in_batches(sorted(programme_ids)):
        found |= _by_programme(session.execute(_READY_OF, {"programme_ids": batch}))
    return found


def _by_programme(rows: Iterable[Any]) -> dict[tuple[int, str], ManifestFile]:
    return {(programme_id, profile): _file_of(*file) for programme_id, profile, *file in rows}


def day_from_rows(session: Session, station: Station, on: date) -> Day:
    """A station's day as the rows have it now."""
    return days_from_rows(session, station, [on])[on]


def days_told(
    session: Session, station: Station, deliveries: Collection[Delivery], anew: Collection[Delivery]
) -> dict[date, Day]:
    """
    The days of these deliveries: of ``anew`` as the rows have them now.

    Others as they were planned, where that day was read before; else from the rows too.
    """
    known = {
        one.for_date: day
        for one in deliveries
        if one not in anew and (day := _days_read.get(one.content_sha256)) is not None
    }
    dates = [one.for_date for one in deliveries if one.for_date not in known]
    read = days_from_rows(session, station, dates)
    if len(_days_read) > _DAYS_KEPT:
        _days_read.clear()
    _days_read.update({day.content_sha256: day for day in read.values()})
    return known | read


def days_from_rows(session: Session, station: Station, dates: Collection[date]) -> dict[date, Day]:
    """Several days of one station as the rows have them now: one question, however many."""
    items: dict[date, list[PlannedItem]] = {on: [] for on in dates}
    renditions: dict[tuple[int, str], ManifestFile] = {}
    asked = {"station_id": station.id, "profile": station.profile, "dates": list(items)}
    for on, at, programme_id, its_class, late_ok_s, stream, ms, ident, *rest in session.execute(
        _DAYS, asked
    ):
        title = item_title(*rest[:3])
        items[on].append(
            PlannedItem(at, programme_id, its_class, title, late_ok_s, stream, ms, ident)
        )
        key = programme_id, station.profile
        if key not in renditions and rest[3] is not None:
            renditions[key] = _file_of(*rest[3:])
    idents = {one.ident_id for planned in items.values() for one in planned if one.ident_id}
    if idents:
        renditions |= ready_renditions(session, idents)
    return {on: day_of(planned, station.profile, renditions) for on, planned in items.items()}


def manifest_of(hub: Hub, station: Station, delivery: Delivery, day: Day) -> Manifest:
    """The manifest of a delivery: the same rows give the same bytes."""
    return Manifest(
        station=station.code,
        tz=hub.settings.time.zone,
        for_date=delivery.for_date,
        seq=delivery.seq,
        generated_at=delivery.generated_at,
        not_before=delivery.generated_at,
        expires_at=delivery.last_air_at + _EXPIRES_AFTER,
        files=day.files,
        items=day.items,
    )


def coming_manifests(
    hub: Hub, station: Station, deliveries: Iterable[Delivery], days: Mapping[date, Day]
) -> list[Manifest]:
    """Of these, the manifests of today and of every planned day after it."""
    today = hub.today()
    return [
        manifest_of(hub, station, delivery, days[delivery.for_date])
        for delivery in deliveries
        if delivery.for_date >= today
    ]


def day_files(
    hub: Hub, station: Station, manifest: Manifest, overview: Mapping[str, bytes]
) -> DayFiles:
    """The signed bytes of one day with its playlists, beside what tells of all coming days."""
    keys = keys_of(hub, station)
    signed = sign(manifest, keys.current, keys.next)
    return DayFiles(manifest.for_date, signed, {**overview, **playlists(manifest)})


def rendition_files(hub: Hub, day: Day) -> list[RenditionFile]:
    """Where the files of a day lie on this machine, in the order in which they air."""
    sizes = {file.name: file for file in day.files}
    in_order = dict.fromkeys(name for item in day.items for name in item.files)
    return [
        RenditionFile(
            sizes[name].sha256, sizes[name].extension, hub.renditions / name, sizes[name].size_bytes
        )
        for name in in_order
    ]


def planned_at_of(item_id: str) -> datetime:
    """The instant in an item's name; ``ValueError`` when it is not one of ours."""
    if _ITEM_NAME.fullmatch(item_id) is None:
        raise ValueError(f"not an item of ours: {item_id!r}")
    return datetime.fromisoformat(item_id)


def _file_of(
    sha256: str | None, extension: str | None, size: int | None, ms: int | None
) -> ManifestFile:
    assert sha256 and extension and size is not None and ms is not None, "a rendition that is ready"
    return ManifestFile(Sha256(sha256), extension, size, ms)


def _item_of(item: PlannedItem, plays: Sequence[ManifestFile]) -> ManifestItem:
    return ManifestItem(
        id=f"{item.planned_at:{ITEM_ID}}",
        starts_at=item.planned_at,
        late_ok_s=item.late_ok_s,
        ms=item.ms if item.stream else sum(file.ms for file in plays),
        gain_db=0.0,
        bulletin_class=item.programme_class,
        title=item.title,
        files=tuple(file.name for file in plays),
        stream=item.stream or "",
    )


# ── Statements ─────────────────────────────────────────────────────────────────────────────────
# Prepared once, and on the bare tables: a night asks them for every station.

_airing: Any = Airing.__table__
_slot: Any = Slot.__table__
_programme: Any = Programme.__table__
_rendition: Any = Rendition.__table__
_FILE = (_rendition.c.sha256, _rendition.c.extension, _rendition.c.size_bytes, _rendition.c.ms)

_READY = select(_rendition.c.programme_id, _rendition.c.profile, *_FILE).where(
    _rendition.c.state == RenditionState.READY
)
_READY_OF = _READY.where(_rendition.c.programme_id.in_(bindparam("programme_ids", expanding=True)))
_DAYS = (
    select(
        _airing.c.broadcast_date, _airing.c.planned_at, _airing.c.programme_id,
        _airing.c.programme_class, _airing.c.late_ok_s, _airing.c.stream, _airing.c.ms,
        _airing.c.ident_id, _slot.c.title, _slot.c.released, _programme.c.title, *_FILE,
    )
    .join(_slot, _airing.c.slot_id == _slot.c.id)
    .join(_programme, _airing.c.programme_id == _programme.c.id)
    .outerjoin(
        _rendition,
        and_(
            _rendition.c.programme_id == _airing.c.programme_id,
            _rendition.c.profile == bindparam("profile"),
            _rendition.c.state == RenditionState.READY,
        ),
    )
    .where(
        _airing.c.station_id == bindparam("station_id"),
        _airing.c.broadcast_date.in_(bindparam("dates", expanding=True)),
        ~one_of(_airing.c.state, LEFT_OUT_AIRINGS),
        _airing.c.bulletin_id.is_(None),
    )
)  # fmt: skip
