"""Receipts and logs → evidence: what a station checked, and what it says it aired."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from scheduler.day import planned_at_of
from scheduler.dispatch import interruptible_pool
from scheduler.errors import CoreError
from scheduler.evidence import Proof, begun_at, proof_of
from scheduler.hub import Hub
from scheduler.intake import flush_folder
from scheduler.keys import keys_of
from scheduler.leases import NOT_DELIVERED, end_the_hopeless
from scheduler.reach import reach
from scheduler.receipts import receipt_of, take_receipt
from scheduler.store import ledger
from scheduler.store.db import in_batches, one_of
from scheduler.store.models import Airing, AsrunFile, Delivery, Station
from scheduler.store.states import (
    HEARD_AIRINGS,
    OPEN_AIRINGS,
    AiringState,
    Grade,
    can_move,
    moving,
)
from scheduler.visitlog import Purpose, VisitLog
from stations.asrun import (
    AsrunAiring,
    AsrunDay,
    airings_of,
    read_asrun,
)
from stations.errors import BadReceipt, FileTooLong, StationError
from stations.layout import ASRUN_MAX_BYTES, asrun_path
from stations.receipt import Receipt
from stations.visit import Visit

log = structlog.get_logger()

# A box that was off for two weeks still gets its proof in; what is older stays unknown.
_LOOK_BACK = timedelta(days=14)
_REJECTED_KEPT = 100


@dataclass(frozen=True)
class CollectResult:
    """What one look at a station brought."""

    station_code: str
    verified: int = 0  # deliveries that the station's receipt confirms
    healed: int = 0  # deliveries that the receipt no longer confirms: due again
    logs: int = 0
    airings_changed: int = 0
    rejected_lines: int = 0
    is_clock_ahead: bool = False  # its receipt was written in our future
    error: StationError | CoreError | None = None


def collect_station(hub: Hub, station_id: int) -> CollectResult:
    """Fetch and believe, as far as it is proved, what one station wrote; as often as one likes."""
    with hub.database.read() as session:
        station = session.scalars(_STATION, {"station_id": station_id}).one()
        dates = _dates_to_fetch(hub, session, station_id)
    fetched = _fetch(hub, station, dates)
    result = _take(hub, station, fetched)
    log.info(
        "station_collected", station=station.code, verified=result.verified, logs=result.logs,
        airings_changed=result.airings_changed, error=result.error.code if result.error else None,
    )  # fmt: skip
    return result


def collect(
    hub: Hub,
    *,
    stations: Collection[int] | None = None,
    on_result: Callable[[CollectResult], None] = lambda result: None,
) -> list[CollectResult]:
    """Look at every active station that has a computer."""
    results = []
    with interruptible_pool(hub.settings.push.workers, "collect") as pool:
        for result in pool.map(lambda one: collect_station(hub, one), to_collect(hub, stations)):
            results.append(result)
            on_result(result)
    return results


def to_collect(hub: Hub, stations: Collection[int] | None = None) -> list[int]:
    """The stations from which something may be learned, by their code."""
    with hub.database.read() as session:
        ids = session.scalars(
            select(Station.id)
            .where(Station.active, Station.kind == "player", Station.host_key.is_not(None))
            .order_by(Station.code)
        ).all()
    return [one for one in ids if stations is None or one in stations]


def settle(hub: Hub) -> int:
    """Say "unknown" where no proof came in time, and end the deliveries of days that are over."""
    now = hub.clock.now()
    deadline = now - timedelta(hours=hub.settings.collect.unknown_after_h)
    with hub.database.write() as session:
        end_the_hopeless(session, now)
        over = moving(Airing, AiringState.UNKNOWN).where(Airing.planned_at < deadline)
        never = over.where(_has_computer(), ~_was_brought()).values(reason=NOT_DELIVERED)
        silent = over.values(reason="no_proof")
        settled = [
            len(session.scalars(statement.returning(Airing.station_id)).all())
            for statement in (never, silent)  # in this order: the second takes what is left
        ]
    return sum(settled)


def _has_computer() -> ColumnElement[bool]:
    """Elsewhere nothing is delivered, and a person confirms."""
    return exists().where(Station.id == Airing.station_id, Station.kind != "person")


def _was_brought() -> ColumnElement[bool]:
    return exists().where(
        Delivery.station_id == Airing.station_id,
        Delivery.for_date == Airing.broadcast_date,
        Delivery.delivered_at.is_not(None),
    )


# ── The visit ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Log:
    """One day's file, fetched, kept and read."""

    on: date
    sha256: str
    size_bytes: int
    day: AsrunDay


@dataclass
class _Fetched:
    """What a visit brought; what came before the line broke counts."""

    visit: VisitLog
    receipt: Receipt | None = None
    logs: list[_Log] = field(default_factory=list)
    error: StationError | CoreError | None = None  # the last one that was met
    is_cut: bool = False  # by it: not all the days were asked for


