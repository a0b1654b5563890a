"""What a file says about itself in words: read, bounded, and repaired. Covers are never read."""

from __future__ import annotations

import re

from audio.spelling import repair

KEPT = ("title", "artist", "album", "album_artist", "genre", "language", "date", "comment")
VALUE_MAX_CHARS = 300
_PAIR = re.compile(r"((?:[^\\=;#\n]|\\.)+)=((?:[^\\\n]|\\.)*)(?:\n|\Z)", re.S)
_ESCAPED = re.compile(r"\\(.)", re.S)


def parse_tags(metadata: str) -> dict[str, str]:
    """
    Read ffmpeg's ``ffmetadata`` text.

    Only the names of ``KEPT`` count; chapters and streams are left out. Control characters become
    spaces, so that a title cannot write a second line into a log or a manifest.
    """
    head = re.split(r"^\[", metadata, maxsplit=1, flags=re.M)[0]
    found = {_plain(name).lower(): _tidied(value) for name, value in _PAIR.findall(head)}
    # "und": the language that a film container writes for want of one.
    return {name: found[name] for name in KEPT if found.get(name) not in (None, "", "und")}


def _plain(escaped: str) -> str:
    return _ESCAPED.sub(r"\1", escaped)


def _tidied(escaped: str) -> str:
    text = repair(_plain(escaped)[: 2 * VALUE_MAX_CHARS])
    shown = (char if char.isprintable() else " " for char in text)
    return " ".join("".join(shown).split())[:VALUE_MAX_CHARS]
