"""A file comes in: copied whole, hashed, flushed; or refused with nothing left behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from scheduler.errors import InputInvalid, said

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Incoming:
    """A copy of what was brought, still under a temporary name."""

    path: Path
    sha256: str
    size_bytes: int

    def keep_as(self, final: Path) -> None:
        """Give it its name; the bytes were flushed before, so the name never holds half a file."""
        self.path.replace(final)
        flush_folder(final.parent)


@contextmanager
def incoming(source: Path, tmp: Path, *, max_bytes: int) -> Iterator[Incoming]:
    """
    Copy a file in, hashing as it goes; what was not kept by the end is removed.

    Raises:
        InputInvalid: not a file, empty, or larger than allowed.
    """
    if not source.is_file():
        raise InputInvalid(problem=said('"{name}" is not a file', name=source))
    with NamedTemporaryFile(dir=tmp, prefix="intake-", suffix=".part", delete=False) as copy:
        path = Path(copy.name)
        try:
            digest, size = hashlib.sha256(), 0
            with source.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    size += len(chunk)
                    if size > max_bytes:
                        problem = said(
                            '"{name}" is larger than {limit} MiB',
                            name=source.name,
                            limit=max_bytes >> 20,
                        )
                        raise InputInvalid(problem=problem)
                    digest.update(chunk)
                    copy.write(chunk)
            if size == 0:
                raise InputInvalid(problem=said('"{name}" is empty', name=source.name))
            copy.flush()
            os.fsync(copy.fileno())
            yield Incoming(path, digest.hexdigest(), size)
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def linked(source: Path, tmp: Path) -> Iterator[Incoming]:
    """
    As :func:`incoming`, for a whole file of ours on the same disk: hashed, flushed, not copied.

    ``source`` stays where it is; its owner removes it.
    """
    with NamedTemporaryFile(dir=tmp, prefix="intake-", suffix=".part") as unique:
        path = Path(unique.name + ".link")
    try:
        os.link(source, path)
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
            os.fsync(file.fileno())
        yield Incoming(path, digest.hexdigest(), size)
    finally:
        path.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """A rename survives a power cut only once its folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
