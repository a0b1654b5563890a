"""The same visit to a folder of this machine: a USB stick that a person carries, and tests."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from stations.diary import Diary
from stations.disk import FLUSH_EVERY_BYTES, WAITING, Flight, Later, Stat
from stations.errors import NotWritable, StationError, StationFull
from stations.samples import Block
from stations.visit import Step, Visit, VisitLimits

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def open_folder(
    root: Path,
    limits: VisitLimits | None = None,
    *,
    step: Step = lambda name: None,
    diary: Diary | None = None,
) -> Visit:
    """
    Start a visit to a folder that holds, or will hold, the files of a station.

    Raises:
        NotWritable: there is no such folder.
    """
    diary = diary or Diary()
    with diary.doing("call"):
        if not root.is_dir():
            raise NotWritable(path=str(root), detail="no such folder")
    step("connected")
    return Visit(FolderDisk(root), limits, step, diary)


class FolderDisk:
    """The station's disk as a folder."""

    server = "folder"

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self.bytes_sent = 0

    def end_within(self, seconds: float) -> None:
        """A disk of this machine tells no stories."""

    def describe(self) -> dict[str, str]:
        return {"server": self.server}

    def free_bytes(self) -> int | None:
        with _Explained(""):
            state = os.statvfs(self._root)
        return state.f_frsize * state.f_bavail

    def stat(self, path: str) -> Stat | None:
        with _Explained(path):
            try:
                return _stat(os.stat(self._at(path)))
            except FileNotFoundError:
                return None

    def list_folders(self, *paths: str) -> dict[str, dict[str, Stat]]:
        return {path: self._list_folder(path) for path in paths}

    def _list_folder(self, path: str) -> dict[str, Stat]:
        with _Explained(path):
            try:
                return {entry.name: _stat(entry.stat()) for entry in os.scandir(self._at(path))}
            except FileNotFoundError:
                return {}

    def open_part(self, path: str) -> FolderFile:
        return self.begin_part(path)()

    def begin_part(self, path: str, *, is_emptied: bool = False) -> Later[FolderFile]:
        flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if is_emptied else 0)
        with _Explained(path):
            try:
                descriptor = os.open(self._at(path), flags, 0o644)
            except FileNotFoundError:
                if os.path.isdir(self._root):
                    os.makedirs(os.path.dirname(self._at(path)), exist_ok=True)
                descriptor = os.open(self._at(path), flags, 0o644)
            file = self._opened(path, descriptor)
        return lambda: file

    def begin_folder(self, path: str) -> None:
        """It is made with the first file in it."""

    def open_read(self, path: str) -> FolderFile | None:
        with _Explained(path):
            try:
                return FolderFile(self, path, os.open(self._at(path), os.O_RDONLY))
            except FileNotFoundError:
                return None

    def begin_read(self, path: str) -> Later[FolderFile | None]:
        file = self.open_read(path)
        return lambda: file

    def rename_over(self, source: str, target: str) -> bool:
        self.replace(source, target)
        return True

    def replace(self, source: str, target: str) -> None:
        with _Explained(target):
            os.replace(self._at(source), self._at(target))

    def begin_replace(self, source: str, target: str) -> Later[Stat | None]:
        self.replace(source, target)
        return lambda: self.stat(target)

    def remove(self, path: str) -> None:
        with _Explained(path), contextlib.suppress(FileNotFoundError):
            os.unlink(self._at(path))

    def remove_folder(self, path: str) -> None:
        with contextlib.suppress(OSError):
            os.rmdir(self._at(path))

    def forget_asked(self) -> None:
        """Nothing is on its way."""

    def flush_folder(self, path: str) -> Flight[bool]:
        yield WAITING
        with _Explained(path), contextlib.suppress(FileNotFoundError):
            descriptor = os.open(self._at(path), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            return True
        return False

    def close(self) -> None:
        """Nothing is held open."""

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _opened(self, path: str, descriptor: int) -> FolderFile:
        return FolderFile(self, path, descriptor)


class FolderFile:
    """One open file of the folder."""

    def __init__(self, disk: FolderDisk, path: str, descriptor: int) -> None:
        self._disk = disk
        self._path = path
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _Explained(self._path):
            os.close(self._descriptor)

    def stat(self) -> Stat:
        with _Explained(self._path):
            return _stat(os.fstat(self._descriptor))

    def ask_stat(self) -> Later[Stat]:
        return self.stat

    def begin_write(self, content: bytes) -> Later[None]:
        self.write(io.BytesIO(content), 0, lambda count: None)
        return lambda: None

    def write(self, source: BinaryIO, start: int, acknowledged: Callable[[int], None]) -> None:
        source.seek(start)
        offset = start
        while chunk := source.read(FLUSH_EVERY_BYTES - offset % FLUSH_EVERY_BYTES):
            with _Explained(self._path, len(chunk)):
                self._write_all(chunk, offset)
                if len(chunk) + offset % FLUSH_EVERY_BYTES == FLUSH_EVERY_BYTES:
                    os.fsync(self._descriptor)  # a part is resumed here after a power cut
            offset += len(chunk)
            self._disk.bytes_sent += len(chunk)
            acknowledged(len(chunk))

    def read(self, blocks: Iterable[Block]) -> Generator[bytes, None, None]:
        for block in blocks:
            with _Explained(self._path):
                data = os.pread(self._descriptor, block.length, block.offset)
            yield data

    def flush(self) -> bool:
        with _Explained(self._path, 1):
            os.fsync(self._descriptor)
        return True

    def begin_seal(self) -> Later[bool]:
        return self.flush

    def _write_all(self, chunk: bytes, offset: int) -> None:
        written = 0
        while written < len(chunk):
            written += os.pwrite(self._descriptor, chunk[written:], offset + written)


def _stat(found: os.stat_result) -> Stat:
    return Stat(found.st_size, found.st_mtime)


class _Explained:
    """An error of the disk becomes one of ours."""

    def __init__(self, path: str, needed_bytes: int = 0) -> None:
        self._path, self._needed_bytes = path, needed_bytes

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise _explained(error, self._path, self._needed_bytes) from error


def _explained(error: OSError, path: str, needed_bytes: int) -> StationError:
    if error.errno in _NO_ROOM:
        return StationFull(needed_bytes=needed_bytes, free_bytes=0)
    return NotWritable(path=path, detail=error.strerror or str(error))
