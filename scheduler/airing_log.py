"""The airing log: its rows by a filter, page after page, and how many ended how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from scheduler.logrows import LogRow, read_rows, select_rows
from scheduler.store.among import among
from scheduler.store.db import Database
from scheduler.store.models import Airing, Objection, Programme, Station, StationUnit
from scheduler.store.models.airings import NOT_PROVED
from scheduler.store.states import HEARD_AIRINGS, AiringState, Grade
from scheduler.text import has_words, without_tones
from scheduler.units import valid_on

PAGE_ROWS = 100
_WHOLE_LOG_PAGE = 1000

# A local day lies within so much of the midnight of UTC at its beginning, either way.
_ZONES = timedelta(days=2)

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])
Cursor = tuple[date, datetime, int]  # broadcast_date, planned_at, station_id of a row

# Whether anybody said anything against a log.
_ANY_WORD = (
    select(Objection.id)
    .where(Objection.planned_at.between(bindparam("since"), bindparam("until")))
    .limit(1)
)
_ORDER = (Airing.broadcast_date, Airing.planned_at, Airing.station_id)


@dataclass(frozen=True)
class LogFilter:
    """Which rows of the log: broadcast dates, both included, and whatever narrows them."""

    first: date
    last: date
    unit_ids: Collection[int] | None = None  # None: everywhere
    station_id: int | None = None
    programme_id: int | None = None
    theme: str = ""  # a name, tones aside
    state: AiringState | None = None
    grade: Grade | None = None
    words: str = ""  # of the programme's title, its theme or the station's name, tones aside
    contested: bool = False  # only where a person's word stands against the player's log


@dataclass(frozen=True)
class LogCounts:
    """How many airings ended how, and how well we know; what there is none of is left out."""

    by_state: Mapping[AiringState, int]
    by_grade: Mapping[Grade, int]  # never added together; cancelled airings need no proof
    contested: int  # of those of grade A


def cursor_of(airing: LogRow) -> Cursor:
    """Where the log goes on behind this row, or before it."""
    return airing.broadcast_date, airing.planned_at, airing.station_id


class Log:
    """The log by one filter; what its words and names mean is looked up once."""

    def __init__(self, session: Session, wanted: LogFilter) -> None:
        self._session = session
        self._conditions = tuple(_narrowing(session, wanted))
        self._kinds = tuple(_of_kind(wanted))
        self._days = (wanted.first, wanted.last)
        self._is_of_station = wanted.station_id is not None
        everywhere = replace(wanted, state=None, grade=None, contested=False) == LogFilter(
            *self._days
        )
        self._has_index_of_odd = everywhere and session.get_bind().dialect.name == "postgresql"

    def rows(
        self,
        *,
        after: Cursor | None = None,
        before: Cursor | None = None,
        limit: int = PAGE_ROWS,
    ) -> list[LogRow]:
        """
        Rows, newest first.

        ``after`` is the last row of the page before this one; ``before`` the first row of the page
        behind it: of all that is newer the nearest rows.
        """
        backwards = before is not None
        order = [column.asc() if backwards else column.desc() for column in _ORDER]
        conditions = [*self._conditions, *self._kinds]
        if after is not None:
            conditions.append(tuple_(*_ORDER) < _key(after))
        if before is not None:
            conditions.append(tuple_(*_ORDER) > _key(before))
        if self._is_of_station:  # an index has its rows in this order
            statement = select_rows().where(*conditions).limit(limit)
        else:
            statement = _by_their_keys(conditions, order, limit)
        rows = read_rows(self._session, statement.order_by(*order))
        return rows[::-1] if backwards else rows

    def counts(self, *, every_kind: bool = False) -> LogCounts:
        """
        Count the rows themselves, in one look, so that both counts are of the same moment.

        ``every_kind``: also those of other states and grades than the filter's, and of contested
        airings and others alike.
        """
        kinds = () if every_kind else self._kinds
        is_of_all = self._has_index_of_odd and not kinds
        statement = self._counts_of_all() if is_of_all else self._counts(kinds)
        by_state: Counter[AiringState] = Counter()
        by_grade: Counter[Grade] = Counter()
        for state, grade, count in self._session.execute(statement):
            if not count:
                continue
            by_state[state] += count
            if state is not AiringState.CANCELLED:
                by_grade[grade] += count
        return LogCounts(dict(by_state), dict(by_grade), self._count_contested(kinds))

    def _count_contested(self, kinds: Sequence[ColumnElement[bool]]) -> int:
        since, until = _instants_of(*self._days)
        if not self._session.scalar(_ANY_WORD, {"since": since, "until": until}):
            return 0  # as nearly always: to put the question together takes ten times as long
        contested = is_contested(*self._days)
        statement = select(func.count()).select_from(Airing).where(*self._conditions, *kinds)
        return self._session.scalar(statement.where(contested)) or 0

    def _counts(self, kinds: Sequence[ColumnElement[bool]]) -> Select[AiringState, Grade, int]:
        columns = (Airing.state, Airing.grade)
        return select(*columns, func.count()).where(*self._conditions, *kinds).group_by(*columns)

    def _counts_of_all(self) -> CompoundSelect[Any]:
        """
        The same of everybody's days: all are counted, and sorted is only what is not proved.

        To sort two million entries by their words takes longer than to count them.
        """
        odd = (
            select(Airing.state, Airing.grade, func.count().label("number"))
            .where(
                *self._conditions,
                *at_instants_of(*self._days),
                # Of the index the days' part for each state, instead of all that is in it.
                Airing.state.in_(list(AiringState)),
                text(f"({NOT_PROVED})"),
            )
            .group_by(Airing.state, Airing.grade)
            .cte("odd")
        )
        every = select(func.count()).select_from(Airing).where(*self._conditions).scalar_subquery()
        not_proved = select(func.coalesce(func.sum(odd.c.number), 0)).scalar_subquery()
        proved = select(
            literal(AiringState.AIRED, Airing.state.type),
            literal(Grade.A, Airing.grade.type),
            every - not_proved,
        )
        return select(odd).union_all(proved)


def _by_their_keys(
    conditions: Sequence[ColumnElement[bool]], order: Sequence[ColumnElement[Any]], limit: int
) -> Select[*tuple[Any, ...]]:
    """
    The keys first, from an index that holds all that is asked for.

    Sorting a province's month would read each of its 56,000 rows, of which a page shows fifty.
    """
    keys = select(Airing.station_id, Airing.planned_at).where(*conditions)
    found = keys.order_by(*order).limit(limit).subquery()
    return select_rows().join(
        found,
        and_(Airing.station_id == found.c.station_id, Airing.planned_at == found.c.planned_at),
    )


def airing_log(
    session: Session, wanted: LogFilter, *, after: Cursor | None = None, limit: int = PAGE_ROWS
) -> list[LogRow]:
    """Rows of the log, newest first; ``after`` is the last row of the page before."""
    return Log(session, wanted).rows(after=after, limit=limit)


def whole_log(database: Database, wanted: LogFilter) -> Iterator[LogRow]:
    """
    Every row, newest first, a thousand in memory at a time.

    Each page is read by itself: a slow reader holds no transaction open.
    """
    after: Cursor | None = None
    while True:
        with database.read() as session:
            page = airing_log(session, wanted, after=after, limit=_WHOLE_LOG_PAGE)
        yield from page
        if len(page) < _WHOLE_LOG_PAGE:
            return
        after = cursor_of(page[-1])


def count_log(session: Session, wanted: LogFilter) -> LogCounts:
    """How many rows of the log ended how, and how well we know."""
    return Log(session, wanted).counts()


def themes_in_use(session: Session) -> list[str]:
    """What programmes are said to be about, each once; also themes that the list has no more."""
    statement = select(Programme.theme).where(Programme.theme.is_not(None)).distinct()
    return [one for one in session.scalars(statement) if one]


def at_instants_of(first: date, last: date) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Airings of these local days by their instant: a little more, for who has an index of that."""
    since, until = _instants_of(first, last)
    return Airing.planned_at >= since, Airing.planned_at <= until


