"""``loa serve`` and ``loa worker`` as the processes that a supervisor starts and stops."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select as rows

from scheduler.clock import ManualClock, SystemClock
from scheduler.config import load_settings
from scheduler.hub import open_hub
from scheduler.store.db import Database
from scheduler.store.models import Delivery
from scheduler.store.states import DeliveryState
from stations.simulator import Fleet
from tests import builders
from tests.builders import HA_NAM
from tests.postgres import _free_port
from tests.unit.cli.conftest import ROOT, Loa, Program

_UP_WITHIN_S, _ENDS_WITHIN_S = 120.0, 20.0


@contextmanager
def _running(program: Program, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        program.command(*words), cwd=ROOT, env=program.env(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _announced(process: subprocess.Popen[str]) -> dict[str, object]:
    """The document that the process prints once it is up."""
    assert process.stdout is not None
    document: dict[str, object] = json.loads(_read_until(process.stdout.fileno(), "\n}\n"))
    return document


def _read_until(descriptor: int, wanted: str) -> str:
    seen = ""
    while wanted not in seen:
        readable, _, _ = select.select([descriptor], [], [], _UP_WITHIN_S)
        assert readable, f'"{wanted}" did not come: {seen}'
        read = os.read(descriptor, 4096).decode()
        assert read, f"it ended: {seen}"
        seen += read
    return seen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_it_is_asked_to_stop(shared_program: Program, number: int) -> None:
    """It answers once it says so, and ends with exit code 0 when it is asked to."""
    with _running(shared_program, "serve", "--port", "0", "--workers", "2", "--json") as process:
        address = _announced(process)["address"]
        with urllib.request.urlopen(f"{address}/health", timeout=10) as answer:
            health = json.load(answer)
        process.send_signal(number)
        assert process.wait(_ENDS_WITHIN_S) == 0
    assert health["status"] in ("ok", "starting"), health


def test_port_in_use_is_found_before_anything_starts(shared_program: Program) -> None:
    """A second serve says so and leaves the database alone."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = shared_program("serve", "--port", str(port), code=1)
    assert f"Port {port} on 127.0.0.1 is used by another program" in refused.stderr


def test_address_of_another_machine(shared_program: Program) -> None:
    """An address that is not ours is told in a sentence."""
    refused = shared_program("serve", "--host", "192.0.2.1", "--port", str(_free_port()), code=1)
    assert "192.0.2.1" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_second_signal_ends_at_once(shared_program: Program) -> None:
    """Whoever presses Ctrl-C twice does not wait for a request that hangs."""
    with _running(shared_program, "serve", "--port", "0", "--no-workers", "--json") as process:
        address = str(_announced(process)["address"])
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as half_a_request:
            half_a_request.sendall(
                b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
            )
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            _read_until(process.stderr.fileno(), "stop_asked")
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == -signal.SIGINT


def test_a_worker_alone(shared_program: Program) -> None:
    """Workers run without pages and end like them."""
    with _running(shared_program, "worker", "-n", "2", "--json") as process:
        assert _announced(process) == {"workers": 2}
        process.send_signal(signal.SIGTERM)
        assert process.wait(_ENDS_WITHIN_S) == 0


@pytest.fixture
def stalled(program: Program, tmp_path: Path) -> Iterator[Database]:
    """Something is due for a station that stops answering in the middle of a file."""
    program.configure('[push]\nwindow_from = "00:00"\nwindow_until = "00:00"\n')
    loa = Loa(load_settings(program.config), ManualClock(SystemClock().now()))
    public_key = loa.json("init")["public_key"]
    loa("unit", "import", HA_NAM)
    with Fleet(tmp_path / "stations", ["dao-ly"], public_key) as fleet:
        address = fleet["dao-ly"].address
        table = tmp_path / "stations.csv"
        table.write_text(
            "code,name,unit_code,technology,kind,host,port,username,root,host_key\n"
            f"dao-ly,Đài,13579,ip,player,{address.host},{address.port},{address.username},"
            f"{address.root},{address.host_key}\n",
            encoding="utf-8",
        )
        loa("station", "import", table)
        hub = open_hub(loa.settings, clock=loa.clock)
        made = builders.programme(hub, "Tin", content=bytes(2_000_000))
        loa("slot", "add", "--title", "Tin", "--programme", str(made.id), "--at", "06:00",
            "--unit", "37", "--to", "station:dao-ly", "--by", "editor")  # fmt: skip
        loa("timetable", "release", "--by", "editor")
        loa("plan")  # as the clock of loa serve will: it finds nothing to change
        fleet["dao-ly"].faults.stall_after_bytes = 500_000
        yield hub.database
        hub.database.close()


def test_a_visit_that_hangs_does_not_hold_the_end(program: Program, stalled: Database) -> None:
    """It ends in time with exit code 0; what it had begun stays claimed until the lease ends."""
    with _running(program, "serve", "--port", "0", "--json") as process:
        _announced(process)
        assert _within(_UP_WITHIN_S, lambda: _states(stalled) == {DeliveryState.LEASED})
        process.send_signal(signal.SIGTERM)
        assert process.wait(_ENDS_WITHIN_S) == 0
    assert _states(stalled) == {DeliveryState.LEASED}


def _states(database: Database) -> set[DeliveryState]:
    with database.read() as session:
        return set(session.scalars(rows(Delivery.state)))


def _within(limit_s: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
