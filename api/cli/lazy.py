"""Groups that know what their commands are called without importing them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import click


class Lazy(NamedTuple):
    """A command by its place (``api.cli.push:push``), and the line that a list shows of it."""

    place: str
    help: str


class LazyGroup(click.Group):
    """
    A group whose commands are imported when one of them runs.

    ``loa --help`` takes 0.05 s of processor time this way; with all that stands behind the
    commands (SQLAlchemy, paramiko, FastAPI) it would take 1.2 s.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy | LazyGroup], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.lazy.get(cmd_name)
        if not isinstance(entry, Lazy):
            return entry
        module, _, attribute = entry.place.partition(":")
        command: click.Command = getattr(imported(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help or "") for name, entry in self.lazy.items()])


def imported(name: str) -> ModuleType:
    """
    A module; the first time without the collector of garbage.

    While 300,000 objects come that all stay, it would look through them again and again: a seventh
    of the processor time of a start.
    """
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()  # no later collection looks at them either
        gc.enable()
