"""
Communes on one machine: N stations, each behind a real SFTP server with its own host key.

``Fleet`` runs them in this process; ``Fleet.start_process`` in one of their own, so that the
client and the servers use both cores. ``python -m stations.simulator --help`` for demonstrations.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stations.hostkey import HostKey
from stations.layout import FOLDERS
from stations.lineprocess import LineProcess
from stations.simulated_server import (
    Faults,
    KeyOnly,
    SimulatedDisk,
    SimulatedSftp,
    StationState,
)
from stations.visit import Address

_START_WITHIN_S = 30.0
_ANSWER_WITHIN_S = 10.0


def make_private_key() -> paramiko.PKey:
    """Make an Ed25519 key that is never written anywhere."""
    made = Ed25519PrivateKey.generate()
    text = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return paramiko.Ed25519Key(file_obj=io.StringIO(text))


class SimulatedStation:
    """One station: a folder, a port, a host key, and what is wrong with it (``faults``)."""

    def __init__(self, code: str, root: Path, authorized_key: str) -> None:
        self.code = code
        self.root = root
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
        self.state = StationState(root, HostKey.parse(authorized_key).text)
        self.port = 0
        self._private_key = make_private_key()
        self._listener: socket.socket | None = None

    @property
    def faults(self) -> Faults:
        return self.state.faults

    @property
    def host_key(self) -> str:
        return HostKey(self._private_key.get_name(), self._private_key.asbytes()).text

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port, "loa", "/", self.host_key)

    def start(self) -> None:
        """Listen; on the same port as before, if it was stopped."""
        if self._listener is not None:
            return
        self.state.has_ended.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(
            target=self._serve, args=(self._listener,), name=f"station-{self.code}", daemon=True
        ).start()

    def stop(self) -> None:
        """Refuse connections and drop those that are open."""
        listener, self._listener = self._listener, None
        self.state.has_ended.set()
        self.state.hang_up()
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()

    def change_host_key(self) -> None:
        """Show another key from the next connection on."""
        self._private_key = make_private_key()

    def cut_power(self, *, are_zeroed: bool = False) -> None:
        """Lose power and come back: what was never flushed is gone, or zeros of the same length."""
        self.stop()
        self.state.durability.lose(self.root, are_zeroed=are_zeroed)
        self.start()

    def _serve(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if self.faults.refuses:
                connection.close()
            else:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        self.state.connections = [old for old in self.state.connections if old.fileno() != -1]
        self.state.connections.append(connection)
        transport = paramiko.Transport(connection)
        transport.add_server_key(self._private_key)
        transport.set_subsystem_handler("sftp", SimulatedSftp, SimulatedDisk)
        transport.start_server(event=threading.Event(), server=KeyOnly(self.state))


class Fleet:
    """Many simulated stations in this process; a context manager."""

    def __init__(self, folder: Path, stations: Sequence[str], authorized_key: str) -> None:
        self.stations = {
            code: SimulatedStation(code, folder / code, authorized_key) for code in stations
        }

    def __getitem__(self, code: str) -> SimulatedStation:
        return self.stations[code]

    def __iter__(self) -> Iterator[SimulatedStation]:
        return iter(self.stations.values())

    def __enter__(self) -> Self:
        for station in self:
            station.start()
        return self

    def __exit__(self, *_: object) -> None:
        for station in self:
            station.stop()

    @staticmethod
    def start_process(folder: Path, stations: Sequence[str], authorized_key: str) -> FleetProcess:
        """Run a fleet in a process of its own. It ends with ``close``, or with this process."""
        arguments = ["--folder", str(folder), "--authorized-key", authorized_key, *stations]
        return FleetProcess(folder, [sys.executable, "-m", "stations.simulator", *arguments])


@dataclass(frozen=True)
class FleetProcess:
    """Speaks to a fleet in another process; the same commands by the station's code."""

    folder: Path
    process: LineProcess
    addresses: dict[str, Address]

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        process = LineProcess(command)
        told = json.loads(process.read_line(_START_WITHIN_S))
        object.__setattr__(self, "folder", folder)
        object.__setattr__(self, "process", process)
        object.__setattr__(self, "addresses", {c: Address(**a) for c, a in told.items()})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def root(self, code: str) -> Path:
        return self.folder / code

    def cut_after(self, code: str, count: int) -> None:
        """Drop the connection once, after this many more bytes."""
        self._tell("cut_after", code, count)

    def set_fault(self, code: str, name: str, value: float | bool | None) -> None:
        """Set any field of ``Faults``."""
        self._tell("set_fault", code, name, value)

    def stop(self, code: str) -> None:
        self._tell("stop", code)

    def start(self, code: str) -> None:
        self._tell("start", code)

    def change_host_key(self, code: str) -> None:
        self._tell("change_host_key", code)

    def cut_power(self, code: str) -> None:
        self._tell("cut_power", code)

    def close(self) -> None:
        self.process.close()

    def _tell(self, *words: Any) -> None:
        self.process.write_line(json.dumps(words))
        answer = self.process.read_line(_ANSWER_WITHIN_S)
        if answer != "ok":
            raise ValueError(answer)


def _obey(fleet: Fleet, name: str, code: str, *rest: Any) -> None:
    station = fleet[code]

    def cut_after(count: int) -> None:
        station.faults.cut_after_bytes = station.state.received_bytes + count

    commands: dict[str, Callable[..., None]] = {
        "cut_after": cut_after,
        "set_fault": lambda fault, value: setattr(station.faults, fault, value),
        "stop": station.stop,
        "start": station.start,
        "change_host_key": station.change_host_key,
        "cut_power": station.cut_power,
    }
    commands[name](*rest)


def main() -> None:
    """Serve until standard input ends; one command a line, as a JSON list."""
    parser = argparse.ArgumentParser(description="Simulated stations behind real SFTP servers.")
    parser.add_argument("--folder", type=Path, required=True, help="where their files lie")
    parser.add_argument("--authorized-key", required=True, help="'ssh-ed25519 AAAA...'")
    parser.add_argument("stations", nargs="+", metavar="CODE")
    options = parser.parse_args()
    with Fleet(options.folder, options.stations, options.authorized_key) as fleet:
        _say(json.dumps({station.code: asdict(station.address) for station in fleet}))
        for line in sys.stdin:
            try:
                _obey(fleet, *json.loads(line))
            except (KeyError, TypeError, ValueError, OSError) as error:
                _say(f"not understood: {error!r}")
            else:
                _say("ok")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
