"""
How a file comes to lie at a station: as a part first, resumed, flushed and read back.

What bears a final name was verified before; nothing is trusted because it exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from stations.disk import FLUSH_EVERY_BYTES, OpenFile, StationDisk
from stations.errors import StationFull, WrongBytes
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
    may_use_reserve: bool = False  # a manifest goes to a full station too

    def read(self, blocks: Iterable[Block]) -> Iterator[bytes]:
        for block in blocks:
            self.source.seek(block.offset)
            yield self.source.read(block.length)


class Placer:
    """Brings parts to their whole length; keeps count of room and of what was acknowledged."""

    def __init__(self, disk: StationDisk, limits: VisitLimits) -> None:
        self._disk = disk
        self._limits = limits
        self._free_bytes: int | None = None
        self.acknowledged_bytes = 0

    def ask_free_bytes(self) -> int | None:
        self._free_bytes = self._disk.free_bytes()
        return self._free_bytes

    def holds(self, path: str, content: Content) -> bool:
        """Look at what lies there: neither a name nor a size is trusted."""
        file = self._disk.open_read(path)
        if file is None:
            return False
        with file:
            is_whole = file.stat().size_bytes == content.size_bytes
            return is_whole and self._is_same(file, content, content.size_bytes)

    def write_part(self, path: str, content: Content, progress: Progress | None, step: Step) -> int:
        """Bring a part to its whole length, verified; return where it was resumed."""
        start = self._resume_at(path, content)
        self._make_room(content.size_bytes - start, content)
        with self._disk.open_part(path) as file:
            if start and file.stat().size_bytes < start:
                start = 0  # rclone empties what it opens to write
            step("part_opened")
            self._send(file, path, content, start, progress, step)
            step("all_sent")
            file.flush()
            step("flushed")
        # Through another handle: what a reader sees. Some servers cannot read where they write.
        if not self.holds(path, content):
            self._disk.remove(path)
            raise WrongBytes(path=path)
        step("verified")
        return start

    def publish(self, part: str, final: str, content: Content) -> None:
        """Give a verified part its final name, and see that it is there."""
        self._disk.replace(part, final)
        there = self._disk.stat(final)
        if there is None or there.size_bytes != content.size_bytes:
            raise WrongBytes(path=final)

    def _send(
        self,
        file: OpenFile,
        path: str,
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

        try:
            file.write(content.source, start, acknowledged)
        except StationFull:
            self._disk.remove(path)  # the station needs the room for its log
            self._free_bytes = None
            raise

    def _resume_at(self, path: str, content: Content) -> int:
        """Return how much of a part to keep; a part that is not ours is removed."""
        file = self._disk.open_read(path)
        if file is None:
            return 0
        with file:
            size = file.stat().size_bytes
            is_ours = size <= content.size_bytes and self._is_same(file, content, size)
        if is_ours:
            return self._kept_bytes(size)
        self._disk.remove(path)
        return 0

    @staticmethod
    def _kept_bytes(size_bytes: int) -> int:
        """Return what was flushed: a later write ran, so the flush before it had ended."""
        return max(0, size_bytes - 1) // FLUSH_EVERY_BYTES * FLUSH_EVERY_BYTES

    def _is_same(self, file: OpenFile, content: Content, size_bytes: int) -> bool:
        blocks = self._blocks(size_bytes, content.name)
        found = file.read(blocks)
        return all(theirs == ours for theirs, ours in zip(found, content.read(blocks), strict=True))

    def _blocks(self, size_bytes: int, name: str) -> list[Block]:
        limits = self._limits
        if limits.reads_back_all or size_bytes <= limits.verify_budget_bytes:
            return list(all_blocks(size_bytes))
        return sample_blocks(size_bytes, limits.sample_blocks, f"{limits.sample_seed} {name}")

    def _make_room(self, needed_bytes: int, content: Content) -> None:
        """Ask for free space once a visit and count down from there."""
        free = self._free_bytes if self._free_bytes is not None else self.ask_free_bytes()
        if free is None:
            return
        reserve = 0 if content.may_use_reserve else self._limits.reserve_bytes
        if needed_bytes + reserve > free:
            self._free_bytes = None
            raise StationFull(needed_bytes=needed_bytes + reserve, free_bytes=free)
        self._free_bytes = free - needed_bytes
