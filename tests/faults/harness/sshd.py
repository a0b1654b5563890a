"""A throw-away OpenSSH server on a high port, with its own keys, as the current user."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stations.hostkey import HostKey
from stations.visit import Address

STARTED_WITHIN_S = 10


def sshd_path() -> str | None:
    """Where the server is; Debian keeps it off the path of ordinary users."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def make_key(path: Path, key_type: str = "ed25519") -> Path:
    """Make a key pair with ssh-keygen; return the private one."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", key_type, "-N", "", "-f", str(path)], check=True, timeout=30
    )
    return path


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], what: str) -> None:
    """Return as soon as something listens; fail when it ended or takes too long."""
    deadline = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode}")
        with socket.socket() as sock:
            sock.settimeout(0.2)
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{what} did not start within {STARTED_WITHIN_S} s")


@dataclass
class Sshd:
    """A running server. ``root`` is the station's folder behind it."""

    folder: Path
    root: Path
    private_key: Path
    host_key_types: tuple[str, ...] = ("ed25519",)
    subsystem: str = "internal-sftp"
    listen: str = "127.0.0.1"  # another address only inside a network namespace
    more: str = ""  # further lines of its configuration
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        for key_type in self.host_key_types:
            if not self._host_key_file(key_type).exists():
                make_key(self._host_key_file(key_type), key_type)
        self.port = self.port or free_port()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        if os.geteuid() == 0:  # only root's sshd separates its privileges, and wants this folder
            Path("/run/sshd").mkdir(exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(self._config())
        program = sshd_path()
        assert program is not None
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "-D", "-e", "-f", str(config)],
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # its children end with it, and nothing else does
            )
        wait_for_port(self.port, self.process, "sshd")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=10)
        self.process = None

    def change_host_key(self, key_type: str = "ed25519") -> None:
        """Become another server, as after a new installation or in the hands of a stranger."""
        self.stop()
        for old in self.folder.glob("host_*"):
            old.unlink()
        self.host_key_types = (key_type,)
        make_key(self._host_key_file(key_type), key_type)
        self.start()

    @property
    def host_key(self) -> str:
        public = self._host_key_file(self.host_key_types[0]).with_suffix(".pub").read_text()
        return HostKey.parse(public).text

    def address(self, port: int | None = None, host_key: str | None = None) -> Address:
        return Address(
            "127.0.0.1",
            port or self.port,
            getpass.getuser(),
            str(self.root),
            host_key or self.host_key,
        )

    def _host_key_file(self, key_type: str) -> Path:
        return self.folder / f"host_{key_type}"

    def _config(self) -> str:
        authorized = self.folder / "authorized_keys"
        authorized.write_text(self.private_key.with_suffix(".pub").read_text())
        keys = "\n".join(f"HostKey {self._host_key_file(t)}" for t in self.host_key_types)
        return f"""\
ListenAddress {self.listen}
Port {self.port}
{keys}
AuthorizedKeysFile {authorized}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
MaxStartups 1000:30:2000
Subsystem sftp {self.subsystem}
{self.more}"""
