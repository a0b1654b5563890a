"""Fault 19: a station whose clock is wrong is seen to be, at every visit, for nothing."""

from __future__ import annotations

import dataclasses
import getpass
import shutil
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from pathlib import Path

import pytest

from scheduler import board, dispatch, planner, slots
from scheduler.clock import SystemClock
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.slots import SlotDetails
from stations.layout import FOLDERS
from tests.builders import ha_nam, programme, release_drafts, someone, stations
from tests.conftest import need
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd

_SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")

Visited = Callable[[int], Hub]


@pytest.fixture
def database_kind() -> str:
    """What differs between the databases is tested where nothing is sent."""
    return "sqlite"


@pytest.fixture
def visited(hub: Hub, tmp_path: Path) -> Iterator[Visited]:
    """Visit a station whose server lives so many seconds ahead of us."""
    need_sshd()
    faketime = shutil.which("faketime")
    need("faketime (apt-get install faketime)", faketime)
    need("sftp-server (apt-get install openssh-sftp-server)", _SFTP_SERVER.exists())
    root = tmp_path / "root"
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    # A clock that stands cannot be held against another one: here it is the machine's own.
    live = dataclasses.replace(hub, clock=SystemClock())
    ha_nam(live)
    with Sshd(tmp_path / "server", root, hub.ssh_key_path) as server:
        stations(
            live, ["13579"], port=str(server.port), username=getpass.getuser(),
            host_key=server.host_key, root=str(root),
        )  # fmt: skip

        def visit(ahead_s: int) -> Hub:
            server.stop()
            server.subsystem = f"{faketime} -f {ahead_s:+d} {_SFTP_SERVER}"
            server.start()
            on = live.today() + timedelta(days=1)
            made = programme(live, f"Tin {ahead_s}")
            details = SlotDetails(
                title=made.title, unit_code="37", audience=("station:s13579",), valid_from=on,
                programme_id=made.id, starts_at=time(5), valid_to=on,
            )  # fmt: skip
            slots.add_slot(live, details, by=someone(live, "editor"))
            release_drafts(live)
            planner.plan(live)
            [result] = dispatch.push(live).visits
            assert (result.error, result.delivered) == (None, 1)
            return live

        yield visit


@pytest.mark.parametrize("ahead_s", [0, 40, -40, 6 * 3600, -6 * 3600])
def test_the_clock_of_a_station_is_measured_with_its_delivery(
    visited: Visited, ahead_s: int
) -> None:
    """±6 h and ±40 s: delivered all the same, measured within 2 s, warned of beyond 30 s."""
    hub = visited(ahead_s)

    with hub.database.read() as session:
        station = find_station(session, "s13579")
        [line] = board.station_board(session, hub.clock.now(), on=hub.today())
    assert station.clock_skew_s == pytest.approx(ahead_s, abs=2)
    assert (line.problem == board.CLOCK_WRONG) is (abs(ahead_s) > 30)
