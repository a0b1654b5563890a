"""``loa init``: a new Loa, or the tables of an old one brought up to date."""

from __future__ import annotations

import click

from api.cli.logs import only_errors
from api.cli.options import command
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler import hub as hubs
from scheduler.hub import InitResult


@command(
    "init", "loa init", "loa init --admin mai", "loa --data /srv/loa init", "loa init --upgrade"
)
@click.option("--admin", default="admin", show_default=True, help="The first administrator.")
@click.option("--upgrade", is_flag=True, help="Only bring the tables to what this program needs.")
@click.pass_obj
def init(run: Run, admin: str, upgrade: bool) -> None:
    """
    Make a new Loa, or bring its tables up to date.

    Makes the data folder, the secrets, the tables and the first administrator. The one-time
    secret is shown once; the administrator changes it at the first sign-in.
    """
    only_errors()
    if upgrade:
        hubs.upgrade_tables(run.settings)
        run.tell({"upgraded": True}, lambda screen: screen.say(_("The tables are up to date.")))
        return
    made = hubs.init(run.settings, clock=run.clock, admin=admin)
    document = {
        "admin": made.admin_username,
        "one_time_secret": made.one_time_secret,
        "data": made.data,
        "database": made.database_url,
        "public_key": made.public_key,
    }
    run.tell(document, lambda screen: _show(screen, made))


def _show(screen: Screen, made: InitResult) -> None:
    screen.say(_("A new Loa stands in {data}."), data=str(made.data))
    screen.facts(
        [
            (_("Administrator"), made.admin_username),
            (_("One-time secret"), made.one_time_secret),
            (_("Database"), made.database_url),
        ]
    )
    screen.say(_("Write the secret down now: it is shown only once."))
    screen.say(_("Every station lists this key in its authorized_keys:"))
    screen.line(made.public_key)
