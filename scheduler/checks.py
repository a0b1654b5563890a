"""The quality check as a work of its own: a file comes in at once and is judged by a worker.

As everywhere the row is the truth: it says who judges, until when, and how far that is. A killed
checker's claim ends with its lease; its late result names an attempt that is no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, select, update

from audio.errors import AudioError, FfmpegMissing
from audio.measure import Facts, measure, probe
from audio.peaks import peaks
from audio.source import open_source
from scheduler import people, programmes, renditions
from scheduler.errors import CheckGaveUp, LeaseLost
from scheduler.hub import Hub
from scheduler.intake import linked
from scheduler.programmes import ProgrammeDetails
from scheduler.store.models import Person, Programme
from scheduler.store.states import ProgrammeState, move, moving

log = structlog.get_logger()

_LEASE = timedelta(seconds=60)  # renewed while the sound is read
_BEAT_S = 2.0
_WAIT = timedelta(minutes=5)  # after the machine was at fault
MOST_TRIES = 5


@dataclass(frozen=True)
class _Claim:
    programme_id: int
    attempt: int
    master: Path


def bring(
    hub: Hub, file: Path, details: ProgrammeDetails, *, by: Person, file_name: str,
    upload_id: str | None = None,
) -> Programme:  # fmt: skip
    """
    Take a whole file of ours into the archive; it is judged later, by :func:`check`.

    What is no sound at all is refused here, before anything is kept. ``file`` stays where it is.

    Raises:
        AlreadyExists: the same bytes are in the archive.
        AudioError: it is not sound.
        InputInvalid: its last day is over; it would never air.
    """
    people.require_role(by, *programmes.UPLOADERS)
    programmes.refuse_over(hub, details.expires_on)
    with linked(file, hub.tmp) as brought:
        with hub.database.read() as session:
            programmes.refuse_duplicate(session, brought.sha256)
        with open_source(file) as source:
            probe(source)
        brought.keep_as(hub.masters / brought.sha256)
        with hub.database.write() as session:
            programme = programmes.remember(hub, session, brought, details, by, file_name)
            programme.upload_id = upload_id
    return programme


def to_check(hub: Hub) -> list[int]:
    """Programmes that wait for their check, or whose checker died."""
    now = hub.clock.now()
    waits = (Programme.state == ProgrammeState.UPLOADED) & (
        Programme.check_until.is_(None) | (Programme.check_until < now)
    )
    died = (Programme.state == ProgrammeState.MEASURING) & (Programme.check_until < now)
    with hub.database.read() as session:
        return list(session.scalars(select(Programme.id).where(waits | died).order_by("id")))


def check(hub: Hub, programme_id: int) -> bool:
    """Judge one programme, unless somebody does already; whether it was judged."""
    claim = _claim(hub, programme_id)
    if claim is None:
        return False
    try:
        facts = measure(claim.master, progress=_Beat(hub, claim))
        _renew(hub, claim, 0.99)
        return _finish(hub, claim, facts, peaks(claim.master))
    except LeaseLost:
        return False
    except AudioError as error:
        return _refuse(hub, claim, error)


def _claim(hub: Hub, programme_id: int) -> _Claim | None:
    if programme_id not in to_check(hub):
        return None
    now = hub.clock.now()
    with hub.database.write() as session:
        session.execute(
            moving(Programme, ProgrammeState.UPLOADED).where(
                Programme.id == programme_id, Programme.check_until < now
            )
        )
        attempt = session.scalar(
            moving(Programme, ProgrammeState.MEASURING)
            .where(Programme.id == programme_id)
            .values(
                check_attempts=Programme.check_attempts + 1, check_percent=0, check_error=None,
                check_until=now + _LEASE,
            )
            .returning(Programme.check_attempts)
        )  # fmt: skip
        if attempt is None:
            return None
        programme = session.get_one(Programme, programme_id)
        if attempt > MOST_TRIES:  # it kills whoever looks at it
            _give_up(programme)
            return None
        return _Claim(programme_id, attempt, hub.master_path(programme))


@dataclass
class _Beat:
    """Renews the claim, tells how far the check is, and stops one that lost its claim."""

    hub: Hub
    claim: _Claim
    last_s: float = 0.0

    def __call__(self, done: float) -> None:
        now_s = self.hub.clock.monotonic()
        if self.last_s and now_s - self.last_s < _BEAT_S:
            return
        self.last_s = now_s
        _renew(self.hub, self.claim, done)


def _renew(hub: Hub, claim: _Claim, done: float) -> None:
    """
    Raises:
        LeaseLost: somebody else judges it by now, or it was withdrawn.
    """
    percent = min(99, round(done * 100))
    with hub.database.write() as session:
        renewed = session.scalar(
            update(Programme)
            .where(*_mine(claim))
            .values(check_until=hub.clock.now() + _LEASE, check_percent=percent)
            .returning(Programme.id)
        )
    if renewed is None:
        raise LeaseLost()


def _finish(hub: Hub, claim: _Claim, facts: Facts, heights: list[float]) -> bool:
    with hub.database.write() as session:
        programme = session.scalar(select(Programme).where(*_mine(claim)).with_for_update())
        if programme is None:
            return False
        programme.check_until, programme.check_percent = None, 100
        programmes.judged(hub, session, programme, facts, heights)
        if programme.state is ProgrammeState.READY:
            renditions.make_due(hub, session, programme)
        programmes.note(hub, session, "programme_checked", programme, "loa")
    return True


def _refuse(hub: Hub, claim: _Claim, error: AudioError) -> bool:
    """What cannot be decoded goes back to the editor; what the machine did wrong is tried again."""
    is_machine = error.retry or isinstance(error, FfmpegMissing)
    with hub.database.write() as session:
        programme = session.scalar(select(Programme).where(*_mine(claim)).with_for_update())
        if programme is None:
            return False
        programme.check_error = {"code": error.code, "fields": _plain(error)}
        programme.check_until = hub.clock.now() + _WAIT if is_machine else None
        move(programme, ProgrammeState.UPLOADED if is_machine else ProgrammeState.REJECTED)
    log.warning("check_failed", programme=claim.programme_id, code=error.code)
    return not is_machine


def _give_up(programme: Programme) -> None:
    programme.check_error = {"code": CheckGaveUp.code, "fields": {"tries": MOST_TRIES}}
    programme.check_until = None
    move(programme, ProgrammeState.REJECTED)


def _plain(error: AudioError) -> dict[str, object]:
    return {
        name: value if isinstance(value, int | float) else str(value)[:300]
        for name, value in error.fields.items()
    }


def _mine(claim: _Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        Programme.id == claim.programme_id,
        Programme.state == ProgrammeState.MEASURING,
        Programme.check_attempts == claim.attempt,
    )
