"""Who is let in and who is believed: host keys, logins, and the words for what went wrong."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stations.errors import HostKeyChanged, HostKeyUnknown, LoginRefused, NotWritable, Unreachable
from stations.folder import open_folder
from stations.hostkey import HostKey
from stations.login import scan_host_key
from stations.sftp import open_visit
from stations.simulator import Fleet, SimulatedStation, make_private_key
from stations.visit import Address
from tests.contract.conftest import LIMITS, need_sshd
from tests.faults.harness.sshd import Sshd, free_port


@pytest.fixture(params=["simulator", "openssh"])
def door(
    request: pytest.FixtureRequest, tmp_path: Path, private_key: Path
) -> Iterator[Sshd | SimulatedStation]:
    """A server of one's own, whose key may be changed."""
    with ExitStack() as stack:
        if request.param == "openssh":
            need_sshd()
            yield stack.enter_context(Sshd(tmp_path / "server", tmp_path / "root", private_key))
        else:
            public = private_key.with_suffix(".pub").read_text()
            yield stack.enter_context(Fleet(tmp_path, ["A"], public))["A"]


def address_of(door: Sshd | SimulatedStation) -> Address:
    return door.address() if isinstance(door, Sshd) else door.address


def files_of(door: Sshd | SimulatedStation) -> list[Path]:
    return [path for path in door.root.rglob("*") if path.is_file()]


def test_a_scan_shows_the_key_that_a_person_compares(door: Sshd | SimulatedStation) -> None:
    """The fingerprint is the one that ssh-keygen prints; nothing is remembered."""
    address = address_of(door)

    seen = scan_host_key(address.host, address.port)

    assert seen.text == address.host_key
    assert seen.fingerprint.startswith("SHA256:")
    assert len(seen.fingerprint) == len("SHA256:") + 43


def test_an_unknown_host_is_not_learnt(door: Sshd | SimulatedStation, private_key: Path) -> None:
    """First contact is a person's decision: refused, with the fingerprint to compare."""
    address = address_of(door)
    unknown = dataclasses.replace(address, host_key=None)

    for _ in range(2):
        with pytest.raises(HostKeyUnknown) as refused:
            open_visit(unknown, private_key, LIMITS)

    assert refused.value.fields["seen"] == HostKey.parse(address.host_key or "").fingerprint


@pytest.mark.parametrize("key_type", ["ed25519", "ecdsa", "rsa"])
def test_a_changed_host_key_stops_everything(
    tmp_path: Path, private_key: Path, key_type: str
) -> None:
    """The same type or another: both fingerprints are shown, no login is tried, nothing is sent."""
    need_sshd()
    with Sshd(tmp_path / "server", tmp_path / "root", private_key) as server:
        address = server.address()
        server.change_host_key(key_type)

        with pytest.raises(HostKeyChanged) as refused:
            open_visit(address, private_key, LIMITS)

        assert refused.value.fields["seen"] == HostKey.parse(server.host_key).fingerprint
        assert refused.value.fields["pinned"] == HostKey.parse(address.host_key or "").fingerprint
        assert refused.value.retry is False
        log = (server.folder / "sshd.log").read_text()
        assert "Accepted" not in log
        assert files_of(server) == []


@pytest.mark.parametrize("key_type", ["ed25519", "ecdsa", "rsa"])
def test_a_key_of_any_modern_type_can_be_pinned(
    tmp_path: Path, private_key: Path, key_type: str
) -> None:
    """Of a server with several keys only the pinned one is asked for."""
    need_sshd()
    types = (key_type, *{"ed25519", "ecdsa", "rsa"}.difference([key_type]))
    with (
        Sshd(tmp_path / "server", tmp_path / "root", private_key, types) as server,
        open_visit(server.address(), private_key, LIMITS) as visit,
    ):
        assert visit.list_audio() == {}


def test_a_changed_key_of_a_simulated_station_is_seen(tmp_path: Path, private_key: Path) -> None:
    """The simulator tells the same story as the real server."""
    with Fleet(tmp_path, ["A"], private_key.with_suffix(".pub").read_text()) as fleet:
        address = fleet["A"].address
        fleet["A"].change_host_key()

        with pytest.raises(HostKeyChanged):
            open_visit(address, private_key, LIMITS)


def test_a_stranger_is_not_let_in(door: Sshd | SimulatedStation) -> None:
    """A station that does not know our key says so, and we say whose login it was."""
    address = address_of(door)

    with pytest.raises(LoginRefused) as refused:
        open_visit(address, make_private_key(), LIMITS)

    assert refused.value.fields["username"] == address.username


def test_nobody_at_home_is_unreachable(private_key: Path) -> None:
    """A closed port, at once."""
    host_key = HostKey("ssh-ed25519", make_private_key().asbytes()).text
    address = Address("127.0.0.1", free_port(), "loa", "/", host_key)

    with pytest.raises(Unreachable):
        open_visit(address, private_key, LIMITS)


def test_a_server_that_is_no_ssh_server_is_unreachable(private_key: Path) -> None:
    """A box that answers with something else is named, not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host_key = HostKey("ssh-ed25519", make_private_key().asbytes()).text
        address = Address("127.0.0.1", listener.getsockname()[1], "loa", "/", host_key)
        limits = dataclasses.replace(LIMITS, connect_s=1)

        with pytest.raises(Unreachable, match="silent for 1 s"):
            open_visit(address, private_key, limits)


def test_a_root_that_is_missing_is_a_persons_work(
    door: Sshd | SimulatedStation, private_key: Path
) -> None:
    """The folders below the root are made; the root itself is not invented."""
    address = dataclasses.replace(
        address_of(door), root=f"{address_of(door).root.rstrip('/')}/nowhere"
    )

    with open_visit(address, private_key, LIMITS) as visit, pytest.raises(NotWritable) as refused:
        visit.clock_skew_s(0)

    assert refused.value.retry is False


def test_a_folder_that_is_missing_is_a_persons_work(tmp_path: Path) -> None:
    """A stick that is not plugged in."""
    with pytest.raises(NotWritable):
        open_folder(tmp_path / "stick")


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa AAAAC3NzaC1lZDI1"])
def test_a_host_key_that_is_none_is_refused(text: str) -> None:
    """A slip of the pen in a pinned key is found when it is read."""
    with pytest.raises(ValueError, match="key"):
        HostKey.parse(text)
