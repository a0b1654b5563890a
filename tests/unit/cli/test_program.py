"""``loa`` as a process: pipes, terminals, what nobody foresaw."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from stations.hostkey import HostKey
from stations.simulator import Fleet
from tests.builders import HA_NAM
from tests.unit.cli.conftest import ROOT, Loa, Program

_WITHIN_S = 30.0


def test_reader_that_leaves_is_no_error(shared_program: Program) -> None:
    """``loa unit list | head -1`` ends quietly."""
    shared_program("unit", "import", HA_NAM)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            shared_program.command("unit", "list"), cwd=ROOT, env=shared_program.env(),
            stdout=closed, stderr=subprocess.PIPE, text=True, timeout=_WITHIN_S, check=False,
        )  # fmt: skip
    assert done.stderr == ""


def test_what_nobody_foresaw_is_written_down(loa: Loa, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence and the place of the details; the traceback only for who asks for it."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr("api.cli.airings.day_schedule", fail)
    told = loa("today", code=1).stderr
    log = loa.settings.paths.data / "errors.log"
    assert (
        told
        == f"Something went wrong inside Loa (ZeroDivisionError). The details stand in {log}.\n"
    )
    assert "nobody foresaw this" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0
    assert "Traceback" in loa("today", code=1, LOA_DEBUG="1").stderr


def test_settings_hide_their_secrets(program: Program) -> None:
    """``loa config`` may be sent to somebody who helps."""
    program.configure(
        '[database]\nurl = "postgresql+psycopg://loa@db/loa"\npassword_file = "secret/db"\n'
    )
    shown = program("config").stdout
    assert 'password_file = "••••"' in shown
    assert "secret/db" not in shown
    settings = json.loads(program("config", "--json").stdout)["settings"]
    assert settings["database"]["password_file"] == "••••"
    assert settings["push"]["workers"] == 16


def test_settings_are_shown_as_they_may_be_written(program: Program) -> None:
    """What ``loa config`` prints can be kept as a configuration."""
    before = program("config").stdout
    program.config.write_text(before, encoding="utf-8")
    assert program("config").stdout == before


def test_fingerprint_is_typed_at_a_terminal(program: Program, tmp_path: Path) -> None:
    """A person reads the fingerprint on the box and types it; then, and only then, it is pinned."""
    public_key = json.loads(program("init", "--json").stdout)["public_key"]
    program("unit", "import", HA_NAM)
    with Fleet(tmp_path / "stations", ["dao-ly"], public_key) as fleet:
        address = fleet["dao-ly"].address
        table = tmp_path / "stations.csv"
        table.write_text(
            "code,name,unit_code,technology,kind,host,port,username,root\n"
            f"dao-ly,Đài,13579,ip,player,{address.host},{address.port},{address.username},"
            f"{address.root}\n",
            encoding="utf-8",
        )
        program("station", "import", table)
        fingerprint = HostKey.parse(fleet["dao-ly"].host_key).fingerprint

        assert _at_terminal(program, "SHA256:wrong", "station", "probe", "dao-ly") == 1
        assert json.loads(program("station", "show", "dao-ly", "--json").stdout)["host_key"] is None
        assert _at_terminal(program, fingerprint, "station", "probe", "dao-ly") == 0
    shown = json.loads(program("station", "show", "dao-ly", "--json").stdout)
    assert shown["host_key"] == fingerprint


def _at_terminal(program: Program, typed: str, *words: str) -> int:
    """Run a command at a terminal of its own and type one line at its prompt."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            program.command(*words), cwd=ROOT, env=program.env(TERM="xterm"), stdin=theirs,
            stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        _read_until(ours, "type it here")
        os.write(ours, f"{typed}\n".encode())
        return process.wait(_WITHIN_S)
    finally:
        os.close(theirs)
        os.close(ours)


def _read_until(descriptor: int, wanted: str) -> None:
    seen = ""
    while wanted not in seen:
        readable, _, _ = select.select([descriptor], [], [], _WITHIN_S)
        assert readable, f"no prompt came: {seen}"
        seen += os.read(descriptor, 4096).decode(errors="replace")


def test_version(program: Program) -> None:
    """``loa --version`` is what a bug report begins with."""
    assert program("--version").stdout.startswith("loa ")
    assert sys.version_info >= (3, 11)
