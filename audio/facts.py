"""What is known of a master once it was decoded to its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from audio.findings import Finding
from audio.units import Milliseconds, Sha256

MonoSource = Literal["mix", "left", "right"]


@dataclass(frozen=True)
class Silence:
    """A stretch in which nothing is heard."""

    start_ms: Milliseconds
    ms: Milliseconds

    @property
    def end_ms(self) -> Milliseconds:
        return Milliseconds(self.start_ms + self.ms)


@dataclass(frozen=True)
class Facts:
    """Measured, not believed: the header of the file is only compared with it."""

    sha256: Sha256  # of the file
    pcm_sha256: Sha256  # of the decoded sound: the same for a WAV and its FLAC
    size_bytes: int
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    ms: Milliseconds
    lufs: float | None  # integrated (BS.1770); None: nothing above the gate
    range_lu: float
    peak_dbtp: float | None
    mono_source: MonoSource  # what a mono rendition is made of; "mix" unless that would cancel
    mono_gain_db: float  # loudness of that mono signal against the loudness of the master
    silences: tuple[Silence, ...]
    findings: tuple[Finding, ...]
    # Younger than the first database: an old column without them can still be read.
    noise_floor_dbfs: float | None = None
    speech_percent: float = 100.0  # how much of it moves as a voice does
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def is_refused(self) -> bool:
        return any(finding.severity == "refuse" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a column; :meth:`from_json` is its inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Facts:
        silences = tuple(Silence(**silence) for silence in plain["silences"])
        findings = tuple(Finding(**finding) for finding in plain["findings"])
        return cls(**{**plain, "silences": silences, "findings": findings})
