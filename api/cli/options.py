"""Options that many commands share, and the one way in which a command is declared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import click

from api.cli.run import Run

Function = Callable[..., Any]


def command(name: str, *examples: str) -> Callable[[Function], click.Command]:
    """Declare a command that takes ``--json`` and shows examples below its help."""

    def declare(function: Function) -> click.Command:
        with_json = click.option(
            "--json",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_remember_json,
            help="Print one JSON document instead of a table.",
        )(function)
        epilog = "\n".join(["\b", "Examples:", *(f"  {example}" for example in examples)])
        return click.command(name, epilog=epilog)(with_json)

    return declare


def _remember_json(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Run).as_json = value


acting = click.option(
    "--by",
    metavar="USERNAME",
    envvar="LOA_USER",
    show_envvar=True,
    required=True,
    help="Who does this; it stands in the records.",
)
recorded = click.option(
    "--by",
    metavar="USERNAME",
    envvar="LOA_USER",
    show_envvar=True,
    help="Who does this; the login name of this machine when not given.",
)
yes = click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
stations = click.option(
    "--station",
    "codes",
    multiple=True,
    metavar="CODE",
    help="Only this station; may be given several times.",
)


class DateType(click.ParamType[date]):
    """A date as people write it here, or as programs do."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        pattern = "%d/%m/%Y" if "/" in value else "%Y-%m-%d"
        try:
            return datetime.strptime(value, pattern).date()  # noqa: DTZ007 - a local date
        except ValueError:
            self.fail(f'"{value}" is not a date like 17/10/2022 or 2022-10-17', param, ctx)


class TimeType(click.ParamType[time]):
    """A local time of day."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> time:
        if isinstance(value, time):
            return value
        try:
            return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a local time of day
        except ValueError:
            self.fail(f'"{value}" is not a time like 05:00', param, ctx)


DATE, TIME = DateType(), TimeType()
