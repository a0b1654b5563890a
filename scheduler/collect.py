"""Receipts and logs → evidence: what a station checked, and what it says it aired."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from scheduler import bulletins
from scheduler.day import planned_at_of
from scheduler.dispatch import interruptible_pool
from scheduler.errors import CoreError
from scheduler.evidence import Proof, begun_at, proof_of
from scheduler.hub import Hub
from scheduler.intake import flush_folder
from scheduler.keys import end_rotation, keys_of
from scheduler.leases import NOT_DELIVERED, Lease, back_off, end_the_hopeless
from scheduler.reach import reach
from scheduler.store import ledger
from scheduler.store.db import in_batches
from scheduler.store.models import Airing, AsrunFile, Attempt, Delivery, Station
from scheduler.store.states import (
    HEARD_AIRINGS,
    OPEN_AIRINGS,
    AiringState,
    DeliveryState,
    Grade,
    can_move,
    move,
    moving,
)
from stations.asrun import (
    CLOCK_TRUSTED_S,
    AsrunAiring,
    AsrunDay,
    AsrunRecord,
    airings_of,
    read_asrun,
)
from stations.errors import BadReceipt, FileTooLong, StationError
from stations.layout import ASRUN_MAX_BYTES, RECEIPT, RECEIPT_MAX_BYTES, asrun_path
from stations.receipt import Receipt, read_receipt
from stations.visit import Visit

log = structlog.get_logger()

# A box that was off for two weeks still gets its proof in; what is older stays unknown.
_LOOK_BACK = timedelta(days=14)
_REJECTED_KEPT = 100
# A player looks every half minute; hashing a week of programmes on a slow card takes some more.
_RECEIPT_AFTER = timedelta(minutes=15)


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
        station = session.get_one(Station, station_id)
        dates = _dates_to_fetch(hub, session, station_id)
    result = CollectResult(station.code)
    try:
        with reach(hub, station) as visit:
            visit.end_within(hub.settings.collect.limit_s)
            result = _take_receipt(hub, station, visit, result)
            result = _take_logs(hub, station, visit, dates, result)
    except (StationError, CoreError) as error:
        result = replace(result, error=error)
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


# ── The receipt ────────────────────────────────────────────────────────────────────────────────


def _take_receipt(hub: Hub, station: Station, visit: Visit, result: CollectResult) -> CollectResult:
    try:
        receipt = receipt_of(hub, station, visit)
    except (BadReceipt, FileTooLong) as error:
        return replace(result, error=error)  # the logs prove what they prove all the same
    if receipt is None:
        return result
    now = hub.clock.now()
    verified = healed = 0
    with hub.database.write() as session:
        # Locks the row on PostgreSQL, as a claim and the planner do: nobody replaces a delivery
        # between our look at it and our word on it.
        known = session.get_one(Station, station.id, with_for_update=True)
        # A dead player's last receipt complains for ever: what it says is mended once.
        is_news = receipt.at != known.receipt_at
        if is_news:
            known.distrusted = _distrusted(receipt)
        for delivery in session.scalars(
            select(Delivery).where(
                Delivery.station_id == station.id,
                Delivery.for_date >= hub.today(),
                Delivery.state.in_((DeliveryState.DELIVERED, DeliveryState.VERIFIED)),
            )
        ):
            holds = _confirms(receipt, delivery)
            if holds and delivery.state is DeliveryState.DELIVERED:
                move(delivery, DeliveryState.VERIFIED)
                delivery.verified_at = now
                _move_airings(session, delivery, AiringState.PLANNED, AiringState.ON_STATION)
                verified += 1
            elif not holds and is_news and _is_lost(receipt, delivery, now):
                lose(hub, session, delivery)
                healed += 1
        bulletins.take_receipt(session, station, receipt, now)
        known.receipt_at, known.last_seen_at = receipt.at, now
        known.free_bytes, known.player_version = receipt.free_bytes, receipt.player_version
    is_ahead = receipt.at > now + timedelta(seconds=CLOCK_TRUSTED_S)
    return replace(result, verified=verified, healed=healed, is_clock_ahead=is_ahead)


def lose(hub: Hub, session: Session, delivery: Delivery) -> None:
    """A day that was brought is not there any more: due again, and its airings not on station."""
    move(delivery, DeliveryState.DUE)
    delivery.next_try_at = hub.clock.now() + _wait_after_loss(hub, session, delivery)
    delivery.error_code = "lost_at_station"
    _move_airings(session, delivery, AiringState.ON_STATION, AiringState.PLANNED)


def receipt_of(hub: Hub, station: Station, visit: Visit) -> Receipt | None:
    """
    The last receipt of a station; None when there is none.

    Raises:
        BadReceipt, FileTooLong: what lies there is no receipt of this station.
    """
    data = visit.read_file(RECEIPT, RECEIPT_MAX_BYTES)
    if data is None:
        return None
    keys = keys_of(hub, station)
    if keys.next is not None:
        try:
            receipt = read_receipt(data, station=station.code, key=keys.next)
        except BadReceipt:
            pass  # the technician has not been there yet
        else:
            _end_rotation(hub, station)
            return receipt
    return read_receipt(data, station=station.code, key=keys.current)


def _end_rotation(hub: Hub, station: Station) -> None:
    with hub.database.write() as session:
        known = session.get_one(Station, station.id, with_for_update=True)
        if known.next_key_number is not None:
            end_rotation(hub, session, known)


def _confirms(receipt: Receipt, delivery: Delivery) -> bool:
    """The station has checked every file of exactly this manifest."""
    day = receipt.days.get(delivery.for_date)
    if day is None or day.manifest_sha256 != delivery.manifest_sha256:
        return False
    return day.is_complete


def _is_lost(receipt: Receipt, delivery: Delivery, now: datetime) -> bool:
    """
    Whether the station has looked since and found less than was delivered.

    Counted by our clock alone: a station's may be hours off.
    """
    day = receipt.days.get(delivery.for_date)
    if day is not None and day.manifest_sha256 == delivery.manifest_sha256:
        return bool(day.missing or day.wrong)
    assert delivery.delivered_at is not None
    return now > delivery.delivered_at + _RECEIPT_AFTER


def _distrusted(receipt: Receipt) -> list[str]:
    """
    What the station's own reading found wrong, or not at all.

    A visit looks at samples, and would take one flipped bit for a file that is there already.
    """
    return sorted({name for day in receipt.days.values() for name in day.missing | day.wrong})


def _wait_after_loss(hub: Hub, session: Session, delivery: Delivery) -> timedelta:
    """Mend at once the first time; a dying card is not sent the same night every ten minutes."""
    times_delivered = session.scalar(
        select(func.count()).where(
            Attempt.delivery_id == delivery.id, Attempt.outcome == DeliveryState.DELIVERED.value
        )
    )
    if not times_delivered or times_delivered == 1:
        return timedelta(0)
    return back_off(hub.settings.push, Lease(delivery.id, times_delivered - 1, ""))


def _move_airings(session: Session, delivery: Delivery, old: AiringState, new: AiringState) -> None:
    session.execute(
        moving(Airing, new).where(
            Airing.station_id == delivery.station_id,
            Airing.broadcast_date == delivery.for_date,
            Airing.bulletin_id.is_(None),
            Airing.state == old,
        )
    )


# ── The log ────────────────────────────────────────────────────────────────────────────────────


def _dates_to_fetch(hub: Hub, session: Session, station_id: int) -> list[date]:
    """The days of which something is not proved yet, each with the one after it."""
    now, today = hub.clock.now(), hub.today()
    fresh = now - timedelta(hours=hub.settings.collect.unknown_after_h)
    days = session.scalars(
        select(Airing.broadcast_date)
        .where(
            Airing.station_id == station_id,
            Airing.planned_at.between(now - _LOOK_BACK, now),
            or_(
                Airing.state.in_((*OPEN_AIRINGS, AiringState.UNKNOWN, AiringState.PARTIAL)),
                Airing.grade == Grade.B,  # a log would be better proof than a person's word
                # A player with a wrong clock gives an item up, and plays it once it is set.
                and_(Airing.state == AiringState.MISSED, Airing.planned_at > fresh),
                # Taken back in the middle: how far it was heard.
                and_(
                    Airing.state == AiringState.CANCELLED,
                    Airing.bulletin_id.is_not(None),
                    Airing.planned_at > fresh,
                ),
            ),
        )
        .distinct()
    )
    found = set(days)
    return sorted(found | {on + timedelta(days=1) for on in found if on < today})


def _take_logs(
    hub: Hub, station: Station, visit: Visit, dates: Collection[date], result: CollectResult
) -> CollectResult:
    """Fetch the logs of these days; an item that ran over midnight stands in two of them."""
    records: list[AsrunRecord] = []
    keys = keys_of(hub, station)
    for on in dates:
        try:
            data = visit.read_file(asrun_path(on), ASRUN_MAX_BYTES)
        except FileTooLong as error:
            result = replace(result, error=error)  # one swollen day does not hide the others
            continue
        if not data:
            continue
        day = read_asrun(
            data, station=station.code, key=keys.current, next_key=keys.next,
            previous_key=keys.previous_of_log(on), for_date=on, now=hub.clock.now(),
        )  # fmt: skip
        sha256 = _archive(hub, data)
        with hub.database.write() as session:
            _remember_log(hub, session, station, on, sha256, len(data), day)
        records += day.records
        result = replace(
            result,
            logs=result.logs + 1,
            rejected_lines=result.rejected_lines + len(day.rejected),
        )
    if result.is_clock_ahead:
        # It played all it says, but an hour before it says so: no line of its own tells us that.
        records = [replace(record, clock_ok=False) for record in records]
    with hub.database.write() as session:
        changed = _apply(hub, session, station, airings_of(records))
    return replace(result, airings_changed=changed)


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


def _remember_log(
    hub: Hub, session: Session, station: Station, on: date, sha256: str, size: int, day: AsrunDay
) -> None:
    known = session.scalar(
        select(AsrunFile.id).where(
            AsrunFile.station_id == station.id,
            AsrunFile.for_date == on,
            AsrunFile.sha256 == sha256,
        )
    )
    if known is not None:
        return
    now = hub.clock.now()
    rejected = [[one.number, one.reason] for one in day.rejected[:_REJECTED_KEPT]]
    session.add(
        AsrunFile(
            station_id=station.id, for_date=on, sha256=sha256, size_bytes=size, fetched_at=now,
            lines=len(day.records), is_chained=day.is_chained, rejected=rejected,
        )
    )  # fmt: skip
    ledger.record(
        session, at=now, who="loa", what="log_collected", subject=f"{station.code} {on}",
        sha256=sha256, lines=len(day.records), rejected=len(day.rejected),
        is_chained=day.is_chained,
    )  # fmt: skip


def _apply(hub: Hub, session: Session, station: Station, said_of: Mapping[str, AsrunAiring]) -> int:
    now, changed = hub.clock.now(), 0
    for airing, said in _spoken_of(session, station, said_of):
        if airing.planned_at > now:
            continue  # what is still to come cannot have been heard
        rules = hub.settings.collect
        if airing.bulletin_id is not None:
            # "At once" is as soon as the line brings it; the log tells when that was.
            rules = rules.model_copy(update={"late_after_s": airing.late_ok_s})
        proof = proof_of(said, planned_at=airing.planned_at, ms=airing.ms, rules=rules, now=now)
        if proof is None and airing.state in OPEN_AIRINGS:
            airing.started_at = begun_at(said, hub.settings.collect)
        if proof is not None and _believe(airing, proof):
            airing.evidence = {"source": "player_log", "device": said.device}
            changed += 1
    return changed


def _spoken_of(
    session: Session, station: Station, said_of: Mapping[str, AsrunAiring]
) -> Iterator[tuple[Airing, AsrunAiring]]:
    """The airings of which a log speaks; what we never planned cannot have been heard."""
    named: dict[datetime, AsrunAiring] = {}
    for item_id, said in said_of.items():
        with suppress(ValueError):
            named[planned_at_of(item_id)] = said
    for batch in in_batches(sorted(named)):
        # Locked on PostgreSQL, in order: a person may be confirming one of them at this moment.
        airings = session.scalars(
            select(Airing)
            .where(Airing.station_id == station.id, Airing.planned_at.in_(batch))
            .order_by(Airing.planned_at)
            .with_for_update()
        )
        yield from ((airing, named[airing.planned_at]) for airing in airings.all())


def _believe(airing: Airing, proof: Proof) -> bool:
    """
    Raise an airing to what is proved; the same log again changes nothing.

    A log overrules a person's word, and not the other way round, whichever came first. What a log
    has proved to have been heard is not taken back.
    """
    same = (airing.state, airing.grade, airing.started_at, airing.played_ms) == (
        proof.state,
        proof.grade,
        proof.started_at,
        proof.played_ms,
    )
    taken_back = airing.grade is Grade.A and airing.state in HEARD_AIRINGS
    if same or (taken_back and proof.state is AiringState.MISSED):
        return False
    if not can_move(airing.state, proof.state):
        return False
    move(airing, proof.state)
    airing.grade = proof.grade
    airing.started_at, airing.played_ms = proof.started_at, proof.played_ms
    airing.reason = proof.reason
    return True
