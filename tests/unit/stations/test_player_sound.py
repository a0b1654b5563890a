"""The player with real sound programs, on the real clock."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stations import player
from stations.asrun import AsrunAiring, AsrunRecord, airings_of, read_asrun
from stations.layout import Sha256
from stations.manifest import Manifest, ManifestFile, ManifestItem
from stations.player import PROGRAMS, AudioFile, DeviceFailed, ProgramDevice
from tests.unit.stations.box import KEY, STATION, Box

Sound = tuple[ManifestFile, bytes]


def silence(folder: Path, ms: int) -> Sound:
    """A WAV file that every sound program can open."""
    path = folder / f"{ms}.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16 * ms))
    data = path.read_bytes()
    return ManifestFile(Sha256(hashlib.sha256(data).hexdigest()), "wav", len(data), ms), data


def soon(*items: ManifestItem, files: list[ManifestFile]) -> Manifest:
    """The day on which these items start, wherever it may be midnight just now."""
    now = datetime.now(UTC).replace(microsecond=0)
    begin, end = now - timedelta(hours=1), now + timedelta(days=1)
    on = (items[0].starts_at + timedelta(hours=7)).date()
    return Manifest(
        STATION, "Asia/Ho_Chi_Minh", on, 1, begin, begin, end, tuple(files), tuple(items)
    )


def entry(name: str, starts_at: datetime, file: ManifestFile, **known: Any) -> ManifestItem:
    item = ManifestItem(name, starts_at, 60, file.ms, 0.0, "normal", name, (file.name,))
    return replace(item, **known)


class Running:
    """The shipped file as a service would run it, until the named items have ended."""

    def __init__(self, box: Box, device: str, env: dict[str, str], *more: str) -> None:
        self._box = box
        command = [sys.executable, str(player.__file__), "--root", str(box.root)]
        command += ["--station", STATION, "--device", device, *more]
        self.process = subprocess.Popen(command, env=env)

    def records(self) -> list[AsrunRecord]:
        records: list[AsrunRecord] = []
        for path in sorted((self._box.root / "out/asrun").glob("*.jsonl")):
            on = datetime.strptime(path.stem, "%Y-%m-%d").replace(tzinfo=UTC).date()
            day = read_asrun(path.read_bytes(), station=STATION, key=KEY, for_date=on)
            records += day.records
        return records

    def wait_until_ended(self, *names: str) -> dict[str, AsrunAiring]:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            airings = airings_of(self.records())
            if all(name in airings and airings[name].outcome == "ended" for name in names):
                return airings
            time.sleep(0.02)
        raise AssertionError(f"not ended: {airings_of(self.records())}")


@pytest.fixture
def silent() -> dict[str, str]:
    """ffplay keeps time without a sound card if SDL is told to play into nothing."""
    path = shutil.which("ffplay")
    assert path is not None, "ffplay comes with the ffmpeg package"
    return {"PATH": str(Path(path).parent), "SDL_AUDIODRIVER": "dummy", "HOME": "/nonexistent"}


@pytest.fixture
def stop() -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for each in running:
        each.process.terminate()
        assert each.process.wait(timeout=20) == 0


def test_a_real_program_plays_a_real_file_on_its_second(
    box: Box, silent: dict[str, str], tmp_path: Path, stop: list[Running]
) -> None:
    """ffplay, a second of sound, at the second that the manifest names."""
    sound = silence(tmp_path, 1000)
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    moments = [begin + timedelta(seconds=number * 3) for number in range(3)]
    items = [entry(f"i{n}", moment, sound[0], gain_db=-3.0) for n, moment in enumerate(moments)]
    box.store(sound)
    box.deliver(soon(*items, files=[sound[0]]))

    stop.append(Running(box, "ffplay", silent))
    airings = stop[0].wait_until_ended("i0", "i1", "i2").values()

    assert {airing.device for airing in airings} == {"ffplay"}
    assert all(airing.played_ms >= 900 for airing in airings)
    starts = [(a.started_at, a.planned_at) for a in airings if a.started_at and a.planned_at]
    late_s = [(started - planned).total_seconds() for started, planned in starts]
    # Never early; and the best of three, since the machine may be busy with other tests.
    assert min(late_s) >= 0
    assert min(late_s) < 1, late_s


def test_a_real_relay_is_played_from_the_network(
    box: Box, silent: dict[str, str], tmp_path: Path, stop: list[Running]
) -> None:
    """A stream from an allowed host, cut off by the timetable and not by its own end."""
    fallback, live = silence(tmp_path, 1000), silence(tmp_path, 30_000)
    box.store(fallback)
    handler = partial(QuietHandler, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    starts_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    address = f"http://localhost:{server.server_port}/{live[0].ms}.wav"
    item = entry("live", starts_at, fallback[0], stream=address, ms=2000)
    box.deliver(soon(item, files=[fallback[0]]))

    stop.append(Running(box, "ffplay", silent, "--stream-host", "localhost"))
    airing = stop[0].wait_until_ended("live")["live"]
    server.shutdown()
    server.server_close()

    sources = [record.source for record in stop[0].records() if record.event == "started"]
    assert sources == ["stream"]
    assert 2000 <= airing.played_ms < 10_000


@pytest.mark.parametrize("is_alive", [False, True], ids=["dead", "breaks off"])
def test_a_real_relay_that_fails_is_replaced_by_the_local_file(
    box: Box, silent: dict[str, str], tmp_path: Path, stop: list[Running], is_alive: bool
) -> None:
    """Nobody listens at the address, or the line is cut in the middle: the fallback is heard."""
    fallback, live = silence(tmp_path, 1500), silence(tmp_path, 30_000)
    box.store(fallback)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(CutHandler, live[1]))
    if is_alive:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    else:
        server.server_close()
    starts_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    address = f"http://localhost:{server.server_port}/fm"
    item = entry("live", starts_at, fallback[0], stream=address, ms=20_000)
    box.deliver(soon(item, files=[fallback[0]]))

    stop.append(Running(box, "ffplay", silent, "--stream-host", "localhost"))
    stop[0].wait_until_ended("live")
    if is_alive:
        server.shutdown()
        server.server_close()

    records = stop[0].records()
    told = [(r.event, r.source or r.reason) for r in records if r.item_id == "live"]
    assert told[:3] == [
        ("started", "stream"), ("interrupted", "stream_failed"), ("started", "file"),
    ]  # fmt: skip


class CutHandler(BaseHTTPRequestHandler):
    """An Icecast server: no length, sound for ever, until the line is cut after a second."""

    def __init__(self, sound: bytes, *arguments: Any) -> None:
        self._sound = sound
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("icy-name", "FM")
        self.end_headers()
        self.wfile.write(self._sound[:16_000])
        time.sleep(1)

    def log_message(self, *_: object) -> None:
        """The test's own output stays readable."""


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The test's own output stays readable."""


