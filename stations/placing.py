"""
How a file comes to lie at a station: as a part first, resumed, flushed and read back.

What bears a final name was verified before; nothing is trusted because it exists.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from stations.diary import Diary
from stations.disk import (
    FLUSH_EVERY_BYTES,
    SENT,
    WAITING,
    Flight,
    Later,
    OpenFile,
    Stat,
    StationDisk,
)
from stations.errors import BadAnswer, LinkDown, StationError, StationFull, WrongBytes
from stations.limits import VisitLimits
from stations.samples import Block, all_blocks, sample_blocks

PART = ".part"

# In the order in which a delivery passes them. Fault tests kill the process at each.
STEPS = (
    "connected",
    "part_opened",
    "half_sent",
    "all_sent",
    "flushed",
    "verified",
    "renamed",
    "side_files",
    "manifest_part",
    "manifest_live",
)

Step = Callable[[str], None]
Progress = Callable[[int], None]  # bytes that the station acknowledged in this visit; may raise


@dataclass(frozen=True)
class Content:
    """The bytes that a file at the station is to hold."""

    source: BinaryIO
    size_bytes: int
    name: str  # gives other files other samples
    is_small: bool = False  # a manifest: goes to a full station too, and is read back whole

    def read(self, blocks: Iterable[Block]) -> Iterator[bytes]:
        for block in blocks:
            self.source.seek(block.offset)
            yield self.source.read(block.length)


class Placer:
    """Brings parts to their whole length; keeps count of room and of what was acknowledged."""

    def __init__(self, disk: StationDisk, limits: VisitLimits, diary: Diary | None = None) -> None:
        self._disk = disk
        self._diary = diary or Diary()
        self._limits = limits
        self._free_bytes: int | None = None
        self.acknowledged_bytes = 0

    def ask_free_bytes(self) -> int | None:
        with self._diary.doing("room") as entry:
            self._free_bytes = self._disk.free_bytes()
            if self._free_bytes is not None:
                entry.facts["free_bytes"] = self._free_bytes
        return self._free_bytes

    def put(
        self,
        final: str,
        content: Content,
        progress: Progress | None,
        step: Step,
        *,
        is_distrusted: bool = False,
    ) -> Flight[int | None]:
        """
        Bring a file of any length; gives where it was resumed, None when it was there already.

        A file that is new to the station is asked about once, opened once, and costs three
        answers more between its last byte and its final name.
        """
        part = final + PART
        there = self._disk.begin_read(final)
        with self._at_hand(part) as begun:
            yield WAITING
            if is_distrusted:
                _let_go(there)
                self._disk.remove(final)  # nothing plays it, and a small disk has no room for two
            elif (yield from self._is_held(there(), content)):
                _let_go(begun)
                return None
            start = self._resume_at(part, begun(), content)
        self._make_room(content.size_bytes - start, content)
        start = yield from self.write_part(part, content, start, progress, step)
        replaced = self._disk.begin_replace(part, final)
        yield WAITING
        self._see(final, content, replaced())
        step("renamed")
        return start

    def put_small(self, path: str, content: bytes, verified: Step) -> Flight[Stat | None]:
        """Bring a few kilobytes; gives what then lies there, None when it lay there already."""
        whole = Content(io.BytesIO(content), len(content), path, is_small=True)
        there = self._disk.begin_read(path)
        yield WAITING
        if (yield from self._is_held(there(), whole)):
            return None
        # The hash in its name keeps a worker that lost its lease from publishing our half.
        part = f"{path}.{hashlib.sha256(content).hexdigest()[:16]}{PART}"
        self._make_room(len(content), whole)
        made = self._disk.begin_part(part, is_emptied=True)
        yield WAITING
        with made() as file, self._freed_when_full(part):
            written, sealed = file.begin_write(content), file.begin_seal()
            with self._at_hand(part) as again:
                yield WAITING
                written()
                sealed()
                found = again()
        yield from self._verify(part, found, whole)
        yield SENT  # a manifest waits here until all the rest is there
        verified("manifest_part")
        replaced = self._disk.begin_replace(part, path)
        yield WAITING
        return self._see(path, whole, replaced())

    def write_part(
        self, path: str, content: Content, start: int, progress: Progress | None, step: Step
    ) -> Flight[int]:
        """Bring a part to its whole length, verified; gives where it was resumed."""
        made = self._disk.begin_part(path)
        yield WAITING
        with made() as file, self._freed_when_full(path):
            if start and file.stat().size_bytes < start:
                start = 0  # rclone empties what it opens to write
            step("part_opened")
            self._send(file, content, start, progress, step)
            step("all_sent")
            sealed = file.begin_seal()
            # Through another handle: what a reader sees. Some servers cannot read where they
            # write.
            with self._at_hand(path) as again:
                yield SENT
                sealed()
                found = again()
        step("flushed")
        yield from self._verify(path, found, content)
        step("verified")
        return start

    def _verify(self, path: str, found: OpenFile | None, content: Content) -> Flight[None]:
        if not (yield from self._is_held(found, content)):
            self._disk.remove(path)
            raise WrongBytes(path=path)

    def _is_held(self, file: OpenFile | None, content: Content) -> Flight[bool]:
        """Look at what lies there: neither a name nor a size is trusted."""
        if file is None:
            return False
        with file:
            blocks = self._blocks(content.size_bytes, content)
            stat = file.ask_stat()
            with contextlib.closing(file.read(blocks)) as found:
                yield WAITING
                is_whole = stat().size_bytes == content.size_bytes
                return is_whole and self._is_same(found, content, blocks)

    @staticmethod
    def _see(path: str, content: Content, there: Stat | None) -> Stat:
        """A yes to a rename is not believed: the final name is looked at."""
        if there is None or there.size_bytes != content.size_bytes:
            raise WrongBytes(path=path)
        return there

    @contextlib.contextmanager
    def _at_hand(self, path: str) -> Iterator[Later[OpenFile | None]]:
        """Open while something else is waited for; after an error no handle keeps the room."""
        asked = self._disk.begin_read(path)
        try:
            yield asked
        except StationError as error:
            if not isinstance(error, LinkDown | BadAnswer):
                with contextlib.suppress(StationError):
                    _let_go(asked)
            raise

    @contextlib.contextmanager
    def _freed_when_full(self, part: str) -> Iterator[None]:
        """The station needs the room for its log."""
        try:
            yield
        except StationFull:
            self._disk.remove(part)
            self._free_bytes = None
            raise

    def _send(
        self,
        file: OpenFile,
        content: Content,
        start: int,
        progress: Progress | None,
        step: Step,
    ) -> None:
        arrived = start
        half = content.size_bytes // 2

        def acknowledged(count: int) -> None:
            nonlocal arrived
            is_past_half = arrived >= half
            arrived += count
            self.acknowledged_bytes += count
            if not is_past_half and arrived >= half:
                step("half_sent")
            if progress is not None:
                progress(self.acknowledged_bytes)

        file.write(content.source, start, acknowledged)

    def _resume_at(self, path: str, file: OpenFile | None, content: Content) -> int:
        """Return how much of a part to keep; a part that is not ours is removed."""
        if file is None:
            return 0
        with file:
            size = file.stat().size_bytes
            is_ours = size <= content.size_bytes
            if is_ours:
                blocks = self._blocks(size, content)
                with contextlib.closing(file.read(blocks)) as found:
                    is_ours = self._is_same(found, content, blocks)
        if is_ours:
            return self._kept_bytes(size)
        self._disk.remove(path)
        return 0

    @staticmethod
    def _kept_bytes(size_bytes: int) -> int:
        """Return what was flushed: a later write ran, so the flush before it had ended."""
        return max(0, size_bytes - 1) // FLUSH_EVERY_BYTES * FLUSH_EVERY_BYTES

    @staticmethod
    def _is_same(found: Iterable[bytes], content: Content, blocks: list[Block]) -> bool:
        return all(theirs == ours for theirs, ours in zip(found, content.read(blocks), strict=True))

    def _blocks(self, size_bytes: int, content: Content) -> list[Block]:
        limits = self._limits
        is_within = size_bytes <= limits.verify_budget_bytes
        if limits.reads_back_all or content.is_small or is_within:
            return list(all_blocks(size_bytes))
        seed = f"{limits.sample_seed} {content.name}"
        return sample_blocks(size_bytes, limits.sample_blocks, seed)

    def _make_room(self, needed_bytes: int, content: Content) -> None:
        """Ask for free space once a visit and count down from there."""
        free = self._free_bytes if self._free_bytes is not None else self.ask_free_bytes()
        if free is None:
            return
        reserve = 0 if content.is_small else self._limits.reserve_bytes
        if needed_bytes + reserve > free:
            self._free_bytes = None
            raise StationFull(needed_bytes=needed_bytes + reserve, free_bytes=free)
        self._free_bytes = free - needed_bytes


def _let_go(asked: Later[OpenFile | None]) -> None:
    """Close what was opened in vain."""
    file = asked()
    if file is not None:
        with file:
            pass
