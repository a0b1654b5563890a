"""What a station's server can do, tried once and stored: asked again when its version changes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from stations.disk import StationDisk, fly
from stations.errors import NotWritable
from stations.placing import PART
from stations.visit import Visit

_FIRST, _SECOND = f"in/.probe-1{PART}", f"in/.probe-2{PART}"
_NAME_LENGTHS = (255, 143, 100, 78)  # ext4, an encrypted home, tar; the last is what we need


@dataclass(frozen=True)
class ServerFacts:
    """What was found; every value can be stored as JSON."""

    server: str  # as it greets: SSH-2.0-OpenSSH_9.2p1
    cipher: str
    host_key: str  # type and fingerprint
    extensions: tuple[str, ...]
    largest_packet_bytes: str
    renames_over: bool  # a rename replaces at once; otherwise the old file steps aside first
    flushes: bool  # what was verified survives a power cut
    flushes_folders: bool  # and so does its name
    free_bytes: int | None
    clock_skew_s: float | None
    longest_name: int  # characters; 0: not even the names that we need
    keeps_parts: bool  # what is opened to be written is not emptied: an unfinished file goes on

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any] | None) -> ServerFacts | None:
        """What a probe stored; None when there was none, or an older one that knew less."""
        names = {field.name for field in fields(cls)}
        if stored is None or not names <= stored.keys():
            return None
        known = {name: stored[name] for name in names}
        return cls(**{**known, "extensions": tuple(known["extensions"])})


def probe(visit: Visit, now: float) -> ServerFacts:
    """
    Try what a server can do, with small files that are removed again.

    ``now`` is our clock in seconds since 1970, against which the station's is measured.

    Raises:
        NotWritable: the station's folder is missing or closed to us.
    """
    disk = visit.disk
    told = disk.describe()
    clock_skew_s = visit.clock_skew_s(now)  # first: it makes the folder ``in`` if need be
    return ServerFacts(
        server=told["server"],
        cipher=told.get("cipher", ""),
        host_key=told.get("host_key", ""),
        extensions=tuple(told.get("extensions", "").split()),
        largest_packet_bytes=told.get("largest_packet_bytes", ""),
        renames_over=_renames_over(disk),
        flushes=_flushes(disk),
        flushes_folders=fly(disk.flush_folder("in")),
        free_bytes=visit.free_bytes(),
        clock_skew_s=None if clock_skew_s is None else round(clock_skew_s, 1),
        longest_name=_longest_name(disk),
        keeps_parts=_keeps_parts(disk),
    )


def _write(disk: StationDisk, path: str, content: bytes) -> None:
    with disk.open_part(path) as file:
        file.write(io.BytesIO(content), 0, lambda count: None)


def _renames_over(disk: StationDisk) -> bool:
    _write(disk, _FIRST, b"1")
    _write(disk, _SECOND, b"22")
    try:
        return disk.rename_over(_SECOND, _FIRST)
    finally:
        disk.remove(_FIRST)
        disk.remove(_SECOND)


def _flushes(disk: StationDisk) -> bool:
    try:
        with disk.open_part(_FIRST) as file:
            return file.flush()
    finally:
        disk.remove(_FIRST)


def _keeps_parts(disk: StationDisk) -> bool:
    try:
        _write(disk, _FIRST, b"kept")
        with disk.open_part(_FIRST) as file:
            return file.stat().size_bytes == len(b"kept")
    finally:
        disk.remove(_FIRST)


def _longest_name(disk: StationDisk) -> int:
    for length in _NAME_LENGTHS:
        path = "in/" + "n" * (length - len(PART)) + PART
        try:
            with disk.open_part(path):
                pass
        except NotWritable:
            continue
        disk.remove(path)
        return length
    return 0
