"""The player as it runs on a box: one file, its own process, any Python from 3.7 on."""

from __future__ import annotations

import ast
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stations import player
from tests.oldpython import old_python
from tests.unit.stations.box import STATION, Box, day, item, sound

PLAYER = Path(player.__file__)
SOUND = sound()


class Process:
    """The shipped file on a rehearsal clock, spoken to as the simulator does it."""

    def __init__(self, box: Box, start: str, rate: str = "inf") -> None:
        command = [sys.executable, str(PLAYER), "--root", str(box.root), "--station", STATION]
        command += ["--device", "null", "--rehearse", rate, "--start", start]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def until(self, instant: str) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"until {instant}\n".encode())
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        assert ready and self.process.stdout.readline() == f"at {instant}\n".encode()


@pytest.fixture
def ready(box: Box) -> Box:
    box.store(SOUND)
    box.deliver(day(item("05:00", SOUND[0]), files=[SOUND[0]]))
    return box


@pytest.fixture
def rehearsal(ready: Box) -> Iterator[Process]:
    process = Process(ready, "2022-10-16T21:00:00Z")
    yield process
    process.process.kill()
    process.process.communicate()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PLAYER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_player_needs_nothing_but_python_3_7() -> None:
    """Boxes in communes are old: the syntax and every import are those of Python 3.7."""
    tree = ast.parse(PLAYER.read_text(), feature_version=(3, 7))
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }

    newer = {"zoneinfo", "graphlib", "tomllib"}
    assert names <= set(sys.stdlib_module_names) - newer


def test_an_old_python_really_runs_it() -> None:
    """The self-test by $LOA_OLD_PYTHON or python3.7; without either by ours, as isolated."""
    python = old_python() or sys.executable
    told = subprocess.run(
        [python, "-I", str(PLAYER), "--selftest"], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert (told.returncode, told.stderr) == (0, "")
    assert "works" in told.stdout
    assert ("python   3.7" in told.stdout) == (old_python() is not None)


def test_the_selftest_lives_through_a_day_and_says_so() -> None:
    """A technician sees in one second whether this box can do it."""
    told = run("--selftest")

    assert told.returncode == 0
    assert f"{player.VERSION} works" in told.stdout


def test_a_rehearsal_stops_exactly_where_it_is_told(ready: Box, rehearsal: Process) -> None:
    """The demonstration and the tests steer the very file that ships."""
    rehearsal.until("2022-10-16T22:10:00Z")
    assert [r.event for r in ready.events()] == ["started"]

    rehearsal.until("2022-10-16T22:30:00Z")
    assert [r.event for r in ready.events()] == ["started", "ended"]


def test_a_killed_player_resumes_and_tells_both_halves(ready: Box, rehearsal: Process) -> None:
    """SIGKILL in the middle of an item is a power cut to the box."""
    rehearsal.until("2022-10-16T22:10:00Z")
    rehearsal.process.kill()
    rehearsal.process.wait()

    again = Process(ready, "2022-10-16T22:12:00Z")
    again.until("2022-10-16T23:00:00Z")
    again.process.communicate(b"quit\n", timeout=20)

    told = [(r.event, r.reason, r.played_ms) for r in ready.events()]
    assert told[1:] == [
        ("interrupted", "power_cut", 600_000),
        ("started", "", 0),
        ("ended", "", 1_200_000),
    ]


def test_sigterm_ends_in_order(ready: Box, rehearsal: Process) -> None:
    """A restart of the service is not a power cut, and the log knows the difference."""
    rehearsal.until("2022-10-16T22:10:00Z")

    rehearsal.process.send_signal(signal.SIGTERM)

    assert rehearsal.process.wait(timeout=20) == 0
    assert [r.reason for r in ready.events()][1:] == ["stopped"]
    assert ready.events("stopped")


def test_sigterm_ends_a_real_player_at_once(ready: Box) -> None:
    """Also while it waits for something that is hours away."""
    command = [sys.executable, str(PLAYER), "--root", str(ready.root), "--station", STATION]
    process = subprocess.Popen([*command, "--device", "null"])
    receipt = ready.root / "out/receipt.json"
    deadline = time.monotonic() + 20
    while not receipt.exists():
        assert time.monotonic() < deadline, "no receipt was written"
        os.sched_yield()

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=20) == 0


def test_two_players_never_share_a_folder(ready: Box, rehearsal: Process) -> None:
    """Everything would be heard twice."""
    rehearsal.until("2022-10-16T21:01:00Z")

    told = run("--root", str(ready.root), "--station", STATION, "--once")

    assert told.returncode == 2
    assert "another player runs" in told.stderr


def test_once_writes_a_receipt_and_plays_nothing(ready: Box) -> None:
    """What a technician runs after copying files from a stick."""
    told = run("--root", str(ready.root), "--station", STATION, "--once")

    assert told.returncode == 0
    receipt = json.loads((ready.root / "out/receipt.json").read_bytes())
    assert receipt["refusals"][0]["reason"] == "expired"
    assert ready.events() == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--root and --station are needed"),
        (["--rehearse", "60", "--start", "2022-10-16T21:00:00Z"], "nothing may be heard"),
        (["--rehearse", "60", "--device", "null"], "go together"),
    ],
)
def test_a_wrong_command_gets_a_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    """And never a traceback."""
    root = ["--root", str(tmp_path), "--station", STATION] if arguments else []

    told = run(*root, *arguments)

    assert told.returncode == 2
    assert sentence in told.stderr


@pytest.mark.parametrize("content", ["", "zz", "ab" * 16, "ab" * 32 + "\n" + "cd" * 32 + "\nee"])
def test_a_key_file_that_holds_no_key_is_a_sentence(tmp_path: Path, content: str) -> None:
    """A box without its key starts nothing."""
    key = tmp_path / "key"
    key.write_text(content)

    told = run("--root", str(tmp_path), "--station", STATION, "--key", str(key))

    assert told.returncode == 2
    assert told.stderr.startswith("loa-player: ")
