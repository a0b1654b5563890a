"""``loa station change``: what the form on the card of a station can change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import time
from typing import Any

import click

from api.cli.options import TIME, command, recorded
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler.registry import find_station
from scheduler.renditions import profiles_of
from scheduler.stationedit import EDITABLE, edit_station, with_window
from scheduler.stationimport import CellChange
from scheduler.stationrows import STATION_COLUMNS, cell_of
from scheduler.store.models import Station

_TIMES = ("push_from", "push_until")
_MEANINGS = {column.name: column.meaning for column in STATION_COLUMNS}


def _cells(function: Callable[..., None]) -> Callable[..., None]:
    """An option for each cell of the form; the host key is compared, and so no option."""
    for name in reversed(EDITABLE):
        meaning = _MEANINGS[name]
        option = f"--{name.replace('_', '-')}"
        kind: dict[str, Any] = {"type": TIME, "metavar": "HH:MM"} if name in _TIMES else {}
        text = f"{meaning[0].upper()}{meaning[1:]}."
        function = click.option(option, name, help=text, **kind)(function)
    return function


@command(
    "change",
    "loa station change dao-ly --push-from 17:00 --push-until 04:30",
    "loa station change dao-ly --profile opus-24 --link 'Cột 3G'",
    "loa station change dao-ly --host 10.20.0.16 --port 2222",
    "loa station change dao-ly --no-window --link ''",
)
@click.argument("code")
@_cells
@click.option("--no-window", is_flag=True, help="Visited when the settings say, as others are.")
@recorded
@click.pass_obj
def change(
    run: Run, /, code: str, no_window: bool, by: str | None, **cells: str | time | None
) -> None:
    """
    Change one station, as the form on its card does.

    What is not given stays; '' empties what may be empty. All that is wrong is told at once, and
    then nothing is changed. Another host key is accepted with loa station probe. Run "loa plan"
    after it.
    """
    given = {name: cell_of(name, value) for name, value in cells.items() if value is not None}
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            station = find_station(session, code)
            changes = edit_station(
                session, station, with_window(given, station, hub.settings, no_window),
                seen=None, on=hub.today(), profiles=profiles_of(hub.settings), by=who,
                now=run.clock.now(),
            )  # fmt: skip
    document = {
        "code": station.code,
        "profile": station.profile,
        "push_from": station.push_from,
        "push_until": station.push_until,
        "changes": [asdict(one) for one in changes],
    }
    run.tell(document, lambda screen: _show(screen, station, changes))


def _show(screen: Screen, station: Station, changes: tuple[CellChange, ...]) -> None:
    for one in changes:
        screen.say(
            _("{column}: {before} → {after}"), column=one.column, before=one.before or "–",
            after=one.after or "–",
        )  # fmt: skip
    screen.say(
        _("{station} is changed.") if changes else _("{station} is so already."),
        station=station.name,
    )
