"""The few file operations that a visit needs, whatever stands behind them: SFTP or a folder."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Protocol, Self, TypeVar

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


T = TypeVar("T")
# An answer that may still be on its way: asked for now, waited for when it is called. What a
# server has refused is raised then.
Later = Callable[[], T]
# A piece of work that yields wherever it has asked and would now wait: several of them, taken
# together, wait once. On a line of 60 ms the thirty small files of a week took 22 s one by one.
Flight = Generator[bool, None, T]
WAITING, SENT = False, True  # SENT: all of it is on its way and only answers are missing

_TOGETHER = 16  # requests under way at once, of works that are taken together


def fly(flight: Flight[T]) -> T:
    """Do one work by itself."""
    while True:
        try:
            next(flight)
        except StopIteration as ended:
            result: T = ended.value
            return result


def fly_together(flights: Sequence[Flight[T]]) -> list[T]:
    """Do works side by side, in one thread; their results in their order."""
    results: dict[int, T] = {}
    waiting = list(enumerate(flights))
    while waiting:
        for one in waiting[:_TOGETHER]:
            try:
                next(one[1])
            except StopIteration as ended:
                results[one[0]] = ended.value
        waiting = [one for one in waiting if one[0] not in results]
    return [results[at] for at in range(len(flights))]


def fly_in_turn(flights: Iterable[Flight[T]]) -> Iterator[T]:
    """
    Do works one after another, so that the line never rests: what the end of one still waits for
    comes while the next one begins. Their results in their order.
    """
    ending: Flight[T] | None = None
    for flight in flights:
        is_sent = False
        while not is_sent:
            try:
                is_sent = next(flight)
            except StopIteration as ended:
                if ending is not None:
                    yield fly(ending)
                    ending = None
                yield ended.value
                break
            if ending is not None:
                try:
                    next(ending)
                except StopIteration as ended:
                    ending = None
                    yield ended.value
        else:
            if ending is not None:
                yield fly(ending)
            ending = flight
    if ending is not None:
        yield fly(ending)


class OpenFile(Protocol):
    """A file at the station, open to be written, flushed and read back."""

    def stat(self) -> Stat: ...

    def ask_stat(self) -> Later[Stat]: ...

    def write(self, source: BinaryIO, start: int, acknowledged: Callable[[int], None]) -> None:
        """Write ``source`` from ``start`` to its end; say of every stretch when it has arrived."""
        ...

    def begin_write(self, content: bytes) -> Later[None]:
        """Write something small from the start, all of it under way at once."""
        ...

    def read(self, blocks: Iterable[Block]) -> Generator[bytes, None, None]:
        """Read blocks in their order, asked for at once; a short one: the file ends there."""
        ...

    def flush(self) -> bool:
        """Return True when the station promises that the bytes survive a power cut."""
        ...

    def begin_seal(self) -> Later[bool]:
        """Flush and close."""
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
    def server(self) -> str:
        """How it greets: its name and version. Asks nothing."""
        ...

    @property
    def bytes_sent(self) -> int: ...

    def end_within(self, seconds: float) -> None:
        """Be over by then, whether or not something is still being said."""
        ...

    def describe(self) -> dict[str, str]:
        """Say what stands behind: its version, its methods, what it offers."""
        ...

    def free_bytes(self) -> int | None: ...

    def stat(self, path: str) -> Stat | None: ...

    def list_folders(self, *paths: str) -> dict[str, dict[str, Stat]]:
        """Return what lies in these folders; nothing for a folder that is not there."""
        ...

    def open_part(self, path: str) -> OpenFile:
        """Open for writing; make it and its folders; keep what is there."""
        ...

    def begin_part(self, path: str, *, is_emptied: bool = False) -> Later[OpenFile]: ...

    def open_read(self, path: str) -> OpenFile | None: ...

    def begin_read(self, path: str) -> Later[OpenFile | None]: ...

    def begin_folder(self, path: str) -> None:
        """Make a folder that is probably missing; nobody waits, and nobody hears of a failure."""
        ...

    def rename_over(self, source: str, target: str) -> bool:
        """Rename in one step, over a file that is there; False when the server will not."""
        ...

    def replace(self, source: str, target: str) -> None:
        """Rename so that ``target`` is the old file or the new one, or for a moment neither."""
        ...

    def begin_replace(self, source: str, target: str) -> Later[Stat | None]:
        """As ``replace``, and look what then lies under ``target``."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file; it is no error when it is not there."""
        ...

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder; one that is not empty, or not there, is left alone."""
        ...

    def flush_folder(self, path: str) -> Flight[bool]:
        """Give True when the names in a folder are known to survive a power cut."""
        ...

    def forget_asked(self) -> None:
        """After an error: answers that are still on their way are not waited for."""
        ...

    def close(self) -> None: ...
