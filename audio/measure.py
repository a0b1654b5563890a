"""Judge a master: one decoding pass to the end, and no trust in what its header says."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from audio import ffmpeg
from audio.errors import FormatRefused, NotAudio, ProgramFailed
from audio.facts import Facts, Silence
from audio.ffmpeg_log import (
    Stream,
    complaints,
    is_codec_refused,
    is_refused_unnamed,
    parse_not_numbers,
    parse_stream,
)
from audio.findings import Finding
from audio.judge import LONGEST_S, Heard, judge
from audio.levels import HEADROOM, Levels
from audio.meter import loudness_options, peak_options, read_hum, read_meter
from audio.pcm import Format
from audio.riff import claimed_ms
from audio.source import Source, open_source
from audio.tags import parse_tags
from audio.units import Milliseconds, Sha256

__all__ = ["Facts", "Finding", "Silence", "measure", "probe"]

MOST_CHANNELS = 8
HIGHEST_RATE_HZ = 48_000  # above it nothing is heard; a claim of 768 kHz must not cost 16 times
FLOAT_CODECS = ("pcm_f", "wavpack")

PROBE_LIMITS = ffmpeg.Limits(wall_s=20, cpu_s=10, file_bytes=0)


def measure(
    path: Path,
    *,
    limits: ffmpeg.Limits = ffmpeg.DEFAULT_LIMITS,
    progress: Callable[[float], None] | None = None,
    cancel: threading.Event | None = None,
) -> Facts:
    """
    Decode a file to its end and say what it is and whether it can air.

    Takes bounded memory, and at most four hours of sound whatever the file claims. What a person
    can live with is a finding; ``Facts.is_refused`` says that a finding forbids to air it.
    ``progress`` gets 0..1, from this thread.

    Raises:
        NotAudio (EmptyFile, NotAFile, IsPlaylist, FormatRefused, SilentFile): nothing to decode;
            the person brings another file.
        TookTooLong, Cancelled: stopped; nothing is left behind.
        FfmpegMissing: the installation must be mended.
    """
    with open_source(path) as source:
        stream, tags = probe(source, cancel=cancel)
        promised = claimed_ms(source)
        if promised is not None:
            stream = replace(stream, claimed_ms=promised)
        if stream.channels > MOST_CHANNELS:
            return _too_wide(source, stream)
        with ThreadPoolExecutor(2) as beside:  # hashing lets go of the interpreter
            sha256 = beside.submit(source.sha256)
            not_numbers = beside.submit(_count_not_numbers, source, stream, limits, cancel)
            heard = _listen(source, stream, limits, progress, cancel)
            heard = replace(heard, not_numbers=not_numbers.result())
            return replace(_facts(source, stream, heard, sha256.result()), tags=tags)


def probe(
    source: Source, *, cancel: threading.Event | None = None
) -> tuple[Stream, dict[str, str]]:
    """What the file claims to be and its tags, without decoding it."""
    options = ffmpeg.input_options(source.url)
    # Of the file, and of the track: Ogg and Opus keep theirs there.
    tags = ["-map_metadata", "0:g", "-map_metadata", "0:s:a:0", "-f", "ffmetadata", "pipe:1"]
    argv = ffmpeg.ffmpeg_argv(*options, *tags, loglevel="info")
    try:
        output = ffmpeg.run(argv, limits=PROBE_LIMITS, pass_fds=[source.fd], cancel=cancel)
    except ProgramFailed as failed:
        log = failed.fields["log"]
        return parse_stream(_in_detail(argv, source) if is_refused_unnamed(log) else log), {}
    return parse_stream(output.log), parse_tags(output.stdout.decode("utf-8", "replace"))


def _in_detail(argv: Sequence[str], source: Source) -> str:
    """What a newer ffmpeg says of a refused file when it is asked to tell all."""
    asked = ["debug" if word == "info" else word for word in argv]
    try:
        return ffmpeg.run(asked, limits=PROBE_LIMITS, pass_fds=[source.fd]).log
    except ProgramFailed as failed:
        return str(failed.fields["log"])


def decode_argv(source: Source, shape: Format, *filters: str) -> list[str]:
    """A command line that writes the first sound track as PCM of exactly one shape."""
    layout = "mono" if shape.channels == 1 else "stereo"
    pinned = f"aformat=sample_fmts=s16:sample_rates={shape.sample_rate_hz}:channel_layouts={layout}"
    chain = ",".join([*filters, pinned])
    track = ["-map", "0:a:0", "-t", str(LONGEST_S), "-af", chain, "-f", "s16le", "pipe:1"]
    return ffmpeg.ffmpeg_argv(*ffmpeg.input_options(source.url), *track)


def _listen(
    source: Source,
    stream: Stream,
    limits: ffmpeg.Limits,
    progress: Callable[[float], None] | None,
    cancel: threading.Event | None,
) -> Heard:
    shape = Format(min(stream.sample_rate_hz, HIGHEST_RATE_HZ), min(stream.channels, 2))
    levels = Levels(shape)
    digest = hashlib.sha256()
    decode = decode_argv(source, shape, f"volume={HEADROOM:g}")
    # The meter gets back in floating point the full scale that the decoder halved.
    halves = loudness_options(1 / HEADROOM), peak_options(shape.sample_rate_hz, 1 / HEADROOM)
    expected_ms = stream.claimed_ms or 0
    with (
        ffmpeg.start(decode, limits=limits, pass_fds=[source.fd], cancel=cancel) as decoder,
        ExitStack() as stack,
    ):
        meters = [
            stack.enter_context(ffmpeg.start(argv, limits=limits, feeds=True, cancel=cancel))
            for half in halves
            for argv in [ffmpeg.ffmpeg_argv(*shape.ffmpeg_input(), *half, loglevel="info")]
        ]
        # One second at a time keeps decoder, meters and this process busy side by side.
        for chunk in decoder.chunks(levels.window_bytes * 10):
            for meter in meters:
                with suppress(BrokenPipeError):  # finish() tells why
                    meter.stdin.write(chunk)
            digest.update(chunk)
            levels.add(chunk)
            if progress and expected_ms:
                progress(min(levels.ms / expected_ms, 1.0))
        damaged = _finish_decoding(decoder, stream, levels)
        for meter in meters:
            with suppress(BrokenPipeError):
                meter.stdin.close()
        log = "\n".join([meter.finish() for meter in meters])
    levels.finish()
    if progress:
        progress(1.0)
    pcm_sha256 = Sha256(digest.hexdigest())
    return Heard(levels, read_meter(log), read_hum(log), pcm_sha256, damaged)


def _count_not_numbers(
    source: Source, stream: Stream, limits: ffmpeg.Limits, cancel: threading.Event | None
) -> int:
    """NaN and infinity in a floating-point file: as whole numbers they are bangs at full scale."""
    if not stream.codec.startswith(FLOAT_CODECS):
        return 0
    count = "astats=measure_perchannel=none:measure_overall=Number_of_NaNs+Number_of_Infs"
    options = ["-map", "0:a:0", "-t", str(LONGEST_S), "-af", count, "-f", "null", "-"]
    argv = ffmpeg.ffmpeg_argv(*ffmpeg.input_options(source.url), *options, loglevel="info")
    try:
        log = ffmpeg.run(argv, limits=limits, pass_fds=[source.fd], cancel=cancel).log
    except ProgramFailed:  # the decoder beside it meets the same, and judges it
        return 0
    return parse_not_numbers(log)


def _finish_decoding(decoder: ffmpeg.Child, stream: Stream, levels: Levels) -> int:
    """How many complaints the decoder had; sound that broke off in the middle is still judged."""
    try:
        log = decoder.finish()
    except ProgramFailed as failed:
        log = failed.fields["log"]
        if levels.samples == 0 and is_codec_refused(log):
            raise FormatRefused(container=stream.codec) from None
        if levels.samples == 0:
            raise NotAudio from failed
    if levels.samples == 0:
        raise NotAudio
    return len(complaints(log))


def _facts(source: Source, stream: Stream, heard: Heard, sha256: Sha256) -> Facts:
    levels = heard.levels
    return Facts(
        sha256=sha256,
        pcm_sha256=heard.pcm_sha256,
        size_bytes=source.size_bytes,
        container=stream.container,
        codec=stream.codec,
        sample_rate_hz=stream.sample_rate_hz,
        channels=stream.channels,
        ms=levels.ms,
        lufs=heard.loudness.lufs,
        range_lu=heard.loudness.range_lu,
        peak_dbtp=heard.loudness.peak_dbtp,
        mono_source=levels.mono_source,
        mono_gain_db=round(levels.mono_gain_db, 2),
        silences=tuple(levels.silences),
        findings=tuple(judge(stream, heard)),
        noise_floor_dbfs=levels.dynamics.noise_floor_dbfs,
        speech_percent=round(levels.dynamics.speech_percent, 1),
    )


def _too_wide(source: Source, stream: Stream) -> Facts:
    nothing = hashlib.sha256().hexdigest()
    return Facts(
        sha256=source.sha256(),
        pcm_sha256=Sha256(nothing),
        size_bytes=source.size_bytes,
        container=stream.container,
        codec=stream.codec,
        sample_rate_hz=stream.sample_rate_hz,
        channels=stream.channels,
        ms=Milliseconds(0),
        lufs=None,
        range_lu=0.0,
        peak_dbtp=None,
        mono_source="mix",
        mono_gain_db=0.0,
        silences=(),
        findings=(Finding("too_many_channels", "refuse", stream.channels),),
    )
