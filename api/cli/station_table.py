"""``loa station template`` and ``import``: stations come as a table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from api.cli.documents import Document
from api.cli.options import command, recorded
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.i18n import mark as _
from api.stationwords import OUTCOME_WORDS
from scheduler.csvrows import read_csv_text
from scheduler.errors import FileRefused
from scheduler.renditions import profiles_of
from scheduler.stationimport import (
    ADDED,
    CHANGED,
    UNCHANGED,
    ImportPlan,
    RowPlan,
    import_stations,
    plan_import,
)
from scheduler.stationrows import STATION_COLUMNS, template_csv


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
    stay as they are, and so does what the table has no column for. Either every row is imported,
    or none: all bad rows are told at once. --dry-run shows what would change, row by row.
    """
    text = read_csv_text(file, file.name)
    with run.hub() as hub:
        who = run.actor(hub, by)
        profiles = profiles_of(hub.settings)
        with hub.database.write() as session:
            plan = plan_import(session, text, name=file.name, on=hub.today(), profiles=profiles)
            if plan.problems:
                raise FileRefused(name=file.name, problems=plan.problems)
            if not dry_run:
                import_stations(
                    session, text, name=file.name, now=run.clock.now(), by=who, on=hub.today(),
                    profiles=profiles,
                )  # fmt: skip
    document = {
        **{outcome: plan.counts[outcome] for outcome in (ADDED, CHANGED, UNCHANGED)},
        "dry_run": dry_run,
        "rows": [_row_document(row) for row in plan.rows],
    }
    run.tell(document, lambda screen: _show(screen, plan, dry_run))


def _row_document(row: RowPlan) -> Document:
    return {
        "line": row.line,
        "code": row.code,
        "outcome": row.outcome,
        "changes": [asdict(change) for change in row.changes],
        "keeps_host_key": row.keeps_host_key,
    }


def _show(screen: Screen, plan: ImportPlan, dry_run: bool) -> None:
    tr = screen.translator
    if dry_run:
        screen.table(
            [Figures(_("Line")), _("Code"), _("What becomes of it"), _("What changes")],
            [
                (row.line, row.code, tr.text(OUTCOME_WORDS[row.outcome].text), _changes(row))
                for row in plan.rows
                if row.outcome != UNCHANGED
            ],
        )
    screen.say(
        _("Stations added: {added}, changed: {changed}, as they were: {unchanged}."),
        added=plan.counts[ADDED],
        changed=plan.counts[CHANGED],
        unchanged=plan.counts[UNCHANGED],
    )
    if dry_run:
        screen.say(_("This was a rehearsal: nothing was changed."))


def _changes(row: RowPlan) -> str:
    if row.outcome == ADDED:
        return row.name
    return ", ".join(
        f"{one.column}: {one.before or '–'} → {one.after or '–'}" for one in row.changes
    )
