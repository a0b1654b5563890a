"""A PostgreSQL server of the tests' own: made, used and removed with them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psycopg


def find_binaries() -> Path | None:
    """Where initdb and pg_ctl lie; Debian keeps them off the PATH."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


class PostgresServer:
    """One running server; gives each test an empty database of its own."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid  # of the process that starts all others
        self._made = 0

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        self._made += 1
        name = f"loa_{os.getpid()}_{self._made}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def copy_of(self, name: str) -> str:
        """The URL of a database that begins as that one is, which nobody may be using."""
        self.drop_copy_of(name)  # of one who was killed
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(
                f'CREATE DATABASE "copy_of_{name}" TEMPLATE "{name}" STRATEGY FILE_COPY'
            )
        return self.url(f"copy_of_{name}")

    def drop_copy_of(self, name: str) -> None:
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "copy_of_{name}" WITH (FORCE)')

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://loa@127.0.0.1:{self.port}/{name}"

    def _dsn(self, name: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=loa dbname={name}"


@contextmanager
def postgres_server(binaries: Path, keep: Path | None = None) -> Iterator[PostgresServer]:
    """
    Start a throw-away server; it refuses to run as root, so root hands it to ``postgres``.

    ``keep``: a folder in which it goes on another time with what it had.
    """
    with nullcontext(keep) if keep else tempfile.TemporaryDirectory(prefix="loa-pg-") as name:
        folder = Path(name)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        data = folder / "data"
        if not data.exists():
            _as_postgres(
                [binaries / "initdb", "-D", data, "-U", "loa", "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8", "--no-sync"]
            )  # fmt: skip
        port = _free_port()
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= "
            "-c fsync=off -c full_page_writes=off -c max_connections=200"
        )
        control = [binaries / "pg_ctl", "-D", data, "-w", "-s"]
        _as_postgres([*control, "-l", folder / "log", "-o", options, "start"])
        try:
            pid = int((data / "postmaster.pid").read_text().split()[0])
            yield PostgresServer(port, pid)
        finally:
            _as_postgres([*control, "-m", "fast" if keep else "immediate", "stop"])


def _as_postgres(command: list[object]) -> None:
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["runuser", "-u", "postgres", "--", *words]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=60, cwd="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
