"""What a person typed, before it goes into a row."""

from __future__ import annotations

import unicodedata


def one_line(text: str, letters: int) -> str:
    """
    Composed, without control codes and line ends, cut to so many letters.

    PostgreSQL refuses a NUL in a text, and a line end in a note would write a second line into a
    report.
    """
    composed = unicodedata.normalize("NFC", text)
    printable = "".join(letter if letter.isprintable() else " " for letter in composed)
    return " ".join(printable.split())[:letters].rstrip()
