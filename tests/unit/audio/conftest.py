"""Sound made on the spot: nothing is committed that can be generated."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audio.facts import Facts
from audio.ffmpeg import find_ffmpeg
from audio.measure import measure
from tests.sounds import hum

MakeSound = Callable[..., Path]


def ffmpeg(*options: str | Path) -> None:
    """The unlimited ffmpeg of a reporter's own machine."""
    argv = [find_ffmpeg(), "-v", "error", "-nostdin", "-y", *options]
    subprocess.run([str(a) for a in argv], check=True, timeout=60)


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of something like speech: mono WAV, 22,050 Hz."""
    return hum(tmp_path_factory.mktemp("speech") / "speech.wav", seconds=12, seed=5)


@pytest.fixture(scope="session")
def speech_facts(speech: Path) -> Facts:
    return measure(speech)


@pytest.fixture
def make(tmp_path: Path, speech: Path) -> MakeSound:
    """Convert the speech: ``make("a.mp3", "-ac", "2")``."""

    def convert(name: str, *options: str, source: Path = speech) -> Path:
        path = tmp_path / name
        ffmpeg("-i", source, *options, f"file:{path}")
        return path

    return convert


@pytest.fixture
def generate(tmp_path: Path) -> MakeSound:
    """Generate a signal: ``generate("a.wav", "sine=d=3")``."""

    def synthesise(name: str, graph: str, *options: str) -> Path:
        path = tmp_path / name
        ffmpeg("-f", "lavfi", "-i", graph, *options, f"file:{path}")
        return path

    return synthesise
