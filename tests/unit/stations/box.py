"""A station's folder on this machine, with the very player that ships living in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from stations.asrun import AsrunDay, AsrunRecord, read_asrun
from stations.layout import Sha256, asrun_path, manifest_path
from stations.manifest import Manifest, ManifestFile, ManifestItem, sign, station_key
from stations.player import Clock, Device, NullDevice, Player, RehearsalClock, Settings
from stations.receipt import Receipt, read_receipt

STATION = "HN-13579"
KEY = station_key(b"m" * 32, STATION)
OTHER_KEY = station_key(b"n" * 32, STATION)
MONDAY = date(2022, 10, 17)


def at(clock: str, on: date = MONDAY) -> datetime:
    """An instant by local time: at('05:00') is 22:00 UTC of the day before."""
    return datetime.combine(on, time.fromisoformat(clock), UTC) - timedelta(hours=7)


def sound(text: str = "a programme", ms: int = 1_800_000) -> tuple[ManifestFile, bytes]:
    """Bytes that stand for a sound; the null device believes the manifest's length."""
    data = text.encode()
    sha256 = Sha256(hashlib.sha256(data).hexdigest())
    return ManifestFile(sha256, "mp3", len(data), ms), data


def item(
    clock: str, *files: ManifestFile, on: date = MONDAY, late_ok_s: int = 600, **fields: Any
) -> ManifestItem:
    """One airing of these files, in order."""
    known = {
        "id": clock.replace(":", ""),
        "starts_at": at(clock, on),
        "late_ok_s": late_ok_s,
        "ms": sum(file.ms for file in files),
        "gain_db": 0.0,
        "bulletin_class": "normal",
        "title": f"Chương trình {clock}",
        "files": tuple(file.name for file in files),
    }
    return ManifestItem(**{**known, **fields})


def day(*items: ManifestItem, files: list[ManifestFile], seq: int = 1, **fields: Any) -> Manifest:
    """A Monday's manifest, made the noon before."""
    noon_before = at("12:05") - timedelta(days=1)
    known = {
        "station": STATION,
        "tz": "Asia/Ho_Chi_Minh",
        "for_date": MONDAY,
        "seq": seq,
        "generated_at": noon_before,
        "not_before": noon_before,
        "expires_at": at("12:00") + timedelta(days=1),
        "files": tuple(files),
        "items": items,
    }
    return Manifest(**{**known, **fields})


def shifted(manifest: Manifest, days: int, seq: int) -> Manifest:
    """The same plan on another date."""
    by = timedelta(days=days)
    return replace(
        manifest,
        seq=seq,
        for_date=manifest.for_date + by,
        generated_at=manifest.generated_at + by,
        not_before=manifest.not_before + by,
        expires_at=manifest.expires_at + by,
        items=tuple(replace(item, starts_at=item.starts_at + by) for item in manifest.items),
    )


class SetClock(Clock):
    """A clock that a person or a time server sets; time itself passes evenly."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._wall_s = start.timestamp()
        self.lived_s = 0.0

    def now(self) -> float:
        return self._wall_s + self.lived_s

    def monotonic(self) -> float:
        return self.lived_s

    def wait(self, seconds: float, is_playing: bool) -> None:
        self.lived_s += seconds

    def set(self, by: timedelta) -> None:
        self._wall_s += by.total_seconds()


class Box:
    """What lies below a station's root, and how it looks from the hub."""

    def __init__(self, root: Path, key: bytes = KEY) -> None:
        self.root = root
        self.key = key
        for folder in ("in/audio", "in/manifest", "out/asrun", "state"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "state/loa.key").write_text(key.hex() + "\n")
        (root / "state/loa.key").chmod(0o600)

    def store(self, *sounds: tuple[ManifestFile, bytes]) -> None:
        for file, data in sounds:
            self.put(f"in/audio/{file.name}", data)

    def deliver(self, manifest: Manifest) -> bytes:
        data = sign(manifest, self.key)
        self.put(manifest_path(manifest.for_date), data)
        return data

    def put(self, path: str, data: bytes) -> None:
        """As the visit does it: a temporary name, then a rename."""
        part = self.root / (path + ".part")
        part.write_bytes(data)
        part.rename(self.root / path)

    def boot(self, start: datetime, device: Device | None = None, **settings: Any) -> Player:
        """A player on a clock of its own; forget it without a word and that was a power cut."""
        clock = RehearsalClock(start)
        known = Settings(root=str(self.root), station=STATION, is_durable=False, **settings)
        return Player(known, clock, device or NullDevice(clock))

    def asrun(self, on: date = MONDAY) -> AsrunDay:
        path = self.root / asrun_path(on)
        data = path.read_bytes() if path.exists() else b""
        return read_asrun(data, station=STATION, key=self.key, for_date=on)

    def events(self, *wanted: str, on: date = MONDAY) -> list[AsrunRecord]:
        """The records of one day that speak of an item, or of the named events."""
        records = self.asrun(on).records
        return [r for r in records if (r.event in wanted if wanted else r.item_id is not None)]

    def receipt(self) -> Receipt:
        data = (self.root / "out/receipt.json").read_bytes()
        return read_receipt(data, station=STATION, key=self.key)

    def raw_lines(self, on: date = MONDAY) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / asrun_path(on)).read_bytes().splitlines()]
