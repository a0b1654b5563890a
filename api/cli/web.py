"""The web server of one process: a door that is ours before anything starts, a quiet end."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from api.cli.errors import CannotListen
from scheduler.errors import PortInUse

# Together they stay below the 20 s after which a supervisor would kill the process.
REQUESTS_MAY_TAKE_S = 5
WORKERS_MAY_TAKE_S = 12.0
_STARTS_WITHIN_S = 15.0


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """
    Take the port before anything else starts.

    Raises:
        PortInUse: another program has it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: with 0 asyncio leaves Nagle on, and every answer takes 40 ms longer.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
            door.listen(1024)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(host=host, port=port) from error
            raise CannotListen(host=host, port=port, detail=error.strerror or error) from error
        yield door


def address_of(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def stop_asked() -> Iterator[threading.Event]:
    """
    Set by the first SIGTERM or SIGINT; a second one ends the process at once.

    The second is the kernel's own doing, so it works whatever the process is busy with.
    """
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_DFL)
        stop.set()

    before = {one: signal.signal(one, ask) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class WebServer(uvicorn.Server):
    """Uvicorn in a thread of its own: signals are not its business there."""

    def __init__(self, app: FastAPI, door: socket.socket, stop: threading.Event) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=REQUESTS_MAY_TAKE_S,
            )
        )
        self._app, self._door, self._stop = app, door, stop
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._is_up.set()

    def start(self) -> bool:
        """Whether it answers now."""
        self._thread.start()
        return self._is_up.wait(_STARTS_WITHIN_S) and not self._stop.is_set()

    def end(self) -> None:
        """Take no new requests; those under way may finish."""
        self._app.state.pulse.end()
        self.should_exit = True

    def has_failed(self) -> bool:
        """Whether it stopped although nobody asked it to."""
        return not self._thread.is_alive() and not self.should_exit

    def has_ended(self) -> bool:
        self._thread.join(REQUESTS_MAY_TAKE_S + 2)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.run(sockets=[self._door])
        finally:
            self._is_up.set()
            self._stop.set()  # a service without its pages must not look alive


def serve_until_stopped(app: FastAPI, door: socket.socket) -> None:
    """Show the pages until SIGTERM or SIGINT."""
    with stop_asked() as stop:
        server = WebServer(app, door, stop)
        server.start()
        stop.wait()
        server.end()
        server.has_ended()


def leave(code: int) -> NoReturn:
    """
    End this process now, without waiting for any thread.

    An ordinary end waits for whatever a thread is doing: 20 s and more for a station that has
    stopped answering. What was claimed becomes due again when its lease ends.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
