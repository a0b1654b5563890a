"""``loa station template`` and ``import``: stations come as a table."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.options import command, recorded
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler.csvrows import read_csv_text
from scheduler.registry import STATION_COLUMNS, StationsImported, import_stations, template_csv


@command("template", "loa station template > stations.csv", "loa station template --json")
@click.pass_obj
def template(run: Run) -> None:
    """
    Print the table to fill in.

    A CSV file with one example row. With --json: what each column means.
    """
    columns = [
        {
            "name": column.name,
            "required": column.required,
            "meaning": column.meaning,
            "example": column.example,
        }
        for column in STATION_COLUMNS
    ]
    run.tell({"columns": columns}, lambda screen: click.echo(template_csv(), nl=False))


@command("import", "loa station import stations.csv --dry-run", "loa station import stations.csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check every row, change nothing.")
@recorded
@click.pass_obj
def import_(run: Run, file: Path, dry_run: bool, by: str | None) -> None:
    """
    Add or change stations by a table.

    Known stations (same code) are brought to what the table says; stations that it does not name
    stay as they are. Either every row is imported, or none: all bad rows are told at once.
    """
    text = read_csv_text(file, file.name)
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            result = import_stations(
                session, text, name=file.name, now=run.clock.now(), by=who, on=hub.today()
            )
            if dry_run:
                session.rollback()
    document = {
        "added": result.added,
        "changed": result.changed,
        "unchanged": result.unchanged,
        "dry_run": dry_run,
    }
    run.tell(document, lambda screen: _show(screen, result, dry_run))


def _show(screen: Screen, result: StationsImported, dry_run: bool) -> None:
    screen.say(
        _("Stations added: {added}, changed: {changed}, as they were: {unchanged}."),
        added=result.added,
        changed=result.changed,
        unchanged=result.unchanged,
    )
    if dry_run:
        screen.say(_("This was a rehearsal: nothing was changed."))
