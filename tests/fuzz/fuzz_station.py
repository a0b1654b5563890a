"""
Everything that a station sends, under a fuzzer that watches which lines are reached.

    python -m tests.fuzz.fuzz_station TARGET [SECONDS]

TARGET is one of log, receipt, manifest, answers. Needs atheris (pip install atheris), which is
not among the packages of Loa; ``./loa test --soak`` runs it where it is installed. It ends with 0
when nothing but an error of ours was met, and otherwise leaves the bytes in ``crash-…`` here.
"""

from __future__ import annotations

import contextlib
import hmac
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["stations"]):
    import paramiko

    from stations import player, sweep
    from stations.asrun import airings_of, read_asrun
    from stations.channel import SftpChannel
    from stations.errors import StationError
    from stations.layout import DayFiles
    from stations.login import Connection
    from stations.manifest import open_signed
    from stations.receipt import read_receipt
    from stations.sftp import SftpDisk
    from stations.visit import Visit, VisitLimits

from tests.faults.harness import hostile
from tests.faults.harness.hostile import Calm, HostileChannel, Mind
from tests.faults.test_hostile_logs import genuine
from tests.unit.stations.box import STATION

KEY = bytes(range(32))
ON, NOW = date(2022, 10, 17), datetime(2022, 10, 17, 2, tzinfo=UTC)


def _sealed(body: bytes, purpose: bytes) -> bytes:
    """A stolen box has the key: what it says is signed, and may be nonsense all the same."""
    mac = hmac.new(KEY, purpose + body, "sha256").hexdigest()
    return body[:-1] + b',"mac":"' + mac.encode() + b'"}'


def log(data: bytes) -> None:
    lines = data.split(b"\n")
    sealed = [_sealed(one, player.PURPOSE_ASRUN) if one[-1:] == b"}" else one for one in lines]
    for written in (data, b"\n".join(sealed)):
        day = read_asrun(written, station=STATION, key=KEY, for_date=ON, now=NOW)
        airings_of(day.records)


def receipt(data: bytes) -> None:
    for written in (data, _sealed(data, player.PURPOSE_RECEIPT)):
        with contextlib.suppress(StationError):
            read_receipt(written, station=STATION, key=KEY)


def manifest(data: bytes) -> None:
    mac = hmac.new(KEY, data, "sha256").hexdigest().encode()
    for written in (data, b"loa-manifest-1 " + mac + b"\n" + data):
        with contextlib.suppress(StationError):
            open_signed(written, KEY)


def answers(data: bytes) -> None:
    """The first bytes pick what is done; the rest is what the server says, request by request."""
    source = atheris.FuzzedDataProvider(data)
    at, offered = source.ConsumeIntInRange(0, 5), source.ConsumeIntInRange(0, 3)
    recipes = [_recipe(source) for _ in range(source.ConsumeIntInRange(1, 8))]
    mind = Mind(recipes, hostile.hello(*hostile.OFFERED[:offered]))
    with contextlib.suppress(StationError):
        channel = SftpChannel(cast(paramiko.Channel, HostileChannel(mind)), Calm(), idle_s=1)
        disk = SftpDisk(cast(Connection, None), channel, "/srv/loa", VisitLimits())
        _do(Visit(disk), at)
    astray = [path for path in mind.changed if hostile.leaves_the_station(path)]
    assert not astray, astray


def _recipe(source: Any) -> hostile.Recipe:
    kind = source.ConsumeIntInRange(0, 3)
    if kind == 0:
        names = [source.ConsumeBytes(12) for _ in range(source.ConsumeIntInRange(0, 3))]
        return hostile.plausible(source.ConsumeIntInRange(0, 2**64 - 1), names)
    if kind == 1:
        return hostile.garbage(source.ConsumeIntInRange(0, 255), source.ConsumeBytes(60))
    if kind == 2:
        return hostile.status(source.ConsumeIntInRange(0, 2**32 - 1), source.ConsumeBytes(20))
    return hostile.nonsense(source.ConsumeBytes(60))


def _do(visit: Visit, at: int) -> None:
    works: list[Callable[[], Any]] = [
        lambda: visit.commit_day(DayFiles(ON, b"signed", {"in/SHA256SUMS": b"sums"})),
        lambda: visit.read_file("out/receipt.json", 100_000),
        lambda: sweep.remove_parts(visit, sweep.look(visit).parts),
        lambda: sweep.remove_day(visit, ON),
        lambda: visit.remove_audio(visit.list_audio()),
        lambda: visit.free_bytes(),
    ]
    works[at]()


TARGETS = {"log": log, "receipt": receipt, "manifest": manifest, "answers": answers}


def seeds(target: str) -> list[bytes]:
    """What a real box wrote, so that the fuzzer begins where a station does."""
    lines, told, plan = genuine()
    bodies = [line[: -player._SEAL_BYTES] + b"}" for line in lines.splitlines()]
    return {
        "log": [*bodies, b"\n".join(bodies), lines],
        "receipt": [told.rstrip(b"\n")[: -player._SEAL_BYTES] + b"}", told],
        "manifest": [plan.partition(b"\n")[2], plan],
        "answers": [bytes(range(200))],
    }[target]


def main() -> None:
    target, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 600
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(target)):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-max_len=8192", "-rss_limit_mb=2048"]
        atheris.Setup([sys.argv[0], *options, "-timeout=20", corpus], TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
