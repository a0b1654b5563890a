"""Secrets that must lie in a row and be read again: sealed with a key from the master secret.

A copy of the database alone tells nothing of them. Passwords, tokens and recovery codes are not
sealed but hashed: they are only ever compared.
"""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from scheduler.errors import SealBroken
from scheduler.sealed import seal, unseal
from scheduler.secrets import derived_key
from scheduler.store.models import Person

SECOND_FACTOR = "second-factor"

_MARK = "sealed:"  # by which a value of an older Loa, that lies open, is told apart


class Seal:
    """Seals texts for one purpose; what was sealed for another does not open."""

    def __init__(self, master: bytes, purpose: str) -> None:
        self._key = derived_key(master, f"seal-{purpose}")

    def close(self, text: str) -> str:
        return _MARK + seal(self._key, text)

    def open(self, sealed: str) -> str:
        """
        What was sealed; a text that never was comes back as it is.

        Raises:
            SealBroken: the master secret is another one than when it was sealed.
        """
        if not is_sealed(sealed):
            return sealed
        text = unseal(self._key, sealed.removeprefix(_MARK))
        if text is None:
            raise SealBroken()
        return text


def is_sealed(text: str) -> bool:
    return text.startswith(_MARK)


def seal_what_lies_open(master: bytes, session: Session) -> int:
    """Secrets that an older Loa wrote as they are; how many were sealed now."""
    box, sealed = Seal(master, SECOND_FACTOR), 0
    statement = select(Person).where(
        or_(Person.totp_secret.is_not(None), Person.totp_pending.is_not(None))
    )
    for person in session.scalars(statement):
        for column in ("totp_secret", "totp_pending"):
            value = getattr(person, column)
            if value is not None and not is_sealed(value):
                setattr(person, column, box.close(value))
                sealed += 1
    return sealed
