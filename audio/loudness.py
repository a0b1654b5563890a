"""
Find the one linear gain that gives a loudness after the limiter.

A limiter takes loudness away from peaky speech: plain gain and ``alimiter`` end 1.4 to 2.5 LU low,
and ``loudnorm`` falls silently to its dynamic mode. Here the programme is heard at a few gains side
by side, through the very limiter that will be used, and the gain between them is taken.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass, replace
from itertools import pairwise

from audio import ffmpeg
from audio.ffmpeg_log import parse_loudness
from audio.meter import measuring
from audio.profiles import Profile
from audio.programme import Programme

METER_RATE_HZ = 24_000  # speech has no loudness above 12 kHz, and half the rate is half the work
# Trials beyond the gain that would do without a limiter, as shares of how far the peaks would then
# stand above it: synthetic speech, peakier than a studio's, needed 0.75 and (band-limited) 1.0 dB
# more for each of those dB.
TRIAL_SHARES = (0.25, 0.7, 1.15)
NEAREST_TRIALS_DB = (-0.6, 0.8, 2.0)
CLOSE_LU = 1.0  # so near to a trial the last slope still holds
FLATTEST = 0.2  # LU a dB: a limiter that gives less than this gives nothing
ROUNDS = 4
STEEPEST_DB = 40.0
SMALLEST_STEP_DB = 0.01
PRESENCE_HZ = 2500

# What a coder adds to the peaks that the limiter left, measured on speech (docs/audio.md).
# One figure for both lossy coders, so that their profiles share the trials.
CODER_OVERSHOOT_DB = {"mp3": 2.2, "opus": 2.2, "wav": 0.6, "flac": 0.6}
# LAME scales its input by 0.95 up to 160 kbit/s.
LAME_LOSS_DB = 0.4455
# Opus at 24 kbit/s gave back 0.1 to 0.5 LU less than it got of three kinds of speech.
OPUS_LOSS_DB = 0.3
LAME_LOSES_UP_TO_KBPS, OPUS_LOSES_UP_TO_KBPS = 160, 32


@dataclass(frozen=True)
class Drive:
    """How hard one programme is driven into its limiter, and which one."""

    gain_db: float
    limit_db: float
    lu_a_db: float = 1.0  # how much loudness a further dB of gain brings here, behind the limiter

    def louder(self, lu: float) -> Drive:
        """The drive that ends this much louder, as far as the slope here reaches."""
        return replace(self, gain_db=self.gain_db + lu / max(self.lu_a_db, FLATTEST))


@dataclass(frozen=True)
class Guess:
    """What is known of a programme before it is heard: without a limiter this would be right."""

    gain_db: float
    peak_dbtp: float  # of the programme before that gain

    def trials_db(self, limit_db: float) -> list[float]:
        """Gains to try, so that the right one lies between two of them."""
        excess = max(0.0, self.peak_dbtp + self.gain_db - limit_db)
        steps = zip(NEAREST_TRIALS_DB, TRIAL_SHARES, strict=True)
        return [self.gain_db + max(near, share * excess) for near, share in steps]


@dataclass(frozen=True)
class Shaping:
    """What decides the gain; profiles that share it share the solution."""

    channels: int
    low_hz: int | None
    high_hz: int | None
    presence_db: float
    target_lufs: float
    limit_db: float

    @classmethod
    def of(cls, profile: Profile) -> Shaping:
        assert profile.target_lufs is not None
        limit_db = profile.ceiling_dbtp - CODER_OVERSHOOT_DB[profile.codec]
        band = profile.low_hz, profile.high_hz, profile.presence_db
        return cls(profile.channels, *band, profile.target_lufs, limit_db)


def band_filters(shape: Profile | Shaping, *, rate_hz: int) -> list[str]:
    """Resampled first: fewer samples to filter; in floating point: nothing clips on the way."""
    filters = [f"aresample={rate_hz}:osf=dbl"]
    if shape.low_hz is not None:
        filters.append(f"highpass=f={shape.low_hz}")
    if shape.high_hz is not None and shape.high_hz < rate_hz // 2:
        filters.append(f"lowpass=f={shape.high_hz}")
    if shape.presence_db:
        filters.append(f"equalizer=f={PRESENCE_HZ}:t=o:w=1.5:g={shape.presence_db:g}")
    return filters


def channel_filter(given: int, wanted: int) -> list[str]:
    """Spelt out, because ffmpeg's own matrix is not the same for whole numbers and for floats."""
    if given == wanted:
        return []
    return ["pan=mono|c0=0.5*c0+0.5*c1"] if wanted == 1 else ["pan=stereo|c0=c0|c1=c0"]


def drive_filters(drive: Drive) -> list[str]:
    limit = 10 ** (drive.limit_db / 20)
    # level=0: alimiter otherwise raises everything to full scale behind our back.
    return [
        f"volume={drive.gain_db:.3f}dB:precision=double",
        f"alimiter=limit={limit:.6f}:attack=5:release=60:level=0",
    ]


def coder_loss_db(profile: Profile) -> float:
    """What the coder takes away from the loudness, to be given back behind the limiter."""
    bitrate = profile.bitrate_kbps or 0
    if profile.codec == "mp3" and bitrate <= LAME_LOSES_UP_TO_KBPS:
        return LAME_LOSS_DB
    return OPUS_LOSS_DB if profile.codec == "opus" and bitrate <= OPUS_LOSES_UP_TO_KBPS else 0.0


