"""What somebody has to hear of: not ready, not begun, not aired; the morning's report; the ping.

Each look compares rows with the clock and puts what is new into the outbox, once. A look that is
lost is made up by the next one, and one that comes twice finds everything told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Text, cast, exists, literal, select
from sqlalchemy.orm import Session

from scheduler import outbox
from scheduler.airings import day_schedule
from scheduler.hub import Hub
from scheduler.logrows import AnyAiring, LogRow, StationName, read_rows, select_rows
from scheduler.outbox import Facts, is_told, tell
from scheduler.readiness import Level, Readiness, readiness, worst
from scheduler.readyrows import ReadyStation, serves
from scheduler.store.isotime import iso_utc
from scheduler.store.models import Airing, Delivery, Programme, Station, Told
from scheduler.store.states import (
    CURRENT_DELIVERIES,
    OPEN_AIRINGS,
    OPEN_DELIVERIES,
    AiringState,
    Grade,
)
from scheduler.timetable import to_utc

# An airing that nobody heard of is told within this time, also after our own stop …
_LOOK_BACK = timedelta(hours=6)
# … and one that a log calls missed, when the contact comes back.
_MISSED_BACK = timedelta(days=3)
# A report or a ping that comes later than this helps nobody.
_LATEST = timedelta(hours=5)
_NAMED_MAX = 200  # stations that one notice names; the others are counted
_UNHEARD: tuple[ColumnElement[bool], ...] = (
    Airing.state.in_(OPEN_AIRINGS),
    Airing.started_at.is_(None),
    Station.active.is_(True),
    Station.kind == "player",
)
# When the station's log is fetched after an airing should have begun.
LOOK_AFTER = (timedelta(seconds=20), timedelta(seconds=50))


def look(hub: Hub) -> int:
    """Tell everything that is new; how many notices that was."""
    return sum(
        (
            tell_unready(hub),
            tell_unconfirmed(hub),
            tell_missed(hub),
            tell_digest(hub),
            tell_night_over(hub),
        )
    )


# ── Before it airs ─────────────────────────────────────────────────────────────────────────────


def tell_unready(hub: Hub) -> int:
    """At T-60 and T-15 minutes: what of that moment is not ready."""
    now, minutes = hub.clock.now(), hub.settings.ready.minutes_before
    with hub.database.read() as session:
        moments = _moments(session, now, now + timedelta(minutes=max(minutes)))
        due = [
            (moment, reached)
            for moment in moments
            if (reached := [m for m in minutes if moment - now <= timedelta(minutes=m)])
            and not is_told(session, _ready_key(min(reached), moment))
        ]
        looked = [
            (moment, reached, readiness(hub, session, first=moment, last=moment))
            for moment, reached in due
        ]
    told = 0
    for moment, reached, rows in looked:
        key, *also = [_ready_key(m, moment) for m in sorted(reached)]
        facts_of = _ready_facts(moment, min(reached), rows)
        told += tell(hub, key, "ready", facts_of, also=also)
    return told


def _ready_facts(moment: datetime, minutes: int, rows: Sequence[Readiness]) -> outbox.FactsOf:
    def facts_of(stations: Collection[int] | None) -> Facts | None:
        mine = [row for row in rows if stations is None or row.station.id in stations]
        # Two slots may lie on one moment; a person calls a station once.
        found = [row for row in worst(mine).values() if row.is_open]
        if not found:
            return None
        counts = _counts(worst(mine).values())
        return {"planned_at": _iso(moment), "minutes": minutes, **counts, **_named(found)}

    return facts_of


def _moments(session: Session, first: datetime, last: datetime) -> list[datetime]:
    statement = (
        select(Airing.planned_at)
        .where(Airing.planned_at > first, Airing.planned_at <= last)
        .where(Airing.state.in_(OPEN_AIRINGS))
        .distinct()
        .order_by(Airing.planned_at)
    )
    return list(session.scalars(statement))


def _ready_key(minutes: int, moment: datetime) -> str:
    return f"ready/{minutes}/{_iso(moment)}"


# ── When it should be on air ───────────────────────────────────────────────────────────────────


def unconfirmed(
    hub: Hub, session: Session, *, unit_ids: Collection[int] | None = None
) -> list[LogRow]:
    """
    What should have begun and of which nobody has heard yet, the newest first.

    Only where a player keeps a log: elsewhere a person confirms in their own time.
    """
    statement = (
        select_rows()
        .join(Station, Station.id == Airing.station_id)
        .where(*_should_have_begun(hub), *_UNHEARD)
        .order_by(Airing.planned_at.desc(), Station.name, Station.id)
    )
    if unit_ids is not None:
        statement = statement.where(serves(unit_ids))
    return read_rows(session, statement)


def _should_have_begun(hub: Hub) -> tuple[ColumnElement[bool], ...]:
    now = hub.clock.now()
    last = now - timedelta(seconds=hub.settings.ready.unconfirmed_after_s)
    return Airing.planned_at.between(now - _LOOK_BACK, last), Airing.state.in_(OPEN_AIRINGS)


def is_unheard(airing: AnyAiring) -> bool:
    """Whether the log of a player should speak of it, and does not."""
    is_watched = airing.station.kind == "player" and airing.station.active
    return is_watched and airing.state in OPEN_AIRINGS and airing.started_at is None


def to_look_at(hub: Hub, since: datetime) -> list[int]:
    """Stations whose airing began just now: their logs are fetched twice in the first minute."""
    now = hub.clock.now()
    with hub.database.read() as session:
        found: set[int] = set()
        for after in LOOK_AFTER:
            statement = (
                select(Airing.station_id)
                .join(Station)
                .where(
                    Airing.planned_at > since - after,
                    Airing.planned_at <= now - after,
                    *_UNHEARD,
                    Station.host_key.is_not(None),
                )
            )
            found |= set(session.scalars(statement))
    return sorted(found)


def tell_unconfirmed(hub: Hub) -> int:
    """One notice a moment, over all stations of which nothing was heard."""
    moments = select(Airing.planned_at).where(*_should_have_begun(hub)).distinct()
    with hub.database.read() as session:
        looked = [
            (moment, _named_rows(session, Airing.planned_at == moment, *_UNHEARD))
            for moment in session.scalars(moments.order_by(Airing.planned_at))
            if not is_told(session, f"unconfirmed/{_iso(moment)}")
        ]
    return sum(
        tell(
            hub,
            f"unconfirmed/{_iso(moment)}",
            "unconfirmed",
            _airing_facts(rows, {"planned_at": _iso(moment)}),
        )
        for moment, rows in looked
        if rows
    )


def tell_missed(hub: Hub) -> int:
    """What a station's own log calls missed, once each, many in one notice."""
    key_of = literal("missed/") + cast(Airing.station_id, Text) + "/" + iso_utc(Airing.planned_at)
    with hub.database.read() as session:
        new = _named_rows(
            session,
            Airing.state == AiringState.MISSED,
            Airing.grade == Grade.A,
            Airing.planned_at > hub.clock.now() - _MISSED_BACK,
            ~exists().where(Told.key == key_of),
        )
    if not new:
        return 0
    key, *also = (f"missed/{one.station_id}/{_iso(one.planned_at)}" for one in new)
    return tell(hub, key, "missed", _airing_facts(new, {}), also=also)


