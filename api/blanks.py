"""A page that is drawn once for many, with blanks where something belongs to one person alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex

# Made anew at every start: no name and no title can hold them.
NAME, FORM_TOKEN, WAITING = (f"-{token_hex(8)}-" for _ in range(3))
_EVERY = re.compile(f"({NAME}|{FORM_TOKEN}|{WAITING})")


@dataclass(frozen=True)
class Sheet:
    """A text with blanks: what is printed and, between two pieces of it, each blank by its name."""

    pieces: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Sheet:
        return cls(tuple(_EVERY.split(text)))

    def filled(self, filling: Mapping[str, str]) -> str:
        """The text with HTML in its blanks; a blank that nobody fills is an error, not a gap."""
        own = list(self.pieces)
        own[1::2] = [filling[blank] for blank in self.pieces[1::2]]
        return "".join(own)
