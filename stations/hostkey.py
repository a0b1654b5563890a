"""The key by which a station's server is known. A person compares it once; then it is pinned."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class HostKey:
    """One public host key."""

    type: str  # 'ssh-ed25519'
    blob: bytes

    @classmethod
    def parse(cls, text: str) -> HostKey:
        """Read 'ssh-ed25519 AAAA... [comment]', as ssh-keyscan and known_hosts write it."""
        try:
            key_type, encoded = text.split()[:2]
            blob = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as error:
            raise ValueError("a host key is written 'ssh-ed25519 AAAA...'") from error
        if not blob[4:].startswith(key_type.encode()):
            raise ValueError(f"this is not a key of the type {key_type}")
        return cls(key_type, blob)

    @property
    def text(self) -> str:
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it, to be compared with the label on the box."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The signatures to ask for, so that the server shows this key and no other."""
        return ("rsa-sha2-512", "rsa-sha2-256") if self.type == "ssh-rsa" else (self.type,)
