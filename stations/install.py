"""A box set up over the operator's own ssh: one script, sent to a shell, safe to run again."""

from __future__ import annotations

import base64
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stations import player
from stations.errors import InstallFailed

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"

_CAGE = """\
Match User loa-hub
    ChrootDirectory /srv/loa
    ForceCommand internal-sftp -u 0027
    AuthorizedKeysFile /etc/ssh/loa-hub.keys
    AuthenticationMethods publickey
    PasswordAuthentication no
    PermitTTY no
    DisableForwarding yes
"""
_RELAYS = """\
[Service]
PrivateNetwork=no
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""


@dataclass(frozen=True)
class Setup:
    """What one box is to become."""

    station: str
    key: bytes = field(repr=False)
    hub_public_key: str
    relay_hosts: tuple[str, ...] = ()
    prefix: str = ""  # of an image that is being made: no account, no service there


@dataclass(frozen=True)
class Target:
    """Where the operator's ssh goes, and the host key that it must find there, if it is known."""

    destination: str  # user@host
    port: int
    host_key: str | None
    identity: Path | None = None
    uses_sudo: bool = False


def script(setup: Setup, *, shows_key: bool = True) -> str:
    """The whole script; without the key where people look at it."""
    args = [f"--root={setup.prefix}/srv/loa", f"--station={setup.station}", "--poll-s=5"]
    args += [f"--stream-host={host}" for host in setup.relay_hosts]
    key = setup.key.hex() if shows_key else "(the key of this station)"
    files = {
        "key": f"{key}\n",
        "player": Path(player.__file__).read_text(encoding="utf-8") if shows_key else "(player)\n",
        "unit": (DEPLOY / "loa-player.service").read_text(encoding="utf-8"),
        "relay": _RELAYS,
        "args": "\n".join(args) + "\n",
        "hub_key": f"restrict {setup.hub_public_key}\n",
        "cage": _CAGE,
    }
    values = {
        "STATION": setup.station,
        "PREFIX": setup.prefix,
        "RELAYS": " ".join(setup.relay_hosts),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    for name, content in files.items():
        text = base64.b64encode(content.encode()).decode() if shows_key else content.rstrip()
        decode = "base64 -d" if shows_key else "cat"
        lines += [f"{name}_file() {{ {decode} <<'END_OF_FILE'", text, "END_OF_FILE", "}"]
    body = (DEPLOY / "install-station.sh").read_text(encoding="utf-8")
    return "\n".join(lines) + "\n" + body


def command(target: Target, station: str, known_hosts: Path) -> list[str]:
    """
    The operator's own ssh, with its settings, keys and jump hosts; its host key check never weaker.

    A pinned key must be found; where none is pinned, ssh asks the person, whatever is configured.
    """
    options = ["ForwardAgent=no", "ClearAllForwardings=yes", "StrictHostKeyChecking=ask"]
    if target.host_key is not None:
        options[-1] = "StrictHostKeyChecking=yes"
        options += [f"HostKeyAlias=loa-{station}", f"UserKnownHostsFile={known_hosts}"]
        options += ["GlobalKnownHostsFile=/dev/null"]
    if target.identity is not None:
        options += [f"IdentityFile={target.identity}", "IdentitiesOnly=yes"]
    words = ["ssh", "-p", str(target.port), *(word for one in options for word in ("-o", one))]
    shell = ["sudo", "-n", "sh", "-s"] if target.uses_sudo else ["sh", "-s"]
    return [*words, "--", target.destination, *shell]


def install(setup: Setup, target: Target, folder: Path) -> list[str]:
    """
    Run the script on the box; gives what it said. ``folder`` is for the pinned key, for ssh to see.

    Raises:
        InstallFailed: with the last words of ssh or of the script.
    """
    known_hosts = folder / "known_hosts"
    if target.host_key is not None:
        known_hosts.write_text(f"loa-{setup.station} {target.host_key}\n")
    return _run(command(target, setup.station, known_hosts), script(setup), target)


def _run(words: Sequence[str], stdin: str, target: Target) -> list[str]:
    try:
        done = subprocess.run(  # noqa: S603
            words, input=stdin, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise InstallFailed(host=target.destination, detail=str(error)) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise InstallFailed(
            host=target.destination, detail=" ".join(said) or f"exit code {done.returncode}"
        )
    return done.stdout.splitlines()