def _named_rows(session: Session, *conditions: ColumnElement[bool]) -> list[Row[Any]]:
    """Airings by time and station, with what a notice names; a nation's are no objects."""
    statement = (
        select(
            Airing.station_id, Airing.planned_at, Airing.reason, Station.code, Station.name,
            Station.phone, Programme.title,
        )
        .join(Station, Station.id == Airing.station_id)
        .join(Programme, Programme.id == Airing.programme_id)
        .where(*conditions)
        .order_by(Airing.planned_at, Station.name, Station.id)
    )  # fmt: skip
    return [*session.execute(statement)]


def _airing_facts(airings: Sequence[Row[Any]], common: Facts) -> outbox.FactsOf:
    def facts_of(stations: Collection[int] | None) -> Facts | None:
        mine = [one for one in airings if stations is None or one.station_id in stations]
        if not mine:
            return None
        named = [
            {
                "station": one.code,
                "name": one.name,
                "phone": one.phone,
                "planned_at": _iso(one.planned_at),
                "title": one.title,
                "reason": one.reason,
            }
            for one in mine[:_NAMED_MAX]
        ]
        return {**common, "count": len(mine), "stations": named}

    return facts_of


# ── Once a day ─────────────────────────────────────────────────────────────────────────────────


def tell_digest(hub: Hub) -> int:
    """The morning's report: how many stations are well, and whom to call."""
    on = hub.today()
    if not _is_just_after(hub, on, hub.settings.notice.digest_at):
        return 0
    key = f"digest/{on.isoformat()}"
    with hub.database.read() as session:
        if is_told(session, key):
            return 0
        facts_of = _digest_facts(hub, session, on)
    outbox.forget_old(hub)
    return int(tell(hub, key, "digest", facts_of))


def _digest_facts(hub: Hub, session: Session, on: date) -> outbox.FactsOf:
    """Of today: what has aired so far, and whether the rest is there."""
    now = hub.clock.now()
    past = [one for one in day_schedule(session, on) if one.planned_at <= now]
    midnight = to_utc(datetime.combine(on + timedelta(days=1), time.min), hub.settings.zone)
    coming = readiness(hub, session, last=midnight)

    def facts_of(stations: Collection[int] | None) -> Facts | None:
        mine = [one for one in past if stations is None or one.station_id in stations]
        ahead = [one for one in coming if stations is None or one.station.id in stations]
        return digest_of(hub, on, mine, ahead) if mine or ahead else None

    return facts_of


