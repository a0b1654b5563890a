"""Where renditions are made: a temporary folder that is either finished or swept."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".part"


@contextlib.contextmanager
def workshop(into: Path) -> Iterator[Path]:
    """
    A ``.part`` folder inside ``into`` that is gone when the block ends.

    A killed process leaves it behind. Its lock died with the process, and that is how
    :func:`sweep` tells it from the folder of a render that is still at work.
    """
    into.mkdir(parents=True, exist_ok=True)
    folder, lock = _claim(into)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _claim(into: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(suffix=SUFFIX, dir=into))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else a sweep came between the two lines
            return folder, lock
        os.close(lock)


def sweep(into: Path) -> int:
    """Remove what killed renders left in ``into``; say how many there were."""
    return sum(_remove_if_abandoned(folder) for folder in sorted(into.glob(f"*{SUFFIX}")))


def _remove_if_abandoned(folder: Path) -> bool:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # already gone, or not one of ours
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def keep(file: Path, final: Path) -> None:
    """Give a whole file its final name so that a power cut leaves all of it or nothing."""
    sync(file)
    file.replace(final)
    sync(final.parent)


def sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
