"""``loa programme approve``, ``reject`` and ``withdraw``: a second person decides."""

from __future__ import annotations

import click

from api.cli.documents import programme_document
from api.cli.options import acting, command, yes
from api.cli.programme import bar
from api.cli.run import FAILED, PARTLY, Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler import programmes, publishing, renditions
from scheduler.hub import Hub
from scheduler.store.models import Programme
from scheduler.store.states import RenditionState


@command(
    "approve",
    "loa programme approve 7 --by hung",
    "loa programme approve 7 --by hung --no-render",
)
@click.argument("id", type=int)
@click.option("--no-render", is_flag=True, help="Leave the encoding to the workers.")
@acting
@click.pass_obj
def approve(run: Run, id: int, no_render: bool, by: str) -> None:
    """
    Let a programme on air and encode it.

    Whoever brought a programme may not approve it. It is encoded for the stations at once; with
    --no-render a running "loa serve" or "loa worker" does it.
    """
    with run.hub() as hub:
        programmes.approve(hub, id, by=run.person(hub, by))
        if no_render:
            _leave_to_workers(hub, id)
        else:
            with bar(run, _("Encoding")) as progress:
                renditions.render_due(hub, id, progress=progress)
        programme = _told(run, hub, id)
    failed = [one for one in programme.renditions if one.state is RenditionState.FAILED]
    if failed:
        run.end(FAILED if len(failed) == len(programme.renditions) else PARTLY)


@command(
    "reject",
    'loa programme reject 7 --reason "Số liệu ở phút thứ 3 đã cũ" --by hung',
)
@click.argument("id", type=int)
@click.option("--reason", required=True, help="The editor reads it.")
@acting
@click.pass_obj
def reject(run: Run, id: int, reason: str, by: str) -> None:
    """Send a programme back, with the reason."""
    with run.hub() as hub:
        programmes.reject(hub, id, by=run.person(hub, by), reason=reason)
        _told(run, hub, id)


@command("publish", "loa programme publish 7 --by lan")
@click.argument("id", type=int)
@acting
@click.pass_obj
def publish(run: Run, id: int, by: str) -> None:
    """
    Put an approved programme on the public page.

    The page is at /listen, with RSS, where the settings have [public] enabled = true.
    """
    with run.hub() as hub:
        publishing.publish(hub, id, by=run.person(hub, by))
        _told(run, hub, id)


@command("unpublish", "loa programme unpublish 7 --by lan")
@click.argument("id", type=int)
@acting
@click.pass_obj
def unpublish(run: Run, id: int, by: str) -> None:
    """Take a programme off the public page; on air it stays as it is planned."""
    with run.hub() as hub:
        publishing.unpublish(hub, id, by=run.person(hub, by))
        _told(run, hub, id)


@command(
    "withdraw",
    'loa programme withdraw 7 --reason "Nhân vật xin rút" --by hung --yes',
)
@click.argument("id", type=int)
@click.option("--reason", required=True, help="It stands in the records.")
@yes
@acting
@click.pass_obj
def withdraw(run: Run, id: int, reason: str, yes: bool, by: str) -> None:
    """
    Take a programme off the air.

    The next planning takes it out of every day that has not begun. It cannot be approved again.
    """
    with run.hub() as hub:
        person = run.person(hub, by)
        with hub.database.read() as session:
            title = programmes.get_programme(session, id).title
        run.confirm(_('Take "{title}" off the air for good?'), yes=yes, title=title)
        programmes.withdraw(hub, id, by=person, reason=reason)
        _told(run, hub, id)


def _leave_to_workers(hub: Hub, programme_id: int) -> None:
    from scheduler.engine import Engine

    Engine(hub).render(programme_id)


def _told(run: Run, hub: Hub, programme_id: int) -> Programme:
    with hub.database.read() as session:
        programme = programmes.get_programme(session, programme_id)
        document = programme_document(programme, run.translator)
    run.tell(document, lambda screen: _show(screen, programme))
    return programme


def _show(screen: Screen, programme: Programme) -> None:
    screen.facts(
        [
            (_("Programme"), f"{programme.id}  {programme.title}"),
            (_("State"), screen.state(programme.state)),
        ]
    )
    for rendition in programme.renditions:
        error = f": {rendition.error}" if rendition.error else ""
        screen.line(f"  {rendition.profile}  {screen.state(rendition.state)}{error}")
