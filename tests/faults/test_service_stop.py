"""Fault 17, and an urgent item among slow visits: the service as a process, over a real server."""

from __future__ import annotations

import getpass
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from scheduler import links, planner
from scheduler.clock import ManualClock, SystemClock, local_date
from scheduler.config import load_settings
from scheduler.engine import Engine
from scheduler.hub import Hub, init, open_hub
from scheduler.registry import find_station
from scheduler.slots import SlotDetails, add_slot
from scheduler.store.models import Delivery, Station
from scheduler.store.states import DeliveryState
from stations.layout import AUDIO_DIR, FOLDERS
from tests import builders
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd
from tests.unit.cli.conftest import Program
from tests.unit.cli.test_serve import _announced, _running, _within

_ENDS_WITHIN_S = 20.0
_SIZE = 3_000_000
_KBPS = 400  # 60 s for the file: no stop could wait for that


@pytest.fixture
def program(tmp_path: Path) -> Program:
    made = Program(tmp_path)
    made.configure('[push]\nwindow_from = "00:00"\nwindow_until = "00:00"\n')
    return made


@pytest.fixture
def slow(program: Program, tmp_path: Path) -> Iterator[Hub]:
    """Two stations behind one slow link, with a long programme due for each."""
    need_sshd()
    settings, clock = load_settings(program.config), ManualClock(SystemClock().now())
    init(settings, clock=clock)
    hub = open_hub(settings, clock=clock)
    builders.ha_nam(hub)
    with Sshd(tmp_path / "server", tmp_path / "boxes", hub.ssh_key_path) as server:
        with hub.database.write() as session:
            links.add_link(session, name="3G", max_sessions=4, kbps=_KBPS, by="t", now=clock.now())
        builders.stations(
            hub, ["13507", "13579"], port=str(server.port), username=getpass.getuser(),
            host_key=server.host_key, link="3G",
        )  # fmt: skip
        with hub.database.write() as session:
            for station in session.scalars(select(Station)):
                station.root = str(tmp_path / "boxes" / station.code)
                for folder in FOLDERS:
                    Path(station.root, folder).mkdir(parents=True)
        plan(hub, "Tin dài", ["s13507"], bytes(_SIZE))
        yield hub
    hub.database.close()


def plan(hub: Hub, title: str, codes: list[str], content: bytes, **changes: Any) -> None:
    """One airing at these stations, some hours from now."""
    at = (hub.clock.now() + timedelta(hours=6)).astimezone(hub.settings.zone)
    on = local_date(hub.clock.now() + timedelta(hours=6), hub.settings.zone)
    made = builders.programme(hub, title, content=content)
    details = SlotDetails(
        title=title, unit_code="37", audience=tuple(f"station:{code}" for code in codes),
        programme_id=made.id, starts_at=at.time().replace(second=0, microsecond=0), valid_from=on,
        valid_to=on, **changes,
    )  # fmt: skip
    add_slot(hub, details, by=builders.someone(hub, "editor"))
    builders.release_drafts(hub)
    planner.plan(hub, first=on)  # today, if it is not too late an hour


def states(hub: Hub, code: str) -> set[tuple[DeliveryState, str | None]]:
    with hub.database.read() as session:
        station = find_station(session, code)
        rows = session.scalars(select(Delivery).where(Delivery.station_id == station.id))
        return {(row.state, row.error_code) for row in rows if row.state != "superseded"}


def parts(tmp_path: Path) -> int:
    """Bytes of the unfinished file at the station."""
    folder = tmp_path / "boxes" / "s13507" / AUDIO_DIR
    return sum(path.stat().st_size for path in folder.glob("*.part"))


@pytest.mark.parametrize("words", [("serve", "--port", "0", "--json"), ("worker", "--json")])
def test_a_stop_parks_a_visit_that_moves_and_the_next_start_goes_on(
    program: Program, slow: Hub, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Ends within 20 s with exit code 0; the day is due at once, and what arrived is kept."""
    if words[0] == "worker":
        Engine(slow).dispatch()
    with _running(program, *words) as process:
        _announced(process)
        assert _within(90, lambda: parts(tmp_path) > 100_000)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(_ENDS_WITHIN_S) == 0
    assert time.monotonic() - begun < _ENDS_WITHIN_S
    assert states(slow, "s13507") == {(DeliveryState.DUE, "stopped")}
    arrived = parts(tmp_path)
    assert arrived > 100_000

    with slow.database.write() as session:
        link = links.find_link(session, "3G")
        links.change_link(session, link, is_unlimited=True, by="t", now=slow.clock.now())
    with _running(program, "serve", "--port", "0", "--json") as process:
        _announced(process)
        assert _within(
            90, lambda: {state for state, _ in states(slow, "s13507")} == {DeliveryState.DELIVERED}
        )
    with slow.database.read() as session:
        [delivery] = session.scalars(
            select(Delivery).where(Delivery.state == DeliveryState.DELIVERED)
        )
        resumed = max(one.bytes_resumed for one in delivery.tries)
    assert resumed > arrived - 1_100_000


def test_a_second_signal_ends_at_once_in_the_middle_of_a_visit(
    program: Program, slow: Hub, tmp_path: Path
) -> None:
    """Whoever presses Ctrl-C twice means it; the lease gives the day back."""
    with _running(program, "serve", "--port", "0", "--json") as process:
        _announced(process)
        assert _within(90, lambda: parts(tmp_path) > 100_000)
        process.send_signal(signal.SIGTERM)
        time.sleep(1)  # the first one is being heeded
        process.send_signal(signal.SIGTERM)
        assert process.wait(8) == -signal.SIGTERM
    assert {state for state, _ in states(slow, "s13507")} == {DeliveryState.LEASED}


def test_what_is_urgent_needs_no_worker_that_a_slow_visit_holds(
    program: Program, slow: Hub, tmp_path: Path
) -> None:
    """The only worker is busy for a minute; the urgent day of another station is there in time."""
    with _running(program, "serve", "--port", "0", "--workers", "1", "--json") as process:
        _announced(process)
        assert _within(90, lambda: parts(tmp_path) > 100_000)
        plan(slow, "Lũ về", ["s13579"], b"urgent" * 100, programme_class="urgent")
        assert _within(
            45, lambda: {state for state, _ in states(slow, "s13579")} == {DeliveryState.DELIVERED}
        )
        assert {state for state, _ in states(slow, "s13507")} == {DeliveryState.LEASED}
