"""``loa feed``: calendars of a unit that telephones read by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import click

from api.cli.documents import Document
from api.cli.options import acting, command
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.i18n import mark as _
from scheduler import feeds
from scheduler.store.models import Feed


@command("add", 'loa feed add 13579 --for "Chị Đào, xã Đạo Lý" --by lan')
@click.argument("unit", metavar="UNIT")
@click.option("--for", "label", required=True, help="Who reads it; it stands in the list.")
@acting
@click.pass_obj
def add(run: Run, unit: str, label: str, by: str) -> None:
    """
    Make the secret address of a unit's calendar.

    Whoever has the address can read the timetable of this unit, and nothing else. It is shown once;
    "loa feed revoke" closes it.
    """
    with run.hub() as hub:
        feed, token = feeds.add_feed(hub, unit, label, by=run.person(hub, by))
    path = feeds.path_of(token)
    document = {**_document(feed), "path": path}

    def show(screen: Screen) -> None:
        screen.say(_("The calendar of {unit}, for {label}:"), unit=feed.unit.name, label=feed.label)
        screen.line(f"  {path}")
        screen.say(_("Put the address of Loa before it. It is shown only this once."))

    run.tell(document, show)


@command("list", "loa feed list", "loa feed list --json")
@click.pass_obj
def list_(run: Run) -> None:
    """Show which calendars may be read."""
    with run.hub() as hub, hub.database.read() as session:
        found = feeds.list_feeds(session)
    run.tell({"feeds": [_document(one) for one in found]}, lambda screen: _show(screen, found))


@command("revoke", "loa feed revoke 3 --by lan")
@click.argument("id", type=int)
@acting
@click.pass_obj
def revoke(run: Run, id: int, by: str) -> None:
    """Let an address open nothing any more."""
    with run.hub() as hub:
        feed = feeds.revoke_feed(hub, id, by=run.person(hub, by))
    run.tell(
        {"revoked": _document(feed)},
        lambda screen: screen.say(
            _("The address of {label} opens nothing any more."), label=feed.label
        ),
    )


def _document(feed: Feed) -> Document:
    return {
        "id": feed.id,
        "unit": feed.unit.code,
        "label": feed.label,
        "created_at": feed.created_at,
        "last_read_at": feed.last_read_at,
    }


def _show(screen: Screen, found: Sequence[Feed]) -> None:
    screen.table(
        [Figures(_("No.")), _("Unit"), _("For whom"), _("Made"), _("Last read")],
        [
            (
                str(one.id),
                f"{one.unit.name} ({one.unit.code})",
                one.label,
                screen.moment(one.created_at),
                screen.moment(one.last_read_at),
            )
            for one in found
        ],
    )
