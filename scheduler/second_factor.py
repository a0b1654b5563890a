"""The second factor: a code of an app (TOTP, RFC 6238), or one of ten codes on paper."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

import pyotp
from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler import people
from scheduler.errors import CodeRefused, NotFound, SealBroken, TooManySignIns
from scheduler.hub import Hub
from scheduler.sealing import SECOND_FACTOR, Seal
from scheduler.store import ledger
from scheduler.store.models import Person

RECOVERY_CODES = 10
_STEP_S = 30
_DRIFT = 1  # steps that a phone's clock may be off, before and after


def is_demanded(hub: Hub, person: Person) -> bool:
    """Whether the person's role needs a second factor that is not set up yet."""
    return person.totp_secret is None and person.role in hub.settings.web.second_factor_roles


def begin(hub: Hub, session: Session, person: Person) -> str:
    """A new secret to show; it counts only after a code proved that the app has it."""
    try:
        if (known := pending_of(hub, person)) is not None:
            return known
    except SealBroken:
        pass  # it was never proved: a new one takes its place
    secret = pyotp.random_base32()
    person.totp_pending = _seal(hub).close(secret)
    return secret


def pending_of(hub: Hub, person: Person) -> str | None:
    """
    The secret that is shown and not proved yet.

    Raises:
        SealBroken: the master secret was changed since.
    """
    return _seal(hub).open(person.totp_pending) if person.totp_pending else None


def address_of(person: Person, secret: str) -> str:
    """What the QR says to the app."""
    return pyotp.TOTP(secret).provisioning_uri(name=person.username, issuer_name="Loa")


def confirm(hub: Hub, session: Session, person: Person, code: str) -> list[str]:
    """
    Switch it on; gives the recovery codes, which are shown once.

    Raises:
        CodeRefused: the app does not have the secret, or its clock is wrong.
        SealBroken: the master secret was changed since it was shown.
    """
    now = hub.clock.now()
    step = _step(pending_of(hub, person), code, now)
    if step is None:
        raise CodeRefused()
    person.totp_secret, person.totp_pending, person.totp_step = person.totp_pending, None, step
    codes = [people.new_secret()[:9] for _ in range(RECOVERY_CODES)]
    person.recovery = [_hash(one) for one in codes]
    ledger.record(session, at=now, who=person.username, what="second_factor_set",
                  subject=person.username)  # fmt: skip
    return codes


def remove(session: Session, person: Person, *, now: datetime, by: str) -> None:
    """For a lost phone and lost paper: the password alone opens again, until a new one is set."""
    person.totp_secret = person.totp_pending = person.recovery = person.totp_step = None
    ledger.record(session, at=now, who=by, what="second_factor_removed", subject=person.username)


def complete(
    hub: Hub, token: str, code: str, *, address: str | None, agent: str | None
) -> people.Token:
    """
    The code that a sign-in waits for; a new token takes the place of the waiting one.

    Raises:
        NotFound: no sign-in waits.
        CodeRefused: the code is wrong, old or used.
        SealBroken: no code of an app can be looked at, and this is none of those on paper.
        TooManySignIns: ten wrong ones; the waiting sign-in is gone.
    """
    now, hours = hub.clock.now(), hub.settings.web.session_hours
    with hub.database.write() as session:
        person = people.person_of(session, token, now, waits_for_code=True)
        if person is None:
            raise NotFound(what="sign-in", key="")
        person = session.scalar(
            select(Person).where(Person.id == person.id).with_for_update(of=Person)
        )
        assert person is not None
        refused = _use(hub, session, person, code, now)
        outcome = "code" if refused else "opened"
        people.remember_try(session, person.username, outcome, now, (address, agent))
        if refused is None:
            person.failed_sign_ins, person.locked_until = 0, None
            people.sign_out(session, token)
            return people.open_session(
                session, person, now=now, address=address, hours=hours, agent=agent
            )
        person.failed_sign_ins += 1
        is_too_much = person.failed_sign_ins >= people.MAX_FAILED_SIGN_INS
        if is_too_much:
            person.failed_sign_ins, person.locked_until = 0, now + people.LOCKED_FOR
            people.sign_out(session, token)
    if is_too_much:
        raise TooManySignIns(minutes=people.LOCKED_FOR.seconds // 60)
    raise refused


# ── Inside ─────────────────────────────────────────────────────────────────────────────────────


def _seal(hub: Hub) -> Seal:
    return Seal(hub.master_secret(), SECOND_FACTOR)


def _use(
    hub: Hub, session: Session, person: Person, code: str, now: datetime
) -> CodeRefused | SealBroken | None:
    """Why the code does not open; none when it does. A code works once."""
    refused: CodeRefused | SealBroken = CodeRefused()
    try:
        secret = _seal(hub).open(person.totp_secret) if person.totp_secret else None
        step = _step(secret, code, now)
    except SealBroken as error:
        step, refused = None, error
    if step is not None and step > (person.totp_step or 0):
        person.totp_step = step  # seen over a shoulder it does not work again
        return None
    left = list(person.recovery or [])
    if _hash(code) not in left:
        return refused
    left.remove(_hash(code))
    person.recovery = left
    ledger.record(session, at=now, who=person.username, what="recovery_code_used",
                  subject=person.username, count=len(left))  # fmt: skip
    return None


def _step(secret: str | None, code: str, now: datetime) -> int | None:
    """Which 30 seconds the code belongs to; none when it is no code of these minutes."""
    typed = "".join(code.split())
    if secret is None or not (typed.isascii() and typed.isdigit() and len(typed) == 6):
        return None
    app, step = pyotp.TOTP(secret), int(now.timestamp()) // _STEP_S
    for near in range(step - _DRIFT, step + _DRIFT + 1):
        if secrets.compare_digest(app.at(near * _STEP_S), typed):
            return near
    return None


def _hash(code: str) -> str:
    plain = "".join(code.lower().split()).replace("-", "")
    return hashlib.sha256(plain.encode()).hexdigest()
