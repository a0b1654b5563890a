"""Jump hosts: a district's server that can dial stations which we cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.errors import AlreadyExists, InputInvalid, JumpInUse, NotFound, said
from scheduler.retries import retry
from scheduler.stationrows import HOST, USERNAME
from scheduler.store import ledger
from scheduler.store.models import Jump, Station
from stations.visit import Address

_NAME_LETTERS = 80


@dataclass(frozen=True)
class JumpLine:
    """One jump host and how many stations stand behind it."""

    jump: Jump
    stations: int


def list_jumps(session: Session) -> list[JumpLine]:
    counts = select(Station.jump_id, func.count()).group_by(Station.jump_id)
    behind = {row[0]: row[1] for row in session.execute(counts)}
    jumps: Sequence[Jump] = session.scalars(select(Jump).order_by(Jump.name)).all()
    return [JumpLine(jump, behind.get(jump.id, 0)) for jump in jumps]


def find_jump(session: Session, name: str) -> Jump:
    jump = session.scalar(select(Jump).where(Jump.name == name))
    if jump is None:
        raise NotFound(what="jump host", key=name)
    return jump


def jump_of(session: Session, station: Station) -> Jump | None:
    return session.get(Jump, station.jump_id) if station.jump_id is not None else None


def address_of_jump(jump: Jump) -> Address:
    return Address(jump.host, jump.port, jump.username, ".", jump.host_key)


def add_jump(
    session: Session, *, name: str, host: str, port: int, username: str, by: str, now: datetime
) -> Jump:
    """
    Raises:
        InputInvalid: what cannot be; AlreadyExists: a jump host of that name.
    """
    name = name.strip()
    if not name or len(name) > _NAME_LETTERS or not name.isprintable():
        raise InputInvalid(problem="a jump host needs a name of at most 80 letters")
    if session.scalar(select(Jump.id).where(Jump.name == name)) is not None:
        raise AlreadyExists(what="jump host", key=name)
    if not HOST.fullmatch(host) or not USERNAME.fullmatch(username) or not 1 <= port <= 65535:
        raise InputInvalid(
            problem=said("{address} is no address like loa@10.20.0.1:22",
                         address=f"{username}@{host}:{port}")
        )  # fmt: skip
    jump = Jump(name=name, host=host, port=port, username=username)
    session.add(jump)
    _record(session, "jump_added", jump, by=by, now=now)
    return jump


def remove_jump(session: Session, jump: Jump, *, by: str, now: datetime) -> None:
    """
    Raises:
        JumpInUse: stations are still reached through it.
    """
    statement = select(func.count()).select_from(Station).where(Station.jump_id == jump.id)
    if count := session.scalar(statement):
        raise JumpInUse(name=jump.name, count=count)
    session.delete(jump)
    _record(session, "jump_removed", jump, by=by, now=now)


def accept_jump_key(session: Session, jump: Jump, host_key: str, *, by: str, now: datetime) -> None:
    """Pin the key that a person compared; what waited for this decision is due again."""
    jump.host_key = host_key
    _record(session, "jump_key_accepted", jump, by=by, now=now)
    for station in session.scalars(select(Station).where(Station.jump_id == jump.id)):
        retry(session, station, by=by, now=now)


def _record(session: Session, what: str, jump: Jump, *, by: str, now: datetime) -> None:
    ledger.record(
        session, at=now, who=by, what=what, subject=jump.name,
        address=f"{jump.username}@{jump.host}:{jump.port}", host_key=jump.host_key,
    )  # fmt: skip
