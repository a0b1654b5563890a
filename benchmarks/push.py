"""
How long a night takes to reach its stations, beside what others would do.

    .venv/bin/python benchmarks/push.py [--quick] [--json] [--rounds N]

115 stations × 3 files × 4 MB to a real OpenSSH server, 16 at a time, from cold; rounds are
interleaved (A B C …, A B C …), ratios are of medians. Ours is a whole process with start and end;
it pins the host key, asks for room, flushes, reads back, renames, commits a manifest last and
keeps a row of every visit in a database. The peers put files under their names and are done.
No ratio is printed when a file at a station is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import filecmp
import getpass
import hashlib
import json
import os
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.push_peers import Command, Task, peers
from stations.layout import AUDIO_DIR, FOLDERS
from stations.visit import Address
from tests.faults.harness.sshd import Sshd, make_key

HERE = Path(__file__).parent
RUN_WITHIN_S = 300
MB = 1_000_000


@dataclass(frozen=True)
class Run:
    """One contestant, once."""

    wall_s: float
    cpu_s: float  # client and server
    peak_mb: float
    visits: list[list[Any]]  # ours: root, bytes sent, when done, error


class Ground:
    """One OpenSSH server, the folders of all stations behind it, and the files to bring."""

    def __init__(self, folder: Path, stations: int, file_bytes: int) -> None:
        self.folder = folder
        self.key = make_key(folder / "hub")
        self.sshd = Sshd(folder / "server", folder / "roots", self.key)
        self.roots = tuple(folder / "roots" / f"S{at:03}" for at in range(stations))
        self.files = tuple(_make_files(folder / "renditions", 3, file_bytes))

    def clear(self) -> None:
        """Empty folders again; what was not on the disk yet is dropped and costs nobody."""
        shutil.rmtree(self.sshd.root, ignore_errors=True)
        for root in self.roots:
            for name in FOLDERS:
                (root / name).mkdir(parents=True)

    def task(self, sessions: int) -> Task:
        known = self.folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self.sshd.port} {self.sshd.host_key}\n")
        user = getpass.getuser()
        return Task(
            *(self.sshd.port, user, self.key, known, self.files, self.roots, sessions, self.folder)
        )

    def addresses(self, port: int | None = None) -> list[Address]:
        one = self.sshd.address(port)
        return [replace(one, root=str(root)) for root in self.roots]

    def check(self, who: str, roots: Sequence[Path]) -> None:
        for root in roots:
            for file in self.files:
                there = root / AUDIO_DIR / file.name
                if not there.exists() or not filecmp.cmp(file, there, shallow=False):
                    raise SystemExit(f"{who} left {there.name} wrong at {root.name}: no ratio")

    def server_cpu_s(self) -> float:
        """Of the server and of its children that have ended."""
        assert self.sshd.process is not None
        fields = Path(f"/proc/{self.sshd.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def wait_for_sessions_to_end(self) -> None:
        assert self.sshd.process is not None
        pid = self.sshd.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        deadline = time.monotonic() + 20
        while children.read_text().split() and time.monotonic() < deadline:
            time.sleep(0.02)

    def run(self, command: Sequence[str], job: str = "") -> Run:
        """Run a contestant to its end; read what it and the server used."""
        self.wait_for_sessions_to_end()
        server_before = self.server_cpu_s()
        started = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
        )
        guard = threading.Timer(RUN_WITHIN_S, process.kill)
        guard.start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(job.encode())
        process.stdin.close()
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        orphans_s = _reap_orphans()
        guard.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{command[0]} ended with {process.returncode}: no ratio is printed")
        self.wait_for_sessions_to_end()
        server_s = self.server_cpu_s() - server_before
        cpu_s = usage.ru_utime + usage.ru_stime + orphans_s + server_s
        return Run(wall_s, cpu_s, usage.ru_maxrss / 1024, json.loads(said) if job else [])

    def ours(
        self, addresses: list[Address], sessions: int, connect_s: float = 20, idle_s: float = 30
    ) -> Run:
        receipts = self.folder / f"receipts-{random.getrandbits(64):x}.db"
        job = {
            "key": str(self.key),
            "receipts": str(receipts),
            "sessions": sessions,
            "connect_s": connect_s,
            "idle_s": idle_s,
            "stations": [asdict(address) for address in addresses],
            "files": [
                {"sha256": file.stem, "path": str(file), "size": file.stat().st_size}
                for file in self.files
            ],
        }
        return self.run([sys.executable, str(HERE / "push_client.py")], json.dumps(job))


class RelayProcess:
    """``relay.py`` in a process of its own: it must not share a core's lock with a client."""

    def __init__(self, target_port: int, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "relay.py"), str(target_port), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.port = int(self._line())

    def up(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write("up\n")
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def __enter__(self) -> RelayProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=10)


