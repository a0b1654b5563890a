"""Other people's SFTP servers, each started on a high port with its own keys, as it ships."""

from __future__ import annotations

import contextlib
import getpass
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from stations.hostkey import HostKey
from stations.visit import Address
from tests.faults.harness.sshd import free_port, make_key, wait_for_port

Start = Callable[[Path, Path], contextlib.AbstractContextManager[Address]]


class MissingError(Exception):
    """The server is not on this machine; the text says what to install."""


@contextlib.contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for_port(port, process, command[0])
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise MissingError(f"{name} is missing: apt-get install {package}")
    return found


def _keys(folder: Path, private_key: Path) -> tuple[Path, Path, str]:
    """Return the host key, the file of keys that may log in, and the host key as text."""
    folder.mkdir(parents=True, exist_ok=True)
    host_key = make_key(folder / "host_key")
    allowed = folder / "authorized_keys"
    shutil.copy(private_key.with_suffix(".pub"), allowed)
    return host_key, allowed, HostKey.parse(host_key.with_suffix(".pub").read_text()).text


@contextlib.contextmanager
def asyncssh(folder: Path, private_key: Path) -> Iterator[Address]:
    """The server of asyncssh; our own requests never go through it."""
    if importlib.util.find_spec("asyncssh") is None:
        raise MissingError("asyncssh is missing: pip install asyncssh")
    host_key, allowed, text = _keys(folder, private_key)
    port = free_port()
    script = str(Path(__file__).with_name("asyncssh_server.py"))
    with _running([sys.executable, script, str(port), str(host_key), str(allowed)], folder, port):
        yield Address("127.0.0.1", port, "loa", "/", text)


@contextlib.contextmanager
def rclone(folder: Path, private_key: Path) -> Iterator[Address]:
    """``rclone serve sftp`` of the whole machine, with the cache that random writes need."""
    program = _program("rclone", "rclone")
    host_key, allowed, text = _keys(folder, private_key)
    port = free_port()
    options = ["--vfs-cache-mode", "writes", "--vfs-write-back", "0s", "--dir-cache-time", "0s"]
    options += ["--cache-dir", str(folder / "cache"), "--config", str(folder / "none.conf")]
    options += ["--key", str(host_key), "--authorized-keys", str(allowed)]
    command = [program, "serve", "sftp", "/", "--addr", f"127.0.0.1:{port}", *options]
    with _running(command, folder, port):
        yield Address("127.0.0.1", port, "loa", "/", text)


@contextlib.contextmanager
def proftpd(folder: Path, private_key: Path) -> Iterator[Address]:
    """ProFTPD with mod_sftp."""
    program = _program("proftpd", "proftpd-core proftpd-mod-crypto")
    modules = Path(program).parent.parent / "lib/proftpd"
    if not (modules / "mod_sftp.so").exists():
        raise MissingError("mod_sftp is missing: apt-get install proftpd-mod-crypto")
    host_key, allowed, text = _keys(folder, private_key)
    command = ["ssh-keygen", "-e", "-f", str(allowed)]  # it reads keys as RFC 4716 has them
    exported = subprocess.run(command, check=True, capture_output=True, timeout=10)
    (folder / "keys.rfc4716").write_bytes(exported.stdout)
    port = free_port()
    config = folder / "proftpd.conf"
    config.write_text(f"""\
ServerType standalone
DefaultServer on
DefaultAddress 127.0.0.1
UseIPv6 off
Port {port}
User {getpass.getuser()}
Group nogroup
ModulePath {modules}
LoadModule mod_sftp.c
AuthOrder mod_auth_unix.c
AuthPAM off
RootLogin on
RequireValidShell off
UseFtpUsers off
UseReverseDNS off
WtmpLog off
DelayEngine off
ScoreboardFile {folder}/scoreboard
PidFile {folder}/pid
SystemLog {folder}/system.log
TransferLog none
AllowOverwrite on
AllowStoreRestart on
MaxInstances none
SFTPEngine on
SFTPLog {folder}/sftp.log
SFTPHostKey {host_key}
SFTPAuthMethods publickey
SFTPAuthorizedUserKeys file:{folder}/keys.rfc4716
""")
    with _running([program, "--nodaemon", "--config", str(config)], folder, port):
        yield Address("127.0.0.1", port, getpass.getuser(), "/", text)


@contextlib.contextmanager
def dropbear(folder: Path, private_key: Path) -> Iterator[Address]:
    """Dropbear with the sftp-server of OpenSSH, as small boxes have it."""
    program = _program("dropbear", "dropbear-bin")
    key_maker = _program("dropbearkey", "dropbear-bin")
    if os.geteuid() != 0:
        raise MissingError("dropbear reads ~/.ssh only: it needs root, to be shown another home")
    if not Path("/usr/lib/sftp-server").exists():
        raise MissingError("sftp-server is missing: apt-get install openssh-sftp-server")
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    shutil.copy(private_key.with_suffix(".pub"), home / ".ssh/authorized_keys")
    host_key = folder / "host_key"
    command = [key_maker, "-t", "ed25519", "-f", str(host_key)]
    made = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
    public = next(line for line in made.stdout.splitlines() if line.startswith("ssh-ed25519 "))
    port = free_port()
    listen = f"-F -E -s -p 127.0.0.1:{port} -r {host_key} -P {folder}/pid"
    # In a mount namespace of its own, so that nobody's real ~/.ssh is touched.
    # The home of the accounts file is meant: dropbear does not ask $HOME.
    real_home = pwd.getpwuid(os.getuid()).pw_dir
    script = f"mount --bind '{home}' '{real_home}' && exec '{program}' {listen}"
    with _running(["unshare", "--mount", "sh", "-c", script], folder, port):
        yield Address("127.0.0.1", port, getpass.getuser(), "/", HostKey.parse(public).text)


OTHERS: dict[str, Start] = {
    "asyncssh": asyncssh,
    "dropbear": dropbear,
    "proftpd": proftpd,
    "rclone": rclone,
}
