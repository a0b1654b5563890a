"""
A disk that may lose its power: an ext4 file system in a file, mounted over a loop device.

A copy of the file at any instant is what the disk would hold if the power went then; mounting the
copy lets the journal do what it does after a power cut.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import need

_MIB = 48
_COMMITS_EVERY_S = 1  # of the journal; 5 s in real life, which only makes a test slower


class Disk:
    """The mounted file system; ``cut`` shows what would be left of it now."""

    def __init__(self, image: Path, root: Path) -> None:
        self.root = root
        self._image = image

    def flush(self) -> None:
        """As if nothing had been written for a minute."""
        subprocess.run(["sync", "-f", str(self.root)], check=True, timeout=60)

    @contextmanager
    def cut(self) -> Iterator[Path]:
        """Lose the power and come back: yield the root as it is then."""
        copy = self._image.with_suffix(".cut")
        copy.write_bytes(self._still())
        with mounted(copy, self.root.with_name("after the cut")) as root:
            yield root
        copy.unlink()

    def _still(self) -> bytes:
        """Two equal looks in a row: nothing was written while we looked."""
        before, deadline = b"", time.monotonic() + 20
        while (now := self._image.read_bytes()) != before:
            assert time.monotonic() < deadline, "the disk never stands still"
            before = now
        return now


@contextmanager
def mounted(image: Path, root: Path) -> Iterator[Path]:
    root.mkdir(exist_ok=True)
    options = f"loop,commit={_COMMITS_EVERY_S}"
    command = ["mount", "-t", "ext4", "-o", options, str(image), str(root)]
    is_done = os.geteuid() == 0 and not subprocess.run(
        command, timeout=30, check=False, stderr=subprocess.DEVNULL
    ).returncode  # fmt: skip
    if not is_done:
        need("the right to mount a file over a loop device (root)", found=False)
    try:
        yield root
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True, timeout=60)


@contextmanager
def disk_that_may_lose_power(folder: Path) -> Iterator[Disk]:
    """Make one; needs root, loop devices and mkfs.ext4."""
    image = folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(_MIB << 20)
    command = ["/sbin/mkfs.ext4", "-q", "-F", str(image)]
    try:
        subprocess.run(command, check=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        need("mkfs.ext4 (apt-get install e2fsprogs)", found=False)
    with mounted(image, folder / "disk") as root:
        yield Disk(image, root)
