"""Speech-like sound for tests, made once in a run: it takes seconds."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from audio import speech


def hum(into: Path, seconds: float, seed: int) -> Path:
    """What ``audio.speech.hum`` writes, from memory when it was asked for before."""
    into.write_bytes(_bytes_of(seconds, seed))
    return into


@cache
def _bytes_of(seconds: float, seed: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return speech.hum(Path(folder) / "hum.wav", seconds, seed).read_bytes()