def digest_of(
    hub: Hub, on: date, past: Sequence[LogRow], ahead: Sequence[Readiness]
) -> Facts:  # fmt: skip
    """What the report says, for some stations."""
    rows = worst(ahead)
    bad = {one.station_id: one for one in past if _went_wrong(hub, one)}
    known = {row.station.id: row.station for row in ahead} | {
        one.station_id: one.station for one in past
    }
    by_hand = {key for key, one in known.items() if one.kind != "player" and key not in bad}
    calls = [
        {**_station(one.station), "planned_at": _iso(one.planned_at), "code": one.state.value,
         "reason": one.reason}
        for one in bad.values()
    ]  # fmt: skip
    calls += [_row(row) for key, row in rows.items() if row.is_open and key not in bad]
    to_call = {call["station"] for call in calls}
    total = len(known.keys() - by_hand)
    states = [AiringState(one.state) for one in past]
    return {
        "on": on.isoformat(),
        "total": total,
        "ready": total - len(to_call),
        "to_call": len(to_call),
        "by_hand": len(by_hand),
        "aired": sum(s in (AiringState.AIRED, AiringState.LATE) for s in states),
        "partial": states.count(AiringState.PARTIAL),
        "missed": states.count(AiringState.MISSED),
        "unconfirmed": sum(s in (*OPEN_AIRINGS, AiringState.UNKNOWN) for s in states),
        "coming": len(ahead),
        "next_at": _iso(min(row.airing.planned_at for row in ahead)) if ahead else None,
        "stations": calls[:_NAMED_MAX],
    }


def _went_wrong(hub: Hub, airing: LogRow) -> bool:
    late = hub.clock.now() - timedelta(seconds=hub.settings.ready.unconfirmed_after_s)
    if airing.state is AiringState.MISSED:
        return True
    return airing.planned_at <= late and is_unheard(airing)


def tell_night_over(hub: Hub) -> int:
    """
    The dead-man's ping: the windows have closed, and everything planned was tried.

    It stays away where a day has no deliveries though something airs, or where nobody ever tried:
    then the watcher outside, missing it, calls somebody.
    """
    today, until = hub.today(), hub.settings.push.window_until
    if not _is_just_after(hub, today, until):
        return 0
    # Windows that close in the evening brought the day after.
    on = today if until < time(12) else today + timedelta(days=1)
    key = f"night/{on.isoformat()}"
    with hub.database.read() as session:
        if is_told(session, key) or not _was_worked(hub, session, on):
            return 0
        rows = readiness(hub, session)
    facts = {"on": on.isoformat(), **_counts(worst(rows).values())}
    return int(tell(hub, key, "night", lambda stations: facts))


def _was_worked(hub: Hub, session: Session, on: date) -> bool:
    sent_to = (
        select(Airing.station_id)
        .join(Station)
        .where(Airing.broadcast_date == on, Station.active, Station.kind != "person")
        .where(Airing.state != AiringState.CANCELLED)
    )
    deliveries = (
        select(Delivery)
        .join(Station)
        .where(
            Delivery.for_date == on,
            Delivery.state.in_(CURRENT_DELIVERIES),
            Station.active,
            Station.kind != "person",
        )
    )
    airs = session.scalar(select(sent_to.exists()))
    planned = session.scalar(select(deliveries.exists()))
    an_hour_ago = hub.clock.now() - timedelta(hours=1)
    untried = deliveries.where(
        Delivery.state.in_(OPEN_DELIVERIES), Delivery.attempts == 0,
        Delivery.generated_at < an_hour_ago,
    )  # fmt: skip
    never_tried = session.scalar(select(untried.exists()))
    return bool((planned or not airs) and not never_tried)


def _is_just_after(hub: Hub, on: date, clock: time) -> bool:
    at = to_utc(datetime.combine(on, clock), hub.settings.zone)
    return at <= hub.clock.now() < at + _LATEST


# ── Facts ──────────────────────────────────────────────────────────────────────────────────────


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _station(station: Station | StationName | ReadyStation) -> Facts:
    return {"station": station.code, "name": station.name, "phone": station.phone}


def _row(row: Readiness) -> Facts:
    delivery = row.delivery
    return {
        **_station(row.station),
        "planned_at": _iso(row.airing.planned_at),
        "level": row.level.value,
        "code": row.code,
        "error_code": delivery.error_code if delivery else None,
        "error_fields": delivery.error_fields if delivery else None,
    }


def _named(rows: Sequence[Readiness]) -> Facts:
    ordered = sorted(rows, key=lambda row: (row.level is not Level.NOT_READY, row.station.name))
    return {"count": len(rows), "stations": [_row(row) for row in ordered[:_NAMED_MAX]]}


def _counts(rows: Iterable[Readiness]) -> Facts:
    levels = [row.level for row in rows]
    return {
        "total": len(levels) - levels.count(Level.BY_HAND),
        "ready": levels.count(Level.READY),
        "by_hand": levels.count(Level.BY_HAND),
    }
