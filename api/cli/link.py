"""``loa link``: lines that several stations share."""

from __future__ import annotations

from collections.abc import Sequence

import click

from api.cli.documents import Document
from api.cli.options import command, recorded
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.i18n import mark as _
from scheduler import links
from scheduler.links import LinkLine
from scheduler.store.models import Link


@command("list", "loa link list", "loa link list --json")
@click.pass_obj
def list_(run: Run) -> None:
    """Show the shared links and what goes over them."""
    with run.hub() as hub, hub.database.read() as session:
        found = links.list_links(session, run.clock.now())
    document = {
        "links": [
            {**_document(one.link), "stations": one.stations, "visits": one.visits} for one in found
        ]
    }
    run.tell(document, lambda screen: _show(screen, found))


@command(
    "add",
    'loa link add "Cột 3G Bình Lục" --sessions 4 --kbps 2000',
    'loa link add "VPN Lý Nhân" --sessions 8',
)
@click.argument("name")
@click.option("--sessions", type=int, default=4, show_default=True, help="Visits at once.")
@click.option("--kbps", type=int, help="Kilobits a second for all of them; no limit when missing.")
@recorded
@click.pass_obj
def add(run: Run, name: str, sessions: int, kbps: int | None, by: str | None) -> None:
    """
    Add a link that several stations share.

    Stations are put on it by the column "link" of their table (loa station import).
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            link = links.add_link(
                session, name=name, max_sessions=sessions, kbps=kbps, by=who, now=run.clock.now()
            )
    run.tell(_document(link), lambda screen: screen.say(_("The link {name} is there."), name=name))


@command(
    "change",
    'loa link change "VPN Lý Nhân" --sessions 2 --kbps 1000',
    'loa link change "VPN Lý Nhân" --unlimited',
)
@click.argument("name")
@click.option("--name", "new_name", metavar="NAME", help="Its new name.")
@click.option("--sessions", type=int, help="Visits at once.")
@click.option("--kbps", type=int, help="Kilobits a second for all of them.")
@click.option("--unlimited", is_flag=True, help="As fast as it goes from now on.")
@recorded
@click.pass_obj
def change(
    run: Run, name: str, new_name: str | None, sessions: int | None, kbps: int | None,
    unlimited: bool, by: str | None,
) -> None:  # fmt: skip
    """
    Change how far a link may be filled.

    Visits that are under way follow within a minute.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            link = links.find_link(session, name)
            links.change_link(
                session, link, name=new_name, max_sessions=sessions, kbps=kbps,
                is_unlimited=unlimited, by=who, now=run.clock.now(),
            )  # fmt: skip
    run.tell(
        _document(link), lambda screen: screen.say(_("The link {name} is there."), name=link.name)
    )


@command("remove", 'loa link remove "VPN Lý Nhân"', 'loa link remove "VPN Lý Nhân" --json')
@click.argument("name")
@recorded
@click.pass_obj
def remove(run: Run, name: str, by: str | None) -> None:
    """
    Remove a link that no station uses.

    A link that still carries stations is refused: move them first.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            link = links.find_link(session, name)
            document = _document(link)
            links.remove_link(session, link, by=who, now=run.clock.now())
    run.tell(document, lambda screen: screen.say(_("The link {name} is gone."), name=name))


def _document(link: Link) -> Document:
    return {"name": link.name, "max_sessions": link.max_sessions, "kbps": link.kbps}


def _show(screen: Screen, found: Sequence[LinkLine]) -> None:
    if not found:
        screen.say(_("No link is shared yet."))
        return
    tr = screen.translator
    screen.table(
        [
            _("Link"),
            Figures(_("Stations")),
            Figures(_("Visits now")),
            Figures(_("At most")),
            Figures(_("kbit/s")),
        ],
        [
            (
                one.link.name,
                one.stations,
                one.visits,
                one.link.max_sessions,
                tr.number(one.link.kbps) if one.link.kbps else None,
            )
            for one in found
        ],
    )
