"""The peers of ``push.py``: what is not installed is fetched into a cache, nothing is installed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "loa-benchmarks"

_ASYNCSSH = """
import asyncio, sys, asyncssh

async def main(port, key, user, known, sessions, *rest):
    files, roots = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    gate = asyncio.Semaphore(int(sessions))

    async def one(root):
        async with gate, asyncssh.connect(
            "127.0.0.1", int(port), username=user, client_keys=[key], known_hosts=known
        ) as connection:
            async with connection.start_sftp_client() as sftp:
                for file in files:
                    await sftp.put(file, root + "/in/audio/")

    await asyncio.gather(*(one(root) for root in roots))

asyncio.run(main(*sys.argv[1:]))
"""


@dataclass(frozen=True)
class Task:
    """What every contestant is given."""

    port: int
    user: str
    key: Path
    known_hosts: Path
    files: tuple[Path, ...]
    roots: tuple[Path, ...]
    sessions: int
    folder: Path  # to put batch files into

    @property
    def ssh_options(self) -> list[str]:
        return [
            *("-i", str(self.key), "-o", f"UserKnownHostsFile={self.known_hosts}"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-F", "/dev/null"),
        ]


Command = Callable[[Task], list[str]]


def peers() -> dict[str, Command]:
    """Those of the peers that can be had here, each as a command for a task."""
    found: dict[str, Command] = {}
    if shutil.which("sftp"):
        found["openssh"] = _openssh
    if program := _apt_program("lftp"):
        found["lftp"] = lambda task: _lftp(program, task)
    if rclone := _apt_program("rclone"):
        found["rclone"] = lambda task: _rclone(rclone, task)
    if python := _python_with_asyncssh():
        found["asyncssh"] = lambda task: _asyncssh(python, task)
    return found


def _many(task: Task, words: Callable[[Path], Sequence[str]]) -> list[str]:
    """One process a station, so many at a time, as people do it: xargs -P."""
    lines = [shlex.join(words(root)) for root in task.roots]
    batch = task.folder / "commands"
    batch.write_text("".join(f"{shlex.quote(line)}\n" for line in lines))
    return ["xargs", "-a", str(batch), f"-P{task.sessions}", "-n1", "sh", "-c", 'eval "$0"']


def _openssh(task: Task) -> list[str]:
    def words(root: Path) -> list[str]:
        batch = task.folder / f"{root.name}.batch"
        batch.write_text("".join(f"put {file} {root}/in/audio/\n" for file in task.files))
        where = ["-P", str(task.port), "-b", str(batch), f"{task.user}@127.0.0.1"]
        return ["sftp", "-q", *task.ssh_options, *where]

    return _many(task, words)


def _lftp(program: str, task: Task) -> list[str]:
    connect = shlex.join(["ssh", "-a", "-x", *task.ssh_options])

    def words(root: Path) -> list[str]:
        script = (
            f"set sftp:connect-program {shlex.quote(connect)}; "
            f"open sftp://{task.user}:@127.0.0.1:{task.port}; "
            f"mirror -R {task.files[0].parent} {root}/in/audio; bye"
        )
        return [program, "--norc", "-c", script]

    return _many(task, words)


def _rclone(program: str, task: Task) -> list[str]:
    remote = (
        f":sftp,host=127.0.0.1,port={task.port},user={task.user},key_file={task.key},"
        f"known_hosts_file={task.known_hosts},shell_type=none:"
    )

    def words(root: Path) -> list[str]:
        source, target = str(task.files[0].parent), f"{remote}{root}/in/audio"
        return [program, "--config", "/dev/null", "-q", "copy", source, target]

    return _many(task, words)


def _asyncssh(python: str, task: Task) -> list[str]:
    fixed = [str(task.port), str(task.key), task.user, str(task.known_hosts), str(task.sessions)]
    files, roots = map(str, task.files), map(str, task.roots)
    return [python, "-c", _ASYNCSSH, *fixed, *files, "--", *roots]


def _apt_program(name: str) -> str | None:
    fetched = CACHE / "root/usr/bin" / name
    if program := shutil.which(name):
        return program
    if not fetched.exists() and not _fetch(name):
        return None
    return str(fetched)


def _fetch(package: str) -> bool:
    """Unpack a Debian package into the cache; nothing is installed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if not shutil.which("apt-get"):
        return False
    fetch = ["apt-get", "download", package]
    if subprocess.run(fetch, cwd=CACHE, capture_output=True, check=False, timeout=120).returncode:
        return False
    archive = next(CACHE.glob(f"{package}_*.deb"))
    unpack = ["dpkg", "-x", str(archive), str(CACHE / "root")]
    return subprocess.run(unpack, check=False, timeout=120).returncode == 0


def _python_with_asyncssh() -> str | None:
    home = CACHE / "asyncssh"
    python = home / "bin/python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q", "asyncssh"]
        if subprocess.run(install, check=False, timeout=180, stderr=subprocess.DEVNULL).returncode:
            return None
        (home / "ready").touch()
    return str(python)
