"""``loa station export``: a station's day as files, for a player that is not ours."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from api.cli.options import DATE, command
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.i18n import mark as _
from scheduler.export import ExportedFile, export_day


@command(
    "export",
    "loa station export dao-ly --date 17/10/2022 --to /media/usb",
    "loa station export dao-ly --date 17/10/2022 --to /media/usb --json",
)
@click.argument("code")
@click.option("--date", "on", type=DATE, required=True, help="The broadcast date.")
@click.option("--to", "into", type=click.Path(path_type=Path), required=True, metavar="FOLDER",
              help="For example a stick; made when it is not there.")  # fmt: skip
@click.pass_obj
def export(run: Run, code: str, on: date, into: Path) -> None:
    """
    Copy what a station airs on a day into a folder.

    For a box with a player that is not ours: files in plain letters that sort by time, or as
    file_name of the station's sound profile says. What airs this way has no proof but a person's.
    """
    with run.hub() as hub:
        files = export_day(hub, code, on, into)
    document = {
        "station": code,
        "date": on,
        "folder": into,
        "files": [
            {"name": one.name, "starts_at": one.starts_at, "title": one.title, "ms": one.ms}
            for one in files
        ],
    }
    run.tell(document, lambda screen: _show(screen, files))


def _show(screen: Screen, files: list[ExportedFile]) -> None:
    tr = screen.translator
    screen.table(
        [_("When"), _("File"), _("Title"), Figures(_("Length"))],
        [(tr.moment(one.starts_at), one.name, one.title, tr.length(one.ms)) for one in files],
    )