def _fetch(hub: Hub, station: Station, dates: Collection[date]) -> _Fetched:
    fetched = _Fetched(VisitLog(hub, station, Purpose.COLLECT))
    try:
        with reach(hub, station, diary=fetched.visit.diary) as visit:
            visit.end_within(hub.settings.collect.limit_s)
            _fetch_receipt(hub, station, visit, fetched)
            for on in dates:
                _fetch_log(hub, station, visit, on, fetched)
    except (StationError, CoreError) as error:
        fetched.error, fetched.is_cut = error, True
    return fetched


def _fetch_receipt(hub: Hub, station: Station, visit: Visit, fetched: _Fetched) -> None:
    try:
        with visit.diary.doing("receipt") as entry:
            fetched.receipt = receipt_of(hub, station, visit)
            entry.facts["is_there"] = fetched.receipt is not None
    except (BadReceipt, FileTooLong) as error:
        fetched.error = error  # the logs prove what they prove all the same


def _fetch_log(hub: Hub, station: Station, visit: Visit, on: date, fetched: _Fetched) -> None:
    try:
        with visit.diary.doing("log", for_date=str(on)) as entry:
            read = _read_log(hub, station, visit, on)
            entry.facts["lines"] = len(read.day.records) if read else 0
    except FileTooLong as error:
        fetched.error = error  # one swollen day does not hide the others
    else:
        fetched.logs += [read] if read else []


def _take(hub: Hub, station: Station, fetched: _Fetched) -> CollectResult:
    """Believe what was brought, when the line is free again, and tell of the visit."""
    result = CollectResult(station.code, error=fetched.error)
    try:
        with hub.database.write() as session:
            if fetched.receipt is not None:
                taken = take_receipt(hub, session, station, fetched.receipt)
                result = replace(result, **vars(taken))
            if fetched.logs:
                result = _take_logs(hub, session, station, fetched, result)
            fetched.visit.write(session, fetched.error)
    except CoreError as met:
        return CollectResult(station.code, error=met)
    return result


# ── The log ────────────────────────────────────────────────────────────────────────────────────


def _dates_to_fetch(hub: Hub, session: Session, station_id: int) -> list[date]:
    """The days of which something is not proved yet, each with the one after it."""
    now, today = hub.clock.now(), hub.today()
    fresh = now - timedelta(hours=hub.settings.collect.unknown_after_h)
    asked = {"station_id": station_id, "begin": now - _LOOK_BACK, "now": now, "fresh": fresh}
    found = set(session.scalars(_UNPROVED, asked))
    return sorted(found | {on + timedelta(days=1) for on in found if on < today})


def _take_logs(
    hub: Hub, session: Session, station: Station, fetched: _Fetched, result: CollectResult
) -> CollectResult:
    """Read the logs of some days together; an item that ran over midnight stands in two of them."""
    logs = fetched.logs
    records = [record for one in logs for record in one.day.records]
    if result.is_clock_ahead:
        # It played all it says, but an hour before it says so: no line of its own tells us that.
        records = [replace(record, clock_ok=False) for record in records]
    _remember_logs(hub, session, station, logs)
    if fetched.is_cut:
        return result  # what came before the line broke is kept
    changed = _apply(hub, session, station, airings_of(records))
    rejected = sum(len(one.day.rejected) for one in logs)
    return replace(result, logs=len(logs), rejected_lines=rejected, airings_changed=changed)


def _read_log(hub: Hub, station: Station, visit: Visit, on: date) -> _Log | None:
    data = visit.read_file(asrun_path(on), ASRUN_MAX_BYTES)
    if not data:
        return None
    keys = keys_of(hub, station)
    day = read_asrun(
        data, station=station.code, key=keys.current, next_key=keys.next,
        previous_key=keys.previous_of_log(on), for_date=on, now=hub.clock.now(),
    )  # fmt: skip
    return _Log(on, _archive(hub, data), len(data), day)


def _archive(hub: Hub, data: bytes) -> str:
    """Keep the raw log under its hash before a row speaks of it."""
    sha256 = hashlib.sha256(data).hexdigest()
    final = hub.asrun / f"{sha256}.jsonl"
    if not final.exists():
        part = hub.tmp / f"{sha256}.asrun.part"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(final)
        flush_folder(final.parent)
    return sha256


def _remember_logs(hub: Hub, session: Session, station: Station, logs: Sequence[_Log]) -> None:
    """Write down what was not known yet."""
    asked = {"station_id": station.id, "dates": [one.on for one in logs]}
    known = {(on, sha256) for on, sha256 in session.execute(_KNOWN_LOGS, asked)}
    for one in logs:
        if (one.on, one.sha256) not in known:
            _remember_log(session, station, one, hub.clock.now())


def _remember_log(session: Session, station: Station, one: _Log, now: datetime) -> None:
    rejected = [[line.number, line.reason] for line in one.day.rejected[:_REJECTED_KEPT]]
    session.execute(
        _NEW_LOG,
        {
            "station_id": station.id, "for_date": one.on, "sha256": one.sha256,
            "size_bytes": one.size_bytes, "fetched_at": now, "lines": len(one.day.records),
            "is_chained": one.day.is_chained, "rejected": rejected,
        },
    )  # fmt: skip
    ledger.record(
        session, at=now, who="loa", what="log_collected", subject=f"{station.code} {one.on}",
        sha256=one.sha256, lines=len(one.day.records), rejected=len(one.day.rejected),
        is_chained=one.day.is_chained,
    )  # fmt: skip