def _instants_of(first: date, last: date) -> tuple[datetime, datetime]:
    since = datetime.combine(first, time(), UTC) - _ZONES
    return since, datetime.combine(last, time(), UTC) + _ZONES


def is_contested(first: date, last: date) -> ColumnElement[bool]:
    """Whether a person's word stands against the player's log."""
    words = standing_words(first, last)
    place = words.with_only_columns(Objection.station_id, Objection.planned_at)
    return tuple_(Airing.station_id, Airing.planned_at).in_(place)


def words_between(first: date, last: date) -> dict[str, date | datetime]:
    """What ``WORDS`` is asked with."""
    since, until = _instants_of(first, last)
    return {"first": first, "last": last, "since": since, "until": until}


def standing_words(first: date, last: date) -> Select[Objection]:
    """
    The words that stand against the player's log; of each airing the last one counts.

    Begun from the words, of which there is one in many thousands of airings.
    """
    return _standing_words(first, last, *_instants_of(first, last))


def _standing_words(first: Any, last: Any, since: Any, until: Any) -> Select[Objection]:
    said = Objection.planned_at.between(since, until)
    lasts = select(func.max(Objection.id)).where(said)
    lasts = lasts.group_by(Objection.station_id, Objection.planned_at)
    proved = aliased(Airing)
    of_it = (proved.station_id == Objection.station_id, proved.planned_at == Objection.planned_at)
    return (
        select(Objection)
        .join(proved, and_(*of_it))
        .where(
            Objection.id.in_(lasts),
            proved.broadcast_date.between(first, last),
            proved.grade == Grade.A,
            Objection.heard != proved.state.in_(HEARD_AIRINGS),
        )
    )


