"""``loa theme``: what programmes are about; the list changes with the plan."""

from __future__ import annotations

from datetime import date

import click

from api.cli.documents import Document
from api.cli.options import DATE, acting, command
from api.cli.run import Run
from api.i18n import mark as _
from scheduler import series
from scheduler.store.models import Theme


@command("add", 'loa theme add "Chuyển đổi số" --from 01/01/2023 --by lan')
@click.argument("name")
@click.option("--from", "valid_from", type=DATE, help="The first day; today when not given.")
@click.option("--until", "valid_to", type=DATE, help="The last day, included.")
@acting
@click.pass_obj
def add(run: Run, name: str, valid_from: date | None, valid_to: date | None, by: str) -> None:
    """Add a theme."""
    with run.hub() as hub:
        made = series.add_theme(
            hub, name, valid_from=valid_from, valid_to=valid_to, by=run.person(hub, by)
        )
    added = _('The theme "{name}" was added.')
    run.tell(_document(made), lambda screen: screen.say(added, name=made.name))


@command("list", "loa theme list", "loa theme list --json")
@click.pass_obj
def list_(run: Run) -> None:
    """Show the themes and how long they hold."""
    with run.hub() as hub, hub.database.read() as session:
        found = series.list_themes(session)
    tr = run.translator
    rows = [(one.name, tr.day(one.valid_from), tr.day(one.valid_to) if one.valid_to else None)
            for one in found]  # fmt: skip
    run.tell({"themes": [_document(one) for one in found]},
             lambda screen: screen.table([_("Theme"), _("From"), _("Until")], rows))  # fmt: skip


@command("end", 'loa theme end "Thông tin thiết yếu" --on 31/12/2025 --by lan')
@click.argument("name")
@click.option("--on", type=DATE, help="The last day; yesterday when not given.")
@acting
@click.pass_obj
def end(run: Run, name: str, on: date | None, by: str) -> None:
    """
    Let a theme end.

    Programmes keep it for the reports; slots that rotate through it find nothing behind that day.
    """
    with run.hub() as hub:
        ended = series.end_theme(hub, name, on=on, by=run.person(hub, by))
    assert ended.valid_to is not None
    holds, day = _('The theme "{name}" holds until {day}.'), run.translator.day(ended.valid_to)
    run.tell(_document(ended), lambda screen: screen.say(holds, name=ended.name, day=day))


def _document(one: Theme) -> Document:
    return {"name": one.name, "valid_from": one.valid_from, "valid_to": one.valid_to}
