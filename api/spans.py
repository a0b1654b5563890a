"""Places in a sound as people write them: 3:07.5 for three minutes, seven and a half seconds."""

from __future__ import annotations

import re

from scheduler.errors import InputInvalid

_SPAN = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,5})(?:[.,](\d{1,3}))?")


def read_span(text: str) -> int | None:
    """
    Milliseconds; nothing for an empty text.

    Raises:
        InputInvalid: it is no place in a sound.
    """
    if not text.strip():
        return None
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise InputInvalid(problem="write a place in the sound as minutes:seconds, like 3:07")
    hours, minutes, seconds, part = match.groups()
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)
    return whole * 1000 + int((part or "0").ljust(3, "0"))


def written_span(ms: int) -> str:
    """As :func:`read_span` reads it; thousandths only where there are some."""
    minutes, rest = divmod(ms, 60_000)
    seconds, part = divmod(rest, 1000)
    return f"{minutes}:{seconds:02}" + (f".{part:03}".rstrip("0") if part else "")
