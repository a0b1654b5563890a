"""``loa jump``: hosts through which stations are reached that we cannot dial."""

from __future__ import annotations

from collections.abc import Sequence

import click

from api.cli.documents import Document
from api.cli.options import command, recorded
from api.cli.probe import compared
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.i18n import mark as _
from scheduler import jumps
from scheduler.jumps import JumpLine, address_of_jump
from scheduler.reach import patience_of
from scheduler.store.models import Jump
from stations.hostkey import HostKey
from stations.login import scan_host_key, sign_in


@command("list", "loa jump list", "loa jump list --json")
@click.pass_obj
def list_(run: Run) -> None:
    """Show the jump hosts and what stands behind them."""
    with run.hub() as hub, hub.database.read() as session:
        found = jumps.list_jumps(session)
    document = {"jumps": [{**_document(one.jump), "stations": one.stations} for one in found]}
    run.tell(document, lambda screen: _show(screen, found))


@command(
    "add", 'loa jump add "Huyện Lý Nhân" 10.20.0.1 --user loa-jump',
    'loa jump add "Huyện Lý Nhân" 10.20.0.1 --port 2222',
)  # fmt: skip
@click.argument("name")
@click.argument("host")
@click.option("--port", type=int, default=22, show_default=True, help="Of its SSH server.")
@click.option("--user", "username", default="loa-jump", show_default=True, help="Its account.")
@recorded
@click.pass_obj
def add(run: Run, name: str, host: str, port: int, username: str, by: str | None) -> None:
    """
    Add a host that can dial stations which we cannot.

    Its account needs no shell: only the right to forward to the stations behind it. Then compare
    its fingerprint with "loa jump probe", and put stations behind it by the column "jump" of
    their table.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            jump = jumps.add_jump(
                session, name=name, host=host, port=port, username=username, by=who,
                now=run.clock.now(),
            )  # fmt: skip
    run.tell(
        _document(jump), lambda screen: screen.say(_("The jump host {name} is there."), name=name)
    )


@command(
    "probe", 'loa jump probe "Huyện Lý Nhân"',
    'loa jump probe "Huyện Lý Nhân" --accept-host-key SHA256:uNiVztksCsDhcc0u9e8BrwXVnXfdTXXX',
)  # fmt: skip
@click.argument("name")
@click.option("--accept-host-key", "accepted", metavar="FINGERPRINT",
              help="As it stands at the host; ssh-keygen -l prints it there.")  # fmt: skip
@recorded
@click.pass_obj
def probe(run: Run, name: str, accepted: str | None, by: str | None) -> None:
    """
    Pin the host key of a jump host and sign in.

    As for a station: only a fingerprint that you give or type is accepted.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.read() as session:
            jump = jumps.find_jump(session, name)
        limits = patience_of(hub)
        if accepted is not None or jump.host_key is None:
            seen = scan_host_key(jump.host, jump.port, limits)
            compared(run, jump.name, jump.host, jump.port, seen, accepted)
            with hub.database.write() as session:
                jump = jumps.find_jump(session, name)
                jumps.accept_jump_key(session, jump, seen.text, by=who, now=run.clock.now())
            run.note(_("The host key {seen} is accepted."), seen=seen.fingerprint)
        sign_in(address_of_jump(jump), hub.ssh_key_path, limits)
    run.tell(
        _document(jump), lambda screen: screen.say(_("The jump host {name} lets us in."), name=name)
    )


@command("remove", 'loa jump remove "Huyện Lý Nhân"', 'loa jump remove "Huyện Lý Nhân" --json')
@click.argument("name")
@recorded
@click.pass_obj
def remove(run: Run, name: str, by: str | None) -> None:
    """
    Remove a jump host that no station uses.

    One that stations still stand behind is refused: change their table first.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            jump = jumps.find_jump(session, name)
            document = _document(jump)
            jumps.remove_jump(session, jump, by=who, now=run.clock.now())
    run.tell(document, lambda screen: screen.say(_("The jump host {name} is gone."), name=name))


def _document(jump: Jump) -> Document:
    return {
        "name": jump.name,
        "host": jump.host,
        "port": jump.port,
        "username": jump.username,
        "host_key": HostKey.parse(jump.host_key).fingerprint if jump.host_key else None,
    }


def _show(screen: Screen, found: Sequence[JumpLine]) -> None:
    if not found:
        screen.say(_("There is no jump host: every station is dialled from here."))
        return
    screen.table(
        [_("Jump host"), _("Address"), _("Host key"), Figures(_("Stations"))],
        [
            (
                one.jump.name,
                f"{one.jump.username}@{one.jump.host}:{one.jump.port}",
                _document(one.jump)["host_key"],
                one.stations,
            )
            for one in found
        ],
    )
