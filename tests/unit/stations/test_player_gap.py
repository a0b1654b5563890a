"""What is heard between two items: the real mpg123, into something as slow as a sound card."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stations.layout import Sha256
from stations.manifest import ManifestFile
from tests.conftest import need
from tests.unit.stations.box import Box
from tests.unit.stations.test_player_sound import Running, entry, soon, stop

__all__ = ["stop"]  # a fixture

RATE = 44_100
AHEAD_MS = 53  # what the pipe and the card hold
_F_SETPIPE_SZ = 1031  # Linux
MS = 1500

# Called as mpg123: the real one, which writes to a pipe that a card drains at its own pace.
PROGRAM = """\
#!/bin/sh
test "$2 $3" = "-o alsa,pulse,oss" || exit 9
shift 3
exec {mpg123} -q -s --stereo -r {rate} "$@" >{pipe}
"""


class Card(threading.Thread):
    """Plays what comes at the pace of a sound card, and writes down when it had nothing to play."""

    def __init__(self, pipe: Path) -> None:
        super().__init__(daemon=True)
        os.mkfifo(pipe)
        self._pipe = os.open(pipe, os.O_RDWR)  # never at its end, whoever comes and goes
        fcntl.fcntl(self._pipe, _F_SETPIPE_SZ, 4096)  # 23 ms: the program is never far ahead
        self.starts: list[float] = []  # after each silence
        self.silences_ms: list[float] = []

    def run(self) -> None:
        plays_until = 0.0
        while True:
            count = len(os.read(self._pipe, 2048))
            now = time.time()
            if now > plays_until:
                self.starts.append(now)
                self.silences_ms.append((now - plays_until) * 1000)
            plays_until = max(now, plays_until) + count / (4 * RATE)
            time.sleep(max(0.0, plays_until - 0.03 - time.time()))


def tone(folder: Path, hertz: int) -> tuple[ManifestFile, bytes]:
    """A second and a half of MP3."""
    path = folder / f"{hertz}.mp3"
    source = f"sine=frequency={hertz}:sample_rate={RATE}:duration={MS / 1000}"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-b:a", "48k", str(path)],
        check=True, timeout=60,
    )  # fmt: skip
    data = path.read_bytes()
    return ManifestFile(Sha256(hashlib.sha256(data).hexdigest()), "mp3", len(data), MS), data


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """A sound card that the player reaches through mpg123."""
    real = shutil.which("mpg123")
    need("mpg123 (apt-get install mpg123)", real)
    need("ffmpeg", shutil.which("ffmpeg"))
    program = tmp_path / "bin/mpg123"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(mpg123=real, rate=RATE, pipe=tmp_path / "card"))
    program.chmod(0o755)
    card = Card(tmp_path / "card")
    card.start()
    return card


def test_between_two_items_there_is_less_than_a_tenth_of_a_second(
    box: Box, card: Card, tmp_path: Path, stop: list[Running]
) -> None:
    """From the last sample of one programme to the first of the next, decoder start included."""
    sounds = [tone(tmp_path, 200 + 10 * number) for number in range(5)]
    box.store(*sounds)
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    items = [entry(f"i{n}", begin, sound[0]) for n, sound in enumerate(sounds)]
    box.deliver(soon(*items, files=[sound[0] for sound in sounds]))

    stop.append(Running(box, "mpg123", {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}))
    airings = stop[0].wait_until_ended(*(item.id for item in items))

    assert all(airing.played_ms >= MS - 100 for airing in airings.values())
    late_s = card.starts[0] - begin.timestamp()
    silences_ms = sorted([*card.silences_ms[1:], 0, 0, 0, 0])[-4:]  # at each change of item
    print(f"silences {silences_ms} ms, first sample {late_s * 1000:.0f} ms late")
    # What the card still held when a program ended counts too: a real one is drained first. The
    # second worst of four, because a busy machine adds pauses of its own.
    assert silences_ms[-2] + AHEAD_MS < 100, silences_ms
    assert -0.05 < late_s < 5  # on its second: see test_player_sound, of three the best
