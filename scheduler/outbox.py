"""Notices as rows: made once for each recipient, sent until they are sent or dead."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import CursorResult, Update, delete, insert, select
from sqlalchemy.orm import Session

from scheduler import post
from scheduler.errors import CoreError, InputInvalid, NotFound
from scheduler.hub import Hub
from scheduler.post import Letter
from scheduler.store import ledger
from scheduler.store.db import in_batches, lock
from scheduler.store.models import Notice, Told
from scheduler.store.states import NoticeState, move, moving
from scheduler.units import find_unit, stations_below, unit_ids_below

log = structlog.get_logger()

_TOLD_LOCK = 0x746F6C64  # "told": one process at a time decides what is told
_RETRY_CAP_S = 3600
_AT_ONCE = 50  # a nation's outage is told in some minutes, and never stops the next look
_KEPT = timedelta(days=90)

Facts = dict[str, Any]
# The facts for these stations (None: all of them); None when there is nothing to tell of them.
FactsOf = Callable[[Collection[int] | None], Facts | None]
Wording = Callable[[str, Mapping[str, Any]], Letter]  # kind, facts → the letter


def tell(hub: Hub, key: str, kind: str, facts_of: FactsOf, *, also: Collection[str] = ()) -> bool:
    """
    Put a notice into the outbox of everybody who wants its kind, once; whether it was new.

    ``key`` names what it tells of. ``also`` are keys that are told with it.
    """
    with hub.database.write() as session:
        lock(session, _TOLD_LOCK)
        if session.get(Told, key) is not None:
            return False
        keys = {key, *also}
        if new := [
            {"key": one, "at": hub.clock.now()} for one in sorted(keys - _told(session, keys))
        ]:
            session.execute(insert(Told), new)
        for channel, target, unit in _targets(hub, kind):
            facts = facts_of(_stations(hub, session, unit))
            if facts is not None:
                session.add(_notice(hub, key, kind, channel, target, facts))
    return True


def _told(session: Session, keys: Collection[str]) -> set[str]:
    found: set[str] = set()
    for batch in in_batches(sorted(keys)):
        found |= set(session.scalars(select(Told.key).where(Told.key.in_(batch))))
    return found


def is_told(session: Session, key: str) -> bool:
    return session.get(Told, key) is not None


@dataclass(frozen=True)
class Outcome:
    """What became of one try."""

    channel: str
    target: str
    error: CoreError | None


def send_due(hub: Hub, wording: Wording) -> list[Outcome]:
    """
    Send what is due; safe to run twice at once, and to kill at any step.

    A process that dies between the server's "accepted" and our row sends once more: the Message-ID
    and the webhook's id stay the same, so that the receiver can tell.
    """
    return [_send(hub, notice, wording) for notice in _claim(hub)]


def send_test(hub: Hub, wording: Wording, *, to: str | None = None, by: str) -> list[Outcome]:
    """
    Send a test to everybody now (or to one address) and say how it went; nothing is tried again.

    Raises:
        InputInvalid: nobody stands in the settings.
    """
    now = hub.clock.now()
    facts = {"at": now.isoformat(), "by": by}
    targets = [("mail", to)] if to else sorted({target[:2] for target in _targets(hub, None)})
    if not targets:
        raise InputInvalid(problem="nobody gets notices yet: fill in [notice] and [mail]")
    outcomes = []
    for channel, target in targets:
        key = f"test/{now.isoformat()}"
        with hub.database.write() as session:
            notice = _notice(hub, key, "test", channel, target, facts)
            move(notice, NoticeState.SENDING)
            notice.attempts, notice.lease_until = 1, now + _lease(hub)
            session.add(notice)
        outcomes.append(_send(hub, notice, wording, tries=1))
    return outcomes


def revive(hub: Hub, notice_id: int, *, by: str) -> Notice:
    """
    A person says "try again": a dead notice is due now.

    Raises:
        NotFound, WrongState: there is none, or it is not dead.
    """
    with hub.database.write() as session:
        notice = session.get(Notice, notice_id)
        if notice is None:
            raise NotFound(what="notice", key=notice_id)
        move(notice, NoticeState.DUE)
        notice.attempts, notice.next_try_at = 0, hub.clock.now()
        ledger.record(session, at=hub.clock.now(), who=by, what="notice_revived",
                      subject=f"notice {notice.id}")  # fmt: skip
    return notice


def list_notices(
    session: Session, *, state: NoticeState | None = None, limit: int = 100,
    before: int | None = None,
) -> list[Notice]:  # fmt: skip
    """The newest first; or those before the one of this id."""
    statement = select(Notice).order_by(Notice.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(Notice.state == state)
    if before is not None:
        statement = statement.where(Notice.id < before)
    return list(session.scalars(statement))


def forget_old(hub: Hub) -> None:
    """What was told a quarter of a year ago is not told again."""
    limit = hub.clock.now() - _KEPT
    with hub.database.write() as session:
        session.execute(delete(Told).where(Told.at < limit))
        session.execute(delete(Notice).where(Notice.made_at < limit))


# ── Who gets what ──────────────────────────────────────────────────────────────────────────────


def _targets(hub: Hub, kind: str | None) -> list[tuple[str, str, str]]:
    """Channel, target and unit of everybody who wants this kind (None: any)."""
    rules = hub.settings.notice
    if kind == "night":
        return [("ping", "", "")] if rules.ping_url.get_secret_value() else []
    found = [
        ("mail", one.address, one.unit)
        for one in rules.recipients
        if hub.settings.mail.host and (kind is None or kind in one.kinds)
    ]
    if rules.webhook_url.get_secret_value():
        found.append(("webhook", "", ""))
    # One address may stand twice, for two units: its first line counts, the key is unique.
    return list({(channel, target): (channel, target, unit) for channel, target, unit in
                 reversed(found)}.values())  # fmt: skip


def _stations(hub: Hub, session: Session, unit_code: str) -> Collection[int] | None:
    if not unit_code:
        return None
    on = hub.today()
    try:
        below = unit_ids_below(session, find_unit(session, unit_code, on).id, on) or set()
    except NotFound:
        # Merged away since it was written down: better too much than silence.
        log.warning("recipient_unit_unknown", unit=unit_code)
        return None
    return stations_below(session, below, on)


def _notice(
    hub: Hub, key: str, kind: str, channel: str, target: str, facts: Facts
) -> Notice:  # fmt: skip
    now = hub.clock.now()
    return Notice(
        key=key, kind=kind, channel=channel, target=target, facts=facts, made_at=now,
        state=NoticeState.DUE, attempts=0, next_try_at=now,
    )  # fmt: skip


# ── Sending ────────────────────────────────────────────────────────────────────────────────────


def _lease(hub: Hub) -> timedelta:
    # All that are claimed together wait for each other.
    return timedelta(seconds=60 + 3 * _AT_ONCE * hub.settings.notice.timeout_s)


def _claim(hub: Hub) -> list[Notice]:
    now = hub.clock.now()
    with hub.database.write() as session:
        session.execute(
            moving(Notice, NoticeState.DUE)
            .where(Notice.state == NoticeState.SENDING, Notice.lease_until < now)
            .values(next_try_at=now)
        )
        due = session.scalars(
            select(Notice)
            .where(Notice.state == NoticeState.DUE, Notice.next_try_at <= now)
            .order_by(Notice.next_try_at, Notice.id)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        ).all()
        for notice in due:
            move(notice, NoticeState.SENDING)
            notice.attempts, notice.lease_until = notice.attempts + 1, now + _lease(hub)
    return list(due)


def _send(hub: Hub, notice: Notice, wording: Wording, tries: int | None = None) -> Outcome:
    error: CoreError | None = None
    try:
        post.deliver(hub, notice, wording(notice.kind, notice.facts))
    except CoreError as caught:
        error = caught
    _finish(hub, notice, error, tries or hub.settings.notice.max_tries)
    log.info(
        "notice_sent" if error is None else "notice_failed", key=notice.key,
        channel=notice.channel, attempt=notice.attempts, error=error.code if error else None,
    )  # fmt: skip
    return Outcome(notice.channel, notice.target, error)


def _finish(hub: Hub, notice: Notice, error: CoreError | None, tries: int) -> None:
    now = hub.clock.now()
    if error is None:
        state = NoticeState.SENT
    elif error.retry and notice.attempts < tries:
        state = NoticeState.DUE
    else:
        state = NoticeState.DEAD
    with hub.database.write() as session:
        _affected(
            session,
            moving(Notice, state)
            .where(
                Notice.id == notice.id,
                Notice.state == NoticeState.SENDING,
                Notice.attempts == notice.attempts,
            )
            .values(
                lease_until=None,
                sent_at=now if error is None else None,
                next_try_at=now + _back_off(hub, notice),
                error_code=error.code if error else None,
                error_fields={k: str(v) for k, v in error.fields.items()} if error else None,
            ),
        )


def _back_off(hub: Hub, notice: Notice) -> timedelta:
    """Doubled at each try, give or take a fifth that comes from the row itself."""
    first = hub.settings.notice.first_retry_s
    seconds = min(first * 2 ** min(notice.attempts - 1, 20), _RETRY_CAP_S)
    seed = hashlib.sha256(f"{notice.id}/{notice.attempts}".encode()).digest()[0]
    return timedelta(seconds=seconds * (0.8 + 0.4 * seed / 255))


def _affected(session: Session, statement: Update) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount
