"""Urgent bulletins: ordered by a named person, on air at once, in a manifest of their own.

Outside of windows, quiet hours and queues. Today's manifest is not touched: a station's urgent
manifest holds every bulletin that is alive there, so withdrawing one is sending the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, selectinload

from scheduler import people, programmes, renditions
from scheduler.clock import local_date
from scheduler.errors import (
    FourEyes,
    InputInvalid,
    NotFound,
    OutsideUnit,
    RenditionMissing,
    WrongState,
    said,
)
from scheduler.hub import Hub
from scheduler.store import ledger
from scheduler.store.among import among
from scheduler.store.models import (
    Airing,
    Bulletin,
    BulletinStation,
    ForeignAlert,
    Person,
    Programme,
    Slot,
    SlotTarget,
    Station,
    Unit,
)
from scheduler.store.states import (
    AiringState,
    DeliveryState,
    Grade,
    ProgrammeState,
    RenditionState,
    move,
    moving,
)
from scheduler.text import one_line
from scheduler.units import find_unit, stations_below, unit_ids_below
from stations.receipt import Receipt

MOST_MINUTES = 1440
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Order:
    """What a person orders on air at once."""

    programme_id: int
    units: tuple[str, ...]  # codes; each with all below it
    reason: str
    minutes: int | None = None  # what has not begun by then is not begun any more
    is_drill: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", one_line(self.reason, 300))
        if not self.reason:
            raise InputInvalid(problem="an urgent bulletin needs a reason")
        if not self.units:
            raise InputInvalid(problem="an urgent bulletin needs at least one unit")
        if self.minutes is not None and not 1 <= self.minutes <= MOST_MINUTES:
            raise InputInvalid(problem=said("minutes: 1 to {most}", most=MOST_MINUTES))


@dataclass(frozen=True)
class Reach:
    """Whom an order reaches: boxes at once, and people who must be called."""

    stations: tuple[Station, ...]
    to_call: tuple[Station, ...]  # nothing of ours can interrupt what airs there


def reach_of(hub: Hub, session: Session, units: Sequence[str], *, by: Person) -> Reach:
    """
    The stations below these units on today's map.

    Raises:
        NotFound: no such unit. OutsideUnit: the person may not speak there.
        InputInvalid: no station stands there.
    """
    found = [find_unit(session, code, hub.today()) for code in units]
    _refuse_foreign(hub, session, found, by)
    ids = stations_below(session, [unit.id for unit in found], hub.today())
    statement = select(Station).where(among(Station.id, ids), Station.active)
    boxes: list[Station] = []
    to_call: list[Station] = []
    for station in session.scalars(statement.order_by(Station.code)):
        is_box = station.kind == "player" and station.host_key
        (boxes if is_box else to_call).append(station)
    if not boxes and not to_call:
        raise InputInvalid(problem="no active station stands in these units")
    return Reach(tuple(boxes), tuple(to_call))


def issue(hub: Hub, order: Order, *, by: Person) -> Bulletin:
    """
    Order a recording on air at once. A second person's approval is part of it.

    Who brought the recording may not order it. One that nobody has approved yet is approved by
    this order; the encodings that are missing are made before it goes out.

    Raises:
        NotAllowed: the person's role is not one of ``[urgent] roles``.
        FourEyes, OutsideUnit, NotFound, InputInvalid, WrongState.
    """
    people.require_role(by, *hub.settings.urgent.roles)
    with hub.database.read() as session:
        programme = programmes.get_programme(session, order.programme_id)
        _refuse_own(programme, by)
        _refuse_unreached(reach_of(hub, session, order.units, by=by))
    # Only now: an order that is refused must not have approved anything.
    if programme.state is ProgrammeState.READY:
        programmes.approve(hub, programme.id, by=by)
    elif programme.state is not ProgrammeState.APPROVED:
        raise WrongState(what=f"programme {programme}", state=programme.state.value)
    renditions.render_due(hub, programme.id)
    with hub.database.write() as session:
        programme = programmes.get_programme(session, order.programme_id, locked=True)
        return _write(hub, session, order, programme, by)


def withdraw(hub: Hub, bulletin_id: int, *, by: Person, reason: str) -> Bulletin:
    """
    Take a bulletin back: where it plays it is stopped, where it has not begun it does not begin.

    Raises:
        NotFound, NotAllowed, InputInvalid.
    """
    people.require_role(by, *hub.settings.urgent.roles)
    reason, now = one_line(reason, 300), hub.clock.now()
    if not reason:
        raise InputInvalid(problem="an urgent bulletin needs a reason")
    with hub.database.write() as session:
        bulletin = get_bulletin(session, bulletin_id, locked=True)
        if bulletin.withdrawn_at is not None:
            return bulletin
        bulletin.withdrawn_at, bulletin.withdrawn_by = now, by.id
        for row in bulletin.stations:
            if row.state is DeliveryState.DUE and row.attempts == 0:
                move(row, DeliveryState.SUPERSEDED)  # the station has never heard of it
            elif row.state is not DeliveryState.DUE:
                move(row, DeliveryState.DUE)
            row.next_try_at, row.lease_until, row.verified_at = now, None, None
        # What was on air there all the same, its log will tell.
        session.execute(
            moving(Airing, AiringState.CANCELLED).where(Airing.bulletin_id == bulletin.id)
        )
        ledger.record(
            session, at=now, who=by.username, what="urgent_withdrawn",
            subject=f"bulletin {bulletin.id}", title=bulletin.title, reason=reason,
        )  # fmt: skip
    return bulletin


def get_bulletin(session: Session, bulletin_id: int, *, locked: bool = False) -> Bulletin:
    statement = (
        select(Bulletin)
        .where(Bulletin.id == bulletin_id)
        .options(
            selectinload(Bulletin.programme),
            selectinload(Bulletin.issuer),
            selectinload(Bulletin.stations).selectinload(BulletinStation.station),
        )
    )
    if locked:
        statement = statement.with_for_update()
    bulletin = session.scalar(statement)
    if bulletin is None:
        raise NotFound(what="bulletin", key=bulletin_id)
    return bulletin


def list_bulletins(
    session: Session, limit: int = 50, *, before: int | None = None, with_stations: bool = True
) -> list[Bulletin]:
    """The last ones, newest first; or the last before the one of this id."""
    statement = select(Bulletin).options(selectinload(Bulletin.issuer))
    if with_stations:  # a country's order has ten thousand of them
        statement = statement.options(selectinload(Bulletin.stations))
    statement = statement.order_by(Bulletin.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Bulletin.id < before)
    return list(session.scalars(statement))


def station_counts(session: Session, bulletin_ids: Collection[int]) -> dict[int, int]:
    """At how many stations each of these was ordered."""
    statement = select(BulletinStation.bulletin_id, func.count()).where(
        BulletinStation.bulletin_id.in_(bulletin_ids)
    )
    rows = session.execute(statement.group_by(BulletinStation.bulletin_id))
    return {row[0]: row[1] for row in rows}


def airings_by_station(session: Session, bulletin: Bulletin) -> dict[int, Airing]:
    """What became of it on air, by station; nothing of a drill."""
    rows = session.scalars(select(Airing).where(Airing.bulletin_id == bulletin.id))
    return {airing.station_id: airing for airing in rows}


def take_receipt(session: Session, station: Station, receipt: Receipt, now: datetime) -> None:
    """What a receipt says of the urgent manifest: checked, and of a drill when it would play."""
    if receipt.urgent is None:
        return
    rows = session.scalars(
        select(BulletinStation).where(
            BulletinStation.station_id == station.id,
            BulletinStation.manifest_sha256 == receipt.urgent.manifest_sha256,
        )
    )
    for row in rows.all():
        if row.drilled_at is None:
            row.drilled_at = receipt.drilled.get(drill_id(row.bulletin_id))
        if row.state is DeliveryState.DELIVERED and receipt.urgent.is_complete:
            move(row, DeliveryState.VERIFIED)
            row.verified_at = now
            session.execute(
                moving(Airing, AiringState.ON_STATION).where(
                    Airing.station_id == station.id,
                    Airing.planned_at == row.planned_at,
                    Airing.bulletin_id == row.bulletin_id,
                )
            )


def drill_id(bulletin_id: int) -> str:
    """What an item is called that is not an airing."""
    return f"drill:{bulletin_id}"


# ── Inside ─────────────────────────────────────────────────────────────────────────────────────


def _write(hub: Hub, session: Session, order: Order, programme: Programme, by: Person) -> Bulletin:
    reach = reach_of(hub, session, order.units, by=by)
    _refuse_unreached(reach)
    _refuse_unencoded(programme, reach.stations)
    now = hub.clock.now().replace(microsecond=0)
    minutes = order.minutes or hub.settings.urgent.expires_min
    expires_at = min(now + timedelta(minutes=minutes), _told_expiry(session, programme) or _NEVER)
    if expires_at <= now:
        raise InputInvalid(problem="the alert that it was made from has expired or was cancelled")
    bulletin = Bulletin(
        programme_id=programme.id, title=programme.title, reason=order.reason,
        is_drill=order.is_drill, issued_by=by.id, issued_at=now,
        expires_at=expires_at,
    )  # fmt: skip
    session.add(bulletin)
    if not order.is_drill:
        bulletin.slot_id = _slot(hub, session, order, programme, by, now).id
    session.flush()
    for station in reach.stations:
        planned_at = _free_second(session, station, now)
        session.add(
            BulletinStation(
                bulletin_id=bulletin.id, station_id=station.id, planned_at=planned_at,
                state=DeliveryState.DUE, next_try_at=now,
            )
        )  # fmt: skip
        if bulletin.slot_id is not None:
            session.add(_airing(hub, bulletin, bulletin.slot_id, programme, station, planned_at))
    ledger.record(
        session, at=now, who=by.username,
        what="urgent_drilled" if order.is_drill else "urgent_issued",
        subject=f"bulletin {bulletin.id}", title=programme.title, reason=order.reason,
        programme=programme.id, units=list(order.units), minutes=minutes,
        stations=[station.code for station in reach.stations][:500],
        to_call=[station.code for station in reach.to_call][:500],
    )  # fmt: skip
    return bulletin


def _slot(
    hub: Hub, session: Session, order: Order, programme: Programme, by: Person, now: datetime
) -> Slot:
    """A line that was never in the timetable, so that log and reports have their name for it."""
    units = [find_unit(session, code, hub.today()) for code in order.units]
    slot = Slot(
        unit_id=units[0].id, title=programme.title, programme_id=programme.id,
        kind="announcement", programme_class="urgent",
        starts_at=now.astimezone(hub.settings.zone).time(),
        seconds=max(1, (programme.heard_ms or 1000) // 1000),
        rrule="FREQ=DAILY;COUNT=1", late_ok_s=0,
        valid_from=hub.today(), valid_to=hub.today(), created_by=by.id, created_at=now,
        removed_at=now, targets=[SlotTarget(unit_id=unit.id) for unit in units],
    )  # fmt: skip
    session.add(slot)
    session.flush()
    return slot


def _airing(
    hub: Hub, bulletin: Bulletin, slot_id: int, programme: Programme, station: Station,
    planned_at: datetime,
) -> Airing:  # fmt: skip
    lasts = {one.profile: one.ms for one in programme.renditions}
    return Airing(
        station_id=station.id, planned_at=planned_at,
        broadcast_date=local_date(planned_at, hub.settings.zone), slot_id=slot_id,
        programme_id=programme.id, programme_class="urgent",
        ms=lasts.get(station.profile) or programme.heard_ms or 1000,
        late_ok_s=int((bulletin.expires_at - planned_at).total_seconds()),
        bulletin_id=bulletin.id, state=AiringState.PLANNED, grade=Grade.D,
    )  # fmt: skip


def _free_second(session: Session, station: Station, now: datetime) -> datetime:
    """An instant that names no other airing or bulletin of this station."""
    taken = set(
        session.scalars(
            select(Airing.planned_at).where(
                Airing.station_id == station.id,
                Airing.planned_at.between(now - timedelta(minutes=5), now),
            )
        )
    )
    taken |= set(
        session.scalars(
            select(BulletinStation.planned_at).where(BulletinStation.station_id == station.id)
        )
    )
    while now in taken:  # earlier, never later: what is ordered now is due now
        now -= timedelta(seconds=1)
    return now


def _told_expiry(session: Session, programme: Programme) -> datetime | None:
    """What was made from an alert of others ends with it."""
    alert = session.scalar(select(ForeignAlert).where(ForeignAlert.programme_id == programme.id))
    if alert is None:
        return None
    return alert.cancelled_at or alert.expires_at


def _refuse_own(programme: Programme, by: Person) -> None:
    if programme.uploaded_by == by.id:
        raise FourEyes(who=by.full_name)


def _refuse_unreached(reach: Reach) -> None:
    if not reach.stations:
        raise InputInvalid(problem="no station of these units has a player; call them by telephone")


def _refuse_unencoded(programme: Programme, stations: Collection[Station]) -> None:
    ready = {one.profile for one in programme.renditions if one.state is RenditionState.READY}
    for profile in sorted({station.profile for station in stations} - ready):
        raise RenditionMissing(name=f"{programme.title} ({profile})")


def _refuse_foreign(hub: Hub, session: Session, units: Collection[Unit], by: Person) -> None:
    allowed = unit_ids_below(session, by.unit_id, hub.today())
    if allowed is not None and any(unit.id not in allowed for unit in units):
        own = session.get(Unit, by.unit_id) if by.unit_id else None
        raise OutsideUnit(who=by.full_name, unit=own.name if own else "")


def alive(session: Session, station_id: int, now: datetime) -> Iterator[BulletinStation]:
    """What a station's urgent manifest holds now."""
    statement = (
        select(BulletinStation)
        .join(Bulletin)
        .where(
            BulletinStation.station_id == station_id,
            Bulletin.withdrawn_at.is_(None),
            Bulletin.expires_at > now,
        )
        .options(selectinload(BulletinStation.bulletin))
        .order_by(BulletinStation.planned_at)
    )
    yield from session.scalars(statement)


def end_the_expired(session: Session, now: datetime) -> None:
    """What could not be brought in time is not brought any more; the error says why it was late."""
    over = select(Bulletin.id).where(Bulletin.expires_at <= now)
    session.execute(
        moving(BulletinStation, DeliveryState.FAILED)
        .where(
            BulletinStation.bulletin_id.in_(over),
            BulletinStation.state.in_((DeliveryState.DUE, DeliveryState.LEASED)),
        )
        .values(lease_until=None)
    )
    session.execute(
        update(BulletinStation)
        .where(BulletinStation.state == DeliveryState.FAILED, BulletinStation.error_code.is_(None))
        .values(error_code="window_over")
    )
