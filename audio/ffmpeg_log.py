"""What ffmpeg says about a file, read from its log. The log is hostile: files write into it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audio.errors import FormatRefused, IsPlaylist, NotAudio, SilentFile
from audio.units import Milliseconds

PLAYLISTS = frozenset(
    ("applehttp", "concat", "dash", "hls", "imf", "rtp", "rtsp", "sdp", "webm_dash_manifest")
)

_INPUT = re.compile(r"^Input #0, ([\w,.\- ]+), from 'file:/dev/fd/\d+':$", re.M)
_DURATION = re.compile(r"^  Duration: (\d{2,6}):(\d\d):(\d\d)\.(\d\d),", re.M)
_AUDIO = re.compile(
    r"^  Stream #0:\d+[^\n]*?: Audio: (\w+)[^\n]*?, (\d{1,9}) Hz, ([^,\n]{1,80})(?:, [^\n]*)?$",
    re.M,
)
_VIDEO = re.compile(r"^  Stream #0:\d+[^\n]*?: Video: [^\n]*$", re.M)
_REFUSED = re.compile(r"^\[([\w,]+) @ \w+\] Format not on whitelist", re.M)
_CODEC_REFUSED = re.compile(r"^\[\w+ @ \w+\] Codec \(\w+\) not on whitelist", re.M)
_NOT_A_COMPLAINT = re.compile(
    rf"{_CODEC_REFUSED.pattern}|Failed to open codec in \w+$|^Last message repeated \d+ times$"
)
# ffmpeg 7 and newer keep the name of what they refuse for their debugging log.
_REFUSED_UNNAMED = re.compile(r"^\[in#\d+ @ \w+\] Format not on whitelist", re.M)
_PROBED = re.compile(r"^\[[\w#,]+ @ \w+\] Format ([\w,]+) probed with", re.M)
_HLS = re.compile(r"^Not detecting m3u8/hls with non standard extension", re.M)
_CHANNELS = re.compile(r"(\d{1,4}) channels")
_SUMMARY = re.compile(r"^\[([^\]\n]{1,60}) @ \w+\] Summary:\n(.*?)(?=^\S|\Z)", re.M | re.S)
_LEVEL = re.compile(r"^\s+(I|LRA):\s+(-?inf|nan|-?\d+(?:\.\d+)?) (?:LUFS|LU)$", re.M)
_NOT_NUMBERS = re.compile(
    r"^\[Parsed_astats_0 @ \w+\] Number of (NaNs|Infs): (\d{1,15}(?:\.\d+)?)$", re.M
)

_LAYOUTS = {"mono": 1, "stereo": 2, "2.1": 3, "3.0": 3, "quad": 4, "4.0": 4, "5.0": 5, "5.1": 6}
_LAYOUTS |= {"6.1": 7, "7.1": 8, "downmix": 2, "hexadecagonal": 16, "octagonal": 8, "hexagonal": 6}


@dataclass(frozen=True)
class Stream:
    """The first sound track of a file as its header tells it: a claim, not a fact."""

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    claimed_ms: Milliseconds | None  # None where the header says nothing or ffmpeg only guesses
    has_video: bool


@dataclass(frozen=True)
class Loudness:
    """One EBU R128 summary. None: there was nothing above the gate."""

    lufs: float | None
    range_lu: float
    peak_dbtp: float | None = None


def parse_stream(log: str) -> Stream:
    """
    Read what the file claims to be.

    Raises:
        IsPlaylist, FormatRefused, SilentFile, NotAudio: the log shows no sound that we accept.
    """
    opened = _INPUT.search(log)
    if opened is None:
        raise _refusal(log)
    audio = _AUDIO.search(log, opened.end())
    has_picture = _VIDEO.search(log, opened.end()) is not None
    if audio is None:
        raise SilentFile() if has_picture else NotAudio()
    return Stream(
        container=opened[1].split(",")[0],
        codec=audio[1],
        sample_rate_hz=int(audio[2]),
        channels=_count_channels(audio[3]),
        claimed_ms=_claimed_ms(log),
        has_video=has_picture,
    )


def complaints(log: str) -> list[str]:
    """What a decoder found wrong; that it was not let near a picture is not among it."""
    lines = (line.strip() for line in log.splitlines())
    return [line for line in lines if line and not _NOT_A_COMPLAINT.search(line)]


def is_codec_refused(log: str) -> bool:
    """Whether a decoder that is not on our list was asked for."""
    return _CODEC_REFUSED.search(log) is not None


def is_refused_unnamed(log: str) -> bool:
    """Whether a container was refused, and only the log at level ``debug`` tells which."""
    return _REFUSED_UNNAMED.search(log) is not None


def _refusal(log: str) -> NotAudio:
    if _HLS.search(log):
        return IsPlaylist(container="hls")
    refused = _REFUSED.search(log) or (is_refused_unnamed(log) and _PROBED.search(log))
    if not refused:
        return NotAudio()
    container = refused[1].split(",")[0]
    is_playlist = container in PLAYLISTS
    return IsPlaylist(container=container) if is_playlist else FormatRefused(container=container)


def _count_channels(layout: str) -> int:
    counted = _CHANNELS.fullmatch(layout.strip())
    if counted:
        return int(counted[1])
    return _LAYOUTS.get(layout.strip().split("(")[0], 3)  # a named layout we do not know: surround


def _claimed_ms(log: str) -> Milliseconds | None:
    claimed = _DURATION.search(log)
    if claimed is None or "Estimating duration from bitrate" in log:
        return None
    hours, minutes, seconds, hundredths = map(int, claimed.groups())
    return Milliseconds(((hours * 60 + minutes) * 60 + seconds) * 1000 + hundredths * 10)


def parse_loudness(log: str) -> dict[str, Loudness]:
    """
    Read every ebur128 summary, by the name of its filter.

    ffmpeg sets a filter graph up twice when the first frame differs from the header, and then
    prints an empty summary first: the last one of a name counts.
    """
    return {name: _loudness(body) for name, body in _SUMMARY.findall(log)}


def _loudness(body: str) -> Loudness:
    levels = {name: _number(text) for name, text in _LEVEL.findall(body)}
    lufs = levels.get("I")
    # The gate of BS.1770 lies at -70: ffmpeg prints that when nothing passed it.
    audible = lufs is not None and lufs > -70.0
    return Loudness(lufs if audible else None, levels.get("LRA") or 0.0)


def parse_not_numbers(log: str) -> int:
    """How many NaN and infinite samples ``astats`` counted."""
    counts = dict(_NOT_NUMBERS.findall(log))  # the last of each, as with the loudness
    return sum(round(float(count)) for count in counts.values())


def _number(text: str) -> float | None:
    return None if text.endswith(("inf", "nan")) else float(text)
