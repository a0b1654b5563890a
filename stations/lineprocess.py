"""A process that is spoken to in lines, with a limit on every wait."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

_HOME = Path(__file__).resolve().parent.parent


class LineProcess:
    """Starts a command; lines go to its standard input, lines come from its standard output."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=_HOME,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def write_line(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def read_line(self, timeout_s: float) -> str:
        """
        Wait for the next line.

        Raises:
            TimeoutError: none came in time.
            EOFError: the process has ended.
        """
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"no line within {timeout_s:g} s") from None
        if line is None:
            self._lines.put(None)
            raise EOFError(f"process {self.pid} has ended")
        return line

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self._process.kill()
        self._leave(timeout_s=10)

    def close(self, timeout_s: float = 10) -> None:
        """Let it end by itself: its input ends; then insist."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._leave(timeout_s)

    def _leave(self, timeout_s: float) -> None:
        self._process.wait(timeout=timeout_s)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)
