"""The options that say what a slot airs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Function = Callable[..., Any]

_OPTIONS = (
    click.option("--programme", "programme_id", type=int, metavar="ID", help="This programme."),
    click.option("--series", metavar="NAME", help="Or the next episode of this series."),
    click.option("--theme", metavar="NAME", help="Or what is about this theme, in rotation."),
    click.option("--list", "items", multiple=True, metavar="ENTRY",
                 help="Or one after the other, given several times: programme:ID, series:NAME, "
                 "theme:NAME."),
    click.option("--no-repeat", "no_repeat_days", type=click.IntRange(1, 366), metavar="DAYS",
                 help="Of a theme: nothing twice within so many days at a station; 7 when new."),
    click.option("--ident", "ident_id", type=int, metavar="ID",
                 help="A programme that sounds before the first."),
    click.option("--filler", "filler_id", type=int, metavar="ID",
                 help="Airs where nothing else may, and fills what a list leaves."),
)  # fmt: skip


def content_options(function: Function) -> Function:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def given(**content: Any) -> dict[str, Any]:
    """Only what somebody said."""
    return {name: value for name, value in content.items() if value not in (None, ())}
