"""What the villagers will hear: a programme through a horn on a pole, fifty metres away."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from audio import ffmpeg
from audio.errors import ProgramFailed, RenderFailed
from audio.folder import keep, workshop
from audio.source import open_source

PREVIEW_S = 20
LIMITS = ffmpeg.Limits(wall_s=60, cpu_s=60, file_bytes=0)


@dataclass(frozen=True)
class Horn:
    """A re-entrant horn and the air between it and the ear."""

    low_hz: int = 350
    resonance_hz: int = 1800
    resonance_db: float = 6.0
    high_hz: int = 6000
    drive_db: float = 5.0  # into the soft limit of an amplifier that is turned up too far
    air_hz: int = 4500  # damp air takes the treble first
    echo_ms: tuple[int, int] = (95, 230)  # the wall of the next house, and the one behind it


def preview(
    path: Path,
    into: Path,
    *,
    start_s: float = 0.0,
    horn: Horn | None = None,
    limits: ffmpeg.Limits = LIMITS,
    cancel: threading.Event | None = None,
) -> Path:
    """
    Write a short MP3 of ``path`` as a horn makes it, for the page; ``into`` is its final name.

    Raises:
        NotAFile, EmptyFile, RenderFailed, TookTooLong, Cancelled: nothing is left at ``into``.
    """
    with open_source(path) as source, workshop(into.parent) as folder:
        exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
        argv = ffmpeg.ffmpeg_argv(
            *("-ss", f"{start_s:.3f}", *ffmpeg.input_options(source.url), "-t", str(PREVIEW_S)),
            *("-map", "0:a:0", "-af", horn_filters(horn or Horn()), "-ac", "1", "-ar", "24000"),
            *("-c:a", "libmp3lame", "-b:a", "64k", "-write_xing", "0", *exact),
            *("-f", "mp3", "pipe:1"),
        )
        try:
            heard = ffmpeg.run(argv, limits=limits, pass_fds=[source.fd], cancel=cancel).stdout
        except ProgramFailed as failed:
            raise RenderFailed(profile="preview", detail=failed.fields["detail"]) from failed
        made = folder / "preview.mp3"
        made.write_bytes(heard)
        keep(made, into)
    return into


def horn_filters(horn: Horn) -> str:
    """Steep sides (two filters in a row), a peak, an overdriven amplifier, distance and echoes."""
    first, second = horn.echo_ms
    return ",".join(
        [
            "dynaudnorm=p=0.5:m=5",
            f"highpass=f={horn.low_hz},highpass=f={horn.low_hz}",
            f"lowpass=f={horn.high_hz},lowpass=f={horn.high_hz}",
            f"equalizer=f={horn.resonance_hz}:t=o:w=1.2:g={horn.resonance_db:g}",
            f"volume={horn.drive_db:g}dB,asoftclip=type=tanh",
            f"lowpass=f={horn.air_hz}",
            f"aecho=0.8:0.7:{first}|{second}:0.22|0.13",
            "alimiter=limit=0.7:level=0",
        ]
    )
