"""Results for people: tables, facts and sentences on the standard output, in their language."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.i18n import Translator, mark
from api.words import word_of

# A table that goes into a file or a pipe is never cut to the width of a terminal.
_UNBOUNDED = 400
_TONES = {"good": "green", "bad": "red", "wait": "yellow", "calm": ""}

Cell = str | int | Text | None


class Figures(str):
    """A heading over figures: they stand to the right."""


class Screen:
    """The standard output of one command."""

    def __init__(self, translator: Translator) -> None:
        self.translator = translator
        self.console = Console(
            file=sys.stdout,
            width=None if sys.stdout.isatty() else _UNBOUNDED,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def say(self, msgid: str, **fields: Any) -> None:
        self.line(self.translator.text(msgid, **fields))

    def line(self, text: str | Text = "") -> None:
        self.console.print(printable(text), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """Rows under translated headings."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            is_right = isinstance(column, Figures)
            table.add_column(self.translator.text(column), justify="right" if is_right else "left")
        for row in rows:
            table.add_row(*(self._cell(cell) for cell in row))
        self.console.print(table if table.rows else self.translator.text(mark("Nothing there.")))

    def facts(self, facts: Iterable[tuple[str, Cell]]) -> None:
        """Names and values, one a line; values that are missing are left out."""
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column()
        for name, value in facts:
            if value not in (None, ""):
                table.add_row(self.translator.text(name), self._cell(value))
        self.console.print(table)

    def state(self, state: StrEnum) -> Text:
        """A state as its word; the colour only helps."""
        word = word_of(state)
        return Text(self.translator.text(word.text), style=_TONES[word.tone])

    def moment(self, at: datetime | None) -> str:
        return self.translator.moment(at) if at else "–"

    def _cell(self, cell: Cell) -> Text:
        if isinstance(cell, int):
            return Text(self.translator.number(cell))
        return printable("–" if cell is None or cell == "" else cell)


def printable(text: str | Text) -> Text:
    """What a station or a file name says must not move the cursor of whoever reads it."""
    if isinstance(text, Text):
        return text
    return Text(
        "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    )