def below(statement: Query, unit_ids: Collection[int] | None, on: date) -> Query:
    """Only stations that serve one of these units on that day; ``None`` means all."""
    if unit_ids is None:
        return statement
    return statement.where(Airing.station_id.in_(serving(unit_ids, on)))


def below_then(statement: Query, unit_ids: Collection[int] | None) -> Query:
    """The same by the map of each airing's own day."""
    if unit_ids is None:
        return statement
    # The first goes to the few stations; alone, the second would be asked of every row.
    ever = select(StationUnit.station_id).where(among(StationUnit.unit_id, unit_ids))
    return statement.where(Airing.station_id.in_(ever), served_then(unit_ids))


def served_then(unit_ids: Collection[int]) -> ColumnElement[bool]:
    """Whether the station served one of these units on the airing's own day."""
    return exists().where(
        StationUnit.station_id == Airing.station_id,
        among(StationUnit.unit_id, unit_ids),
        *valid_on(StationUnit, Airing.broadcast_date),
    )


def serving(unit_ids: Collection[int], on: date) -> Select[int]:
    """Stations that serve one of these units on that day."""
    return select(StationUnit.station_id).where(
        among(StationUnit.unit_id, unit_ids), *valid_on(StationUnit, on)
    )


def narrowing(session: Session, wanted: LogFilter) -> Iterator[ColumnElement[bool]]:
    """The conditions for a row of the log to be wanted."""
    yield from _narrowing(session, wanted)
    yield from _of_kind(wanted)


def _narrowing(session: Session, wanted: LogFilter) -> Iterator[ColumnElement[bool]]:
    yield Airing.broadcast_date.between(wanted.first, wanted.last)
    if wanted.station_id is not None:
        yield Airing.station_id == wanted.station_id
    if wanted.unit_ids is not None:
        # As ids, not as a subquery: so the database knows how few they are, and goes to each.
        yield among(Airing.station_id, session.scalars(serving(wanted.unit_ids, wanted.last)))
    if wanted.programme_id is not None:
        yield Airing.programme_id == wanted.programme_id
    if wanted.theme.strip():
        yield among(Airing.programme_id, _about(session, wanted))
    if wanted.words.strip():
        yield _named(session, wanted)


def _of_kind(wanted: LogFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.state is not None:
        yield Airing.state == wanted.state
    if wanted.grade is not None:
        yield Airing.grade == wanted.grade
    if wanted.contested:
        yield is_contested(wanted.first, wanted.last)


def _about(session: Session, wanted: LogFilter) -> Collection[int]:
    theme = without_tones(wanted.theme.strip())
    same = [one for one in themes_in_use(session) if without_tones(one) == theme]
    return _aired_then(session, wanted, Programme.theme.in_(same))


def _named(session: Session, wanted: LogFilter) -> ColumnElement[bool]:
    """What the words mean: no database of ours folds Vietnamese, and names are few beside rows."""
    words = wanted.words
    programmes = session.execute(select(Programme.id, Programme.title, Programme.theme))
    stations = session.execute(_seen(select(Station.id, Station.name), wanted))
    titled = [i for i, *texts in programmes if has_words(texts, words)]
    places = [i for i, name in stations if has_words([name], words)]
    aired = _aired_then(session, wanted, among(Programme.id, titled)) if titled else ()
    # Where one of the two has nothing to say, the other alone can be looked up in an index.
    kinds = [(Airing.programme_id, aired), (Airing.station_id, places)]
    return or_(false(), *(among(column, ids) for column, ids in kinds if ids))


def _seen(stations: Query, wanted: LogFilter) -> Query:
    if wanted.unit_ids is None:
        return stations
    return stations.where(Station.id.in_(serving(wanted.unit_ids, wanted.last)))


def _aired_then(
    session: Session, wanted: LogFilter, chosen: ColumnElement[bool]
) -> Collection[int]:
    """
    Programmes of which these days have an airing.

    A programme airs in few days of a year. Looking for those of others, the database would go
    through every row of the days, because it expects to meet one soon.
    """
    one = (
        select(Airing.station_id)
        .where(
            Airing.programme_id == Programme.id,
            Airing.broadcast_date.between(wanted.first, wanted.last),
        )
        .limit(1)
        .correlate(Programme)
        .scalar_subquery()
    )
    return session.scalars(select(Programme.id).where(chosen, one.is_not(None))).all()


def _key(cursor: Cursor) -> Any:
    # In UTC: inside a tuple the instant goes to SQLite as it is, and is compared as a text.
    on, planned_at, station_id = cursor
    return tuple_(on, planned_at.astimezone(UTC), station_id)


# ``standing_words``, prepared once.
WORDS = _standing_words(
    bindparam("first", type_=Date), bindparam("last", type_=Date),
    bindparam("since"), bindparam("until"),
)  # fmt: skip
