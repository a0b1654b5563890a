"""Stations behind a district's server: by configuration only, and with no key trusted unseen."""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from scheduler import dispatch, jumps, planner
from scheduler.hub import Hub
from scheduler.store.models import Delivery
from scheduler.store.states import DeliveryState
from stations.errors import HostKeyChanged, HostKeyUnknown, LinkDown, LoginRefused, Unreachable
from stations.hostkey import HostKey
from stations.layout import AUDIO_DIR, FOLDERS
from stations.login import scan_host_key
from stations.sftp import open_visit
from stations.visit import Address, VisitLimits
from tests.builders import ON, ha_nam, programme, slot, stations
from tests.contract.conftest import need_sshd
from tests.faults.harness.namespaces import Networks
from tests.faults.harness.renditions import RenditionMaker
from tests.faults.harness.sshd import Sshd, make_key

LIMITS = VisitLimits(connect_s=10, idle_s=3, reserve_bytes=0)
MONDAY = ON + timedelta(days=1)


@pytest.fixture
def jump(tmp_path: Path, private_key: Path) -> Iterator[Sshd]:
    """A district's server: it forwards, and is no station."""
    need_sshd()
    with Sshd(tmp_path / "jump", tmp_path / "nothing", private_key) as server:
        yield server


@pytest.fixture
def through(sshd: Sshd, jump: Sshd) -> Address:
    """The station's address, by way of the district."""
    return replace(sshd.address(), via=jump.address())


def test_everything_goes_through_as_if_it_were_dialled(
    through: Address, sshd: Sshd, private_key: Path, tmp_path: Path
) -> None:
    """A rendition of a megabyte arrives, verified; both lines are closed at the end."""
    file = RenditionMaker(tmp_path / "renditions")(1_200_000, seed=1)
    before = threading.active_count()

    with open_visit(through, private_key, LIMITS) as visit:
        visit.put_rendition(file)

    assert (sshd.root / AUDIO_DIR / file.name).read_bytes() == file.path.read_bytes()
    deadline = time.monotonic() + 5
    while threading.active_count() > before + 1 and time.monotonic() < deadline:
        time.sleep(0.05)  # the one watchdog of the process stays
    assert threading.active_count() <= before + 1


def test_each_of_the_two_must_show_its_own_pinned_key(
    through: Address, sshd: Sshd, jump: Sshd, private_key: Path
) -> None:
    """Fault 15, twice: nothing is sent through a stranger, and nothing to one."""
    assert through.via is not None
    wrong = make_key(private_key.parent / f"stranger-{sshd.port}")
    stranger = HostKey.parse(wrong.with_suffix(".pub").read_text()).text

    for address in (
        replace(through, via=replace(through.via, host_key=stranger)),
        replace(through, host_key=stranger),
    ):
        with pytest.raises(HostKeyChanged):
            open_visit(address, private_key, LIMITS)
    for address in (
        replace(through, via=replace(through.via, host_key=None)),
        replace(through, host_key=None),
    ):
        with pytest.raises(HostKeyUnknown):
            open_visit(address, private_key, LIMITS)
    seen = scan_host_key(
        through.host, through.port, LIMITS, via=through.via, private_key=private_key
    )
    assert seen.text == sshd.host_key


def test_who_is_at_fault_is_said(through: Address, jump: Sshd, private_key: Path) -> None:
    """The district does not forward there; it does not know us; it is not there at all."""
    assert through.via is not None
    other = make_key(private_key.parent / f"other-{jump.port}")
    with pytest.raises(LoginRefused, match=str(jump.port)):
        open_visit(through, other, LIMITS)
    jump.stop()
    jump.more = "PermitOpen 127.0.0.1:1\n"
    jump.start()
    with pytest.raises(Unreachable, match=f"127.0.0.1:{through.port}.*says"):
        open_visit(through, private_key, LIMITS)
    jump.stop()
    with pytest.raises(Unreachable, match=str(jump.port)):
        open_visit(through, private_key, LIMITS)


