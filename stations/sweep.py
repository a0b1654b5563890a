"""What lies on a station, and the removal of what the hub says that nobody needs any more."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from stations.errors import ManifestRefused
from stations.layout import (
    AUDIO_DIR,
    MANIFEST_DIR,
    MANIFEST_MAX_BYTES,
    day_folder,
    is_audio_name,
    manifest_path,
)
from stations.manifest import Manifest, open_signed
from stations.placing import PART
from stations.visit import Visit

_MANIFEST_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.signed", re.ASCII)
_DAY_FOLDER = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Lying:
    """What a look at a station found, with sizes in bytes."""

    audio: dict[str, int]  # under final names
    parts: dict[str, int]  # path → size; unfinished, whosever they are
    manifests: tuple[date, ...]
    playlists: tuple[date, ...]


def look(visit: Visit) -> Lying:
    """List the folders that the hub writes, side by side."""
    folders = visit.disk.list_folders(AUDIO_DIR, MANIFEST_DIR, "in")
    parts = {
        f"{folder}/{name}": stat.size_bytes
        for folder, found in folders.items()
        for name, stat in found.items()
        if name.endswith(PART)
    }
    return Lying(
        audio={n: s.size_bytes for n, s in folders[AUDIO_DIR].items() if is_audio_name(n)},
        parts=parts,
        manifests=_dates(_MANIFEST_NAME, folders[MANIFEST_DIR]),
        playlists=_dates(_DAY_FOLDER, folders["in"]),
    )


def read_manifest(visit: Visit, on: date, keys: Iterable[bytes]) -> Manifest | None:
    """
    The plan that lies at the station for a date; None when there is none.

    Raises:
        ManifestRefused: what lies there was not signed with one of these keys.
        FileTooLong: it cannot be one of ours.
    """
    data = visit.read_file(manifest_path(on), MANIFEST_MAX_BYTES)
    if data is None:
        return None
    refusals = []
    for key in keys:
        try:
            return open_signed(data, key)
        except ManifestRefused as refused:
            refusals.append(refused)
    raise refusals[0]


def remove_parts(visit: Visit, paths: Collection[str]) -> None:
    """Remove unfinished files that no visit will go on with."""
    for path in paths:
        assert path.endswith(PART), "a final name is never removed as a part"
        visit.disk.remove(path)


def remove_day(visit: Visit, on: date) -> None:
    """Remove the manifest and the playlists of a day that is over; the player has its own copy."""
    folder = day_folder(on)
    for name in visit.disk.list_folders(folder)[folder]:
        if name not in (".", ".."):
            visit.disk.remove(f"{folder}/{name}")
    visit.disk.remove_folder(folder)
    visit.disk.remove(manifest_path(on))


def _dates(pattern: re.Pattern[str], names: Iterable[str]) -> tuple[date, ...]:
    found = []
    for name in names:
        if pattern.fullmatch(name):
            try:
                found.append(date.fromisoformat(name[:10]))
            except ValueError:
                continue  # 2022-02-31 is none of ours
    return tuple(sorted(found))
