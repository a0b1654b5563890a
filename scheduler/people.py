"""People: who may sign in, and what for. No default password; the first secret works once."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from math import ceil
from typing import Any
from unicodedata import normalize

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Select, bindparam, delete, select, type_coerce
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.types import NullType

from scheduler.errors import (
    AlreadyExists,
    InputInvalid,
    NotAllowed,
    NotFound,
    PasswordTooWeak,
    PersonMovedOn,
    SignInRefused,
    TooManySignIns,
)
from scheduler.store import ledger
from scheduler.store.db import Database, in_batches
from scheduler.store.models import LedgerEntry, LoginSession, Person, SignInTry, Unit
from scheduler.text import one_line

ROLES = ("administrator", "editor", "approver", "technician", "district", "commune")
ROLES_OF_A_UNIT = ("district", "commune")  # these count only below a unit

MIN_PASSWORD = 10
MAX_PASSWORD = 200  # a longer one only costs time
MAX_FAILED_SIGN_INS = 10
MOST_SHOWN = 50  # sign-ins of one person, the latest
LOCKED_FOR = timedelta(minutes=15)

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # without l, 1, o, 0 and i: it is read from paper

# The smallest setting that OWASP recommends: 19 MiB and 20 ms a check. The library's default takes
# 64 MiB, and a handful of those at once is more memory than the whole hub uses.
_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))
_HASHING_AT_ONCE = threading.BoundedSemaphore(4)
_HASHING_WAIT_S = 2.0
_TRIES_KEPT = timedelta(days=366)
_DUTY_DEEDS = ("person_added", "role_changed", "person_opened", "person_closed")

CameFrom = tuple[str | None, str | None]  # address, browser
SignInRow = tuple[object, ...]  # a person and their unit as they were read, to be compared


@dataclass(frozen=True)
class Token:
    """A sign-in: the text goes into the cookie, only its hash into the table."""

    text: str
    person: Person
    waits_for_code: bool = False

    def __repr__(self) -> str:
        return f"Token(••••, {self.person})"


# ── Who there is ───────────────────────────────────────────────────────────────────────────────


def add_person(
    session: Session,
    *,
    username: str,
    full_name: str,
    role: str,
    unit: Unit | None,
    now: datetime,
    by: str,
) -> str:
    """
    Add a person; gives the one-time secret, which is shown once and changed at the first sign-in.

    Raises:
        InputInvalid: a name or the role cannot be used, or a role of a unit came without one.
        AlreadyExists: the user name is taken.
    """
    username, full_name = username.strip().lower(), normalize("NFC", full_name).strip()
    _check_person(username, full_name, role, unit)
    if session.scalar(select(Person.id).where(Person.username == username)) is not None:
        raise AlreadyExists(what="person", key=username)
    secret = new_secret()
    person = Person(
        username=username, full_name=full_name, role=role, unit_id=unit.id if unit else None,
        password_hash=_hashed(secret), created_at=now,
    )  # fmt: skip
    session.add(person)
    session.flush()
    ledger.record(
        session, at=now, who=by, what="person_added", subject=username, role=role,
        unit=unit.code if unit else None,
    )  # fmt: skip
    return secret


def find_person(session: Session, username: str) -> Person:
    """
    The person with that user name.

    Raises:
        NotFound: nobody has it.
    """
    person = _by_name(session, username)
    if person is None:
        raise NotFound(what="person", key=username)
    _ = person.unit  # read now: whoever acts is asked for it after the session has ended
    return person


def list_people(session: Session) -> list[Person]:
    return list(
        session.scalars(select(Person).options(joinedload(Person.unit)).order_by(Person.username))
    )


def renew_secret(session: Session, person: Person, *, now: datetime, by: str) -> str:
    """A new one-time secret for somebody who forgot the password; every sign-in of theirs ends."""
    secret = new_secret()
    person.password_hash = _hashed(secret)
    person.must_change_password = True
    person.failed_sign_ins, person.locked_until = 0, None
    sign_out_all(session, person)
    ledger.record(session, at=now, who=by, what="secret_renewed", subject=person.username)
    return secret


def version_of(person: Person) -> str:
    """
    Which duty this is: whoever changes it names the one that was read.

    Made of the content alone: a change that was taken back leaves nothing to decide.
    """
    told = f"{person.username}\n{person.role}\n{person.unit_id or ''}\n{person.active}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def last_change(session: Session, person: Person) -> tuple[str, datetime]:
    """Who gave a person the duty of now, and when."""
    last = session.scalar(
        select(LedgerEntry)
        .where(LedgerEntry.subject == person.username, LedgerEntry.what.in_(_DUTY_DEEDS))
        .order_by(LedgerEntry.seq.desc())
        .limit(1)
    )
    if last is None:
        return "–", person.created_at
    name = session.scalar(select(Person.full_name).where(Person.username == last.who))
    return name or last.who, last.at


def change_role(
    session: Session,
    person: Person,
    role: str,
    unit: Unit | None,
    *,
    zone: tzinfo,
    now: datetime,
    by: str,
    expected: str | None = None,
) -> None:
    """
    Give a person another role or another unit; every sign-in of theirs ends.

    Args:
        expected: the version that was read; ``None`` overwrites whatever is there.

    Raises:
        PersonMovedOn: somebody else changed the person meanwhile; nothing was changed.
        InputInvalid: no such role, one of a unit without it, or the last administrator would go.
    """
    if expected is not None and expected != version_of(person):
        who, at = last_change(session, person)
        local = at.astimezone(zone)
        raise PersonMovedOn(person=person.full_name, who=who, at=f"{local:%H:%M %d/%m/%Y}")
    _check_person(person.username, person.full_name, role, unit)
    is_last = person.role == "administrator" and not _other_administrator(session, person)
    if role != "administrator" and is_last:
        raise InputInvalid(problem="the last administrator keeps the role")
    before = person.role
    person.role, person.unit = role, unit
    sign_out_all(session, person)
    ledger.record(
        session, at=now, who=by, what="role_changed", subject=person.username, before=before,
        role=role, unit=unit.code if unit else None,
    )  # fmt: skip


def set_active(session: Session, person: Person, active: bool, *, now: datetime, by: str) -> None:
    """
    Close or open a person's access; the person stays in every record.

    Raises:
        InputInvalid: the last administrator would be shut out.
    """
    if not active and person.role == "administrator" and not _other_administrator(session, person):
        raise InputInvalid(problem="the last administrator cannot be closed")
    person.active = active
    if not active:
        sign_out_all(session, person)
    what = "person_opened" if active else "person_closed"
    ledger.record(session, at=now, who=by, what=what, subject=person.username)


# ── Signing in ─────────────────────────────────────────────────────────────────────────────────


def sign_in(
    database: Database,
    *,
    username: str,
    password: str,
    now: datetime,
    address: str | None,
    hours: int,
    agent: str | None = None,
) -> Token:
    """
    Check a password and open a sign-in; with a second factor it opens nothing until the code came.

    The try is counted before the password is looked at: guesses sent all at once cannot slip past
    the limit. The slow check holds no transaction, or every guess would keep the planner waiting.

    Raises:
        SignInRefused: wrong name or wrong password; which of them is not told.
        TooManySignIns: ten wrong ones in a row, or too many people at this moment.
    """
    came_from = (address, agent)
    try:
        person = _count_try(database, username, now)
    except TooManySignIns:
        _log_try(database, username, "locked", now, came_from)
        raise
    with _hashing():
        # An unknown name takes as long as a known one.
        known_hash = person.password_hash if person else _hash_of_nobody()
        is_right = _HASHER.verify(_typed(password), known_hash)
    if person is None or not is_right:
        _log_try(database, username, "password", now, came_from)
        raise SignInRefused()
    with database.write() as session:
        person = session.get_one(Person, person.id, options=[joinedload(Person.unit)])
        session.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
        waits = person.totp_secret is not None
        if not waits:  # with a second factor the tries count on until the code came
            person.failed_sign_ins, person.locked_until = 0, None
            remember_try(session, person.username, "opened", now, came_from)
        return open_session(
            session, person, now=now, address=address, hours=hours, agent=agent,
            waits_for_code=waits,
        )  # fmt: skip


def open_session(
    session: Session,
    person: Person,
    *,
    now: datetime,
    address: str | None,
    hours: int,
    agent: str | None = None,
    waits_for_code: bool = False,
) -> Token:
    """A new sign-in of a person whose password was just checked."""
    text = secrets.token_urlsafe(32)
    if waits_for_code:
        hours = 1  # the code is at hand, or it is not
    session.add(
        LoginSession(
            token_hash=token_hash(text),
            person_id=person.id,
            created_at=now,
            expires_at=now + timedelta(hours=hours),
            address=address,
            agent=(agent or "")[:200] or None,
            waits_for_code=waits_for_code,
        )
    )
    return Token(text, person, waits_for_code)


def person_of(
    session: Session, token: str, now: datetime, *, waits_for_code: bool = False
) -> Person | None:
    """Whose sign-in this is; nobody's when it ended, waits for a code, or the person was closed."""
    opened = _opened(now, waits_for_code=waits_for_code)
    return session.scalar(opened.where(LoginSession.token_hash == token_hash(token)))


