"""``loa station key``: what the box of a station must hold to obey us and to let us in."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from api.cli.errors import SecretNotShown
from api.cli.options import command, recorded, yes
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler.errors import AlreadyExists, InputInvalid
from scheduler.hub import Hub
from scheduler.keys import begin_rotation, give_up_rotation, keys_of
from scheduler.registry import find_station
from scheduler.store import ledger
from scheduler.store.models import Station


@command(
    "key",
    "loa station key dao-ly --out loa.key    # copy it to state/loa.key on the box",
    "loa station key dao-ly",
    "loa station key dao-ly --rotate --out next.key    # first line of state/loa.key on the box",
    "loa station key dao-ly --keep                     # the change of keys is given up",
)
@click.argument("code")
@click.option("--rotate", is_flag=True,
              help="Give out the next key; both hold until the box has the new one.")  # fmt: skip
@click.option("--keep", is_flag=True, help="Give up a change of keys that is under way.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the key to this new file, readable by you alone.")  # fmt: skip
@yes
@recorded
@click.pass_obj
def key(
    run: Run, code: str, rotate: bool, keep: bool, out: Path | None, yes: bool, by: str | None
) -> None:
    """
    Give out what the box of a station must hold.

    The manifest key is a secret: with it anybody can tell the station what to air. It goes to a
    new file, or to a terminal after a warning, never into a pipe. The hub's public SSH key is
    none: it belongs into the authorized_keys of the station.

    --rotate begins a change of keys, or goes on with one: on the box the new key becomes the
    first line of state/loa.key and the old one the second. Every day is signed under both until
    a receipt of the box is signed with the new one; then the old one is dropped.
    """
    if keep:
        _keep(run, code, by)
        return
    if out is None and (run.as_json or not sys.stdout.isatty()):
        raise SecretNotShown()
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.read() as session:
            station = find_station(session, code)
        if out is None:
            run.confirm(_("Show the secret key of {station} on this screen?"), yes=yes,
                        station=station.name)  # fmt: skip
        if out is not None and out.exists():
            raise AlreadyExists(what="file", key=out)  # before a change of keys is begun for it
        number, secret = _next(hub, code, who) if rotate else _in_force(hub, station)
        if out is not None:
            _write(out, secret)
        _record(hub, run, who, station.code)
        public = hub.ssh_key_path.with_suffix(".pub").read_text().strip()
        hosts = hub.settings.relay.hosts
    document = {
        "station": code, "out": out, "number": number, "is_next": rotate, "public_key": public,
        "relay_hosts": list(hosts),
    }  # fmt: skip
    run.tell(document, lambda screen: _show(screen, out, secret, public, hosts, is_next=rotate))


def _in_force(hub: Hub, station: Station) -> tuple[int, str]:
    return station.key_number, keys_of(hub, station).current.hex()


def _next(hub: Hub, code: str, who: str) -> tuple[int, str]:
    """The key to come; the change is begun here, or is under way already."""
    with hub.database.write() as session:
        station = find_station(session, code)
        secret = begin_rotation(hub, session, station, by=who).hex()
        return station.next_key_number or 0, secret


def _keep(run: Run, code: str, by: str | None) -> None:
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            station = find_station(session, code)
            if station.next_key_number is None:
                raise InputInvalid(problem="no change of keys is under way at this station")
            give_up_rotation(hub, session, station, by=who)
    document = {"station": code, "number": station.key_number, "is_next": False}
    run.tell(document, lambda screen: screen.say(_("The change of keys is given up.")))


def _write(out: Path, secret: str) -> None:
    """
    Write the key where nobody else reads it, from the first byte on.

    Raises:
        AlreadyExists: what lies there may be the key of another station.
    """
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise AlreadyExists(what="file", key=out) from error
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secret}\n")


def _record(hub: Hub, run: Run, who: str, code: str) -> None:
    with hub.database.write() as session:
        ledger.record(
            session, at=run.clock.now(), who=who, what="station_key_given_out", subject=code
        )


def _show(
    screen: Screen, out: Path | None, secret: str, public: str, hosts: Sequence[str], *,
    is_next: bool,
) -> None:  # fmt: skip
    if is_next:
        screen.say(_("It becomes the first line of state/loa.key; the old key stays the second."))
    if out is None:
        screen.say(_("For the file state/loa.key on the box (secret):"))
        screen.line(secret)
    else:
        screen.say(_("The key is in {path}. Copy it to state/loa.key on the box, then delete it."),
                   path=str(out))  # fmt: skip
    screen.say(_("For the file authorized_keys on the box:"))
    screen.line(public)
    if hosts:
        screen.say(_("For live relays, behind the player's own options:"))
        screen.line(" ".join(f"--stream-host {host}" for host in hosts))
