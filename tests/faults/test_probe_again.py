"""A server is probed once, and again when it becomes another one."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pytest

from scheduler import dispatch, planner, probing
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.store.models import Station
from stations.layout import FOLDERS
from tests.builders import ha_nam, programme, slot, stations
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd

CODE = "s13579"


@pytest.fixture
def reached(hub: Hub, tmp_path: Path) -> Iterator[Hub]:
    """A station behind a real server, with a day that waits for it."""
    need_sshd()
    root = tmp_path / "root"
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    ha_nam(hub)
    with Sshd(tmp_path / "server", root, hub.ssh_key_path) as server:
        stations(
            hub, ["13579"], port=str(server.port), username=getpass.getuser(),
            host_key=server.host_key, root=str(root),
        )  # fmt: skip
        yield hub


def push_something(hub: Hub, title: str, at: time) -> dispatch.VisitResult:
    slot(hub, programme(hub, title), at=at)
    planner.plan(hub)
    [visit] = dispatch.push(hub).visits
    return visit


def station(hub: Hub) -> Station:
    with hub.database.read() as session:
        return find_station(session, CODE)


def test_the_first_visit_stores_what_the_server_can_do(reached: Hub) -> None:
    """Nobody has to think of it; the next visit picks its strategy from it."""
    assert station(reached).server is None

    assert push_something(reached, "Tin sáng", time(5)).error is None

    known = station(reached)
    assert known.server is not None
    assert known.server["server"].startswith("SSH-2.0-OpenSSH")
    assert known.server["flushes_folders"] is True
    assert probing.strategy_for(reached, known).flush.value == "names"


def test_a_server_that_was_renewed_is_probed_again_and_the_same_is_not(
    reached: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new version may do more, or less; the same one is not asked every night."""
    push_something(reached, "Tin sáng", time(5))
    tried = []
    really = probing.probe
    monkeypatch.setattr(probing, "probe", lambda *args: tried.append(args) or really(*args))

    push_something(reached, "Tin trưa", time(11))
    assert tried == []

    with reached.database.write() as session:
        mine = find_station(session, CODE)
        mine.server = {**(mine.server or {}), "server": "SSH-2.0-OpenSSH_7.4", "flushes": False}
    push_something(reached, "Tin chiều", time(17))

    assert len(tried) == 1
    known = station(reached).server
    assert known is not None
    assert known["flushes"] is True
    assert "7.4" not in known["server"]
