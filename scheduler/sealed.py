"""Text that lies in a row and is readable only to who holds what sealed it."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


def seal(secret: bytes, text: str) -> str:
    """Encrypted and authenticated under a secret that is in no row."""
    return _box(secret).encrypt(text.encode()).decode()


def unseal(secret: bytes, sealed: str) -> str | None:
    """What was sealed; nothing when the secret is another one or the row was changed."""
    from cryptography.fernet import InvalidToken

    try:
        return _box(secret).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _box(secret: bytes) -> Fernet:
    from cryptography.fernet import Fernet  # 7 MB, and most processes seal nothing

    return Fernet(urlsafe_b64encode(hashlib.sha256(b"sealed\0" + secret).digest()))
