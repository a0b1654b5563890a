"""
One visit to one station: bring what is missing, check it, commit the day, read what it logged.

The rules stand here once and hold for every way of reaching a station (``stations/sftp.py``,
``stations/folder.py``): a final name only ever holds verified bytes, and the manifest comes last.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from stations.disk import StationDisk
from stations.errors import FileTooLong
from stations.layout import (
    AUDIO_DIR,
    MANIFEST_DIR,
    DayFiles,
    RenditionFile,
    audio_path,
    manifest_path,
)
from stations.limits import VisitLimits
from stations.local import check_rendition
from stations.placing import PART, STEPS, Content, Placer, Progress, Step
from stations.samples import all_blocks

__all__ = ["PART", "STEPS", "Address", "Progress", "Sent", "Step", "Visit", "VisitLimits"]


@dataclass(frozen=True)
class Address:
    """Where a station is reached, and the one host key that it may show."""

    host: str
    port: int
    username: str
    root: str  # of the station's files; absolute, or relative to where the login lands
    host_key: str | None  # 'ssh-ed25519 AAAA...'; None until a person has compared and pinned it


@dataclass(frozen=True)
class Sent:
    """What putting one rendition took."""

    bytes_sent: int
    resumed_from: int
    was_there: bool


class Visit:
    """
    An open way to one station; a context manager. Not for two threads at once.

    Every method may raise ``LinkDown``: the visit is then over, and another one resumes.
    """

    def __init__(
        self, disk: StationDisk, limits: VisitLimits | None = None, step: Step = lambda name: None
    ) -> None:
        self.disk = disk
        self.limits = limits or VisitLimits()
        self._step = step
        self._placer = Placer(disk, self.limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.disk.close()

    @property
    def bytes_sent(self) -> int:
        """Bytes of requests sent since the visit began, contents included."""
        return self.disk.bytes_sent

    def free_bytes(self) -> int | None:
        """Ask the station how much room it has; None when its server cannot tell."""
        return self._placer.ask_free_bytes()

    def put_rendition(
        self, file: RenditionFile, progress: Progress | None = None, *, is_distrusted: bool = False
    ) -> Sent:
        """
        Put one rendition on the station so that its final name never holds half a file.

        Bytes go to ``<sha256>.<ext>.part``, are flushed to the station's disk, read back and only
        then renamed. Safe to call again after any crash: a finished file is recognised, an
        unfinished one is resumed. ``progress`` may raise: that stops the visit where it is.
        ``is_distrusted``: the station itself has read what lies there and found it wrong; it is
        sent again whatever our samples of it say.

        Raises:
            LinkDown: nothing was acknowledged for ``idle_s``; try again later.
            StationFull: free space is short; the sweeper or a person must act.
            NotWritable: the station refuses; a person must act.
            WrongBytes: what was read back differs. It was removed; try again.
            RenditionDamaged: our own copy is not what its name says. Nothing was sent.
        """
        check_rendition(file)
        final = audio_path(file.name)
        with file.path.open("rb") as source:
            content = Content(source, file.size_bytes, file.sha256)
            if is_distrusted:
                self.disk.remove(final)  # nothing plays it, and a small disk has no room for two
            elif self._placer.holds(final, content):
                return Sent(0, 0, was_there=True)
            resumed_from = self._placer.write_part(final + PART, content, progress, self._step)
            self._placer.publish(final + PART, final, content)
        self._step("renamed")
        return Sent(file.size_bytes - resumed_from, resumed_from, was_there=False)

    def commit_day(self, day: DayFiles) -> None:
        """
        Make the station obey this day: side files first, the manifest last.

        Until the manifest's rename the station has yesterday's plan, after it today's. What lies
        there already is left alone, so committing again costs next to nothing.

        Raises: as ``put_rendition``.
        """
        for path, content in sorted(day.side_files.items()):
            self._put_small(path, content)
        self._step("side_files")
        self.disk.flush_folder(AUDIO_DIR)  # the files of a manifest must outlive what outlives it
        self._put_small(
            manifest_path(day.for_date), day.manifest, lambda: self._step("manifest_part")
        )
        self.disk.flush_folder(MANIFEST_DIR)
        self._step("manifest_live")

    def read_file(self, path: str, max_bytes: int) -> bytes | None:
        """
        Fetch a file that the station wrote; None when there is none.

        Raises:
            FileTooLong: a station never makes us hold more than ``max_bytes``.
        """
        file = self.disk.open_read(path)
        if file is None:
            return None
        with file:
            size = file.stat().size_bytes
            if size > max_bytes:
                raise FileTooLong(path=path, max_bytes=max_bytes)
            return b"".join(file.read(all_blocks(size)))

    def list_audio(self) -> dict[str, int]:
        """Return the renditions under their final names, with their sizes. Others do not count."""
        found = self.disk.list_folder(AUDIO_DIR)
        return {name: stat.size_bytes for name, stat in found.items() if _is_audio(name)}

    def remove_audio(self, names: Iterable[str]) -> None:
        """Remove renditions that no airing needs any more; the caller knows which."""
        for name in names:
            self.disk.remove(audio_path(name))

    def sweep_parts(self, keep: Collection[str] = ()) -> list[str]:
        """Remove unfinished files, except those of the renditions named in ``keep``."""
        swept = []
        for folder in (AUDIO_DIR, MANIFEST_DIR, "in"):
            for name in self.disk.list_folder(folder):
                if name.endswith(PART) and name.removesuffix(PART) not in keep:
                    self.disk.remove(f"{folder}/{name}")
                    swept.append(f"{folder}/{name}")
        return swept

    def clock_skew_s(self, now: float) -> float | None:
        """
        Return how far the station's clock is ahead of ``now``, by the time of a file just written.

        Good to about a second, the grain of SFTP. None when the station gives files no time.
        """
        started = time.monotonic()
        path = f"in/.clock{PART}"
        self.disk.remove(path)
        with self.disk.open_part(path) as file:
            file.write(io.BytesIO(b"?"), 0, lambda count: None)
            elapsed_s = time.monotonic() - started
            written_at = file.stat().modified_at
        self.disk.remove(path)
        # The station cuts the fraction off: half a second is its expected value.
        return None if written_at is None else int(written_at) + 0.5 - (now + elapsed_s)

    def _put_small(
        self, path: str, content: bytes, verified: Callable[[], None] = lambda: None
    ) -> None:
        whole = Content(io.BytesIO(content), len(content), path, may_use_reserve=True)
        if not self._placer.holds(path, whole):
            # The hash in its name keeps a worker that lost its lease from publishing our half.
            part = f"{path}.{hashlib.sha256(content).hexdigest()[:16]}{PART}"
            self._placer.write_part(part, whole, None, lambda name: None)
            verified()
            self._placer.publish(part, path, whole)


def _is_audio(name: str) -> bool:
    try:
        return bool(audio_path(name))
    except ValueError:
        return False
