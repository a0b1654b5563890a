"""Ours as a process, so that its processor and memory can be read: a job in, a line out."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import paramiko

from stations.errors import StationError
from stations.layout import DayFiles, RenditionFile, Sha256
from stations.login import load_key
from stations.sftp import open_visit
from stations.strategy import choose
from stations.visit import Address, VisitLimits

DAY = date(2022, 10, 17)
SIDE = {"in/2022-10-17/0500.m3u8": b"#EXTM3U\n" * 20, "in/SHA256SUMS": b"0" * 700}


@dataclass(frozen=True)
class Outcome:
    """What one visit brought."""

    root: str
    bytes_sent: int
    done_at_s: float
    error: str


class Receipts:
    """A row for every visit, on the disk before the next one starts, as the hub keeps them."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE receipt (root, bytes_sent, done_at_s, error)")

    def keep(self, outcome: Outcome) -> None:
        row = (outcome.root, outcome.bytes_sent, outcome.done_at_s, outcome.error)
        with self._lock, self._database:
            self._database.execute("INSERT INTO receipt VALUES (?, ?, ?, ?)", row)


def visit(job: dict[str, Any], address: Address, key: paramiko.PKey, started: float) -> Outcome:
    """Everything that a night's visit does: room, renditions, side files, manifest."""
    patience = VisitLimits(connect_s=job["connect_s"], idle_s=job["idle_s"])
    limits = choose(None, sends_receipts=True).limits(patience)
    files = [
        RenditionFile(Sha256(f["sha256"]), "mp3", Path(f["path"]), f["size"]) for f in job["files"]
    ]
    sent, error = 0, ""
    try:
        with open_visit(address, key, limits) as way:
            list(way.put_renditions(files))
            manifest = json.dumps({"station": address.root, "files": [f.name for f in files]})
            way.commit_day(DayFiles(DAY, manifest.encode(), SIDE))
            sent = way.bytes_sent
    except StationError as failed:
        error = failed.code
    return Outcome(address.root, sent, time.monotonic() - started, error)


def main() -> None:
    job = json.load(sys.stdin)
    key = load_key(Path(job["key"]))
    receipts = Receipts(Path(job["receipts"]))
    started = time.monotonic()

    def go(station: dict[str, Any]) -> Outcome:
        outcome = visit(job, Address(**station), key, started)
        receipts.keep(outcome)
        return outcome

    with ThreadPoolExecutor(job["sessions"]) as pool:
        outcomes = list(pool.map(go, job["stations"]))
    print(json.dumps([[o.root, o.bytes_sent, o.done_at_s, o.error] for o in outcomes]))


if __name__ == "__main__":
    main()
