"""Small disks for tests: mounted in memory, taken away afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stations.layout import FOLDERS
from tests.conftest import need


@contextmanager
def small_disk_at(root: Path, size: str) -> Iterator[Path]:
    """A disk of so much room with the folders of a station; needs root."""
    root.mkdir()
    if os.geteuid() != 0 or _mount(root, f"size={size}") != 0:
        need("the right to mount a small disk (root)", found=False)
    try:
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True)
        yield root
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True, timeout=20)


def _mount(root: Path, options: str) -> int:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(root)]
    return subprocess.run(command, timeout=20, check=False, stderr=subprocess.DEVNULL).returncode
