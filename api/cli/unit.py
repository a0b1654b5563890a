"""``loa unit``: the administrative map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click

from api.cli.documents import unit_document
from api.cli.options import DATE, command, recorded
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import Translator
from api.i18n import mark as _
from api.unitwords import OUTCOME_WORDS
from api.vietnamese import sort_key
from scheduler.csvrows import read_csv_text
from scheduler.store.models import Unit
from scheduler.unitimport import UNCHANGED, MapsPlan, UnitPlan, import_units, plan_units
from scheduler.unitrows import UNIT_COLUMNS, unit_template_csv
from scheduler.units import units_on


@command("template", "loa unit template > units.csv", "loa unit template --json")
@click.pass_obj
def template(run: Run) -> None:
    """
    Print the table to fill in.

    A CSV file with two small maps. With --json: what each column means.
    """
    columns = [
        {
            "name": column.name,
            "required": column.required,
            "meaning": column.meaning,
            "example": column.example,
        }
        for column in UNIT_COLUMNS
    ]
    run.tell({"columns": columns}, lambda screen: click.echo(unit_template_csv(), nl=False))


@command(
    "import",
    "loa unit import ha_nam_units.csv --dry-run",
    "loa unit import ha_nam_units.csv",
    "loa unit import units.csv --by mai",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would become of each unit.")
@recorded
@click.pass_obj
def import_(run: Run, file: Path, dry_run: bool, by: str | None) -> None:
    """
    Import one or several maps of the province.

    FILE is a CSV file in UTF-8 with the columns valid_from, code, name, level, parent_code, and
    made_of with basis where units were merged or split. Each valid_from is one complete map. Either
    every row is imported, or none: all bad rows are told at once. --dry-run changes nothing.
    """
    text = read_csv_text(file, file.name)
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            plan = plan_units(session, text, name=file.name)
            if not dry_run:
                import_units(session, text, name=file.name, now=run.clock.now(), by=who)
    document = {
        "added": plan.added,
        "ended": plan.ended,
        "unchanged": plan.unchanged,
        "events": plan.events,
        "stations_without_unit": plan.stations_without_unit,
        "dry_run": dry_run,
        "units": [asdict(one) for one in plan.units if one.outcome != UNCHANGED],
    }
    run.tell(document, lambda screen: _show_import(screen, plan, dry_run))


@command("list", "loa unit list", "loa unit list --on 01/07/2025")
@click.option("--on", type=DATE, help="The map of this day; today's when not given.")
@click.pass_obj
def list_(run: Run, on: date | None) -> None:
    """Show the map of a day."""
    with run.hub() as hub:
        on = on or hub.today()
        with hub.database.read() as session:
            units = units_on(session, on)
    codes = {unit.id: unit.code for unit in units}
    parents = {unit.id: codes.get(unit.parent_id) if unit.parent_id else None for unit in units}
    document = {"on": on, "units": [unit_document(unit, parents[unit.id]) for unit in units]}
    run.tell(document, lambda screen: _show_list(screen, units))


def _show_import(screen: Screen, plan: MapsPlan, dry_run: bool) -> None:
    if dry_run:
        screen.table(
            [_("From"), _("Unit"), _("Code"), _("What becomes of it"), _("What it was")],
            [_preview_row(screen.translator, one) for one in plan.units
             if one.outcome != UNCHANGED],
        )  # fmt: skip
    screen.say(
        _("Units that begin: {added}, that end: {ended}, that go on: {unchanged}."),
        added=plan.added,
        ended=plan.ended,
        unchanged=plan.unchanged,
    )
    if plan.stations_without_unit:
        screen.say(
            _("Stations without a unit now: {count}. Import them again with their new unit_code."),
            count=plan.stations_without_unit,
        )
    if dry_run:
        screen.say(_("This was a rehearsal: nothing was changed."))


def _preview_row(tr: Translator, one: UnitPlan) -> Sequence[str]:
    was = ", ".join(f"{was.name} ({was.code})" for was in one.before)
    return tr.day(one.on), one.name, one.code, tr.text(OUTCOME_WORDS[one.outcome].text), was


def _show_list(screen: Screen, units: Sequence[Unit]) -> None:
    screen.table(
        [_("Unit"), _("Code"), _("Level")],
        [(f"{'  ' * depth}{unit.name}", unit.code, unit.level) for unit, depth in _tree(units)],
    )


def _tree(units: Sequence[Unit]) -> Iterator[tuple[Unit, int]]:
    """Each unit before those below it, in Vietnamese order."""
    known = {unit.id for unit in units}
    below: dict[int | None, list[Unit]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: sort_key(unit.name), reverse=True):
        below[unit.parent_id if unit.parent_id in known else None].append(unit)
    pending = [(unit, 0) for unit in below[None]]
    while pending:
        unit, depth = pending.pop()
        yield unit, depth
        pending += [(child, depth + 1) for child in below[unit.id]]
