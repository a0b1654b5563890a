"""A file that somebody brought, opened so that its name and its neighbours play no part."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audio.errors import EmptyFile, NotAFile
from audio.units import Sha256

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """
    One open regular file.

    Programs get the descriptor, never the name: a name with a newline cannot write lines into a
    log that we parse, ``%03d`` or ``http:`` mean nothing, and the file that is decoded is the
    file that was hashed even when somebody swaps the name in between.
    """

    fd: int
    size_bytes: int

    @property
    def url(self) -> str:
        return f"file:/dev/fd/{self.fd}"

    def sha256(self) -> Sha256:
        digest = hashlib.sha256()
        offset = 0
        while block := os.pread(self.fd, BLOCK_BYTES, offset):
            digest.update(block)
            offset += len(block)
        return Sha256(digest.hexdigest())


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """
    Open a regular, non-empty file for reading.

    Raises:
        NotAFile: it is a folder, a link, a pipe or a device; nothing was read from it.
        EmptyFile: it holds no byte.
        FileNotFoundError, PermissionError: as ``open``.
    """
    # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotAFile(kind="A link") from None
        if error.errno == errno.ENXIO:
            raise NotAFile(kind="A socket") from None
        raise
    try:
        yield _checked(fd)
    finally:
        os.close(fd)


def _checked(fd: int) -> Source:
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise NotAFile(kind="A folder")
    if not stat.S_ISREG(status.st_mode):
        raise NotAFile(kind="A pipe or a device")
    if status.st_size == 0:
        raise EmptyFile
    return Source(fd, status.st_size)
