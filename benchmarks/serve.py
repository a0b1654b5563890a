"""
What a Loa costs that does nothing: memory, the time until it answers, the time for a help text.

    .venv/bin/python benchmarks/serve.py [--quick] [--json]

``loa serve`` with its clock and its workers is started on a new data folder and a free port, as a
supervisor would start it, from compiled files as any start but the first; ready is the first whole
answer of its sign-in page. Idle memory is the resident size after the pages were asked for and the
ticks have run. ``./loa --help`` goes through the launcher, as a person starts it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
REACH = {"idle_mb": 150.0, "ready_s": 3.0, "help_s": 0.3}
READY_WITHIN_S, END_WITHIN_S = 60.0, 25.0


@dataclass(frozen=True)
class Figures:
    """One key of the result: all of its rounds, in order."""

    key: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        low, high = min(self.rounds), max(self.rounds)
        return (
            f"{self.key:8} {self.median:8.2f}  ({low:.2f} to {high:.2f}, "
            f"{len(self.rounds)} rounds)  reach ≤ {REACH[self.key]:g}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less waiting")
    options = parser.parse_args()
    rounds, idle_s = (3, 3.0) if options.quick else (5, 30.0)
    _compile()
    with tempfile.TemporaryDirectory(prefix="loa-serve-") as folder:
        config = _new_loa(Path(folder))
        served = [_serve_once(config, idle_s) for _ in range(rounds)]
    found = [
        Figures("idle_mb", tuple(memory for _, memory in served)),
        Figures("ready_s", tuple(ready for ready, _ in served)),
        Figures("help_s", tuple(_help_once() for _ in range(rounds * 4))),
    ]
    if not options.json:
        print(*found, sep="\n")
    print(json.dumps({one.key: round(one.median, 3) for one in found}))
    return 0


def _compile() -> None:
    """What a developer's shell may forbid, and would be done anew at every start."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    rooms = ("api", "audio", "scheduler", "stations")
    subprocess.run([sys.executable, "-m", "compileall", "-q", *rooms], cwd=ROOT, check=True)


def _new_loa(folder: Path) -> Path:
    config = folder / "config.toml"
    config.write_text('[paths]\ndata = "data"\n[web]\nsecond_factor_roles = []\n', encoding="utf-8")
    subprocess.run(
        _loa(config, "init"), cwd=ROOT, stdout=subprocess.DEVNULL, check=True, timeout=60
    )
    return config


def _loa(config: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "api.cli", "--config", str(config), *words]


def _serve_once(config: Path, idle_s: float) -> tuple[float, float]:
    """Seconds until it answered, and megabytes when it had nothing to do."""
    began = time.monotonic()
    with _serving(config) as (process, address):
        _get(f"{address}/sign-in")
        ready_s = time.monotonic() - began
        for _ in range(20):
            _get(f"{address}/sign-in")
            _get(f"{address}/health")
        time.sleep(idle_s)
        return ready_s, _resident_mb(process.pid)


@contextlib.contextmanager
def _serving(config: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    process = subprocess.Popen(
        _loa(config, "serve", "--port", "0", "--json", *words),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, str(_announced(process)["address"])
        process.terminate()
        if process.wait(END_WITHIN_S) != 0:
            raise SystemExit(f"loa serve ended with exit code {process.returncode}")
    finally:
        process.kill()
        process.wait()


def _announced(process: subprocess.Popen[bytes]) -> dict[str, object]:
    assert process.stdout is not None
    deadline, text = time.monotonic() + READY_WITHIN_S, b""
    while not text.endswith(b"\n}\n"):
        left = max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([process.stdout], [], [], left)
        read = os.read(process.stdout.fileno(), 4096) if readable else b""
        if not read:
            raise SystemExit("loa serve did not come up")
        text += read
    document: dict[str, object] = json.loads(text)
    return document


def _get(address: str) -> None:
    with urllib.request.urlopen(address, timeout=10) as answer:
        if answer.status != 200 or not answer.read():
            raise SystemExit(f"{address} did not answer as it should: {answer.status}")


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1_000_000
    raise SystemExit("this system does not tell the memory of a process")


def _help_once() -> float:
    began = time.monotonic()
    done = subprocess.run(
        [ROOT / "loa", "--help"], stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    took_s = time.monotonic() - began
    if "Commands:" not in done.stdout:
        raise SystemExit("./loa --help does not list the commands")
    return took_s


if __name__ == "__main__":
    sys.exit(main())
