"""``loa station change``: the sound and the window of one station."""

from __future__ import annotations

from datetime import time

import click

from api.cli.options import TIME, command, recorded
from api.cli.run import Run
from api.i18n import mark as _
from scheduler.registry import change_station, find_station
from scheduler.renditions import profiles_of


@command(
    "change",
    "loa station change dao-ly --push-from 17:00 --push-until 04:30",
    "loa station change dao-ly --profile opus-24",
    "loa station change dao-ly --no-window",
)
@click.argument("code")
@click.option("--profile", help="The sound profile that it gets.")
@click.option("--push-from", type=TIME, metavar="HH:MM", help="It is visited from here, local.")
@click.option("--push-until", type=TIME, metavar="HH:MM", help="To here; may be after midnight.")
@click.option("--no-window", is_flag=True, help="Visited when the settings say, as others are.")
@recorded
@click.pass_obj
def change(
    run: Run, code: str, profile: str | None, push_from: time | None, push_until: time | None,
    no_window: bool, by: str | None,
) -> None:  # fmt: skip
    """
    Change the sound profile or the delivery window of one station.

    What is not given stays. Run "loa plan" after it.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            station = find_station(session, code)
            change_station(
                session, station, settings=hub.settings, profile=profile, push_from=push_from,
                push_until=push_until, no_window=no_window, profiles=profiles_of(hub.settings),
                by=who, now=run.clock.now(),
            )  # fmt: skip
    document = {
        "code": station.code,
        "profile": station.profile,
        "push_from": station.push_from,
        "push_until": station.push_until,
    }
    run.tell(document, lambda screen: screen.say(_("{station} is changed."), station=station.name))