def people_of(session: Session, tokens: Iterable[str], now: datetime) -> dict[str, Person]:
    """As ``person_of``, for many at once: by token, without those that open nothing."""
    found: dict[str, Person] = {}
    for batch in in_batches(sorted(tokens)):
        of_hash = {token_hash(token): token for token in batch}
        rows = session.execute(
            _opened(now)
            .add_columns(LoginSession.token_hash)
            .where(LoginSession.token_hash.in_(of_hash))
        )
        found |= {of_hash[hashed]: person for person, hashed in rows}
    return found


def sign_in_rows(session: Session, tokens: Iterable[str], now: datetime) -> dict[str, SignInRow]:
    """Of sign-ins that count now, by token, every column that ``people_of`` would read."""
    found: dict[str, SignInRow] = {}
    for batch in in_batches(sorted(tokens)):
        of_hash = {token_hash(token): token for token in batch}
        rows = session.execute(_SIGN_INS, {"hashes": list(of_hash), "now": now}).all()
        found |= {of_hash[hashed]: tuple(row) for hashed, *row in rows}
    return found


def _opened(now: datetime, *, waits_for_code: bool = False) -> Select[Person]:
    """The people behind sign-ins that count now."""
    return (
        select(Person)
        .join(LoginSession, LoginSession.person_id == Person.id)
        .where(
            LoginSession.expires_at > now,
            LoginSession.waits_for_code.is_(waits_for_code),
            Person.active,
        )
        .options(joinedload(Person.unit))
    )


