"""``loa station install``: a box set up in one line, over the operator's own ssh."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from api.cli.errors import NoComputer
from api.cli.options import command, recorded
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler.errors import InputInvalid
from scheduler.hub import Hub
from scheduler.keys import keys_of
from scheduler.registry import find_station
from scheduler.store import ledger
from scheduler.store.models import Station
from stations.install import Setup, Target, script
from stations.install import command as ssh_command
from stations.install import install as set_up


@command(
    "install",
    "loa station install dao-ly --dry-run",
    "loa station install dao-ly                        # root@ the station's address",
    "loa station install dao-ly --to pi@10.20.0.15 --sudo",
)
@click.argument("code")
@click.option("--to", "destination", metavar="USER@HOST",
              help="An account with a shell; root at its address when missing.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), help="As in the station's table.")
@click.option("--identity", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              metavar="FILE", help="Your own SSH key, where ssh needs to be told.")  # fmt: skip
@click.option("--sudo", "uses_sudo", is_flag=True, help="Become root there, without a password.")
@click.option("--prefix", default="", metavar="DIR",
              help="Into an image there: no account is made, no service started.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print what would be run, without the key.")
@recorded
@click.pass_obj
def install(
    run: Run, code: str, destination: str | None, port: int | None, identity: Path | None,
    uses_sudo: bool, prefix: str, dry_run: bool, by: str | None,
) -> None:  # fmt: skip
    """
    Set up a box: accounts, cage, key, player, service.

    Runs one script over your own ssh, which asks you for what it needs. A pinned host key must be
    found there; without one ssh asks you to compare it. Run again, it changes what differs: also
    the way to a new player. Your additions to /etc/loa/player.args stay.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.read() as session:
            station = find_station(session, code)
        if station.kind == "person" or not station.host:
            raise NoComputer(station=station.name)
        target = Target(
            _destination(destination or f"root@{station.host}"), port or station.port,
            station.host_key, identity, uses_sudo,
        )  # fmt: skip
        setup = _setup(hub, station, prefix)
        if dry_run:
            _tell(run, setup, target, [])
            return
        with tempfile.TemporaryDirectory() as folder:
            said = set_up(setup, target, Path(folder))
        with hub.database.write() as session:
            ledger.record(
                session, at=run.clock.now(), who=who, what="station_installed", subject=code,
                destination=target.destination,
            )  # fmt: skip
    document = {"station": code, "destination": target.destination, "said": said, "dry_run": False}
    run.tell(document, lambda screen: _show(screen, said))


def _destination(text: str) -> str:
    if text.startswith("-") or not text.isprintable() or " " in text:
        raise InputInvalid(problem="--to is an account and a host, like pi@10.20.0.15")
    return text


def _setup(hub: Hub, station: Station, prefix: str) -> Setup:
    if prefix and (not prefix.startswith("/") or not prefix.isprintable()):
        raise InputInvalid(problem="--prefix is a whole path, like /mnt/image")
    public = hub.ssh_key_path.with_suffix(".pub").read_text().strip()
    hosts = tuple(hub.settings.relay.hosts)
    return Setup(station.code, keys_of(hub, station).current, public, hosts, prefix.rstrip("/"))


def _tell(run: Run, setup: Setup, target: Target, said: Sequence[str]) -> None:
    words = shlex.join(ssh_command(target, setup.station, Path("known_hosts")))
    text = script(setup, shows_key=False)
    document = {"station": setup.station, "destination": target.destination, "said": list(said),
                "dry_run": True, "command": words, "script": text}  # fmt: skip

    def show(screen: Screen) -> None:
        screen.line(words)
        screen.line(text)
        screen.say(_("This was a rehearsal: nothing was changed."))

    run.tell(document, show)


def _show(screen: Screen, said: Sequence[str]) -> None:
    for line in said:
        screen.line(line)
    screen.say(_("The box is set up. Next: loa station probe, and compare the fingerprint."))
