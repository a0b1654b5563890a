"""The list of stations: how each stands tonight in one word, filtered, sorted, a page at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.board import is_clock_wrong
from scheduler.store.models import Delivery, Forecast, Station, Unit
from scheduler.store.states import CURRENT_DELIVERIES, DeliveryState
from scheduler.text import has_words
from scheduler.units import station_units, valid_on

PAGE_ROWS = 50
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Standing(StrEnum):
    """How a station stands tonight, the worst first."""

    NEEDS = "needs"  # somebody must act
    WAITING = "waiting"  # its day is on its way, or waits for its window
    SENT = "sent"  # and not confirmed by the station yet
    READY = "ready"  # the station has everything and said so
    NOTHING = "nothing"  # nothing has to be sent
    PERSON = "person"  # no computer there
    CLOSED = "closed"  # out of use


SORTS = ("standing", "name", "unit", "seen", "space", "clock")


@dataclass(frozen=True)
class Spot:
    """One station as the list and the map need it; two columns wide, not thirty."""

    id: int
    code: str
    name: str
    technology: str
    phone: str | None
    lat: float | None
    lon: float | None
    last_seen_at: datetime | None
    free_bytes: int | None
    clock_skew_s: float | None
    unit_id: int | None
    unit: str
    above: str
    standing: Standing


@dataclass(frozen=True)
class StationQuery:
    """What somebody looks for; an empty choice is none."""

    words: str = ""
    technology: str = ""
    standing: str = ""
    needs: bool = False
    sort: str = "standing"


@dataclass(frozen=True)
class StationPage:
    """One page of what was found, and how all that was found stands."""

    spots: Sequence[Spot]
    found: int
    page: int
    pages: int
    standings: Mapping[Standing, int]  # before the choice of one of them


def spots_on(
    session: Session,
    now: datetime,
    *,
    on: date,
    unit_ids: Collection[int] | None = None,
    station_ids: Collection[int] | None = None,
) -> list[Spot]:
    """Every station of these units (``None``: all), closed ones too; ``on`` is the local date."""
    units = _units(session, on)
    serving = station_units(session, on)
    deliveries = _next_deliveries(session, now)
    late = _late(session)
    found = []
    statement = _COLUMNS if station_ids is None else _COLUMNS.where(Station.id.in_(station_ids))
    for row in session.execute(statement):
        unit = units.get(serving.get(row.id, 0))
        if unit_ids is not None and (unit is None or unit.id not in unit_ids):
            continue
        above = units.get(unit.parent_id or 0) if unit else None
        found.append(
            Spot(
                *row[:10],
                unit_id=unit.id if unit else None,
                unit=unit.name if unit else "",
                above=above.name if above else "",
                standing=_standing(row, unit is not None, deliveries.get(row.id), late),
            )
        )
    return found


def page_of(
    spots: Sequence[Spot],
    query: StationQuery,
    page: int,
    *,
    key: Callable[[str], object] = str,
) -> StationPage:
    """
    The stations that fit a query, one page of them.

    Args:
        key: what a name sorts as in the language of the reader.
    """
    near = [one for one in spots if _fits(one, query)]
    standings = Counter(one.standing for one in near)
    found = [one for one in near if _stands(one, query)]
    found.sort(key=lambda one: _order(one, query.sort, key))
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = min(max(1, page), pages)
    rows = found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    return StationPage(rows, len(found), page, pages, standings)


def fitting(spots: Sequence[Spot], query: StationQuery) -> list[Spot]:
    """The stations that fit a query, in no order."""
    return [one for one in spots if _fits(one, query) and _stands(one, query)]


_COLUMNS = select(
    Station.id, Station.code, Station.name, Station.technology, Station.phone, Station.lat,
    Station.lon, Station.last_seen_at, Station.free_bytes, Station.clock_skew_s, Station.kind,
    Station.active, Station.host_key.is_(None).label("has_no_key"),
)  # fmt: skip


def _fits(one: Spot, query: StationQuery) -> bool:
    if query.technology and one.technology != query.technology:
        return False
    texts = (one.name, one.code, one.unit, one.above, one.phone)
    return not query.words or has_words(texts, query.words)


def _stands(one: Spot, query: StationQuery) -> bool:
    if query.needs and one.standing is not Standing.NEEDS:
        return False
    if query.standing:
        return one.standing == query.standing
    return one.standing is not Standing.CLOSED


def _order(one: Spot, sort: str, key: Callable[[str], object]) -> tuple[object, ...]:
    name = key(one.name)
    first: object = 0
    if sort == "standing":
        first = tuple(Standing).index(one.standing)
    elif sort == "unit":
        first = (key(one.above), key(one.unit))
    elif sort == "seen":
        first = one.last_seen_at or _LONG_AGO
    elif sort == "space":
        first = one.free_bytes if one.free_bytes is not None else 1 << 62
    elif sort == "clock":
        first = -abs(one.clock_skew_s or 0)
    return (first, name, one.id)


def _standing(
    row: Any,
    has_unit: bool,
    delivery: DeliveryRow | None,
    late: Collection[int],
) -> Standing:
    if not row.active:
        return Standing.CLOSED
    is_wrong = row.clock_skew_s is not None and is_clock_wrong(row.clock_skew_s)
    if not has_unit or is_wrong or (row.kind == "player" and row.has_no_key):
        return Standing.NEEDS
    if row.kind == "person":
        return Standing.PERSON
    if delivery is None:
        return Standing.NOTHING
    if delivery.state is DeliveryState.FAILED or delivery.has_error:
        return Standing.NEEDS
    if delivery.state is DeliveryState.VERIFIED:
        return Standing.READY
    if delivery.state is DeliveryState.DELIVERED:
        return Standing.SENT
    return Standing.NEEDS if row.id in late else Standing.WAITING


@dataclass(frozen=True)
class DeliveryRow:
    state: DeliveryState
    has_error: bool


def _next_deliveries(session: Session, now: datetime) -> dict[int, DeliveryRow]:
    """For each station the earliest day that is not over, in its newest version."""
    rows = session.execute(
        select(Delivery.station_id, Delivery.state, Delivery.error_code)
        .where(Delivery.state.in_(CURRENT_DELIVERIES), Delivery.last_air_at > now)
        .order_by(Delivery.for_date.desc(), Delivery.seq)
    )
    return {row.station_id: DeliveryRow(row.state, row.error_code is not None) for row in rows}


def _late(session: Session) -> set[int]:
    late = Forecast.ready_at.is_(None) | (Forecast.ready_at > Forecast.needed_at)
    return set(session.scalars(select(Forecast.station_id).where(late)))


def _units(session: Session, on: date) -> dict[int, Any]:
    rows = session.execute(select(Unit.id, Unit.name, Unit.parent_id).where(*valid_on(Unit, on)))
    return {row.id: row for row in rows}
