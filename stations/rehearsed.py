"""A station on a virtual clock: its folder, the player that ships, and what goes wrong there.

For rehearsals of many nights with many stations: no process and no socket is started, so that a
month passes in seconds. The player writes its real folder, the hub visits the same folder by the
rules of every visit, and ``heard`` keeps what really sounded, whatever anybody's log says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from stations import player
from stations.diary import Diary
from stations.errors import HostKeyChanged, LinkCut, Unreachable
from stations.folder import FolderDisk, FolderFile
from stations.layout import asrun_path
from stations.visit import Step, Visit

# A box looks about every eight hours and whenever a visit may have brought something.
_RECEIPT_S = 8 * 3600.0
_POSITION_S = 300.0


class WorkerKilled(BaseException):
    """The worker that visits dies here, without a word: no handler of its own may see it."""


def host_key(code: str) -> str:
    """What the box of a station shows until it is changed; nobody signs in with it."""
    return f"ssh-ed25519 rehearsed-{code}"


@dataclass(frozen=True)
class Heard:
    """One stretch of sound that really left the loudspeakers."""

    file: str  # <sha256>.<ext>
    started_at: datetime
    ms: int


class BoxClock(player.Clock):
    """True time, which passes evenly, and the clock of the box, which may be wrong."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.true_s = at.timestamp()
        self.wrong_by_s = 0.0

    def now(self) -> float:
        return self.true_s + self.wrong_by_s

    def monotonic(self) -> float:
        return self.true_s

    def is_live(self, is_playing: bool) -> bool:
        return False

    def wait(self, seconds: float, is_playing: bool) -> None:
        self.true_s += max(0.0, seconds)


class RehearsedBox:
    """One station: live until an instant, break something, mend it, be visited by the hub."""

    def __init__(self, code: str, root: Path, key: bytes, at: datetime) -> None:
        self.code, self.root = code, root
        for folder in ("in/audio", "in/manifest", "out/asrun", "state"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        key_file = root / "state" / "loa.key"
        key_file.touch(mode=0o600)
        key_file.write_text(key.hex() + "\n")
        self.clock = BoxClock(at)
        self.heard: list[Heard] = []
        self.has_line = True
        self.is_full = False
        self.cuts_after_bytes: int | None = None  # of the next visit that writes
        self.kills_worker_at: str | None = None  # a step of the next visit
        self.host_key = host_key(code)
        self._player: player.Player | None = None
        self._device = _Witness(self)
        self.power_on()

    # ── Life ───────────────────────────────────────────────────────────────────────────────────

    def live_until(self, at: datetime) -> None:
        """Let the box play and write until this instant of true time."""
        if self._player is None:
            self.clock.true_s = max(self.clock.true_s, at.timestamp())
            return
        end_s = at.timestamp() + self.clock.wrong_by_s
        self._player.run_until(datetime.fromtimestamp(end_s, UTC))

    def power_on(self) -> None:
        settings = player.Settings(
            root=str(self.root),
            station=self.code,
            poll_s=_RECEIPT_S,
            receipt_s=_RECEIPT_S,
            position_s=_POSITION_S,
            is_durable=False,
        )
        self._player = player.Player(settings, self.clock, self._device)

    def cut_power(self) -> None:
        """Nothing is ended in order: what was being played stops, what was not written is lost."""
        self._device.fall_silent()
        self._player = None

    def set_clock(self, by: timedelta) -> None:
        """The clock of the box is wrong by this from now on; nothing sets it right."""
        self.clock.wrong_by_s = by.total_seconds()

    # ── What the hub meets ─────────────────────────────────────────────────────────────────────

    def change_host_key(self) -> None:
        self.host_key += "x"

    @contextmanager
    def visit(self, pinned: str | None, step: Step, diary: Diary) -> Iterator[Visit]:
        """
        Open a visit as the hub would over the wire.

        Raises:
            Unreachable: no power, or no line.
            HostKeyChanged: it shows another key than the pinned one.
        """
        with diary.doing("call"):
            if not self.has_line or self._player is None:
                raise Unreachable(host=self.code, port=22, detail="no answer")
        with diary.doing("host_key"):
            if pinned != self.host_key:
                raise HostKeyChanged(host=self.code, port=22, seen=self.host_key, pinned=pinned)
        step("connected")
        with Visit(_BoxDisk(self), step=step, diary=diary) as visit:
            yield visit

    def step(self, name: str) -> None:
        """Given to a visit as its hook: the worker dies at the step that was named."""
        if name == self.kills_worker_at:
            self.kills_worker_at = None
            raise WorkerKilled(name)

    # ── Its log ────────────────────────────────────────────────────────────────────────────────

    def lose_log(self, on: date) -> None:
        """The card loses the log of one day."""
        (self.root / asrun_path(on)).unlink(missing_ok=True)

    def double_log(self, on: date) -> None:
        """A careful person copies the log of one day to its own end."""
        path = self.root / asrun_path(on)
        if path.exists():
            path.write_bytes(path.read_bytes() * 2)


class _Witness(player.NullDevice):
    """Silence of the right length, and a note of what would have been heard."""

    def __init__(self, box: RehearsedBox) -> None:
        super().__init__(box.clock)
        self._box = box
        self._note: Callable[[], None] = lambda: None

    def play(
        self, path: str, file: player.AudioFile, offset_ms: int, gain_db: float
    ) -> player.Playback:
        playback = _WitnessedPlayback(self._box, file, offset_ms)
        self._note = playback.note
        return playback

    def fall_silent(self) -> None:
        self._note()


class _WitnessedPlayback(player.NullPlayback):
    """Writes into ``heard`` once, when it is over: at its end, when it is stopped, or cut off."""

    def __init__(self, box: RehearsedBox, file: player.AudioFile, offset_ms: int) -> None:
        self._box, self._file = box, file
        self._started_s = box.clock.true_s
        self._would_end_s = self._started_s + (file.ms - offset_ms) / 1000
        self._is_noted = False
        super().__init__(box.clock, self._would_end_s)

    def exit_code(self) -> int | None:
        code = super().exit_code()
        if code is not None:
            self.note()
        return code

    def stop(self) -> None:
        self.note()
        super().stop()

    def note(self) -> None:
        if self._is_noted:
            return
        self._is_noted = True
        ended_s = min(self._box.clock.true_s, self._would_end_s)
        started_at = datetime.fromtimestamp(self._started_s, UTC)
        ms = round((ended_s - self._started_s) * 1000)
        self._box.heard.append(Heard(self._file.name, started_at, ms))


class _CutFile(FolderFile):
    """A file whose bytes stop coming when the line is cut."""

    def _write_all(self, chunk: bytes, offset: int) -> None:
        assert isinstance(self._disk, _BoxDisk)
        box = self._disk.box
        if box.cuts_after_bytes is None or len(chunk) <= box.cuts_after_bytes:
            super()._write_all(chunk, offset)
            if box.cuts_after_bytes is not None:
                box.cuts_after_bytes -= len(chunk)
            return
        left, box.cuts_after_bytes = box.cuts_after_bytes, None
        super()._write_all(chunk[:left], offset)
        raise LinkCut(acknowledged_bytes=left)


class _BoxDisk(FolderDisk):
    """The folder behind a line that may be cut, on a disk that may be full."""

    def __init__(self, box: RehearsedBox) -> None:
        super().__init__(box.root)
        self.box = box

    def free_bytes(self) -> int | None:
        return 0 if self.box.is_full else super().free_bytes()

    def _opened(self, path: str, descriptor: int) -> FolderFile:
        return _CutFile(self, path, descriptor)
