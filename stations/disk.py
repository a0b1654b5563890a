"""The few file operations that a visit needs, whatever stands behind them: SFTP or a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from stations.samples import Block

# A station that offers fsync is told to flush at every multiple of this while it receives, so
# that after a power cut all but the last stretch is known to lie on its disk: the resume starts
# there. Eight full requests; 0.5 ms each on a 2-core virtual machine, lost in the window.
FLUSH_EVERY_BYTES = 8 * 65_280


@dataclass(frozen=True)
class Stat:
    """What a station says about one of its files."""

    size_bytes: int
    modified_at: float | None  # seconds since 1970 by the clock of the station


class OpenFile(Protocol):
    """A file at the station, open to be written, flushed and read back."""

    def stat(self) -> Stat: ...

    def write(self, source: BinaryIO, start: int, acknowledged: Callable[[int], None]) -> None:
        """Write ``source`` from ``start`` to its end; say of every stretch when it has arrived."""
        ...

    def read(self, blocks: Iterable[Block]) -> Iterator[bytes]:
        """Read blocks in their order; a short one means that the file ends there."""
        ...

    def flush(self) -> bool:
        """Return True when the station promises that the bytes survive a power cut."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class StationDisk(Protocol):
    """Paths are relative to the root of the station; every error is a ``StationError``."""

    @property
    def bytes_sent(self) -> int: ...

    def describe(self) -> dict[str, str]:
        """Say what stands behind: its version, its methods, what it offers."""
        ...

    def free_bytes(self) -> int | None: ...

    def stat(self, path: str) -> Stat | None: ...

    def list_folder(self, path: str) -> dict[str, Stat]:
        """Return what lies in a folder; nothing when the folder is not there."""
        ...

    def open_part(self, path: str) -> OpenFile:
        """Open for writing; make it and its folders; keep what is there."""
        ...

    def open_read(self, path: str) -> OpenFile | None: ...

    def rename_over(self, source: str, target: str) -> bool:
        """Rename in one step, over a file that is there; False when the server will not."""
        ...

    def replace(self, source: str, target: str) -> None:
        """Rename so that ``target`` is the old file or the new one, or for a moment neither."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file; it is no error when it is not there."""
        ...

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder; one that is not empty, or not there, is left alone."""
        ...

    def flush_folder(self, path: str) -> bool:
        """Return True when the names in a folder are known to survive a power cut."""
        ...

    def close(self) -> None: ...
