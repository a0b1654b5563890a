"""Vietnamese letters: sorting, Đ after D, tones last."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_RANK = {letter: rank for rank, letter in enumerate(_ALPHABET, start=1)}
# Dictionaries order the tones so: none, huyền, hỏi, ngã, sắc, nặng.
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}

SortKey = tuple[tuple[tuple[int, int], ...], tuple[int, ...]]


@lru_cache(maxsize=16_384)  # the names of a nation's map; each costs 20 µs
def sort_key(text: str) -> SortKey:
    """Letters decide first; tones only between words of the same letters."""
    letters: list[tuple[int, int]] = []
    tones: list[int] = []
    for letter in unicodedata.normalize("NFC", text.casefold()):
        bare, tone = _without_tone(letter)
        rank = _RANK.get(bare)
        # What is no letter (space, digit, dash) stands before every letter.
        letters.append((0, ord(bare)) if rank is None else (1, rank))
        tones.append(tone)
    return tuple(letters), tuple(tones)


@lru_cache(maxsize=512)
def _without_tone(letter: str) -> tuple[str, int]:
    decomposed = unicodedata.normalize("NFD", letter)
    tone = next((_TONES[mark] for mark in decomposed if mark in _TONES), 0)
    kept = "".join(mark for mark in decomposed if mark not in _TONES)
    return unicodedata.normalize("NFC", kept)[:1], tone
