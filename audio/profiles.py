"""What a rendition is to be: codec, bitrate, loudness, and what the loudspeaker can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal, get_args

from audio.errors import BadProfile
from audio.naming import TEMPLATE_RULE, is_template

Codec = Literal["mp3", "opus", "wav", "flac"]

EXTENSIONS: dict[str, str] = {"mp3": "mp3", "opus": "opus", "wav": "wav", "flac": "flac"}
RATES_HZ: dict[str, tuple[int, ...]] = {
    "mp3": (16000, 22050, 24000, 32000, 44100, 48000),
    "opus": (8000, 12000, 16000, 24000, 48000),
    "wav": (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000),
    "flac": (16000, 22050, 24000, 32000, 44100, 48000),
}


@dataclass(frozen=True)
class Profile:
    """One way to encode a programme; a station picks one by its name."""

    name: str
    codec: Codec
    bitrate_kbps: int | None  # None for wav and flac, which keep every sample
    sample_rate_hz: int
    channels: int
    target_lufs: float | None = -16.0  # None: the loudness stays as it is
    ceiling_dbtp: float = -1.0  # true peak of the encoded file, not of what went in
    low_hz: int | None = None  # what lies below only heats the horn's driver
    high_hz: int | None = None
    presence_db: float = 0.0  # lift around 2.5 kHz, where consonants are, before the limiter
    file_name: str = "{sha256}.{extension}"  # for a foreign player: see audio/naming.py
    tags: bool = False  # whether title, genre and language are written into the file
    # Sound files played before and after every programme; "": none; None: as the settings say.
    ident: str | None = None
    sign_off: str | None = None

    def __post_init__(self) -> None:
        for name, is_good, reason in self._rules():
            if not is_good:
                raise BadProfile(profile=self.name, field=name, reason=reason)

    def _rules(self) -> list[tuple[str, bool, str]]:
        is_lossy = self.codec in ("mp3", "opus")
        bitrate = self.bitrate_kbps or 0
        low, high = self.low_hz or 20, self.high_hz or self.sample_rate_hz // 2
        target = -16.0 if self.target_lufs is None else self.target_lufs
        rates = RATES_HZ.get(self.codec, ())
        return [
            ("codec", self.codec in get_args(Codec), "must be one of mp3, opus, wav, flac"),
            ("sample_rate_hz", self.sample_rate_hz in rates, f"must be one of {rates}"),
            ("bitrate_kbps", not is_lossy or 8 <= bitrate <= 320, "must be 8 to 320"),
            ("bitrate_kbps", is_lossy or not bitrate, "has no meaning for this codec"),
            ("channels", self.channels in (1, 2), "must be 1 or 2"),
            ("target_lufs", -31.0 <= target <= -9.0, "must lie between -31 and -9"),
            ("ceiling_dbtp", -9.0 <= self.ceiling_dbtp <= -0.1, "must lie between -9 and -0.1"),
            ("low_hz", 20 <= low < high, "must be 20 or more and below high_hz"),
            ("presence_db", -6.0 <= self.presence_db <= 9.0, "must lie between -6 and 9"),
            ("tags", isinstance(self.tags, bool), "must be true or false"),
            ("file_name", is_template(self.file_name), TEMPLATE_RULE),
            ("high_hz", high <= self.sample_rate_hz // 2, "must be at most half the rate"),
        ]

    @property
    def extension(self) -> str:
        return EXTENSIONS[self.codec]

    @classmethod
    def from_config(cls, name: str, table: Mapping[str, Any]) -> Profile:
        """
        Build a profile from a table of the configuration.

        Raises:
            BadProfile: a key is unknown or missing, or a value out of its bounds.
        """
        known = {field.name for field in fields(cls)} - {"name"}
        for key in table:
            if key not in known:
                raise BadProfile(profile=name, field=key, reason="is unknown")
        for key in ("codec", "sample_rate_hz", "channels"):
            if key not in table:
                raise BadProfile(profile=name, field=key, reason="is missing")
        return cls(**{"bitrate_kbps": None, **table, "name": name})


def _named(*profiles: Profile) -> Mapping[str, Profile]:
    return MappingProxyType({profile.name: profile for profile in profiles})


# A horn carries about 200 to 8,000 Hz. The band is a little wider, so that a better horn loses
# nothing, and so that the loudness is not spent on what no villager hears.
_LOW_HZ, _HIGH_HZ = 150, 10_000

PROFILES = _named(
    Profile("loa-48", "mp3", 48, 24_000, 1, low_hz=_LOW_HZ, high_hz=_HIGH_HZ),
    Profile("loa-64", "mp3", 64, 44_100, 1, low_hz=_LOW_HZ, high_hz=_HIGH_HZ),
    Profile("fm-128", "mp3", 128, 44_100, 2, low_hz=40, high_hz=15_000),
    Profile("opus-24", "opus", 24, 24_000, 1, low_hz=_LOW_HZ, high_hz=_HIGH_HZ),
    Profile("wav", "wav", None, 22_050, 1, low_hz=_LOW_HZ),
    Profile("archive", "flac", None, 48_000, 2, target_lufs=None, ident="", sign_off=""),
)
DEFAULT_PROFILE = "loa-48"
