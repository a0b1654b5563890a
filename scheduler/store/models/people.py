"""People, how they sign in, and what their programs ask with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from scheduler.store.models.base import Base, BigKey
from scheduler.store.models.places import Unit


class Person(Base):
    """Somebody who may sign in; the role counts below the unit (none: everywhere)."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    full_name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(20))  # of scheduler.people.ROLES
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=True)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    failed_sign_ins: Mapped[int] = mapped_column(default=0)  # since the last good one
    locked_until: Mapped[datetime | None]
    totp_secret: Mapped[str | None] = mapped_column(String(400))  # sealed; of the second factor
    totp_pending: Mapped[str | None] = mapped_column(String(400))  # sealed; shown, not proved yet
    totp_step: Mapped[int | None] = mapped_column(BigInteger)  # of the last code: none works twice
    recovery: Mapped[list[Any] | None]  # hashes of the codes for a lost phone

    unit: Mapped[Unit | None] = relationship()

    def __str__(self) -> str:
        return self.username


class LoginSession(Base):
    """One sign-in; the cookie holds the token, the table only its hash."""

    __tablename__ = "login_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str | None] = mapped_column(String(64))  # from where
    agent: Mapped[str | None] = mapped_column(String(200))  # with which browser
    waits_for_code: Mapped[bool] = mapped_column(default=False)  # opens nothing until it came

    person: Mapped[Person] = relationship()


class Invitation(Base):
    """An address that lets one person choose a password, once."""

    __tablename__ = "invitation"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship()


class SignInTry(Base):
    """One try to sign in, good or not; kept for a year."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    username: Mapped[str] = mapped_column(String(64), index=True)  # as it was typed
    outcome: Mapped[str] = mapped_column(String(20))  # opened, password, code, locked
    address: Mapped[str | None] = mapped_column(String(64))
    agent: Mapped[str | None] = mapped_column(String(200))


class ApiToken(Base):
    """A program's part of what its person may do; the table holds only the token's hash."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))  # which program it is for
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]  # airings:read, programmes:write, *:read …
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]  # to the hour
    revoked_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship()

    def __str__(self) -> str:
        return f'"{self.name}"'


class Answer(Base):
    """What was answered to a program's request, by the key that the program gave it."""

    __tablename__ = "answer"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    asked: Mapped[str] = mapped_column(String(64))  # hash of what was asked for
    at: Mapped[datetime]
    status: Mapped[int | None]  # none: being answered
    body: Mapped[str | None] = mapped_column(Text)
