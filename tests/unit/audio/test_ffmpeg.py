"""Programs run under limits, and nothing of them is left."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from audio import ffmpeg
from audio.errors import Cancelled, FfmpegMissing, ProgramFailed, TookTooLong
from audio.ffmpeg import Limits, ffmpeg_argv, input_options, no_network, run

SHELL = "/bin/sh"


def is_ended(pid: int, within_s: float = 10) -> bool:
    """Wait until a process has ended: the kernel ends it a moment after it was killed."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], within_s)[0])
    finally:
        os.close(pidfd)


def test_named_ffmpeg_is_used_before_any_other(monkeypatch, tmp_path):
    """LOA_FFMPEG decides which ffmpeg runs."""
    mine = tmp_path / "my-ffmpeg"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("LOA_FFMPEG", str(mine))

    assert ffmpeg.find_ffmpeg() == mine


def test_named_ffmpeg_that_is_not_there_is_said_and_not_replaced(monkeypatch):
    """A wrong LOA_FFMPEG is an error, because another ffmpeg would be a surprise."""
    monkeypatch.setenv("LOA_FFMPEG", "/nowhere/ffmpeg")

    with pytest.raises(FfmpegMissing):
        ffmpeg.find_ffmpeg()


def test_wall_clock_limit_kills_the_whole_process_group(tmp_path):
    """A program over its time is killed together with what it started."""
    pid_file = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pid_file}; wait"

    with pytest.raises(TookTooLong) as stopped:
        ffmpeg.run([SHELL, "-c", script], limits=ffmpeg.Limits(wall_s=0.5))

    assert stopped.value.retry
    assert is_ended(int(pid_file.read_text()))


def test_what_a_program_leaves_running_is_ended_with_it(tmp_path):
    """A program that ends well cannot leave a child behind, nor make us wait for it."""
    pid_file = tmp_path / "pid"

    ffmpeg.run([SHELL, "-c", f"sleep 60 & echo $! > {pid_file}"])

    assert is_ended(int(pid_file.read_text()))


def test_cancel_stops_a_program_at_once():
    """Setting the event ends the program and says so."""
    cancel = threading.Event()
    with (
        pytest.raises(Cancelled),
        ffmpeg.start([SHELL, "-c", "echo ready; sleep 60"], cancel=cancel) as child,
    ):
        assert child.stdout.readline() == b"ready\n"
        cancel.set()
        child.finish()


def test_cpu_limit_ends_a_program_that_spins():
    """A file that makes a decoder spin is ended by the kernel, not by hope."""
    with pytest.raises(ProgramFailed) as killed:
        ffmpeg.run([SHELL, "-c", "while :; do :; done"], limits=ffmpeg.Limits(cpu_s=1))

    assert "SIG" in killed.value.fields["detail"]


def test_memory_limit_refuses_what_is_too_much():
    """A decoder that asks for gigabytes gets an error instead of the machine's memory."""
    limits = ffmpeg.Limits(memory_bytes=200 << 20)
    code = "bytearray(1 << 30)"

    with pytest.raises(ProgramFailed, match="MemoryError"):
        ffmpeg.run(["/usr/bin/env", "python3", "-c", code], limits=limits)


def test_file_size_limit_stops_a_program_that_fills_the_disk(tmp_path):
    """Nothing that a program writes grows past its limit."""
    big = tmp_path / "big"
    limits = ffmpeg.Limits(file_bytes=1 << 20)

    with pytest.raises(ProgramFailed):
        ffmpeg.run(["/bin/dd", "if=/dev/zero", f"of={big}", "bs=1M", "count=8"], limits=limits)

    assert big.stat().st_size <= 1 << 20


def test_error_text_is_kept_but_bounded():
    """The beginning and the end of an endless error stream are kept, and no more."""
    script = "echo first >&2; yes nonsense | head -c 5000000 >&2; echo last >&2; exit 3"

    with pytest.raises(ProgramFailed) as failed:
        ffmpeg.run([SHELL, "-c", script])

    log = failed.value.fields["log"]
    assert log.startswith("first\n")
    assert log.endswith("last\n")
    assert len(log) <= 2 * ffmpeg.KEPT_ERROR_BYTES + 10
    assert "last" in str(failed.value)


def test_no_descriptor_of_ours_reaches_a_program(tmp_path):
    """Sockets and databases of the service are not inherited."""
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        listing = ffmpeg.run(["/bin/ls", "-l", "/proc/self/fd"]).stdout

    assert b"secret" not in listing


def test_environment_of_ours_does_not_reach_a_program(monkeypatch):
    """Passwords in the environment stay here, and FFREPORT cannot make ffmpeg write a file."""
    monkeypatch.setenv("LOA_SECRET", "x")
    monkeypatch.setenv("FFREPORT", "file=/dev/null")

    names = {line.partition(b"=")[0] for line in ffmpeg.run(["/usr/bin/env"]).stdout.splitlines()}

    assert names <= {b"PATH", b"LC_ALL", b"MALLOC_ARENA_MAX", b"PWD", b"OLDPWD", b"SHLVL", b"_"}


def test_output_over_its_bound_is_cut_off_and_the_program_still_ends():
    """A chatty program is read to its end but not kept."""
    output = ffmpeg.run([SHELL, "-c", "yes | head -c 3000000"], stdout_bytes=1000)

    assert len(output.stdout) == 1000


CALL = 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)'


@pytest.fixture
def host() -> Iterator[int]:
    """A server on the loopback that takes any call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_no_program_reaches_the_network_where_the_system_can_forbid_it(host):
    """Not even the loopback, where a database may listen; a speech engine may."""
    call = [sys.executable, "-c", CALL, str(host)]
    run(call, limits=Limits(network=True))

    if no_network():
        with pytest.raises(ProgramFailed, match=r"unreachable|not permitted|refused"):
            run(call)
    else:  # then it is the system that forbids namespaces, and not we who did not ask
        own = ["unshare", "--user", "--map-current-user", "--net", "--", "true"]
        assert subprocess.run(own, capture_output=True).returncode != 0


def test_ffmpeg_is_told_to_open_no_address(host, tmp_path):
    """With a network or without one: a playlist's address is not on the list of protocols."""
    argv = ffmpeg_argv(*input_options(f"http://127.0.0.1:{host}/a.mp3"), "-f", "null", "-")

    with pytest.raises(ProgramFailed, match=r"(?i)protocol"):
        run(argv, limits=Limits(network=True))