def _adopt_orphans() -> None:
    """lftp leaves its ssh behind: their processor time is counted when they come to us."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def _reap_orphans() -> float:
    """Processor time of those whose parent ended before them; waits for the last of them."""
    used_s, deadline = 0.0, time.monotonic() + 10
    while time.monotonic() < deadline:
        found = [pid for pid in _children_of(os.getpid()) if _is_client(pid)]
        for pid in found:
            ended, _, usage = os.wait4(pid, os.WNOHANG)
            used_s += usage.ru_utime + usage.ru_stime if ended else 0
        if not found:
            break
        time.sleep(0.02)
    return used_s


def _children_of(pid: int) -> list[int]:
    """Of all its threads: whoever adopts an orphan is the process, not its first thread."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in children.read_text().split()]
    return found


def _is_client(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip() in ("ssh", "lftp")
    return False


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE.parent)}


def _make_files(folder: Path, count: int, size_bytes: int) -> list[Path]:
    folder.mkdir()
    made = []
    for at in range(count):
        content = random.Random(f"{at} {size_bytes}").randbytes(size_bytes)
        made.append(folder / f"{hashlib.sha256(content).hexdigest()}.mp3")
        made[-1].write_bytes(content)
    return made


def race(ground: Ground, rounds: int, within_s: float, sessions: int) -> dict[str, list[Run]]:
    """Everyone, interleaved, until the rounds or the time are over."""
    contestants: dict[str, Command] = peers()
    runs: dict[str, list[Run]] = {"ours": [], **{name: [] for name in contestants}}
    ends_at = time.monotonic() + within_s
    for turn in range(rounds):
        if turn and time.monotonic() > ends_at:
            break
        ground.clear()
        runs["ours"].append(ground.ours(ground.addresses(), sessions))
        _expect_no_errors(runs["ours"][-1])
        ground.check("ours", ground.roots)
        for name, command in contestants.items():
            ground.clear()
            runs[name].append(ground.run(command(ground.task(sessions))))
            ground.check(name, ground.roots)
    return runs


def _expect_no_errors(run: Run) -> None:
    if errors := [visit for visit in run.visits if visit[3]]:
        raise SystemExit(f"ours failed: {errors[:3]}: no ratio is printed")


def push_again(ground: Ground) -> int:
    """Bytes on the line, all protocols included, when a station has everything already."""
    ground.clear()
    ground.ours(ground.addresses()[:1], 1)
    with RelayProcess(ground.sshd.port) as relay:
        _expect_no_errors(ground.ours(ground.addresses(relay.port)[:1], 1))
        return relay.up()


