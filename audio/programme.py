"""The programme as it will be heard: ident, body and sign-off, joined by pydub on the way."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from audio import ffmpeg
from audio.facts import Facts
from audio.measure import decode_argv
from audio.pcm import AudioSegment, Format, segments
from audio.source import Source
from audio.units import Milliseconds

EDGE_MS = 300  # quiet kept or put at both ends of a part, so that a join never eats a syllable
JOIN_MS = 200
FADE_MS = 20  # against the click of a cut
SHORTEST_MS = 1000  # a shorter last stretch is glued to the one before it


@dataclass(frozen=True)
class Part:
    """One file of the programme, and the piece of it that is heard."""

    source: Source
    facts: Facts
    gain_db: float = 0.0
    kept_ms: tuple[int, int | None] = (0, None)  # what a person left of it; the master stays whole

    @property
    def start_ms(self) -> Milliseconds:
        """Leading silence is cut down to ``EDGE_MS``."""
        if self.kept_ms[0]:
            return Milliseconds(self.kept_ms[0])
        first = self.facts.silences[:1]
        if first and first[0].start_ms == 0 and first[0].end_ms < self.facts.ms:
            return Milliseconds(max(0, first[0].end_ms - EDGE_MS))
        return Milliseconds(0)

    @property
    def end_ms(self) -> Milliseconds:
        """Trailing silence is cut down too; whole milliseconds, which is what pydub counts in."""
        if self.kept_ms[1] is not None:
            return Milliseconds(min(self.kept_ms[1], self.facts.ms))
        last = self.facts.silences[-1:]
        # The last window of the check may be a part of one.
        if last and last[0].start_ms > 0 and last[0].end_ms >= self.facts.ms - 1:
            return Milliseconds(min(last[0].start_ms + EDGE_MS, self.facts.ms))
        return self.facts.ms

    @property
    def ms(self) -> Milliseconds:
        return Milliseconds(self.end_ms - self.start_ms)


@dataclass(frozen=True)
class Programme:
    """Parts in the order of airing, decoded to one shape."""

    parts: Sequence[Part]
    shape: Format
    limits: ffmpeg.Limits
    cancel: threading.Event | None = None

    @property
    def ms(self) -> Milliseconds:
        joins = len(self.parts) - 1
        return Milliseconds(sum(part.ms for part in self.parts) + joins * (2 * EDGE_MS - JOIN_MS))

    def stretches(self) -> Generator[bytes, None, None]:
        """
        Decode and join the parts, at most two stretches in memory at a time.

        Raises:
            ProgramFailed, TookTooLong, Cancelled: from the decoder.
        """
        held: Any = None
        for index, part in enumerate(self.parts):
            with closing(self._decode(part)) as pieces:
                held = yield from self._play(pieces, held, is_first=index == 0)
        yield held.fade_out(FADE_MS).raw_data

    def _play(
        self, pieces: Iterator[Any], held: Any, *, is_first: bool
    ) -> Generator[bytes, None, Any]:
        """Emit a part but for its last stretch, which is returned because a join may follow."""
        opening = next(pieces).fade_in(FADE_MS)
        held = opening if is_first else self._join(held, opening)
        for piece in pieces:
            if len(piece) < SHORTEST_MS:
                held += piece
            else:
                yield held.raw_data
                held = piece
        return held

    def _join(self, before: Any, after: Any) -> Any:
        quiet = AudioSegment.silent(EDGE_MS, self.shape.sample_rate_hz)
        quiet = quiet.set_channels(self.shape.channels)
        return (before.fade_out(FADE_MS) + quiet).append(quiet + after, crossfade=JOIN_MS)

    def _decode(self, part: Part) -> Generator[Any, None, None]:
        argv = decode_argv(part.source, self.shape, *_repairs(part, self.shape))
        left = part.ms * self.shape.sample_rate_hz // 1000 * self.shape.frame_bytes
        fds = [part.source.fd]
        with ffmpeg.start(argv, limits=self.limits, pass_fds=fds, cancel=self.cancel) as decoder:
            for piece in segments(decoder.chunks(self.shape.stretch_bytes), self.shape):
                data = piece.raw_data[:left]
                left -= len(data)
                if data:
                    yield self.shape.segment(data) + part.gain_db
            decoder.finish()


def _repairs(part: Part, shape: Format) -> list[str]:
    """What is done to the samples before they become 16 bits wide."""
    facts = part.facts
    filters = [f"atrim=start={part.start_ms / 1000:.3f}:end={part.end_ms / 1000:.3f}"]
    filters.append("asetpts=PTS-STARTPTS")
    over_db = max(0.0, facts.peak_dbtp or 0.0)
    if over_db:  # a float master or a loud MP3: what is above full scale must not be cut off
        filters.append(f"volume=-{over_db:.1f}dB:precision=double")
    if facts.channels > 1:
        picked = {"mix": "0.5*c0+0.5*c1", "left": "c0", "right": "c1"}[facts.mono_source]
        filters.append("aformat=channel_layouts=stereo")
        if shape.channels == 1:
            filters.append(f"pan=mono|c0={picked}")
        elif facts.mono_source != "mix":
            filters.append(f"pan=stereo|c0={picked}|c1={picked}")
    return filters
