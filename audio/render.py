"""Make renditions of a master: one decode, all encoders side by side, each result measured."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from audio import ffmpeg
from audio.encode import Encoded, Encoder
from audio.errors import (
    BadProfile,
    DiskFull,
    LengthMissed,
    LoudnessMissed,
    MasterChanged,
    MasterRefused,
    NotAudio,
    PeakMissed,
    ProgramFailed,
    RenderFailed,
)
from audio.facts import Facts
from audio.folder import keep, sweep, workshop
from audio.loudness import Drive, Guess, solve
from audio.measure import measure
from audio.pcm import Format
from audio.profiles import Profile
from audio.programme import Part, Programme
from audio.source import open_source
from audio.units import Milliseconds, Sha256

__all__ = ["Rendition", "render", "sweep"]

PROGRAMME_RATE_HZ = 48_000
LOUDNESS_TOLERANCE_LU = 0.3
# A coder adds its own delay and fills up its last frame.
LENGTH_TOLERANCE_MS = 250
TRIES = 6
# Below the ceiling after a peak too high: the next encoding sets its peaks elsewhere.
PEAK_MARGIN_DB = 0.5
SOLVING_SHARE = 0.15  # of the progress bar
SHORT = "too_short"


@dataclass(frozen=True)
class Rendition:
    """One encoding of a programme, named by its content, measured after it was made."""

    profile: str
    sha256: Sha256
    extension: str
    path: Path
    size_bytes: int
    ms: Milliseconds
    lufs: float | None
    peak_dbtp: float | None
    lufs_before: float | None  # of the master


def render(
    master: Path,
    profiles: Sequence[Profile],
    into: Path,
    *,
    facts: Facts,
    ident: Path | None = None,
    sign_off: Path | None = None,
    kept_ms: tuple[int, int | None] = (0, None),
    tags: Mapping[str, str] = MappingProxyType({}),
    limits: ffmpeg.Limits = ffmpeg.DEFAULT_LIMITS,
    progress: Callable[[float], None] | None = None,
    cancel: threading.Event | None = None,
) -> list[Rendition]:
    """
    Make every profile of a master, or none: files appear in ``into`` only when all are right.

    The same master, parts and profiles give the same bytes. Memory does not grow with the length.
    Each file is decoded and measured again while it is written; one that misses its loudness or
    peaks too high is made again with the difference, and is an error when that does not help.
    ``kept_ms`` is what a person left of the master, from and to; ``tags`` stand in the files of
    profiles that want them.
    A killed render leaves a ``.part`` folder, which :func:`sweep` removes.

    Raises:
        MasterRefused, MasterChanged: check the programme again.
        BadProfile: the ident or the sign-off cannot be used; who installed Loa must act.
        RenderFailed, LengthMissed, DiskFull, TookTooLong: try again, then look at the machine.
        LoudnessMissed, PeakMissed: this sound cannot be brought to the profile.
        Cancelled: as asked.
    """
    _require_fit(facts)
    with ExitStack() as stack:
        shape = Format(PROGRAMME_RATE_HZ, _channels(profiles, facts))
        jingles: dict[Path, Part] = {}
        for name, path in (("ident", ident), ("sign_off", sign_off)):
            if path is not None and path not in jingles:  # one file that is both is measured once
                jingles[path] = _open_jingle(stack, path, profiles[0].name, name, facts, cancel)
        parts = [_open_body(stack, master, facts, kept_ms)]
        parts = [jingles[ident], *parts] if ident else parts
        parts = [*parts, jingles[sign_off]] if sign_off else parts
        programme = Programme(parts, shape, limits, cancel)
        folder = stack.enter_context(workshop(into))
        stack.enter_context(_told(into, profiles, cancel))
        run = _Run(programme, profiles, facts, folder, _Bar(progress), tags)
        made = run.make()
        return [_keep(profile, made[profile.name], into, facts) for profile in profiles]


@dataclass
class _Bar:
    """Progress that never goes back, though a profile may be made twice."""

    tell: Callable[[float], None] | None
    shown: float = 0.0

    def __call__(self, done: float) -> None:
        if self.tell is not None and done > self.shown:
            self.shown = done
            self.tell(done)


def _require_fit(facts: Facts) -> None:
    if facts.is_refused:
        codes = ", ".join(f.code for f in facts.findings if f.severity == "refuse")
        raise MasterRefused(codes=codes)


def _channels(profiles: Sequence[Profile], facts: Facts) -> int:
    return min(2, facts.channels, max(profile.channels for profile in profiles))


def _open_body(
    stack: ExitStack, master: Path, facts: Facts, kept_ms: tuple[int, int | None]
) -> Part:
    body = Part(stack.enter_context(open_source(master)), facts, kept_ms=kept_ms)
    if body.source.size_bytes != facts.size_bytes:
        raise MasterChanged(was=f"{facts.size_bytes} B", now=f"{body.source.size_bytes} B")
    return body


def _open_jingle(
    stack: ExitStack,
    path: Path,
    profile: str,
    name: str,
    body: Facts,
    cancel: threading.Event | None,
) -> Part:
    """Ident and sign-off are brought to the loudness of the body; a gong may be short."""
    try:
        facts = measure(path, cancel=cancel)
        source = stack.enter_context(open_source(path))
    except (NotAudio, OSError) as error:
        reason = f"({path}) cannot be used: {error}"
        raise BadProfile(profile=profile, field=name, reason=reason) from error
    faults = [f.sentence for f in facts.findings if f.severity == "refuse" and f.code != SHORT]
    if faults:
        raise BadProfile(profile=profile, field=name, reason=f"({path}): {faults[0]}")
    return Part(source, facts, _match(facts, body))


def _match(part: Facts, body: Facts) -> float:
    """The gain that makes a part as loud as the body, as far as its own peak allows."""
    if part.lufs is None or body.lufs is None:
        return 0.0
    wanted = (body.lufs + body.mono_gain_db) - (part.lufs + part.mono_gain_db)
    return min(wanted, max(0.0, -(part.peak_dbtp or 0.0)))


@contextmanager
def _told(
    into: Path, profiles: Sequence[Profile], cancel: threading.Event | None
) -> Iterator[None]:
    """Turn what ffmpeg and the disk say into the words of this edge."""
    try:
        yield
    except ProgramFailed as failed:
        names = ", ".join(profile.name for profile in profiles)
        raise RenderFailed(profile=names, detail=failed.fields["detail"]) from failed
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(folder=into) from error
        raise


@dataclass(frozen=True)
class _Run:
    """One render from the solving of the gain to the last measured file."""

    programme: Programme
    profiles: Sequence[Profile]
    facts: Facts
    folder: Path
    progress: _Bar
    tags: Mapping[str, str]

    def make(self) -> dict[str, Encoded]:
        drives = solve(self.programme, self.profiles, self._guess, self._solving)
        made: dict[str, Encoded] = {}
        left = list(self.profiles)
        for attempt in range(TRIES):
            made |= self._encode(left, drives, attempt)
            faults = {p.name: fault for p in left if (fault := self._fault(p, made[p.name]))}
            left = [p for p in left if p.name in faults]
            if not left:
                break
            drives |= {p.name: _corrected(p, drives[p.name], made[p.name], faults) for p in left}
        else:
            raise faults[left[0].name]
        self.progress(1.0)
        return made

    def _guess(self, profile: Profile) -> Guess:
        heard = self.facts.lufs if self.facts.lufs is not None else -16.0
        if profile.channels == 1 or self.programme.shape.channels == 1:
            heard += self.facts.mono_gain_db
        if profile.channels == 2 and self.programme.shape.channels == 1:
            heard += 3.0
        assert profile.target_lufs is not None
        peak = self.facts.peak_dbtp if self.facts.peak_dbtp is not None else 0.0
        return Guess(profile.target_lufs - heard, peak)

    def _solving(self, done: float) -> None:
        self.progress(SOLVING_SHARE * done)

    def _encode(
        self, profiles: Sequence[Profile], drives: dict[str, Drive], attempt: int
    ) -> dict[str, Encoded]:
        total = max(1, self.programme.ms * self.programme.shape.sample_rate_hz // 1000)
        done = 0
        with ExitStack() as stack:
            encoders = [
                self._encoder(stack, p, drives.get(p.name), f"{attempt}-{n}")
                for n, p in enumerate(profiles)
            ]
            for stretch in stack.enter_context(closing(self.programme.stretches())):
                for encoder in encoders:
                    encoder.put(stretch)
                done += len(stretch) // self.programme.shape.frame_bytes
                self.progress(SOLVING_SHARE + (0.99 - SOLVING_SHARE) * min(1.0, done / total))
            return {encoder.profile.name: encoder.finish() for encoder in encoders}

    def _encoder(
        self, stack: ExitStack, profile: Profile, drive: Drive | None, name: str
    ) -> Encoder:
        encoder = Encoder(
            profile,
            drive,
            self.programme.shape,
            self.folder / f"{name}.{profile.extension}",
            tags=self.tags,
            limits=self.programme.limits,
            cancel=self.programme.cancel,
        )
        stack.callback(encoder.close)
        return encoder

    def _fault(self, profile: Profile, encoded: Encoded) -> Exception | None:
        expected = self.programme.ms
        if abs(encoded.ms - expected) > LENGTH_TOLERANCE_MS:
            raise LengthMissed(profile=profile.name, ms=encoded.ms, expected_ms=expected)
        target, heard = profile.target_lufs, encoded.loudness
        if target is None:
            return None
        if heard.lufs is None or abs(heard.lufs - target) > LOUDNESS_TOLERANCE_LU:
            return LoudnessMissed(profile=profile.name, lufs=heard.lufs, target_lufs=target)
        if heard.peak_dbtp is not None and heard.peak_dbtp > profile.ceiling_dbtp:
            ceiling = profile.ceiling_dbtp
            return PeakMissed(profile=profile.name, peak_dbtp=heard.peak_dbtp, ceiling_dbtp=ceiling)
        return None


def _corrected(
    profile: Profile, drive: Drive, encoded: Encoded, faults: dict[str, Exception]
) -> Drive:
    """Aim beside the target by as much as the last file missed it."""
    heard = encoded.loudness
    if heard.lufs is None or profile.target_lufs is None:
        return drive
    missing = profile.target_lufs - heard.lufs
    if isinstance(faults[profile.name], PeakMissed):
        assert heard.peak_dbtp is not None
        excess = heard.peak_dbtp - profile.ceiling_dbtp + PEAK_MARGIN_DB
        drive = replace(drive, limit_db=drive.limit_db - excess)
        # Gain and limit raised together by a dB bring a dB; what the gain does not, the limit does.
        missing += excess * (1 - drive.lu_a_db)
    return drive.louder(missing)


def _keep(profile: Profile, encoded: Encoded, into: Path, facts: Facts) -> Rendition:
    final = into / f"{encoded.sha256}.{profile.extension}"
    keep(encoded.path, final)
    return Rendition(
        profile=profile.name,
        sha256=encoded.sha256,
        extension=profile.extension,
        path=final,
        size_bytes=encoded.size_bytes,
        ms=encoded.ms,
        lufs=encoded.loudness.lufs,
        peak_dbtp=encoded.loudness.peak_dbtp,
        lufs_before=facts.lufs,
    )
