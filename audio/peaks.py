"""The outline of a programme for the waveform on the page."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

from audio import ffmpeg
from audio.measure import decode_argv
from audio.pcm import Format, audioop
from audio.source import open_source

# Enough for an outline, and a sixth of the samples.
SHAPE = Format(8000, 1)
WINDOW_BYTES = SHAPE.sample_rate_hz // 50 * SHAPE.frame_bytes  # 20 ms


def peaks(
    path: Path,
    points: int = 800,
    *,
    limits: ffmpeg.Limits = ffmpeg.DEFAULT_LIMITS,
    cancel: threading.Event | None = None,
) -> list[float]:
    """
    At most ``points`` heights from 0 to 1, evenly over the whole length.

    Raises:
        AudioError: as :func:`audio.measure.measure`; call this only for what was measured.
    """
    windows: list[int] = []
    with open_source(path) as source:
        argv = decode_argv(source, SHAPE)
        fds = [source.fd]
        with ffmpeg.start(argv, limits=limits, pass_fds=fds, cancel=cancel) as decoder:
            for chunk in decoder.chunks(WINDOW_BYTES * 500):
                windows += _heights(chunk)
            decoder.finish()
    return _thinned(windows, points)


def _heights(chunk: bytes) -> list[int]:
    whole = len(chunk) - len(chunk) % SHAPE.frame_bytes
    starts = range(0, whole, WINDOW_BYTES)
    return [audioop.max(chunk[start : min(start + WINDOW_BYTES, whole)], 2) for start in starts]


def _thinned(windows: list[int], points: int) -> list[float]:
    count = min(points, len(windows))
    edges = [index * len(windows) // count for index in range(count + 1)] if count else []
    return [round(min(1.0, max(windows[start:end]) / 32767), 3) for start, end in pairwise(edges)]
