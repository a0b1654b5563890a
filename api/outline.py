"""The outline of a programme as one SVG path: drawn by the server, seen without a script."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from audio.facts import Facts
from scheduler.store.models import Programme

WIDTH, HEIGHT = 400, 60  # units of the view box; a phone shows no more columns
_LOUD = 0.985  # of full scale: here it is about to clip
_MOST_MARKS = 40


@dataclass(frozen=True)
class Stretch:
    """A part of the outline, in units of the view box."""

    x: float
    width: float


@dataclass(frozen=True)
class Outline:
    """What the page draws."""

    path: str
    silences: tuple[Stretch, ...]
    cut: tuple[Stretch, ...]  # what is not kept
    loud: tuple[float, ...]  # where it is as loud as can be


def outline(programme: Programme, facts: Facts | None) -> Outline | None:
    """The drawing of a checked programme; none for those that were never drawn."""
    peaks, ms = programme.peaks, programme.ms
    if not peaks or not ms or facts is None:
        return None
    heights = [float(one) for one in peaks]
    shown = _thinned(heights, WIDTH)
    silences = [_stretch(one.start_ms, one.end_ms, ms) for one in facts.silences]
    start, end = programme.trim_start_ms or 0, programme.trim_end_ms or ms
    cut = [_stretch(*pair, ms) for pair in ((0, start), (end, ms)) if pair[0] < pair[1]]
    return Outline(
        path=_path(shown),
        silences=tuple(silences[:_MOST_MARKS]),
        cut=tuple(cut),
        loud=tuple(
            round((index + 0.5) * WIDTH / len(shown), 1)
            for index, height in enumerate(shown)
            if height >= _LOUD
        )[:_MOST_MARKS],
    )


def _stretch(start_ms: int, end_ms: int, ms: int) -> Stretch:
    first, last = (min(max(one, 0), ms) * WIDTH / ms for one in (start_ms, end_ms))
    return Stretch(round(first, 1), round(max(last - first, 0.5), 1))


def _thinned(heights: list[float], points: int) -> list[float]:
    count = min(points, len(heights))
    edges = [index * len(heights) // count for index in range(count + 1)]
    return [max(heights[start:end]) for start, end in pairwise(edges)]


def _path(heights: list[float]) -> str:
    """A closed shape around the middle: the upper edge there, the lower edge back."""
    middle, step = HEIGHT / 2, WIDTH / len(heights)
    ys = [max(0.5, height * (middle - 1)) for height in heights]
    there = [f"{index * step:.4g} {middle - y:.3g}" for index, y in enumerate(ys)]
    back = [f"{index * step:.4g} {middle + y:.3g}" for index, y in enumerate(ys)]
    return "M" + "L".join([*there, *reversed(back)]) + "Z"
