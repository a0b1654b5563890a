"""What the quality check makes of what it heard: thresholds, and who has to act."""

from __future__ import annotations

from dataclasses import dataclass

from audio.ffmpeg_log import Loudness, Stream
from audio.findings import Finding
from audio.levels import CANCELLED_DB, Levels
from audio.units import Sha256

LONGEST_S = 4 * 3600
SHORTEST_S = 1.0
LONG_SILENCE_S = 8.0
QUIET_LUFS = -36.0
MISSING_S = 1.0  # a header may be off by an encoder's padding, not by more
NOISY_DB = 15.0
SPEECH_PERCENT = 30.0
HUM_DBFS, HUM_STANDS_OUT_DB = -62.0, 8.0


@dataclass(frozen=True)
class Heard:
    """What one decoding pass gave."""

    levels: Levels
    loudness: Loudness
    hum: tuple[float, float] | None  # level in dBFS, and how far it stands out
    pcm_sha256: Sha256
    damaged: int
    not_numbers: int = 0  # samples of a floating-point file that are NaN or infinite


def judge(stream: Stream, heard: Heard) -> list[Finding]:
    """Everything that a person should know before this airs, the gravest first."""
    return [*_refusals(stream, heard), *_warnings(heard), *_notes(stream, heard.levels)]


def _refusals(stream: Stream, heard: Heard) -> list[Finding]:
    seconds = heard.levels.ms / 1000
    claimed_s = (stream.claimed_ms or 0) / 1000
    found = []
    if seconds >= LONGEST_S:
        found.append(Finding("too_long", "refuse", LONGEST_S / 3600))
    elif claimed_s - seconds > max(MISSING_S, claimed_s / 500):
        found.append(Finding("truncated", "refuse", round(claimed_s - seconds, 1)))
    if heard.not_numbers:
        found.append(Finding("not_numbers", "refuse", heard.not_numbers))
    if seconds < SHORTEST_S:
        found.append(Finding("too_short", "refuse", round(seconds, 2)))
    elif heard.loudness.lufs is None:
        found.append(Finding("silent", "refuse"))
    return found


def _warnings(heard: Heard) -> list[Finding]:
    levels, lufs = heard.levels, heard.loudness.lufs
    found = []
    if heard.damaged:
        found.append(Finding("damaged", "warn", heard.damaged))
    if levels.clipped_percent >= 0.2:
        found.append(Finding("clipped", "warn", round(levels.clipped_percent, 1)))
    if not levels.dead_channel and levels.cancellation_db < CANCELLED_DB:
        loss = round(max(levels.cancellation_db, -99.0), 1)
        found.append(Finding("cancels_in_mono", "warn", loss))
    if lufs is not None and lufs < QUIET_LUFS:
        found.append(Finding("quiet", "warn", lufs))
    return found + _noises(heard) + _long_silences(levels)


def _noises(heard: Heard) -> list[Finding]:
    dynamics, found = heard.levels.dynamics, []
    is_speech = dynamics.blocks > 0 and dynamics.speech_percent >= SPEECH_PERCENT
    if is_speech and dynamics.room_db is not None and dynamics.room_db < NOISY_DB:
        found.append(Finding("noisy", "warn", dynamics.room_db))
    if heard.hum is not None:
        level, stands_out = heard.hum
        if level > HUM_DBFS and stands_out > HUM_STANDS_OUT_DB:
            found.append(Finding("hum", "warn", round(level, 1)))
    return found


def _long_silences(levels: Levels) -> list[Finding]:
    inside = [s for s in levels.silences if s.start_ms > 0 and s.end_ms < levels.ms]
    long = [s for s in inside if s.ms >= LONG_SILENCE_S * 1000]
    return [Finding("long_silence", "warn", round(s.ms / 1000, 1), s.start_ms) for s in long[:20]]


def _notes(stream: Stream, levels: Levels) -> list[Finding]:
    found = []
    if levels.dynamics.speech_percent < SPEECH_PERCENT:
        found.append(Finding("little_speech", "note", round(levels.dynamics.speech_percent)))
    if levels.dead_channel:
        found.append(Finding("dead_channel", "note"))
    if levels.offset_percent >= 1.0:
        found.append(Finding("dc_offset", "note", round(levels.offset_percent, 1)))
    if stream.sample_rate_hz < 16_000:
        found.append(Finding("low_rate", "note", stream.sample_rate_hz))
    return found
