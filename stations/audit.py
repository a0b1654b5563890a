"""A look at what really lies on a station, against what was brought there."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from stations.errors import FileTooLong, RenditionDamaged
from stations.layout import MANIFEST_MAX_BYTES, RenditionFile, audio_path, manifest_path
from stations.local import check_rendition
from stations.manifest import file_sha256
from stations.samples import BLOCK_BYTES, sample_blocks
from stations.sweep import Lying, look
from stations.visit import Visit

_BLOCKS_A_FILE = 4  # the ends, where a power cut shows, and two by chance


@dataclass(frozen=True)
class WantedDay:
    """A day that was brought to the station."""

    on: date
    manifest_sha256: str
    files: tuple[RenditionFile, ...]


@dataclass(frozen=True)
class Found:
    """What one look brought to light."""

    files: int  # renditions that the days want
    missing: frozenset[str]
    wrong: frozenset[str]  # another size, or other bytes
    lost_days: tuple[date, ...]  # whose manifest is gone, or is not the one that was brought
    by_station: int  # renditions whose hash the station itself has taken
    by_sample: int  # and those of which we read blocks
    bytes_read: int  # of sound
    strays: int  # unfinished files, and renditions that no day here wants

    @property
    def bad(self) -> frozenset[str]:
        return self.missing | self.wrong

    def is_lost(self, day: WantedDay) -> bool:
        return day.on in self.lost_days or any(file.name in self.bad for file in day.files)


def audit(
    visit: Visit,
    days: Sequence[WantedDay],
    *,
    ok: Collection[str] = (),
    wrong: Collection[str] = (),
    budget_bytes: int,
    seed: str,
) -> Found:
    """
    Compare what lies there with these days: names and sizes of all, bytes as far as may be read.

    ``ok`` and ``wrong`` are the station's own words, from its receipt: it has read these files to
    their end. Of the others blocks are read, of each night others, within ``budget_bytes``.

    Raises: as ``Visit`` does.
    """
    lying = look(visit)
    files = {file.name: file for day in days for file in day.files}
    missing = {name for name in files if name not in lying.audio}
    bad = {n for n, f in files.items() if n not in missing and lying.audio[n] != f.size_bytes}
    bad |= {name for name in wrong if name in files and name not in missing}
    unread = [f for n, f in files.items() if n not in missing and n not in bad and n not in ok]
    sampled = _in_budget(unread, budget_bytes, seed)
    bytes_read = 0
    for file in sampled:
        is_same, count = _compare(visit, file, seed)
        bytes_read += count
        if not is_same:
            bad.add(file.name)
    return Found(
        files=len(files),
        missing=frozenset(missing),
        wrong=frozenset(bad),
        lost_days=tuple(day.on for day in days if not _has_manifest(visit, day, lying)),
        by_station=sum(name in ok for name in files),
        by_sample=len(sampled),
        bytes_read=bytes_read,
        strays=len(lying.parts) + sum(name not in files for name in lying.audio),
    )


def _has_manifest(visit: Visit, day: WantedDay, lying: Lying) -> bool:
    if day.on not in lying.manifests:
        return False
    try:
        data = visit.read_file(manifest_path(day.on), MANIFEST_MAX_BYTES)
    except FileTooLong:
        return False
    return data is not None and file_sha256(data) == day.manifest_sha256


def _in_budget(files: Sequence[RenditionFile], budget_bytes: int, seed: str) -> list[RenditionFile]:
    """As many as may be read, in another order each night, so that every file comes to its turn."""
    chosen = []
    for file in sorted(
        files, key=lambda file: hashlib.sha256(f"{seed}{file.name}".encode()).digest()
    ):
        budget_bytes -= min(file.size_bytes, _BLOCKS_A_FILE * BLOCK_BYTES)
        if budget_bytes < 0:
            break
        chosen.append(file)
    return chosen


def _compare(visit: Visit, file: RenditionFile, seed: str) -> tuple[bool, int]:
    """Whether some blocks are ours; and how much was read."""
    try:
        check_rendition(file)
    except RenditionDamaged:
        return True, 0  # our own copy proves nothing against the station's
    blocks = sample_blocks(file.size_bytes, _BLOCKS_A_FILE, f"{seed} {file.name}")
    there = visit.disk.open_read(audio_path(file.name))
    if there is None:
        return False, 0
    with there, file.path.open("rb") as ours:
        found = list(there.read(blocks))
        for block, data in zip(blocks, found, strict=True):
            ours.seek(block.offset)
            if ours.read(block.length) != data:
                return False, sum(map(len, found))
    return True, sum(map(len, found))
