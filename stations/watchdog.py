"""
Close a connection on which nothing comes back.

With every timeout of paramiko set, a frozen link still hung at the start of SFTP, at the first
write and near the end of a file: more than 60 s at each (one of them waits inside the library for
the socket to take more). Only closing the socket under it ends all of these waits.
"""

from __future__ import annotations

import contextlib
import math
import socket
import struct
import threading
import time
from typing import ClassVar

from stations.tunnel import Tunnel

_LOOK_EVERY_S = 0.5
_AT_ONCE = struct.pack("ii", 1, 0)


class Watchdog:
    """Guards one socket. All of a process share one thread, so that 115 visits cost one wake-up."""

    _guarded: ClassVar[set[Watchdog]] = set()
    _changed: ClassVar[threading.Condition] = threading.Condition()
    _thread: ClassVar[threading.Thread | None] = None

    def __init__(self, sock: socket.socket | Tunnel) -> None:
        self._sock = sock
        self._deadline = self._end = math.inf
        self.has_bitten = False

    def allow(self, seconds: float) -> None:
        """Something came back, or was asked: the next answer may take this long."""
        self._deadline = time.monotonic() + seconds

    def end_within(self, seconds: float) -> None:
        """Whatever is said until then: one word every half minute keeps no line open for days."""
        self._end = time.monotonic() + seconds

    def rest(self) -> None:
        """Nothing is expected: a caller may do something else for as long as it likes."""
        self._deadline = math.inf

    def start(self) -> None:
        with self._changed:
            self._guarded.add(self)
            # Looked at on every start because a forked worker inherits the object, not the thread.
            if Watchdog._thread is None or not Watchdog._thread.is_alive():
                Watchdog._thread = threading.Thread(
                    target=Watchdog._run, name="visit-watchdog", daemon=True
                )
                Watchdog._thread.start()
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._guarded.discard(self)

    def _bite(self) -> None:
        self.has_bitten = True
        self._deadline = self._end = math.inf
        with contextlib.suppress(OSError):
            # What still waits to be sent is dropped with the connection: a thin link has better
            # to do than to carry what nobody will ask for again.
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            # Shutting down wakes every thread that waits on the socket; closing alone does not.
            self._sock.shutdown(socket.SHUT_RDWR)

    @classmethod
    def _run(cls) -> None:
        while True:
            with cls._changed:
                cls._changed.wait_for(lambda: cls._guarded)
                guarded = list(cls._guarded)
            now = time.monotonic()
            for watchdog in guarded:
                if min(watchdog._deadline, watchdog._end) < now:
                    watchdog._bite()
            time.sleep(_LOOK_EVERY_S)
