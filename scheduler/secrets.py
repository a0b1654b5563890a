"""The secret files of one Loa: made once by ``loa init``, mode 0600, never in a row or a log."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
from pathlib import Path
from secrets import token_bytes

from scheduler.errors import SecretExposed, SecretMissing

MASTER = "master.key"
SSH_KEY = "ssh_ed25519"

# systemd's LoadCredential= or LoadCredentialEncrypted= under this name, instead of the file.
CREDENTIAL = "loa-master"


def make_secrets(folder: Path) -> None:
    """Make the master secret (manifests, queue) and the key pair that signs in at the stations."""
    # Needed once in the life of a Loa, and 6 MB of memory in every process that has it.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    folder.mkdir(mode=0o700, exist_ok=True)
    _write(folder / MASTER, token_bytes(32).hex().encode())
    key = Ed25519PrivateKey.generate()
    _write(
        folder / SSH_KEY,
        key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
    )
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    (folder / f"{SSH_KEY}.pub").write_bytes(public + b" loa\n")


def read_secret(path: Path) -> bytes:
    """
    Read a secret file that nobody else may read.

    Raises:
        SecretMissing: it is not there.
        SecretExposed: the group or others may read it.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise SecretMissing(path=path) from error
    if stat.S_IMODE(mode) & 0o077:
        raise SecretExposed(path=path)
    return path.read_bytes().strip()


def read_master(folder: Path) -> bytes:
    """
    The master secret, whole: what a power cut emptied must not sign a single manifest.

    A credential that systemd hands to this service goes before the file.

    Raises:
        SecretMissing: it is not there, or not what ``make_secrets`` wrote.
        SecretExposed: the group or others may read it.
    """
    credential = _credential()
    # systemd keeps its folder from everybody else; the mode of a file there shows an ACL's mask.
    path = folder / MASTER if credential is None else credential
    text = read_secret(path) if credential is None else credential.read_bytes().strip()
    if not re.fullmatch(rb"[0-9a-f]{64}", text):
        raise SecretMissing(path=path)
    return bytes.fromhex(text.decode())


def are_made(folder: Path) -> bool:
    """Whether there is a Loa here; its master secret may have become a credential since."""
    return any((folder / name).exists() for name in (MASTER, SSH_KEY))


def _credential() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder, CREDENTIAL) if folder else None
    return path if path is not None and path.is_file() else None


def derived_key(master: bytes, purpose: str) -> bytes:
    """A key for one purpose, from which the master cannot be found."""
    return hmac.digest(master, f"loa-{purpose}".encode(), hashlib.sha256)


def _write(path: Path, content: bytes) -> None:
    # Exclusive: a second init must never replace the secret that the stations know.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
