"""One encoder at work, and beside it a meter that decodes and measures what it writes."""

from __future__ import annotations

import errno
import hashlib
import queue
import re
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from audio import ffmpeg
from audio.errors import AudioError, DiskFull, ProgramFailed, RenderFailed
from audio.ffmpeg_log import Loudness
from audio.loudness import Drive, band_filters, channel_filter, coder_loss_db, drive_filters
from audio.meter import meter_options, read_meter
from audio.pcm import Format
from audio.profiles import Profile
from audio.units import Milliseconds, Sha256

QUEUED_STRETCHES = 2  # enough that a slow encoder does not stop the others at every stretch
BLOCK_BYTES = 1 << 16

_MUXERS = {"mp3": "mp3", "opus": "ogg", "wav": "wav", "flac": "flac"}
# Their headers hold the length, so they are written to a file and not to a pipe.
_WRITTEN_AT_THE_END = frozenset({"wav", "flac"})
_OUT_TIME = re.compile(r"^out_time_us=(\d+)$", re.M)


@dataclass(frozen=True)
class Encoded:
    """A finished file as an independent decoder hears it."""

    path: Path
    sha256: Sha256
    size_bytes: int
    ms: Milliseconds
    loudness: Loudness


def encoder_argv(
    profile: Profile, drive: Drive | None, shape: Format, output: str, tags: Mapping[str, str]
) -> list[str]:
    """PCM in, the profile's file out; the same bytes every time."""
    filters = channel_filter(shape.channels, profile.channels)
    filters += band_filters(profile, rate_hz=profile.sample_rate_hz)
    if drive is not None:
        filters += drive_filters(drive)
    if loss_db := coder_loss_db(profile):
        filters.append(f"volume={loss_db}dB:precision=double")
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    return ffmpeg.ffmpeg_argv(
        *shape.ffmpeg_input(),
        *("-af", ",".join(filters), "-threads", "1"),
        *_codec_options(profile),
        *exact,
        *(_tag_options(profile, tags) if profile.tags else []),
        *("-f", _MUXERS[profile.codec], output),
    )


def _codec_options(profile: Profile) -> list[str]:
    bitrate = ["-b:a", f"{profile.bitrate_kbps}k"]
    return {
        # No Xing frame: it is written last by seeking back, and a constant bitrate needs none.
        "mp3": ["-c:a", "libmp3lame", *bitrate, "-write_xing", "0", "-id3v2_version", "0"],
        "opus": ["-c:a", "libopus", *bitrate],
        "wav": ["-c:a", "pcm_s16le"],
        "flac": ["-c:a", "flac", "-sample_fmt", "s16"],
    }[profile.codec]


def _tag_options(profile: Profile, tags: Mapping[str, str]) -> list[str]:
    """Names and values are arguments of their own: no letter in a title means anything more."""
    # UTF-16, which old players read; version 4 with UTF-8 many do not.
    version = ["-id3v2_version", "3"] if profile.codec == "mp3" else []
    pairs = [f"{name}={value}" for name, value in sorted(tags.items()) if value]
    return version + [word for pair in pairs for word in ("-metadata", pair)]


def meter_argv(profile: Profile) -> list[str]:
    """Decode what was written (Opus always comes out at 48 kHz), measure it, report its length."""
    return ffmpeg.ffmpeg_argv(
        *("-progress", "pipe:1", "-stats_period", "600"),
        *("-f", _MUXERS[profile.codec], "-i", "pipe:0"),
        *meter_options(48_000 if profile.codec == "opus" else profile.sample_rate_hz),
        loglevel="info",
    )


class Encoder:
    """Encodes one profile in the background while the programme is fed to it."""

    def __init__(
        self,
        profile: Profile,
        drive: Drive | None,
        shape: Format,
        path: Path,
        *,
        tags: Mapping[str, str],
        limits: ffmpeg.Limits,
        cancel: threading.Event | None,
    ):
        self.profile = profile
        self.drive = drive
        self.path = path
        self._is_piped = profile.codec not in _WRITTEN_AT_THE_END
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._failure: Exception | None = None
        self._stack = ExitStack()
        with ExitStack() as stack:
            start = stack.enter_context
            # A descriptor, like the input: in its jail ffmpeg sees no folder of ours.
            self._file = start(path.open("w+b"))
            fds = [] if self._is_piped else [self._file.fileno()]
            output = f"file:/dev/fd/{fds[0]}" if fds else "pipe:1"
            argv = encoder_argv(profile, drive, shape, output, tags)
            self._child = start(
                ffmpeg.start(argv, limits=limits, pass_fds=fds, feeds=True, cancel=cancel)
            )
            self._meter = start(
                ffmpeg.start(meter_argv(profile), limits=limits, feeds=True, cancel=cancel)
            )
            self._stack = stack.pop_all()
        self._queue: queue.Queue[bytes | None] = queue.Queue(QUEUED_STRETCHES)
        self._threads = [threading.Thread(target=run) for run in (self._feed, self._collect)]
        for thread in self._threads:
            thread.start()

    def put(self, stretch: bytes) -> None:
        """Wait until there is room; a dead encoder takes everything and says so at the end."""
        self._queue.put(stretch)

    def finish(self) -> Encoded:
        """
        Wait until the file is whole, on the disk and measured.

        Raises:
            RenderFailed, DiskFull, TookTooLong, Cancelled: there is no whole file.
        """
        self._end_threads()
        try:
            if self._failure is not None:
                raise self._failure
            progress = self._meter.stdout.read().decode("ascii", "replace")
            loudness = read_meter(self._meter.finish())
        except ProgramFailed as failed:
            raise self._explain(failed) from failed
        out_time_us = int(_OUT_TIME.findall(progress)[-1])
        return Encoded(
            path=self.path,
            sha256=Sha256(self._digest.hexdigest()),
            size_bytes=self._size_bytes,
            ms=Milliseconds(round(out_time_us / 1000)),
            loudness=loudness,
        )

    def close(self) -> None:
        """End everything, finished or not."""
        self._child.kill()
        self._meter.kill()
        self._end_threads()
        self._stack.close()

    def _end_threads(self) -> None:
        if self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _explain(self, failed: ProgramFailed) -> AudioError:
        detail = failed.fields["detail"]
        if "No space left on device" in failed.fields["log"]:
            return DiskFull(folder=self.path.parent.parent)
        return RenderFailed(profile=self.profile.name, detail=detail)

    def _feed(self) -> None:
        while (stretch := self._queue.get()) is not None:
            with suppress(OSError):  # the encoder died; finish() tells why
                self._child.stdin.write(stretch)
        with suppress(OSError):
            self._child.stdin.close()

    def _collect(self) -> None:
        """Hash, keep and measure the encoded bytes; no error may die with this thread."""
        try:
            if self._is_piped:
                self._write()
                self._child.finish()
            else:
                self._child.finish()
                self._read_back()
        except (AudioError, OSError) as error:
            self._child.kill()
            self._failure = self._named(error)
        with suppress(OSError):
            self._meter.stdin.close()

    def _named(self, error: Exception) -> Exception:
        is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        return DiskFull(folder=self.path.parent.parent) if is_full else error

    def _write(self) -> None:
        for block in self._child.chunks(BLOCK_BYTES):
            self._file.write(block)
            self._note(block)
        self._file.flush()

    def _read_back(self) -> None:
        while block := self._file.read(BLOCK_BYTES):
            self._note(block)

    def _note(self, block: bytes) -> None:
        self._digest.update(block)
        self._size_bytes += len(block)
        with suppress(BrokenPipeError):  # the meter's own text is told by finish()
            self._meter.stdin.write(block)
