"""
One visit to one station: bring what is missing, check it, commit the day, read what it logged.

The rules stand here once and hold for every way of reaching a station (``stations/sftp.py``,
``stations/folder.py``): a final name only ever holds verified bytes, and the manifest comes last.
"""

from __future__ import annotations

import io
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self

from stations.diary import Diary, Entry
from stations.disk import WAITING, Flight, Stat, StationDisk, fly, fly_in_turn, fly_together
from stations.errors import FileTooLong, StationError
from stations.layout import (
    AUDIO_DIR,
    MANIFEST_DIR,
    URGENT_MANIFEST,
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
    via: Address | None = None  # the host that can dial it, where we cannot


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
        self,
        disk: StationDisk,
        limits: VisitLimits | None = None,
        step: Step = lambda name: None,
        diary: Diary | None = None,
    ) -> None:
        self.disk = disk
        self.limits = limits or VisitLimits()
        self.diary = diary or Diary()
        self._step = step
        self._placer = Placer(disk, self.limits, self.diary)
        self._placed: dict[str, bytes] = {}  # side files that lie there as they should
        self._folders = {"in"}
        self._clock_seen: tuple[float, float] | None = None  # the station's clock, ours then

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
        with self.diary.doing("close"):
            self.disk.close()

    @property
    def server(self) -> str:
        """How the station's server greets: its name and version."""
        return self.disk.server

    @property
    def bytes_sent(self) -> int:
        """Bytes of requests sent since the visit began, contents included."""
        return self.disk.bytes_sent

    def end_within(self, seconds: float) -> None:
        """Let this visit be over by then; said again it counts from then on."""
        self.disk.end_within(seconds)

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
        distrusted = (file.name,) if is_distrusted else ()
        [sent] = self.put_renditions([file], progress, distrusted=distrusted)
        return sent

    def put_renditions(
        self,
        files: Iterable[RenditionFile],
        progress: Progress | None = None,
        *,
        distrusted: Collection[str] = (),
    ) -> Iterator[Sent]:
        """
        Put one rendition after the other: what was sent is checked while the next one begins.

        Gives what each took, in their order, as soon as it bears its final name. ``distrusted``:
        names. Raises: as ``put_rendition``; those before were given or are found the next time.
        """
        try:
            yield from fly_in_turn(
                self._putting(file, progress, file.name in distrusted) for file in files
            )
        except StationError:
            self.disk.forget_asked()
            raise

    def _putting(
        self, file: RenditionFile, progress: Progress | None, is_distrusted: bool
    ) -> Flight[Sent]:
        entry = self.diary.begin("file", name=file.name, bytes=file.size_bytes)
        try:
            check_rendition(file)
            final = audio_path(file.name)
            with file.path.open("rb") as source:
                content = Content(source, file.size_bytes, file.sha256)
                resumed_from = yield from self._placer.put(
                    final, content, progress, self._noting(entry), is_distrusted=is_distrusted
                )
        except Exception as error:
            self.diary.broke(entry, error)
            raise
        self.diary.end(entry)
        if resumed_from is None:
            entry.step = "file_there"
            return Sent(0, 0, was_there=True)
        entry.facts["resumed_bytes"] = resumed_from
        return Sent(file.size_bytes - resumed_from, resumed_from, was_there=False)

    def _noting(self, entry: Entry) -> Step:
        """The hook, and a note of how far this file has come."""

        def passed(name: str) -> None:
            entry.facts["reached"] = name
            if name == "all_sent":
                entry.facts["sent_ms"] = round((self.diary.took_s - entry.after_s) * 1000)
            self._step(name)

        return passed

    def commit_day(self, day: DayFiles) -> None:
        """
        Make the station obey this day: side files first, the manifest last.

        Until the manifest's rename the station has yesterday's plan, after it today's. What lies
        there already is left alone, so committing again costs next to nothing.

        Raises: as ``put_rendition``.
        """
        with self.diary.doing("day", for_date=str(day.for_date)):
            try:
                path = manifest_path(day.for_date)
                manifest = self._placer.put_small(path, day.manifest, self._step)
                self._put_side_files(day.side_files, _up_to_commit(manifest))
                self._step("side_files")
                self._commit(manifest)
            except StationError:
                self.disk.forget_asked()
                raise
            self._step("manifest_live")

    def _put_side_files(self, side_files: Mapping[str, bytes], beside: Flight[None]) -> None:
        """All of them side by side: a line of 60 ms is waited for five times, not three hundred."""
        fresh = {p: c for p, c in sorted(side_files.items()) if self._placed.get(p) != c}
        for folder in sorted({str(PurePosixPath(path).parent) for path in fresh} - self._folders):
            self.disk.begin_folder(folder)
            self._folders.add(folder)
        puts = [self._placer.put_small(path, content, _no_step) for path, content in fresh.items()]
        # The renditions of a manifest must outlive what outlives it.
        works = (self.disk.flush_folder(AUDIO_DIR), beside, *puts)
        fly_together([_with_no_result(work) for work in works])
        self._placed |= fresh

    def commit_urgent(self, manifest: bytes) -> None:
        """
        Make the station obey what is urgent, beside whatever days it has.

        Raises: as ``put_rendition``.
        """
        with self.diary.doing("urgent"):
            try:
                prepared = self._placer.put_small(URGENT_MANIFEST, manifest, self._step)
                # Its renditions must outlive what outlives it.
                self._put_side_files({}, _up_to_commit(prepared))
                self._commit(prepared)
            except StationError:
                self.disk.forget_asked()
                raise
            self._step("manifest_live")

    def _commit(self, manifest: Flight[Stat | None]) -> None:
        flushing = self.disk.flush_folder(MANIFEST_DIR)
        next(flushing, None)  # the folder is opened meanwhile
        written = fly(manifest)
        if written is not None and written.modified_at is not None:
            self._clock_seen = (written.modified_at, time.monotonic())
        fly(flushing)

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
            with closing(file.read(all_blocks(size))) as blocks:
                return b"".join(blocks)

    def list_audio(self) -> dict[str, int]:
        """Return the renditions under their final names, with their sizes. Others do not count."""
        found = self.disk.list_folders(AUDIO_DIR)[AUDIO_DIR]
        return {name: stat.size_bytes for name, stat in found.items() if _is_audio(name)}

    def remove_audio(self, names: Iterable[str]) -> None:
        """Remove renditions that no airing needs any more; the caller knows which."""
        for name in names:
            self.disk.remove(audio_path(name))

    def sweep_parts(self, keep: Collection[str] = ()) -> list[str]:
        """Remove unfinished files, except those of the renditions named in ``keep``."""
        swept = []
        for folder, names in self.disk.list_folders(AUDIO_DIR, MANIFEST_DIR, "in").items():
            for name in names:
                if name.endswith(PART) and name.removesuffix(PART) not in keep:
                    self.disk.remove(f"{folder}/{name}")
                    swept.append(f"{folder}/{name}")
        return swept

    def clock_ahead_s(self, now: float) -> float | None:
        """
        Return how far the station's clock is ahead, as its last manifest's time tells for nothing.

        Good to about a second. None when no manifest was written in this visit.
        """
        if self._clock_seen is None:
            return None
        theirs, then = self._clock_seen
        return int(theirs) + 0.5 - (now - (time.monotonic() - then))

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


def _no_step(name: str) -> None:
    """Only the manifest's own steps are named."""


def _up_to_commit(manifest: Flight[Stat | None]) -> Flight[None]:
    """All but its rename."""
    for is_ready in manifest:
        if is_ready:
            return
        yield WAITING


def _with_no_result(work: Flight[object]) -> Flight[None]:
    yield from work


def _is_audio(name: str) -> bool:
    try:
        return bool(audio_path(name))
    except ValueError:
        return False
