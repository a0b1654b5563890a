"""``loa unit``: the administrative map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import click

from api.cli.documents import unit_document
from api.cli.options import DATE, command, recorded
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from api.vietnamese import sort_key
from scheduler.csvrows import read_csv_text
from scheduler.store.models import Unit
from scheduler.units import UnitsImported, import_units, units_on


@command("import", "loa unit import ha_nam_units.csv", "loa unit import units.csv --by mai")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@recorded
@click.pass_obj
def import_(run: Run, file: Path, by: str | None) -> None:
    """
    Import one or several maps of the province.

    FILE is a CSV file in UTF-8 with the columns valid_from, code, name, level, parent_code. Each
    valid_from is one complete map. Either every row is imported, or none.
    """
    text = read_csv_text(file, file.name)
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            result = import_units(session, text, name=file.name, now=run.clock.now(), by=who)
    document = {
        "added": result.added,
        "ended": result.ended,
        "unchanged": result.unchanged,
        "stations_without_unit": result.stations_without_unit,
    }
    run.tell(document, lambda screen: _show_import(screen, result))


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


def _show_import(screen: Screen, result: UnitsImported) -> None:
    screen.say(
        _("Units that begin: {added}, that end: {ended}, that go on: {unchanged}."),
        added=result.added,
        ended=result.ended,
        unchanged=result.unchanged,
    )
    if result.stations_without_unit:
        screen.say(
            _("Stations without a unit now: {count}. Import them again with their new unit_code."),
            count=result.stations_without_unit,
        )


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