def sign_out(session: Session, token: str) -> None:
    session.execute(delete(LoginSession).where(LoginSession.token_hash == token_hash(token)))


def sign_out_all(session: Session, person: Person) -> None:
    session.execute(delete(LoginSession).where(LoginSession.person_id == person.id))


def change_password(session: Session, person: Person, *, old: str, new: str, now: datetime) -> None:
    """
    Set a new password; every sign-in of the person ends, also one that somebody stole.

    Raises:
        SignInRefused: the old password is wrong.
        PasswordTooWeak: the new one is short, is the user name, or is the old one.
    """
    with _hashing():
        if not _HASHER.verify(_typed(old), person.password_hash):
            raise SignInRefused()
        _check_password(new, person, old)
        person.password_hash = _hashed(new)
    person.must_change_password = False
    sign_out_all(session, person)
    ledger.record(
        session, at=now, who=person.username, what="password_changed", subject=person.username
    )


def sign_ins_of(
    session: Session, person: Person, now: datetime, *, rows: int | None = None
) -> list[LoginSession]:
    """The sign-ins of a person that are open (or the latest of them), newest first."""
    statement = select(LoginSession).where(
        LoginSession.person_id == person.id, LoginSession.expires_at > now
    )
    order = (LoginSession.created_at.desc(), LoginSession.token_hash)
    return list(session.scalars(statement.order_by(*order).limit(rows)))


def end_sign_in(session: Session, person: Person, handle: str, *, now: datetime, by: str) -> None:
    """
    End one sign-in of a person, named by the beginning of its hash.

    Raises:
        NotFound: it has ended already.
    """
    found = [one for one in sign_ins_of(session, person, now) if handle_of(one) == handle]
    if not found:
        raise NotFound(what="sign-in", key=handle)
    session.delete(found[0])
    ledger.record(session, at=now, who=by, what="sign_in_ended", subject=person.username)


def handle_of(one: LoginSession) -> str:
    """What a page calls a sign-in; nobody can sign in with it."""
    return one.token_hash[:16]


def tries_of(session: Session, username: str | None = None, *, rows: int = 30) -> list[SignInTry]:
    """The latest tries to sign in, of one user name or of all."""
    statement = select(SignInTry).order_by(SignInTry.id.desc()).limit(rows)
    if username is not None:
        statement = statement.where(SignInTry.username == username)
    return list(session.scalars(statement))


def forget_tries(session: Session, now: datetime) -> None:
    """What is older than a year helps nobody."""
    session.execute(delete(SignInTry).where(SignInTry.at < now - _TRIES_KEPT))


def set_password(session: Session, person: Person, new: str, *, now: datetime) -> None:
    """
    A first password, by who was invited to choose one; every sign-in of the person ends.

    Raises:
        PasswordTooWeak: it is short, or is the user name.
    """
    with _hashing():
        _check_password(new, person, "")
        person.password_hash = _hashed(new)
    person.must_change_password = False
    person.failed_sign_ins, person.locked_until = 0, None
    sign_out_all(session, person)
    ledger.record(
        session, at=now, who=person.username, what="password_chosen", subject=person.username
    )


# ── What a person may do ───────────────────────────────────────────────────────────────────────


def require_role(person: Person, *roles: str) -> None:
    """
    Refuse a person who has none of the roles; the administrator has them all.

    Raises:
        NotAllowed: says which role is needed.
    """
    if person.role != "administrator" and person.role not in roles:
        raise NotAllowed(who=person.full_name, role=roles[0] if roles else "administrator")