def _apply(hub: Hub, session: Session, station: Station, said_of: Mapping[str, AsrunAiring]) -> int:
    now, rules = hub.clock.now(), hub.settings.collect
    proved, begun = [], []
    for airing, said in _spoken_of(session, station, said_of):
        if airing.planned_at > now:
            continue  # what is still to come cannot have been heard
        named = {"of": station.id, "at": airing.planned_at}
        # "At once" is as soon as the line brings it; the log tells when that was.
        is_urgent = airing.bulletin_id is not None
        own = rules.model_copy(update={"late_after_s": airing.late_ok_s}) if is_urgent else rules
        proof = proof_of(said, planned_at=airing.planned_at, ms=airing.ms, rules=own, now=now)
        if proof is not None:
            if _is_news(airing, proof):
                evidence = {"source": "player_log", "device": said.device}
                proved.append(named | vars(proof) | {"evidence": evidence})
        elif airing.state in OPEN_AIRINGS:
            started_at = begun_at(said, rules)
            if started_at != airing.started_at:
                begun.append(named | {"started_at": started_at})
    if begun:
        session.execute(_CHANGED, begun)
    if proved:
        session.execute(_CHANGED, proved)
    return len(proved)


def _spoken_of(
    session: Session, station: Station, said_of: Mapping[str, AsrunAiring]
) -> Iterator[tuple[Any, AsrunAiring]]:
    """The airings of which a log speaks; what we never planned cannot have been heard."""
    named: dict[datetime, AsrunAiring] = {}
    for item_id, said in said_of.items():
        with suppress(ValueError):
            named[planned_at_of(item_id)] = said
    for batch in in_batches(sorted(named)):
        # Locked on PostgreSQL, in order: a person may be confirming one of them at this moment.
        airings = session.execute(_SPOKEN_OF, {"station_id": station.id, "moments": batch})
        yield from ((airing, named[airing.planned_at]) for airing in airings.all())


def _is_news(airing: Any, proof: Proof) -> bool:
    """
    Whether an airing is raised to what is proved; the same log again changes nothing.

    A log overrules a person's word, and not the other way round, whichever came first. What a log
    has proved to have been heard is not taken back.
    """
    known = airing.state, airing.grade, airing.started_at, airing.played_ms
    if known == (proof.state, proof.grade, proof.started_at, proof.played_ms):
        return False
    was_heard = airing.grade is Grade.A and airing.state in HEARD_AIRINGS
    if was_heard and proof.state is AiringState.MISSED:
        return False
    return can_move(airing.state, proof.state)


# ── Statements ─────────────────────────────────────────────────────────────────────────────────
# Prepared once, and on the bare tables where no loaded row is wanted: asked of every station every
# ten minutes.

_airings: Any = Airing.__table__
_logs: Any = AsrunFile.__table__

_STATION = select(Station).where(Station.id == bindparam("station_id"))
_UNPROVED = (
    select(_airings.c.broadcast_date)
    .where(
        _airings.c.station_id == bindparam("station_id"),
        _airings.c.planned_at.between(bindparam("begin"), bindparam("now")),
        or_(
            one_of(_airings.c.state, (*OPEN_AIRINGS, AiringState.UNKNOWN, AiringState.PARTIAL)),
            _airings.c.grade == Grade.B,  # a log would be better proof than a person's word
            # A player with a wrong clock gives an item up, and plays it once it is set.
            and_(
                _airings.c.state == AiringState.MISSED, _airings.c.planned_at > bindparam("fresh")
            ),
            # Taken back in the middle: how far it was heard.
            and_(
                _airings.c.state == AiringState.CANCELLED,
                _airings.c.bulletin_id.is_not(None),
                _airings.c.planned_at > bindparam("fresh"),
            ),
        ),
    )
    .distinct()
)
_KNOWN_LOGS = select(_logs.c.for_date, _logs.c.sha256).where(
    _logs.c.station_id == bindparam("station_id"),
    _logs.c.for_date.in_(bindparam("dates", expanding=True)),
)
_NEW_LOG = insert(_logs)
_SPOKEN_OF = (
    select(
        _airings.c.planned_at, _airings.c.bulletin_id, _airings.c.late_ok_s, _airings.c.ms,
        _airings.c.state, _airings.c.grade, _airings.c.started_at, _airings.c.played_ms,
    )
    .where(
        _airings.c.station_id == bindparam("station_id"),
        _airings.c.planned_at.in_(bindparam("moments", expanding=True)),
    )
    .order_by(_airings.c.planned_at)
    .with_for_update()
)  # fmt: skip
# Sets the columns that are given to it.
_CHANGED = update(_airings).where(
    _airings.c.station_id == bindparam("of"), _airings.c.planned_at == bindparam("at")
)
