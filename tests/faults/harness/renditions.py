"""Renditions for tests: bytes that compress badly and are the same on every run."""

from __future__ import annotations

import hashlib
import os
import random
from dataclasses import dataclass
from pathlib import Path

from stations.layout import RenditionFile, Sha256


@dataclass(frozen=True)
class RenditionMaker:
    """Writes them into a folder; the same size and seed give the same file."""

    folder: Path

    def __call__(self, size_bytes: int, seed: int = 0) -> RenditionFile:
        content = random.Random(f"{seed} {size_bytes}").randbytes(size_bytes)
        sha256 = Sha256(hashlib.sha256(content).hexdigest())
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{sha256}.mp3"
        if not path.exists():
            # Clients that are about to be killed make them too: never half of one.
            part = path.with_suffix(f".{os.getpid()}")
            part.write_bytes(content)
            part.replace(path)
        return RenditionFile(sha256, "mp3", path, size_bytes)