def resume_resent(ground: Ground) -> int:
    """Bytes that went twice because the line was cut at 90 % of a station's night."""
    station = ground.addresses()[:1]
    root = Path(station[0].root)
    with RelayProcess(ground.sshd.port) as relay:
        ground.clear()
        clean = replace(station[0], port=relay.port)
        _expect_no_errors(ground.ours([clean], 1))
        whole = relay.up()
    again = push_again(ground)  # what a second connection and its questions cost by themselves
    with RelayProcess(ground.sshd.port, "--cut-after", str(whole * 9 // 10)) as relay:
        ground.clear()
        cut = replace(station[0], port=relay.port)
        if not ground.ours([cut], 1).visits[0][3]:
            raise SystemExit("the line was not cut: no figure")
        _expect_no_errors(ground.ours([cut], 1))
        ground.check("ours", [root])
        return max(0, relay.up() - whole - again)


def slow_links(folder: Path, stations: int, file_bytes: int) -> tuple[float, float]:
    """Return ideal time / ours over as many thin lines at once, and our time."""
    ground = Ground(folder, stations, file_bytes)
    kbps, rtt_ms = 4000, 60
    with (
        ground.sshd,
        RelayProcess(ground.sshd.port, "--kbps", str(kbps), "--rtt-ms", str(rtt_ms)) as relay,
    ):
        ground.clear()
        run = ground.ours(ground.addresses(relay.port), sessions=stations)
        _expect_no_errors(run)
        ground.check("ours", ground.roots)
    ideal_s = 3 * file_bytes * 8 / (kbps * 1000)
    return ideal_s / run.wall_s, run.wall_s


def hanging_delay(ground: Ground, good: int, hanging: int, rounds: int) -> float:
    """When the good stations are done with some that hang, as a ratio to without."""
    with socket.create_server(("127.0.0.1", 0), backlog=hanging + 8) as silent:
        bad = replace(ground.addresses()[0], port=silent.getsockname()[1])
        times = {True: [], False: []}  # type: dict[bool, list[float]]
        for _ in range(rounds):
            for is_with in (False, True):
                ground.clear()
                mixed = ground.addresses()[:good]
                if is_with:  # spread evenly, as they are in a province
                    for at in range(hanging):
                        mixed.insert(at * (good // hanging + 1), bad)
                run = ground.ours(mixed, 16, connect_s=4, idle_s=4)
                done = [visit[2] for visit in run.visits if not visit[3]]
                if len(done) != good:
                    raise SystemExit("a good station was not served: no ratio is printed")
                times[is_with].append(max(done))
    return statistics.median(times[True]) / statistics.median(times[False])


def figures(runs: dict[str, list[Run]]) -> dict[str, float | None]:
    """Ratios of medians; None where a peer could not be had."""
    wall = {name: statistics.median(run.wall_s for run in found) for name, found in runs.items()}
    cpu = {name: statistics.median(run.cpu_s for run in found) for name, found in runs.items()}
    others = [name for name in runs if name != "ours"]
    return {
        "push_wall_vs_best_peer": wall["ours"] / min(wall[name] for name in others),
        "push_wall_vs_rclone": wall["ours"] / wall["rclone"] if "rclone" in wall else None,
        "push_cpu_vs_best_peer": cpu["ours"] / min(cpu[name] for name in others),
        "push_peak_mb": max(run.peak_mb for run in runs["ours"]),
    }


def show(runs: dict[str, list[Run]]) -> None:
    for name, found in runs.items():
        walls = sorted(run.wall_s for run in found)
        cpus = sorted(run.cpu_s for run in found)
        print(
            f"{name:10} wall {statistics.median(walls):6.2f} s ({walls[0]:.2f}-{walls[-1]:.2f})"
            f"   processor {statistics.median(cpus):6.2f} s ({cpus[0]:.2f}-{cpus[-1]:.2f})"
            f"   {len(found)} rounds",
            file=sys.stderr,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print nothing but the figures")
    parser.add_argument("--quick", action="store_true", help="fewer stations, within 50 s")
    parser.add_argument("--rounds", type=int, default=5, help="of the race (%(default)s)")
    options = parser.parse_args()
    is_quick = options.quick
    _adopt_orphans()
    # 115 sessions need more than the 1,024 descriptors that some shells give.
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    with tempfile.TemporaryDirectory(prefix="loa-push-") as name:
        folder = Path(name)
        (folder / "race").mkdir()
        (folder / "slow").mkdir()
        ground = Ground(folder / "race", 24 if is_quick else 115, 4 * MB)
        with ground.sshd:
            runs = race(ground, 1 if is_quick else options.rounds, 600, sessions=16)
            if not options.json:
                show(runs)
            found = figures(runs)
            found["push_again_bytes"] = push_again(ground)
            found["push_resume_resent"] = resume_resent(ground)
            good = 18 if is_quick else 90
            found["push_hanging_delay"] = hanging_delay(
                ground, good, good // 9, rounds=1 if is_quick else 3
            )
        found["push_slow_link"], _ = slow_links(folder / "slow", 115, (1 if is_quick else 4) * MB)
    print(json.dumps({key: value and round(value, 3) for key, value in sorted(found.items())}))


if __name__ == "__main__":
    main()