def test_the_player_adds_no_pause_between_items(
    box: Box, tmp_path: Path, stop: list[Running]
) -> None:
    """One program's end wakes the player by a signal: under 100 ms until the next one runs."""
    stamps = tmp_path / "stamps"
    program = tmp_path / "bin/aplay"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ndate +%s%N >>{stamps}\nsleep 0.3\ndate +%s%N >>{stamps}\n")
    program.chmod(0o755)
    sound = silence(tmp_path, 300)
    box.store(sound)
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    items = [entry(f"i{number}", begin, sound[0]) for number in range(8)]
    box.deliver(soon(*items, files=[sound[0]]))

    stop.append(Running(box, "aplay", {"PATH": f"{program.parent}:/usr/bin:/bin"}))
    stop[0].wait_until_ended(*(item.id for item in items))

    times = [int(line) / 1e6 for line in stamps.read_text().split()]
    gaps_ms = [after - before for before, after in zip(times[1::2], times[2::2], strict=False)]
    # The best of seven: a busy machine adds pauses of its own, a player that polls adds them all.
    assert min(gaps_ms) < 100, gaps_ms


@pytest.mark.parametrize("gain_db", [0.0, -6.0])
@pytest.mark.parametrize("offset_s", [0.0, 12.5])
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_every_program_gets_the_file_the_offset_and_the_gain_or_declines(
    name: str, offset_s: float, gain_db: float
) -> None:
    """A program that cannot resume or cannot set the level is passed over, not misused."""
    arguments = PROGRAMS[name]("/srv/loa/in/audio/x.mp3", offset_s, gain_db)

    if arguments is None:
        assert name == "aplay" and (offset_s or gain_db)
        return
    text = " ".join(arguments)
    assert arguments[-1] in ("-", "/srv/loa/in/audio/x.mp3")
    assert ("-6.0dB" in text or "16422" in text) == (gain_db == -6.0)
    assert ("12.500" in text) == (offset_s == 12.5 and name != "mpg123")


def test_no_program_at_all_is_one_word_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The player lives on; the log says no_device."""
    monkeypatch.setenv("PATH", str(tmp_path))
    file = AudioFile("a" * 64 + ".mp3", 10, 1000)

    with pytest.raises(DeviceFailed, match="no_device"):
        ProgramDevice(list(PROGRAMS)).play(str(tmp_path / file.name), file, 0, 0.0)
