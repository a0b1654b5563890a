"""What somebody was told, and the ledger of all that was done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.store.models.base import Base, BigKey
from scheduler.store.states import (
    NoticeState,
)


class Told(Base):
    """What was looked at and told once: a restart neither loses nor doubles a notice."""

    __tablename__ = "told"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)  # ready/60/2022-10-16T22:00Z
    at: Mapped[datetime]


class Notice(Base):
    """One notice to one recipient, until it is sent or dead."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("key", "channel", "target"),
        Index("ix_notice_state_next_try_at", "state", "next_try_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(120))  # what it tells of, as in told
    kind: Mapped[str] = mapped_column(String(20))  # ready unconfirmed missed digest night test
    channel: Mapped[str] = mapped_column(String(20))  # mail, webhook, ping
    target: Mapped[str] = mapped_column(String(255))  # an e-mail address; empty for the others
    facts: Mapped[dict[str, Any]]  # what the text is made of, when it is sent
    made_at: Mapped[datetime]
    state: Mapped[NoticeState]
    attempts: Mapped[int] = mapped_column(default=0)  # also the fencing number of a sender
    next_try_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_fields: Mapped[dict[str, Any] | None]

    def __str__(self) -> str:
        return f"{self.key} {self.channel}"


class LedgerEntry(Base):
    """What somebody may have to account for. An entry is never changed and never removed."""

    __tablename__ = "ledger"
    __table_args__ = (
        Index("ix_ledger_subject", "subject"),
        Index("ix_ledger_who_seq", "who", "seq"),
        Index("ix_ledger_what_seq", "what", "seq"),
        Index("ix_ledger_at", "at"),
    )

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(80))
    what: Mapped[str] = mapped_column(String(80))  # past participle: programme_approved
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]]
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ChainCheck(Base):
    """How far the ledger was read and found whole; one row."""

    __tablename__ = "chain_check"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    seq: Mapped[int] = mapped_column(BigInteger)  # everything up to here follows
    hash: Mapped[str] = mapped_column(String(64))  # of that entry
    broken_seq: Mapped[int | None] = mapped_column(BigInteger)  # the first that does not follow
