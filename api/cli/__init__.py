"""The command line: one file a noun, loaded only when it is called. Imports nothing but click."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import click

from api.cli.commands import COMMANDS
from api.cli.lazy import LazyGroup

_FIRST_STEPS = """\b
First steps:
  loa demo                        a whole night on simulated stations
  loa init                        make a Loa of your own
  loa unit import units.csv       the map of the province
  loa station template            the table of stations, to fill in
  loa serve                       the web pages, the clock and the workers"""


class Root(LazyGroup):
    """``loa``: turns whatever goes wrong in a command into one clear sentence."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from api.cli.run import Run

        ctx.ensure_object(Run).words = tuple(args)  # a proposal repeats them with one change
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # whoever read our output has gone; click ends quietly
            from api.cli.refusals import refusal_of

            raise refusal_of(error, ctx) from error


@click.group("loa", cls=Root, lazy=COMMANDS, epilog=_FIRST_STEPS)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The settings; $LOA_CONFIG or config.toml here when not given.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The data folder, instead of the one that the settings name.",
)
@click.option(
    "--lang",
    "language",
    type=click.Choice(["vi", "en"]),
    help="The language of results and errors; $LOA_LANG, $LANG or the settings when not given.",
)
@click.version_option(package_name="loa", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context, config: Path | None, data: Path | None, language: str | None) -> None:
    """Broadcast scheduling and audio distribution for grassroots radio, with proof of airing."""
    from api.cli.run import Run

    run = ctx.ensure_object(Run)
    run.config, run.data, run.language_wanted = config, data, language


def main() -> None:
    root.main(prog_name="loa")
