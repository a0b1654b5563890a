"""What lies where on a station: the names that hub and player agree on (docs/protocol.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NewType

Sha256 = NewType("Sha256", str)  # 64 lower-case hex digits

AUDIO_DIR = "in/audio"
MANIFEST_DIR = "in/manifest"
URGENT_MANIFEST = "in/manifest/urgent.signed"
RECEIPT = "out/receipt.json"
ASRUN_DIR = "out/asrun"
FOLDERS = ("in", AUDIO_DIR, MANIFEST_DIR, "out", ASRUN_DIR)

# Seven days ahead, a week behind and room for a bulletin: more is a mistake or an attack.
MANIFEST_MAX_BYTES = 1 << 20
RECEIPT_MAX_BYTES = 1 << 20
ASRUN_MAX_BYTES = 8 << 20  # a day; a real one is under 40 kB
ASRUN_MAX_LINE_BYTES = 64 << 10  # a real one is under 700
ASRUN_MAX_LINES = 50_000
ASRUN_MAX_REJECTED = 1_000  # kept with their reasons; more of them say nothing new

_AUDIO_NAME = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{2,4}")


@dataclass(frozen=True)
class RenditionFile:
    """One encoding of a programme, lying on this machine, named by its content."""

    sha256: Sha256
    extension: str  # without the dot: mp3, opus, wav
    path: Path
    size_bytes: int

    @property
    def name(self) -> str:
        return f"{self.sha256}.{self.extension}"


@dataclass(frozen=True)
class DayFiles:
    """One station's day as bytes: the manifest is the commit, the rest helps boxes and people."""

    for_date: date
    manifest: bytes
    side_files: Mapping[str, bytes]  # path below the station's root → content


def audio_path(name: str) -> str:
    """Where a rendition lies; refuses a name that is not a content hash with an extension."""
    if not _AUDIO_NAME.fullmatch(name):
        raise ValueError(f"not the name of a rendition: {name!r}")
    return f"{AUDIO_DIR}/{name}"


def is_audio_name(name: str) -> bool:
    return _AUDIO_NAME.fullmatch(name) is not None


def day_folder(for_date: date) -> str:
    """Where the playlists of a day lie."""
    return f"in/{for_date.isoformat()}"


def manifest_path(for_date: date) -> str:
    return f"{MANIFEST_DIR}/{for_date.isoformat()}.signed"


def asrun_path(for_date: date) -> str:
    return f"{ASRUN_DIR}/{for_date.isoformat()}.jsonl"
