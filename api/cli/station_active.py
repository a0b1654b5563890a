"""``loa station close`` and ``open``: whether anything is planned for and sent to a station."""

from __future__ import annotations

import click

from api.cli.options import command, recorded, yes
from api.cli.run import Run
from api.i18n import mark as _
from scheduler.registry import find_station
from scheduler.stationedit import set_active


@command("close", "loa station close dao-ly", "loa station close dao-ly --yes")
@click.argument("code")
@yes
@recorded
@click.pass_obj
def close(run: Run, code: str, yes: bool, by: str | None) -> None:
    """
    Close a station: nothing is sent there any more.

    Nothing is planned for it either. What aired there stays in the log. "loa station open" takes
    it back into use.
    """
    with run.hub() as hub, hub.database.read() as session:
        name = find_station(session, code).name
    run.confirm(_("Close {station}? Nothing is sent there any more."), yes=yes, station=name)
    _set(run, code, by, active=False)


@command("open", "loa station open dao-ly", "loa station open dao-ly --by ky")
@click.argument("code")
@recorded
@click.pass_obj
def open_(run: Run, code: str, by: str | None) -> None:
    """Take a closed station back into use. Run "loa plan" after it."""
    _set(run, code, by, active=True)


def _set(run: Run, code: str, by: str | None, *, active: bool) -> None:
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            station = find_station(session, code)
            set_active(session, station, active, by=who, now=run.clock.now())
    said = _("The station is open again.") if active else _("The station is closed.")
    run.tell({"code": code, "active": active}, lambda screen: screen.say(said))
