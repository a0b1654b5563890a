"""Find ffmpeg, and run it or another fixed program under limits.

The only user of ``subprocess`` in the house. A program gets a list of arguments (never a shell
line), limits on time, memory, file size and descriptors, no standard input of ours, an almost
empty environment, and a process group of its own that is killed as a whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import math
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from audio.errors import Cancelled, FfmpegMissing, ProgramFailed, TookTooLong

CHUNK_BYTES = 1 << 18
# A second of studio sound fits in: writing to one program does not make another one wait.
PIPE_BYTES = 1 << 18
KEPT_ERROR_BYTES = 32 << 10  # of the beginning and of the end; a damaged file can log gigabytes
TICK_S = 0.05

# Sound and the containers that reporters bring; nothing that can name another file or a host
# (hls, concat, sdp, dash, imf, m3u …), nothing that treats any bytes as sound (mods, raw pcm).
DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,gsm,matroska,mov,mp3,mpeg,"
    "mpegts,ogg,rm,tak,tta,voc,w64,wav,wv"
)
# What those containers hold when a recorder, a telephone or an old archive wrote them. No picture:
# ffmpeg else opens the decoders of a film or a cover to look at them, though nobody asked.
DECODERS = (
    "aac,aac_fixed,aac_latm,ac3,ac3_fixed,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,"
    "adpcm_yamaha,alac,amrnb,amrwb,ape,dca,eac3,flac,g722,g723_1,g726,g726le,g729,gsm,gsm_ms,"
    "libgsm,libgsm_ms,libopus,libspeex,libvorbis,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,"
    "pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,"
    "pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u16be,pcm_u16le,pcm_u24be,"
    "pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,speex,tak,truehd,tta,vorbis,wavpack,wmalossless,wmapro,"
    "wmav1,wmav2,wmavoice"
)

# `ulimit` between fork and exec: no race as with prlimit() after the start, and no Python code in
# the child of a process with threads as with preexec_fn. Costs 1 ms. Memory in KiB, file size in
# blocks of 512 bytes; a core dump of someone's programme is nobody's business.
_LIMITED = (
    'ulimit -c 0; ulimit -t "$1"; ulimit -v "$2"; ulimit -f "$3"; ulimit -n "$4"; shift 4; '
    'exec "$@"'
)


_WHO_SPEAKS = re.compile(r"^(?:\[[^\]\n]{1,80} @ 0x[0-9a-f]+\] ?)+")


@dataclass(frozen=True)
class Limits:
    """What one program may use up before it is killed."""

    wall_s: float = 1800.0
    cpu_s: int = 1800
    memory_bytes: int = 1 << 30  # address space; ffmpeg 5.1 takes 0.3 GiB of it, mostly libraries
    file_bytes: int = 4 << 30
    open_files: int = 64
    network: bool = False  # only what a person installed for it may talk to a host


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Output:
    """What a finished program left."""

    stdout: bytes
    log: str  # its error stream: bounded, with the middle left out when it is long


def find_ffmpeg() -> Path:
    """
    Find the ffmpeg to use: LOA_FFMPEG, else the PATH, else the imageio-ffmpeg wheel.

    Raises:
        FfmpegMissing: the person who installed Loa must act.
    """
    named = os.environ.get("LOA_FFMPEG")
    if named:
        found = shutil.which(named)
        if found is None:
            raise FfmpegMissing
        return Path(found).absolute()
    found = shutil.which("ffmpeg")
    return Path(found).absolute() if found else _wheel()


def _wheel() -> Path:
    try:
        import imageio_ffmpeg
    except ImportError:
        raise FfmpegMissing from None
    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise FfmpegMissing from None


def input_options(url: str) -> list[str]:
    """Options that open one file of sound and nothing else, whatever the file says."""
    allowed = ["-protocol_whitelist", "file,pipe", "-format_whitelist", DEMUXERS]
    allowed += ["-codec_whitelist", DECODERS]
    return [*allowed, "-i", url, "-vn", "-sn", "-dn"]


def ffmpeg_argv(*options: str, loglevel: str = "error") -> list[str]:
    """A command line of the ffmpeg found here, quiet and never asking."""
    quiet = ["-hide_banner", "-nostats", "-nostdin", "-loglevel", loglevel, "-y"]
    return [str(find_ffmpeg()), *quiet, *options]


class Child:
    """One running program; made by :func:`start`."""

    def __init__(
        self,
        argv: Sequence[str],
        process: subprocess.Popen[bytes],
        limits: Limits,
        cancel: threading.Event | None,
    ):
        self.program = Path(argv[0]).name
        self._process = process
        self._limits = limits
        self._cancel = cancel
        self._ended = threading.Event()
        self._reaping = threading.Lock()
        self._timed_out = False
        self._head = bytearray()
        self._tail = bytearray()
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._guardian = threading.Thread(target=self._guard, daemon=True)
        self._drainer.start()
        self._guardian.start()

    @property
    def stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def log(self) -> str:
        """Its error stream so far: the beginning and the end of it."""
        gap = b"\n[...]\n" if self._tail else b""
        return bytes(self._head + gap + self._tail).decode("utf-8", "replace")

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """What the program writes, in pieces of exactly ``size`` bytes but for the last."""
        while chunk := self.stdout.read(size):
            yield chunk

    def finish(self) -> str:
        """
        Wait for the end and return the log.

        Raises:
            Cancelled: it was killed because a person asked for it.
            TookTooLong: the wall clock limit passed; the whole process group was killed.
            ProgramFailed: it ended with an error; ``detail`` is its own text.
        """
        status = self._reap()
        if status == 0:
            return self.log
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled
        if self._timed_out:
            raise TookTooLong(program=self.program, wall_s=self._limits.wall_s)
        raise ProgramFailed(program=self.program, detail=self._why(status), log=self.log)

    def kill(self) -> None:
        """End the whole process group; harmless when it has ended."""
        with self._reaping:  # once reaped, its number may be another's
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was buffered for a dead program
                    stream.close()
        self._reap()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _has_exited(self) -> bool:
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    def _reap(self) -> int:
        if self._process.returncode is None:
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            self._ended.set()
            self._guardian.join()
            self.kill()  # what it may have left running in its group
            with self._reaping:
                self._process.wait()
            self._drainer.join()
        return self._process.returncode

    def _why(self, status: int) -> str:
        told = (_WHO_SPEAKS.sub("", line).strip() for line in self.log.splitlines())
        lines = list(dict.fromkeys(line for line in told if line))
        if status < 0:
            lines.append(signal.Signals(-status).name)
        # ffmpeg 5 names the cause last, ffmpeg 7 first.
        told_lines = lines if len(lines) <= 6 else [*lines[:3], "…", *lines[-3:]]
        return "; ".join(told_lines) or f"status {status}"

    def _drain(self) -> None:
        assert self._process.stderr is not None
        while chunk := os.read(self._process.stderr.fileno(), 1 << 16):
            room = KEPT_ERROR_BYTES - len(self._head)
            self._head += chunk[:room]
            self._tail += chunk[max(room, 0) :]
            del self._tail[:-KEPT_ERROR_BYTES]

    def _guard(self) -> None:
        # Counted in waits, so that no clock is read: a busy machine only makes the limit longer.
        for _ in range(math.ceil(self._limits.wall_s / TICK_S)):
            if self._ended.wait(TICK_S):
                return
            if self._has_exited() or (self._cancel is not None and self._cancel.is_set()):
                break  # whatever it started ends with it, or would hold our pipes open
        else:
            self._timed_out = True
        self.kill()


@contextlib.contextmanager
def start(
    argv: Sequence[str],
    *,
    limits: Limits = DEFAULT_LIMITS,
    pass_fds: Sequence[int] = (),
    feeds: bool = False,
    cancel: threading.Event | None = None,
) -> Iterator[Child]:
    """
    Run a program while the block lasts; whatever happens, nothing of it is left afterwards.

    ``feeds`` opens its standard input for us; else it has none. Setting ``cancel`` kills it.
    """
    limited = [*_limited(limits), *([] if limits.network else no_network()), *argv]
    process = subprocess.Popen(  # noqa: S603 - a list of ours; the file is only a descriptor
        limited,
        stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
        env=_environment(),
        process_group=0,
    )
    _widen(process)
    child = Child(argv, process, limits, cancel)
    try:
        yield child
    finally:
        child.close()


def run(
    argv: Sequence[str],
    *,
    limits: Limits = DEFAULT_LIMITS,
    stdin: bytes | None = None,
    pass_fds: Sequence[int] = (),
    cancel: threading.Event | None = None,
    stdout_bytes: int = 1 << 20,
) -> Output:
    """
    Run a program to its end and return what it wrote, at most ``stdout_bytes`` of it.

    Raises:
        ProgramFailed, TookTooLong, Cancelled: as :func:`start` and :meth:`Child.finish`.
    """
    feeds = stdin is not None
    with start(argv, limits=limits, pass_fds=pass_fds, feeds=feeds, cancel=cancel) as child:
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # its own error text says why
                child.stdin.write(stdin)
                child.stdin.close()
        kept = bytearray()
        for chunk in child.chunks():
            kept += chunk[: stdout_bytes - len(kept)]
        log = child.finish()
    return Output(bytes(kept), log)


def _widen(process: subprocess.Popen[bytes]) -> None:
    """Wider pipes are only quicker: a user who has used up his share of them keeps the narrow."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


@functools.cache
def no_network() -> tuple[str, ...]:
    """
    What stands before a command so that it sees no network, not even the loopback; or nothing.

    A user namespace of its own gives the right to that; some systems and containers forbid it.
    """
    unshare = shutil.which("unshare", path=os.defpath)
    if unshare is None:
        return ()
    argv = (unshare, "--user", "--map-current-user", "--net", "--")
    tried = subprocess.run(  # noqa: S603 - a list of ours
        [*argv, "/bin/true"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return argv if tried.returncode == 0 else ()


def _limited(limits: Limits) -> list[str]:
    numbers = [
        limits.cpu_s,
        limits.memory_bytes // 1024,
        limits.file_bytes // 512,
        limits.open_files,
    ]
    return ["/bin/sh", "-c", _LIMITED, "loa", *map(str, numbers)]


def _environment() -> dict[str, str]:
    # One arena: glibc reserves 64 MiB of address space a thread otherwise, which ffmpeg 7 with
    # its thread a filter would spend on nothing.
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}