def solve(
    programme: Programme,
    profiles: Sequence[Profile],
    guess: Callable[[Profile], Guess],
    progress: Callable[[float], None],
) -> dict[str, Drive]:
    """
    The drive of every profile that has a loudness target, by the profile's name.

    One pass over the programme is enough unless a guess was off by more than the trials; what is
    still unsolved after ``ROUNDS`` gets the nearest trial, and the check of the output decides.
    """
    wanted = {p.name: Shaping.of(p) for p in profiles if p.target_lufs is not None}
    guesses = {Shaping.of(p): guess(p) for p in profiles if p.target_lufs is not None}
    drives: dict[Shaping, Drive] = {}
    left = set(guesses)
    for _ in range(ROUNDS):
        if not left:
            break
        trials = [(s, g) for s in guesses if s in left for g in guesses[s].trials_db(s.limit_db)]
        for shaping, heard in _hear(programme, trials, progress).items():
            gain, slope, is_close = interpolate(heard, shaping.target_lufs)
            drives[shaping] = Drive(gain, shaping.limit_db, slope)
            guesses[shaping] = Guess(gain, -99.0)  # the next trials stand close around it
            if is_close:
                left.discard(shaping)
    return {name: drives[shaping] for name, shaping in wanted.items()}


def interpolate(heard: Sequence[tuple[float, float]], target: float) -> tuple[float, float, bool]:
    """
    The gain for ``target`` from pairs of gain and loudness, the slope there in LU a dB, and
    whether it is near enough to trust.

    Loudness never falls when gain rises, but behind a limiter it rises more slowly.
    """
    if not heard:
        return 0.0, 1.0, True  # nothing was loud enough to be measured
    points = sorted(heard)
    slope = 1.0
    for (low, low_lufs), (high, high_lufs) in pairwise(points):
        slope = (high_lufs - low_lufs) / max(high - low, SMALLEST_STEP_DB)
        if low_lufs <= target <= high_lufs and slope > 0:
            return low + (target - low_lufs) / slope, slope, True
    if target < points[0][1]:  # the first trial already drives too hard: less limiting from here
        gain, lufs, slope = *points[0], 1.0
    else:
        gain, lufs = points[-1]
    step = (target - lufs) / max(slope, FLATTEST)
    near = abs(target - lufs) <= CLOSE_LU / 4
    return max(-STEEPEST_DB, min(STEEPEST_DB, gain + step)), slope, near


def _hear(
    programme: Programme,
    trials: Sequence[tuple[Shaping, float]],
    progress: Callable[[float], None],
) -> dict[Shaping, list[tuple[float, float]]]:
    """Play the programme once into all trials, dealt out to the processors."""
    hands = min(os.cpu_count() or 1, len(trials))
    dealt = [trials[hand::hands] for hand in range(hands)]
    total = max(1, programme.ms * programme.shape.sample_rate_hz // 1000)
    done = 0
    with ExitStack() as stack:
        meters = [stack.enter_context(_meter(programme, mine)) for mine in dealt]
        for stretch in stack.enter_context(closing(programme.stretches())):
            for meter in meters:
                with suppress(BrokenPipeError):  # finish() tells why
                    meter.stdin.write(stretch)
            done += len(stretch) // programme.shape.frame_bytes
            progress(min(1.0, done / total))
        for meter in meters:
            with suppress(BrokenPipeError):
                meter.stdin.close()
        logs = [meter.finish() for meter in meters]
    heard: dict[Shaping, list[tuple[float, float]]] = {shaping: [] for shaping, _ in trials}
    for mine, log in zip(dealt, logs, strict=True):
        loudness = parse_loudness(log)
        for index, (shaping, gain) in enumerate(mine):
            lufs = loudness[f"ebur128@t{index}"].lufs
            if lufs is not None:
                heard[shaping].append((gain, lufs))
    return heard


def _meter(
    programme: Programme, trials: Sequence[tuple[Shaping, float]]
) -> AbstractContextManager[ffmpeg.Child]:
    graph = _graph(trials, programme.shape.channels)
    heard = measuring(graph, [f"e{n}" for n in range(len(trials))], [])
    argv = ffmpeg.ffmpeg_argv(*programme.shape.ffmpeg_input(), *heard, loglevel="info")
    return ffmpeg.start(argv, limits=programme.limits, feeds=True, cancel=programme.cancel)


def _graph(trials: Sequence[tuple[Shaping, float]], channels: int) -> str:
    """All trials of a shaping share its band filters."""
    shapings = list(dict.fromkeys(shaping for shaping, _ in trials))
    pads = [f"[s{n}]" for n in range(len(shapings))]
    lines = [f"[0:a:0]asplit={len(shapings)}{''.join(pads)}"]
    for number, shaping in enumerate(shapings):
        mine = [(n, gain) for n, (owner, gain) in enumerate(trials) if owner == shaping]
        common = channel_filter(channels, shaping.channels)
        common += band_filters(shaping, rate_hz=METER_RATE_HZ)
        split = "".join(f"[t{n}]" for n, _ in mine)
        lines.append(f"[s{number}]{','.join(common)},asplit={len(mine)}{split}")
        for n, gain in mine:
            chain = [
                *drive_filters(Drive(gain, shaping.limit_db)),
                f"ebur128@t{n}=framelog=verbose",
            ]
            lines.append(f"[t{n}]{','.join(chain)}[e{n}]")
    return ";".join(lines)
