"""What one station gets in a night, and the look at what is left of it after a fault."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from stations.layout import AUDIO_DIR, MANIFEST_DIR, DayFiles, RenditionFile, manifest_path
from tests.faults.harness.renditions import RenditionMaker

FOR_DATE = date(2022, 10, 17)


@dataclass(frozen=True)
class Night:
    """Renditions and the day that names them."""

    files: tuple[RenditionFile, ...]
    day: DayFiles


def make_night(folder: Path, sizes: tuple[int, ...], seq: int) -> Night:
    """The same arguments make the same night, in this process or another."""
    make = RenditionMaker(folder)
    files = tuple(make(size, seed=seq * 100 + at) for at, size in enumerate(sizes))
    manifest = json.dumps({"seq": seq, "files": [file.name for file in files]}).encode()
    side = {"in/2022-10-17/0500.m3u8": f"seq {seq}\n".encode(), "in/LICH_PHAT.txt": b"05:00\n"}
    return Night(files, DayFiles(FOR_DATE, manifest, side))


def complaints(root: Path, nights: tuple[Night, ...]) -> list[str]:
    """
    Say what a station holds that it must never hold, at any instant.

    A final name whose bytes are not its content; a manifest that is none of those that were made;
    a live manifest whose renditions are not all there.
    """
    found = [
        f"{path.name}: {path.stat().st_size} wrong bytes"
        for path in (root / AUDIO_DIR).glob("*")
        if not path.name.endswith(".part") and _hash(path) != path.name.split(".")[0]
    ]
    known = {night.day.manifest: night for night in nights}
    for path in (root / MANIFEST_DIR).glob("*.signed"):
        night = known.get(path.read_bytes())
        if night is None:
            found.append(f"{path.name}: {path.stat().st_size} bytes that nobody signed")
            continue
        lying = {p.name for p in (root / AUDIO_DIR).glob("*")}
        found += [f"live without {f.name}" for f in night.files if f.name not in lying]
    return found


def is_delivered(root: Path, night: Night) -> bool:
    """Everything of the night lies there, and no part is left."""
    manifest = root / manifest_path(night.day.for_date)
    return (
        manifest.exists()
        and manifest.read_bytes() == night.day.manifest
        and all((root / AUDIO_DIR / f.name).exists() for f in night.files)
        and not list(root.rglob("*.part"))
        and not complaints(root, (night,))
    )


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