def test_a_jump_host_that_freezes_is_given_up_in_time(
    through: Address, jump: Sshd, private_key: Path, tmp_path: Path
) -> None:
    """Fault 5 behind two lines: the one watchdog looks after both."""
    file = RenditionMaker(tmp_path / "renditions")(3_000_000, seed=2)
    frozen = False

    def freeze(acknowledged: int) -> None:
        nonlocal frozen
        if not frozen and acknowledged > 300_000:
            frozen = True
            for pid in _with_children(jump):
                os.kill(pid, signal.SIGSTOP)

    begun = time.monotonic()
    try:
        with open_visit(through, private_key, LIMITS) as visit, pytest.raises(LinkDown):
            visit.put_rendition(file, progress=freeze)
    finally:
        for pid in _with_children(jump):
            os.kill(pid, signal.SIGCONT)
    assert frozen
    assert time.monotonic() - begun < LIMITS.idle_s + 12


def _with_children(server: Sshd) -> set[int]:
    """Its processes: every connection has some of its own, in a session of their own."""
    assert server.process is not None
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = {server.process.pid}
    for _ in range(4):
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found


@pytest.fixture
def database_kind() -> str:
    """What differs between the databases is tested where nothing is sent."""
    return "sqlite"


def test_a_box_that_only_its_district_can_dial_gets_its_day_by_configuration_only(
    hub: Hub, tmp_path: Path
) -> None:
    """Three networks: the hub sees the district, the district sees the box, nobody forwards."""
    need_sshd()
    ha_nam(hub)
    with Networks("hub", "district", "box") as networks:
        _, district = networks.cable("hub", "district")
        _, box = networks.cable("district", "box")
        root = tmp_path / "box"
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True)
        with networks.inside("box"):
            station = Sshd(tmp_path / "s", root, hub.ssh_key_path, listen="0.0.0.0").__enter__()
        with networks.inside("district"):
            server = Sshd(
                tmp_path / "j", tmp_path / "none", hub.ssh_key_path, listen="0.0.0.0",
                more=f"PermitOpen {box}:{station.port}\n",
            ).__enter__()  # fmt: skip
        try:
            _deliver(hub, networks, district, server, box, station)
        finally:
            server.stop()
            station.stop()
    assert len(list((root / AUDIO_DIR).iterdir())) == 1


def _deliver(
    hub: Hub, networks: Networks, district: str, server: Sshd, box: str, station: Sshd
) -> None:
    now = hub.clock.now()
    with hub.database.write() as session:
        jump = jumps.add_jump(
            session, name="Huyện Lý Nhân", host=district, port=server.port,
            username=getpass.getuser(), by="t", now=now,
        )  # fmt: skip
        jumps.accept_jump_key(session, jump, server.host_key, by="t", now=now)
    known = {
        "port": str(station.port), "username": getpass.getuser(), "root": str(station.root),
        "host_key": station.host_key, "host": box,
    }  # fmt: skip
    stations(hub, ["13579"], **known)
    slot(hub, programme(hub, "Tin"), valid_from=MONDAY, valid_to=MONDAY)
    planner.plan(hub)
    with networks.inside("hub"):
        with pytest.raises(OSError, match=r"unreachable|No route"):
            socket.create_connection((box, station.port), timeout=5)
        [admitted] = dispatch.admit(hub, ignore_windows=True)
        alone = dispatch.visit_station(hub, admitted, worker="t")
        assert alone is not None
        assert alone.error is not None
        assert alone.error.code == "unreachable"

        stations(hub, ["13579"], **known, jump="Huyện Lý Nhân")  # the one change: a column
        with hub.database.write() as session:
            delivery = session.scalars(select(Delivery)).one()
            delivery.next_try_at = now
        dispatch.admit(hub, ignore_windows=True)
        result = dispatch.visit_station(hub, admitted, worker="t")
    assert result is not None
    assert result.error is None
    with hub.database.read() as session:
        assert session.scalars(select(Delivery.state)).one() is DeliveryState.DELIVERED
