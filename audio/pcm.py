"""
Bounded stretches of raw sound, handled by pydub and by the C routines it stands on.

pydub's own way (the whole file as one ``AudioSegment``) takes 1.8 GiB for an hour; here a segment
never holds more than ``STRETCH_S`` seconds.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

with warnings.catch_warnings():
    # audioop left the standard library in 3.13 (audioop-lts brings it back), and pydub warns when
    # no ffmpeg is on the PATH, which audio/ffmpeg.py finds by itself.
    warnings.simplefilter("ignore")
    import audioop

    from pydub import AudioSegment

__all__ = ["STRETCH_S", "AudioSegment", "Format", "audioop", "segments"]

STRETCH_S = 10
SAMPLE_BYTES = 2


@dataclass(frozen=True)
class Format:
    """Interleaved 16-bit little-endian samples."""

    sample_rate_hz: int
    channels: int

    @property
    def frame_bytes(self) -> int:
        return SAMPLE_BYTES * self.channels

    @property
    def stretch_bytes(self) -> int:
        return STRETCH_S * self.sample_rate_hz * self.frame_bytes

    def segment(self, data: bytes) -> Any:
        return AudioSegment(
            data=data,
            sample_width=SAMPLE_BYTES,
            frame_rate=self.sample_rate_hz,
            channels=self.channels,
        )

    def ffmpeg_input(self, url: str = "pipe:0") -> list[str]:
        """Options that read this format, spelt so that ffmpeg 5 to 8 take it."""
        shape = ["-ar", str(self.sample_rate_hz), "-ac", str(self.channels)]
        return ["-f", "s16le", *shape, "-i", url]


def segments(chunks: Iterable[bytes], shape: Format) -> Iterator[Any]:
    """Whole frames only: a program that was killed in mid-frame must not swap the channels."""
    for chunk in chunks:
        whole = len(chunk) - len(chunk) % shape.frame_bytes
        if whole:
            yield shape.segment(chunk[:whole])
