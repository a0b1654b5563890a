"""What a person typed, before it goes into a row."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache


def one_line(text: str, letters: int) -> str:
    """
    Composed, without control codes and line ends, cut to so many letters.

    PostgreSQL refuses a NUL in a text, and a line end in a note would write a second line into a
    report.
    """
    composed = unicodedata.normalize("NFC", text)
    printable = "".join(letter if letter.isprintable() else " " for letter in composed)
    return " ".join(printable.split())[:letters].rstrip()


# Names are asked for again and again: ten thousand take 70 ms to fold, and 14 when they are known.
@lru_cache(maxsize=50_000)
def without_tones(text: str) -> str:
    """``Hà Nam`` and ``ha nam`` are one: no marks, no capitals, đ as d."""
    decomposed = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def has_words(texts: Iterable[str | None], wanted: str) -> bool:
    """Whether every word that somebody typed stands in one of the texts, tones aside."""
    folded = without_tones(" ".join(text for text in texts if text))
    return all(word in folded for word in without_tones(wanted).split())
