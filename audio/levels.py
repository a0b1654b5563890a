"""Levels of decoded sound, window by window, in memory that does not grow with the sound."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

from audio.dynamics import Dynamics
from audio.facts import MonoSource, Silence
from audio.pcm import Format, audioop
from audio.units import Milliseconds, samples_to_ms

WINDOWS_PER_S = 10
SILENT_DBFS = -50.0
SILENCE_MIN_S = 2.0
SILENCES_KEPT = 200
DEAD_DB = 40.0  # one channel so far below the other carries nothing
CANCELLED_DB = -6.0  # noise in both channels alone loses 3 dB
HEADROOM = 0.5  # the decoder halves the samples, so that what lies above full scale is seen
FULL_SCALE = 32768 * HEADROOM


def dbfs(amplitude: float) -> float:
    return 20 * math.log10(max(amplitude, 0.1) / FULL_SCALE)


@dataclass
class Channel:
    """Running sums over one channel."""

    peak: int = 0
    energy: float = 0.0
    offset: float = 0.0

    def add(self, window: bytes, samples: int) -> None:
        self.peak = max(self.peak, audioop.max(window, 2))
        self.energy += float(audioop.rms(window, 2)) ** 2 * samples
        self.offset += audioop.avg(window, 2) * samples


@dataclass
class Levels:
    """Everything that is summed up while the sound goes by."""

    shape: Format
    samples: int = 0
    channels: list[Channel] = field(default_factory=list)
    mid: Channel = field(default_factory=Channel)
    dynamics: Dynamics = field(default_factory=Dynamics)
    silences: list[Silence] = field(default_factory=list)
    clipped_windows: int = 0
    _quiet_from: int | None = None

    def __post_init__(self) -> None:
        self.channels = [Channel() for _ in range(self.shape.channels)]

    @property
    def window_bytes(self) -> int:
        return self.shape.sample_rate_hz // WINDOWS_PER_S * self.shape.frame_bytes

    @property
    def ms(self) -> Milliseconds:
        return samples_to_ms(self.samples, self.shape.sample_rate_hz)

    def add(self, chunk: bytes) -> None:
        """Take whole windows; only the last chunk may hold a part of one."""
        for start in range(0, len(chunk), self.window_bytes):
            window = chunk[start : start + self.window_bytes]
            self._add_window(window[: len(window) - len(window) % self.shape.frame_bytes])

    def finish(self) -> None:
        self._end_silence()

    def _add_window(self, window: bytes) -> None:
        samples = len(window) // self.shape.frame_bytes
        if not samples:
            return
        tracks = [window] if self.shape.channels == 1 else _split(window)
        for channel, track in zip(self.channels, tracks, strict=True):
            channel.add(track, samples)
        mid = audioop.tomono(window, 2, 0.5, 0.5) if len(tracks) == 2 else window
        self.mid.add(mid, samples)
        level = dbfs(max(audioop.rms(track, 2) for track in tracks))
        self.dynamics.add(level)
        self._note_silence(level)
        self.clipped_windows += any(_is_clipped(track) for track in tracks)
        self.samples += samples

    def _note_silence(self, level: float) -> None:
        if level >= SILENT_DBFS:
            self._end_silence()
        elif self._quiet_from is None:
            self._quiet_from = self.samples

    def _end_silence(self) -> None:
        if self._quiet_from is None:
            return
        rate = self.shape.sample_rate_hz
        ms = samples_to_ms(self.samples - self._quiet_from, rate)
        if ms >= SILENCE_MIN_S * 1000 and len(self.silences) < SILENCES_KEPT:
            self.silences.append(Silence(samples_to_ms(self._quiet_from, rate), ms))
        self._quiet_from = None

    @property
    def clipped_percent(self) -> float:
        windows = max(1, self.samples * WINDOWS_PER_S // self.shape.sample_rate_hz)
        return 100.0 * self.clipped_windows / windows

    @property
    def offset_percent(self) -> float:
        """The worst channel's mean, of full scale."""
        worst = max(abs(channel.offset) for channel in self.channels)
        return 100.0 * worst / max(1, self.samples) / FULL_SCALE

    @property
    def dead_channel(self) -> bool:
        """Whether one of two channels carries nothing."""
        if len(self.channels) == 1:
            return False
        quiet, loud = sorted(channel.energy for channel in self.channels)
        return loud > 0 and quiet < loud * 10 ** (-DEAD_DB / 10)

    @property
    def cancellation_db(self) -> float:
        """The mix against the two channels: 0 when they are the same, far below when opposed."""
        if len(self.channels) == 1:
            return 0.0
        both = sum(channel.energy for channel in self.channels) / 2
        return _ratio_db(self.mid.energy, both)

    @property
    def mono_source(self) -> MonoSource:
        if not self.dead_channel and self.cancellation_db >= CANCELLED_DB:
            return "mix"
        left, right = self.channels
        return "left" if left.energy >= right.energy else "right"

    @property
    def mono_gain_db(self) -> float:
        """How much quieter the mono signal is than the channels together, as loudness counts."""
        if len(self.channels) == 1:
            return 0.0
        left, right = self.channels
        chosen = {"mix": self.mid, "left": left, "right": right}[self.mono_source]
        return _ratio_db(chosen.energy, left.energy + right.energy)


def _split(window: bytes) -> list[bytes]:
    return [audioop.tomono(window, 2, 1, 0), audioop.tomono(window, 2, 0, 1)]


def _is_clipped(track: bytes) -> bool:
    """Three samples in a row at full scale (a normalised peak touches it once), or well above it.

    A lossy coder alone lifts clean peaks by up to 0.5 dB.
    """
    low, high = audioop.minmax(track, 2)
    top = max(high, -low)
    if top < FULL_SCALE - 4 or top > FULL_SCALE * 1.06:
        return top > FULL_SCALE
    return any(struct.pack("<h", value) * 3 in track for value in (low, high))


def _ratio_db(energy: float, reference: float) -> float:
    return 10 * math.log10(max(energy, 1e-9) / max(reference, 1e-9)) if reference else 0.0
