"""A box behind address translation that only dials out, by way of a meeting place."""

from __future__ import annotations

import ast
import contextlib
import getpass
import hashlib
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from scheduler import collect, dispatch, planner
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.store.models import Delivery
from scheduler.store.states import DeliveryState
from stations import player
from stations.layout import AUDIO_DIR, FOLDERS, MANIFEST_DIR
from stations.manifest import station_key
from tests.builders import ON, ha_nam, programme, slot, stations
from tests.contract.conftest import need_sshd
from tests.faults.harness.namespaces import Networks
from tests.faults.harness.sshd import Sshd, make_key
from tests.oldpython import old_python

CODE = "s13579"
MONDAY = ON + timedelta(days=1)
PROGRAM = Path(__file__).parents[2] / "stations" / "rendezvous.py"


@pytest.fixture
def database_kind() -> str:
    """What differs between the databases is tested where nothing is sent."""
    return "sqlite"


@dataclass
class Box:
    """The far end: a folder, a key that was made here, and the program that dials out."""

    root: Path
    folder: Path
    server: Sshd
    host: str = "127.0.0.1"
    port: int = 0

    def sync(self, code: int = 0) -> str:
        known = self.folder / "known_hosts"
        port = self.port or self.server.port
        known.write_text(f"[{self.host}]:{port} {self.server.host_key}\n")
        done = subprocess.run(
            [sys.executable, str(PROGRAM), "--root", str(self.root), "--at",
             f"{getpass.getuser()}@{self.host}", "--port", str(port), "--remote",
             str(self.server.root), "--identity", str(self.folder / "key"), "--known-hosts",
             str(known), "--memory", str(self.folder / "memory.json")],
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def names(self, folder: str) -> set[str]:
        return {path.name for path in (self.root / folder).iterdir()}


@pytest.fixture
def meeting(hub: Hub, tmp_path: Path) -> Iterator[Sshd]:
    """A server that hub and box can both reach; each has a key of its own there."""
    need_sshd()
    with Sshd(tmp_path / "server", tmp_path / "meeting", hub.ssh_key_path) as server:
        yield _as_meeting_place(server, tmp_path)


def _as_meeting_place(server: Sshd, tmp_path: Path) -> Sshd:
    for folder in FOLDERS:
        (server.root / folder).mkdir(parents=True)
    (tmp_path / "far").mkdir()
    public = make_key(tmp_path / "far" / "key").with_suffix(".pub").read_text()
    with (server.folder / "authorized_keys").open("a") as keys:
        keys.write(public)
    return server


@pytest.fixture
def box(meeting: Sshd, tmp_path: Path) -> Box:
    return Box(tmp_path / "far" / "srv", tmp_path / "far", meeting)


def planned(hub: Hub, host: str, server: Sshd, size: int = 400_000) -> None:
    """For the hub it is a station like any other: only host and root differ."""
    ha_nam(hub)
    stations(
        hub, ["13579"], host=host, port=str(server.port), username=getpass.getuser(),
        root=str(server.root), host_key=server.host_key,
    )  # fmt: skip
    content = hashlib.shake_128(b"sound").digest(size)
    slot(hub, programme(hub, "Tin", content=content), valid_from=MONDAY, valid_to=MONDAY)
    planner.plan(hub)


def look(hub: Hub, box: Box) -> None:
    """The player at the box looks at what it has, and says so."""
    (box.root / "state").mkdir(exist_ok=True)
    key = box.root / "state/loa.key"
    key.write_text(station_key(hub.master_secret(), CODE).hex())
    clock = player.RehearsalClock(hub.clock.now())
    settings = player.Settings(root=str(box.root), station=CODE, is_durable=False)
    player.Player(settings, clock, player.NullDevice(clock)).check()


def state(hub: Hub) -> DeliveryState:
    with hub.database.read() as session:
        return session.scalars(select(Delivery.state)).one()


def collected(hub: Hub) -> None:
    with hub.database.read() as session:
        station_id = find_station(session, CODE).id
    collect.collect_station(hub, station_id)


def test_a_day_goes_by_the_meeting_place_and_its_receipt_comes_back(
    hub: Hub, meeting: Sshd, box: Box
) -> None:
    """Delivered at the meeting place, fetched, read by the player there, verified here."""
    planned(hub, "127.0.0.1", meeting)
    dispatch.push(hub)
    assert "fetched 1 sounds, 3 plans" in box.sync()  # the day and the two side files
    assert box.names(AUDIO_DIR) == {p.name for p in (meeting.root / AUDIO_DIR).iterdir()}
    look(hub, box)
    assert "brought 1" in box.sync()
    hub.clock.advance(timedelta(minutes=2))  # type: ignore[attr-defined]
    collected(hub)

    assert state(hub) is DeliveryState.VERIFIED
    assert not list(box.root.rglob("*.part")) + list(box.root.rglob("*.fetched"))
    assert not list(meeting.root.rglob("*.part"))


def test_what_was_cut_is_resumed_and_what_is_wrong_is_never_named(
    hub: Hub, meeting: Sshd, box: Box
) -> None:
    """Half a file goes on; a file that is not what its name says gets no final name."""
    planned(hub, "127.0.0.1", meeting)
    dispatch.push(hub)
    [path] = (meeting.root / AUDIO_DIR).iterdir()
    (box.root / AUDIO_DIR).mkdir(parents=True)
    part = box.root / AUDIO_DIR / f"{path.name}.part"
    part.write_bytes(path.read_bytes()[:250_000])
    box.sync()
    assert (box.root / AUDIO_DIR / path.name).read_bytes() == path.read_bytes()

    (box.root / AUDIO_DIR / path.name).unlink()
    shutil.rmtree(box.root / MANIFEST_DIR)
    (box.folder / "memory.json").unlink()
    path.write_bytes(b"?" * path.stat().st_size)
    assert "is not" in box.sync(code=1)
    assert box.names(AUDIO_DIR) == set()
    assert not list((box.root / MANIFEST_DIR).glob("*.signed"))  # no plan before its sound


def test_rot_that_the_player_found_is_fetched_again(hub: Hub, meeting: Sshd, box: Box) -> None:
    """The same name and size, other bytes: only who reads all of it can know."""
    planned(hub, "127.0.0.1", meeting)
    dispatch.push(hub)
    box.sync()
    [path] = (box.root / AUDIO_DIR).iterdir()
    good = path.read_bytes()
    path.write_bytes(b"?" * len(good))
    look(hub, box)
    assert "fetched 1 sounds" in box.sync()
    assert path.read_bytes() == good
    assert "fetched 0 sounds" in box.sync()


def test_what_the_hub_removed_goes_and_an_empty_meeting_place_empties_nothing(
    hub: Hub, meeting: Sshd, box: Box
) -> None:
    """Strays follow the hub; a lost disk at the meeting place costs the box nothing."""
    planned(hub, "127.0.0.1", meeting)
    dispatch.push(hub)
    box.sync()
    old = box.root / AUDIO_DIR / f"{'a' * 64}.mp3"
    old.write_bytes(b"last week")
    box.sync()
    assert not old.exists()

    before = box.names(AUDIO_DIR) | box.names(MANIFEST_DIR)
    shutil.rmtree(meeting.root / "in")
    box.sync()
    assert box.names(AUDIO_DIR) | box.names(MANIFEST_DIR) == before


def test_another_server_in_its_place_gets_and_gives_nothing(
    hub: Hub, meeting: Sshd, box: Box
) -> None:
    """The pinned key or no word at all."""
    planned(hub, "127.0.0.1", meeting)
    dispatch.push(hub)
    wanted = meeting.host_key
    meeting.change_host_key()
    real = Sshd.host_key
    try:
        Sshd.host_key = property(lambda self: wanted)  # type: ignore[assignment,method-assign]
        assert "verification failed" in box.sync(code=1).lower()
    finally:
        Sshd.host_key = real  # type: ignore[method-assign]
    assert box.names(AUDIO_DIR) == set()


def test_the_program_needs_nothing_but_python_3_7() -> None:
    """It is copied to boxes that are as old as the player's."""
    ast.parse(PROGRAM.read_text(), feature_version=(3, 7))
    old = old_python()
    if old is not None:
        subprocess.run([old, str(PROGRAM), "--version"], check=True, timeout=30)


def test_a_box_behind_address_translation_that_only_dials_out(hub: Hub, tmp_path: Path) -> None:
    """
    Four networks: the box sees its carrier alone, and nobody can dial the box.

    The carrier's translator is a program here: the kernels of small machines have no netfilter.
    """
    need_sshd()
    with contextlib.ExitStack() as stack:
        networks = stack.enter_context(Networks("hub", "meeting", "carrier", "box"))
        _, seen_by_hub = networks.cable("hub", "meeting")
        _, seen_by_carrier = networks.cable("carrier", "meeting")
        gateway, home = networks.cable("carrier", "box")
        with networks.inside("meeting"):
            server = Sshd(
                tmp_path / "server", tmp_path / "meeting", hub.ssh_key_path, listen="0.0.0.0"
            )
            stack.enter_context(server)
            _as_meeting_place(server, tmp_path)
        with networks.inside("carrier"):
            port = stack.enter_context(_translator(gateway, (seen_by_carrier, server.port)))
        box = Box(tmp_path / "far" / "srv", tmp_path / "far", server, host=gateway, port=port)
        planned(hub, seen_by_hub, server)

        with networks.inside("hub"):
            with pytest.raises(OSError, match=r"unreachable|No route"):
                socket.create_connection((home, 22), timeout=5)
            dispatch.admit(hub, ignore_windows=True)
            with hub.database.read() as session:
                station_id = find_station(session, CODE).id
            result = dispatch.visit_station(hub, station_id, worker="t")
            assert result is not None
            assert result.error is None
        with networks.inside("box"):
            box.sync()
            look(hub, box)
            box.sync()
        hub.clock.advance(timedelta(minutes=2))  # type: ignore[attr-defined]
        with networks.inside("hub"):
            collected(hub)
    assert state(hub) is DeliveryState.VERIFIED


@contextlib.contextmanager
def _translator(listens: str, to: tuple[str, int]) -> Iterator[int]:
    """Every caller is carried to one place: its threads stay in the network where it began."""
    door = socket.create_server((listens, 0))

    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                inner, _ = door.accept()
                outer = socket.create_connection(to, timeout=10)
                outer.settimeout(None)
                for pair in ((inner, outer), (outer, inner)):
                    threading.Thread(target=carry, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(door.getsockname()[1])
    finally:
        door.close()
