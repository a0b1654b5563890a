"""
Loudness and true peak (EBU R128, BS.1770-4) of one stream of sound.

``ebur128=peak=true`` always works at 192 kHz in double precision and takes more than half of the
time of a check. Four times the stream's own rate is what BS.1770 asks for: the same peaks to
0.1 dB, and a 30-minute MP3 is measured in 2.3 s instead of 4.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from audio.ffmpeg_log import Loudness, parse_loudness

OVERSAMPLING = 4
_ROOM_DB = 6.0206  # volumedetect counts 16-bit samples; halved, a peak above full scale still fits
_SILENT_DB = -80.0
# Mains hum is steady and narrow; the neighbours tell it from a deep voice or a drum.
HUM_HZ = 50
_NEIGHBOURS_HZ = (38, 66)
_BANDS_HZ = (HUM_HZ, *_NEIGHBOURS_HZ)
_HUM_RATE_HZ = 1000
_MEAN = re.compile(r"^\[volumedetect@h(\d+) @ \w+\] mean_volume: (-?\d+(?:\.\d+)?) dB$", re.M)
_PEAK = re.compile(r"^\[volumedetect@peak @ \w+\] max_volume: (-?\d+(?:\.\d+)?) dB$", re.M)


def meter_options(sample_rate_hz: int) -> list[str]:
    """Options that measure loudness and true peak of the first input and write nothing."""
    graph = (
        "[0:a:0]aformat=sample_fmts=fltp,asplit[lufs][peak];"
        f"[lufs]{_LOUDNESS}[heard];[peak]{_true_peak(sample_rate_hz)}[out]"
    )
    return measuring(graph, ["heard"], ["out"])


def loudness_options(gain: float) -> list[str]:
    """One half of a check: loudness and mains hum; ``gain`` is applied beforehand."""
    graph = f"{_raised(gain)},asplit[lufs][hum];[lufs]{_LOUDNESS}[heard];{_hum('[hum]')}"
    return measuring(graph, ["heard"], [f"d{hz}" for hz in _BANDS_HZ])


def peak_options(sample_rate_hz: int, gain: float) -> list[str]:
    """The other half, for another processor: the true peak."""
    return measuring(f"{_raised(gain)},{_true_peak(sample_rate_hz)}[out]", [], ["out"])


_LOUDNESS = "ebur128@lufs=framelog=verbose"


def _raised(gain: float) -> str:
    return f"[0:a:0]aformat=sample_fmts=fltp,volume={gain:g}:precision=float"


def _true_peak(sample_rate_hz: int) -> str:
    fast = "filter_size=16:phase_shift=6"  # 16 taps a phase; the standard's own filter has 12
    rate_hz = OVERSAMPLING * sample_rate_hz
    return f"volume=0.5:precision=float,aresample={rate_hz}:{fast},volumedetect@peak"


def measuring(graph: str, doubles: Sequence[str], shorts: Sequence[str]) -> list[str]:
    """
    Options that play the ends of a graph into nothing, each in the samples that it has anyway.

    Not one end and ``anullsink`` for the others: ffmpeg 7.0 stops at an assertion when what is
    left in a resampler there comes after the one end was closed.
    """
    options = ["-filter_complex", graph]
    for pads, codec in ((doubles, "pcm_f64le"), (shorts, "pcm_s16le")):
        for pad in pads:
            options += ["-map", f"[{pad}]", "-c:a", codec, "-f", "null", "-"]
    return options


def _hum(source: str) -> str:
    """A branch of a filter graph that measures 50 Hz and its neighbours; costs 3 % of a check."""
    pads = "".join(f"[h{hz}]" for hz in _BANDS_HZ)
    # Two bandpasses in a row: one alone still hears a voice at 110 Hz.
    narrow = [
        f"[h{hz}]bandpass=f={hz}:t=h:w=5,bandpass=f={hz}:t=h:w=5,volumedetect@h{hz}[d{hz}]"
        for hz in _BANDS_HZ
    ]
    # Frames of a second: resampled ones hold 21 samples, and a filter costs as much for those.
    slow = f"aresample={_HUM_RATE_HZ}:filter_size=8:osf=dbl,asetnsamples=n={_HUM_RATE_HZ}:p=0"
    return f"{source}{slow},asplit={len(_BANDS_HZ)}{pads};{';'.join(narrow)}"


def read_hum(log: str) -> tuple[float, float] | None:
    """The level of the mains in dBFS, and how far it stands out of its neighbours."""
    means = {int(hz): float(level) for hz, level in _MEAN.findall(log)}
    if HUM_HZ not in means:
        return None
    around = max(means.get(hz, -91.0) for hz in _NEIGHBOURS_HZ)
    return means[HUM_HZ], means[HUM_HZ] - around


def read_meter(log: str) -> Loudness:
    """What :func:`meter_options` or both halves found, from ffmpeg's log at level ``info``."""
    loudness = parse_loudness(log).get("ebur128@lufs", Loudness(None, 0.0))
    peaks = [float(peak) for peak in _PEAK.findall(log)]
    peak = round(max(peaks) + _ROOM_DB, 1) if peaks and max(peaks) > _SILENT_DB else None
    return Loudness(loudness.lufs, loudness.range_lu, peak)
