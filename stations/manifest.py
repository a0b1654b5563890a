"""A station's day, signed: what must be on air, when, and from which files (docs/protocol.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from stations import player
from stations.errors import ManifestRefused
from stations.layout import Sha256

HEADER = b"loa-manifest-1"
_ENCODE = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


@dataclass(frozen=True)
class ManifestFile:
    """One rendition that the station needs for the day."""

    sha256: Sha256
    extension: str  # without the dot
    size_bytes: int
    ms: int

    @property
    def name(self) -> str:
        return f"{self.sha256}.{self.extension}"


@dataclass(frozen=True)
class ManifestItem:
    """One airing that the station is asked for."""

    id: str  # unique at this station on this date; the as-run log speaks of it
    starts_at: datetime
    late_ok_s: int  # it may start this much later, after that it is missed
    ms: int
    gain_db: float
    bulletin_class: str  # normal, priority, urgent
    title: str  # for people; the player does not need it
    files: tuple[str, ...]  # names out of the manifest's files, played one after the other
    stream: str = ""  # address of a live relay; the files are then what plays if it fails
    is_drill: bool = False  # of the urgent manifest: everything is done but play


@dataclass(frozen=True)
class Manifest:
    """Everything that one station should air on one broadcast date."""

    station: str
    tz: str
    for_date: date  # local
    seq: int  # of this station; only grows
    generated_at: datetime
    not_before: datetime
    expires_at: datetime
    files: tuple[ManifestFile, ...]
    items: tuple[ManifestItem, ...]
    critical: tuple[str, ...] = ()  # fields without which the player must not obey
    is_urgent: bool = False  # of no day: its items are due as soon as it is accepted

    @property
    def utc_offset_s(self) -> int:
        """At noon: boxes with Python 3.7 have no time zones, so the manifest tells them."""
        noon = datetime.combine(self.for_date, time(12), ZoneInfo(self.tz)).utcoffset()
        assert noon is not None
        return int(noon.total_seconds())


def station_key(master: bytes, station_code: str, number: int = 0) -> bytes:
    """The key of one station: a stolen box gives away its own, of that number, and no other."""
    # A code has no '#', so that no number of one station can be the key of another.
    name = f"{station_code}#{number}" if number else station_code
    return hmac.digest(master, b"loa-station-1:" + name.encode(), "sha256")


def sign(manifest: Manifest, key: bytes, next_key: bytes | None = None) -> bytes:
    """
    The whole file for ``in/manifest``, under one key or, while keys change, under both.

    Raises:
        ManifestRefused: the station would refuse it; the plan that made it is wrong.
    """
    body = _in_lines(_to_json(manifest)).encode()
    keys = [key] if next_key is None else [key, next_key]
    macs = [hmac.digest(each, body, "sha256").hex().encode() for each in keys]
    data = b" ".join([HEADER, *macs]) + b"\n" + body
    _accepted(data, key)
    return data


def open_signed(data: bytes, key: bytes) -> Manifest:
    """
    Read a manifest file as the station would: by the very code that runs there.

    Raises:
        ManifestRefused: ``reason`` is the player's word for it: unsigned, wrong_key, too_big …
    """
    body = _accepted(data, key)
    try:
        return _from_json(json.loads(body))
    except (KeyError, TypeError, ValueError):
        raise ManifestRefused(reason="malformed") from None


def _accepted(data: bytes, key: bytes) -> bytes:
    """The body of a file that the player takes."""
    try:
        body: bytes = player.authenticate(data, [key])
        player.parse_manifest(body)
    except player.Refused as refused:
        raise ManifestRefused(reason=refused.reason) from None
    return body


def file_sha256(data: bytes) -> Sha256:
    """What the receipt calls this manifest once the station has accepted it."""
    return Sha256(hashlib.sha256(data).hexdigest())


def _to_json(manifest: Manifest) -> dict[str, Any]:
    return {
        "v": 1,
        "critical": sorted({*manifest.critical, *_critical_of(manifest)}),
        **({"urgent": True} if manifest.is_urgent else {}),
        "station": manifest.station,
        "tz": manifest.tz,
        "utc_offset_s": manifest.utc_offset_s,
        "date": manifest.for_date.isoformat(),
        "seq": manifest.seq,
        "generated_at": _instant(manifest.generated_at),
        "not_before": _instant(manifest.not_before),
        "expires_at": _instant(manifest.expires_at),
        "files": [
            {"sha256": file.sha256, "ext": file.extension, "bytes": file.size_bytes, "ms": file.ms}
            for file in sorted(manifest.files, key=lambda file: file.name)
        ],
        "items": [
            _item_to_json(item)
            for item in sorted(manifest.items, key=lambda item: (item.starts_at, item.id))
        ],
    }


def _in_lines(fields: dict[str, Any]) -> str:
    """A field on a line, and each file and item on one of its own: people read manifests too."""
    lines = []
    for name in sorted(fields):
        value = fields[name]
        rows = [f"\n  {_ENCODE(one)}" for one in value] if isinstance(value, list) else []
        lines.append(f'\n "{name}": ' + (f"[{','.join(rows)}\n ]" if rows else _ENCODE(value)))
    return "{" + ",".join(lines) + "\n}"


def _critical_of(manifest: Manifest) -> set[str]:
    """A player that knows neither may not take a drill for the real thing, nor either for a day."""
    drills = {"drill"} if any(item.is_drill for item in manifest.items) else set()
    return drills | ({"urgent"} if manifest.is_urgent else set())


def _item_to_json(item: ManifestItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "at": _instant(item.starts_at),
        "late_ok_s": item.late_ok_s,
        "ms": item.ms,
        "gain_db": item.gain_db,
        "class": item.bulletin_class,
        "title": item.title,
        "files": list(item.files),
        # Not critical: a player that does not know it plays the local files.
        **({"stream": item.stream} if item.stream else {}),
        **({"drill": True} if item.is_drill else {}),
    }


def _from_json(raw: dict[str, Any]) -> Manifest:
    return Manifest(
        station=raw["station"],
        tz=raw["tz"],
        for_date=date.fromisoformat(raw["date"]),
        seq=raw["seq"],
        generated_at=datetime.fromisoformat(raw["generated_at"]),
        not_before=datetime.fromisoformat(raw["not_before"]),
        expires_at=datetime.fromisoformat(raw["expires_at"]),
        files=tuple(
            ManifestFile(Sha256(file["sha256"]), file["ext"], file["bytes"], file["ms"])
            for file in raw["files"]
        ),
        items=tuple(_item_from_json(item) for item in raw["items"]),
        critical=tuple(raw["critical"]),
        is_urgent=raw.get("urgent", False),
    )


def _item_from_json(raw: dict[str, Any]) -> ManifestItem:
    return ManifestItem(
        id=raw["id"],
        starts_at=datetime.fromisoformat(raw["at"]),
        late_ok_s=raw["late_ok_s"],
        ms=raw["ms"],
        gain_db=float(raw["gain_db"]),
        bulletin_class=raw["class"],
        title=raw["title"],
        files=tuple(raw["files"]),
        stream=raw.get("stream", ""),
        is_drill=raw.get("drill", False),
    )


def _instant(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ManifestRefused(reason="no_time_zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