# ── Inside ─────────────────────────────────────────────────────────────────────────────────────


def _check_person(username: str, full_name: str, role: str, unit: Unit | None) -> None:
    if not _USERNAME.fullmatch(username):
        raise InputInvalid(
            problem="a user name has 2 to 64 of the letters a-z, digits, dot, - and _"
        )
    if not 1 <= len(full_name) <= 120 or not full_name.isprintable():
        raise InputInvalid(problem="a full name has 1 to 120 letters, on one line")
    if role not in ROLES:
        raise InputInvalid(problem="choose one of the roles")
    if role in ROLES_OF_A_UNIT and unit is None:
        raise InputInvalid(problem="district and commune staff need their unit")


def _check_password(new: str, person: Person, old: str) -> None:
    typed = _typed(new)
    too_short = not MIN_PASSWORD <= len(typed) <= MAX_PASSWORD
    if too_short or typed.casefold() == person.username or typed == _typed(old):
        raise PasswordTooWeak(at_least=MIN_PASSWORD)


def _by_name(session: Session, username: str, *, for_update: bool = False) -> Person | None:
    statement = select(Person).where(Person.username == username.strip().lower())
    return session.scalar(statement.with_for_update() if for_update else statement)


def _other_administrator(session: Session, person: Person) -> bool:
    statement = select(Person.id).where(
        Person.role == "administrator", Person.active, Person.id != person.id
    )
    return session.scalar(statement) is not None


def _count_try(database: Database, username: str, now: datetime) -> Person | None:
    """Count one more try of this name; it starts at nought again with the right password."""
    with database.write() as session:
        # Locks the row on PostgreSQL: of many guesses at once each sees the count before it.
        person = _by_name(session, username, for_update=True)
        if person is None or not person.active:
            return None
        if person.locked_until is not None and person.locked_until > now:
            minutes = ceil((person.locked_until - now) / timedelta(minutes=1))
            raise TooManySignIns(minutes=minutes)
        person.failed_sign_ins += 1
        if person.failed_sign_ins >= MAX_FAILED_SIGN_INS:
            # This try is still looked at; the next one waits.
            person.failed_sign_ins, person.locked_until = 0, now + LOCKED_FOR
            ledger.record(
                session, at=now, who=person.username, what="sign_in_locked",
                subject=person.username, minutes=LOCKED_FOR.seconds // 60,
            )  # fmt: skip
        return person


def _log_try(
    database: Database, username: str, outcome: str, now: datetime, came_from: CameFrom
) -> None:
    with database.write() as session:
        remember_try(session, username, outcome, now, came_from)


def remember_try(
    session: Session, username: str, outcome: str, now: datetime, came_from: CameFrom
) -> None:
    address, agent = came_from
    session.add(
        SignInTry(
            at=now, username=one_line(username.lower(), 64), outcome=outcome, address=address,
            agent=one_line(agent or "", 200) or None,
        )
    )  # fmt: skip


@contextmanager
def _hashing() -> Iterator[None]:
    """At most four checks at once: a flood of guesses must not take the memory of the hub."""
    if not _HASHING_AT_ONCE.acquire(timeout=_HASHING_WAIT_S):
        raise TooManySignIns(minutes=1)
    try:
        yield
    finally:
        _HASHING_AT_ONCE.release()


def _typed(password: str) -> str:
    # Vietnamese keyboards send composed or decomposed letters; both are the same password.
    return normalize("NFC", password)


def _hashed(password: str) -> str:
    return _HASHER.hash(_typed(password))


@lru_cache(maxsize=1)
def _hash_of_nobody() -> str:
    return _hashed(secrets.token_urlsafe(32))


def token_hash(text: str) -> str:
    """What the table knows of a sign-in."""
    return hashlib.sha256(text.encode()).hexdigest()


def new_secret() -> str:
    """79 bits that can be read out over the telephone: four groups of four."""
    letters = [secrets.choice(_READABLE) for _ in range(16)]
    return "-".join("".join(letters[start : start + 4]) for start in range(0, 16, 4))


# Prepared once: after every commit all who look at a page are asked for again.
_person: Any = Person.__table__
_sign_in: Any = LoginSession.__table__
_unit: Any = Unit.__table__
_COLUMNS = (*_person.c, *_unit.c)  # as the driver gives them: they are only compared
_SIGN_INS = (
    select(_sign_in.c.token_hash, *(type_coerce(one, NullType()) for one in _COLUMNS))
    .join(_person, _person.c.id == _sign_in.c.person_id)
    .outerjoin(_unit, _unit.c.id == _person.c.unit_id)
    .where(
        _sign_in.c.token_hash.in_(bindparam("hashes", expanding=True)),
        _sign_in.c.expires_at > bindparam("now"),
        ~_sign_in.c.waits_for_code,
        _person.c.active,
    )
)
