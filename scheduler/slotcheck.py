"""What stands in the way of a line of the timetable: other lines, windows and caps.

A checker is made once for one day's map and asked for the line and for every proposal that could
take its place, so that what the other lines air is worked out once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import dropwhile
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from scheduler.airrules import LEVELS, AirRules, RuleBook, Window
from scheduler.errors import (
    OutsideWindow,
    SessionTooLong,
    SlotRefused,
    SlotsOverlap,
    TooManySessions,
    WindowOfOthers,
    said,
)
from scheduler.recurrence import parts_of
from scheduler.store.models import Station
from scheduler.timetable import Changes, Occurrence, Rule, occurrences, to_utc

# Two slots of every day or week meet within two months or not at all. What airs once a month or a
# year, by the moon, or on a day that was moved is looked for through more than a year.
CHECKED_DAYS, CHECKED_DAYS_OF_RARE = 62, 400
_MAKES_RARE = {"INTERVAL", "BYMONTH", "BYMONTHDAY"}
# Where no windows are known, what follows within so long belongs to one session.
SESSION_GAP = timedelta(minutes=10)
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """A line of the timetable, or what may become one, as the checks see it."""

    slot_id: int | None
    title: str
    programme_class: str
    level: str  # of the unit that owns it
    rule: Rule
    changes: Changes
    stations: frozenset[int]

    @property
    def is_rare(self) -> bool:
        """Whether it may air for the first time only after two months."""
        parts = parts_of(self.rule.rrule)
        is_frequent = parts.get("FREQ") in ("DAILY", "WEEKLY") and not parts.keys() & _MAKES_RARE
        return not is_frequent or any(one.to or one.seconds for one in self.changes.values())


@dataclass(frozen=True)
class Clash:
    """Two priority lines that sound at one time at these stations; the commune orders them."""

    other: Line
    first: Occurrence  # the first of theirs that meets one of ours
    stations: frozenset[int]


class Checker:
    """Holds the lines in force and the rules of the air against one line or another."""

    def __init__(
        self,
        session: Session,
        lines: Sequence[Line],
        book: RuleBook,
        units: Callable[[int], int | None],
        *,
        first: date,
        zone: ZoneInfo,
    ) -> None:
        self.session, self.lines, self.book, self.unit_of = session, lines, book, units
        self.first, self.zone = first, zone
        self._aired: dict[tuple[Rule, date, date], list[Occurrence]] = {}
        self._known: dict[frozenset[int], set[AirRules]] = {}

    def problems(self, line: Line, *, on: date | None = None) -> list[SlotRefused]:
        """
        All that stands in its way, one of each kind, the earliest of each; nothing for urgent ones.

        ``on`` looks at windows and caps of one day alone: of a day that is moved.
        """
        if line.programme_class == "urgent":
            return []
        return [*self.overlaps(line), *self.against_rules(line, on)]

    def _all(self, line: Line) -> Iterator[object]:
        """Whatever stands in its way, the cheapest to find first; for who wants only one."""
        last = self.first + _horizon(line)
        for stations, others in self._groups(line):
            yield from self._of_group(line, others, stations, self.first, last)
        yield from self._refusing(line)

    def _refusing(self, line: Line) -> Iterator[tuple[Line, Occurrence, frozenset[int]]]:
        for other, clash, shared in self._meetings(line):
            if {line.programme_class, other.programme_class} != {"priority"}:
                yield other, clash, shared

    def overlaps(self, line: Line) -> list[SlotRefused]:
        found = [
            (clash.starts_at, self._overlap(other, clash, shared))
            for other, clash, shared in self._refusing(line)
        ]
        return [problem for _, problem in sorted(found, key=lambda one: one[0])]

    def clashes(self, line: Line) -> list[Clash]:
        """Where it meets other priority lines: no refusal, but the commune has to order them."""
        if line.programme_class != "priority":
            return []
        return [
            Clash(other, first, shared)
            for other, first, shared in self._meetings(line)
            if other.programme_class == "priority"
        ]

    def is_free(self, line: Line) -> bool:
        """As ``problems``, for one of many proposals: what no window holds is seen at once."""
        if line.programme_class == "urgent":
            return True
        begin = datetime.combine(self.first, line.rule.starts_at)
        end = begin + timedelta(seconds=line.rule.seconds)
        for rules in self._rules_of(line):
            if rules.windows is not None and not any(w.holds(begin, end) for w in rules.windows):
                return False
        return next(self._all(line), None) is None

    def quiet(self, line: Line) -> Window | None:
        """The quiet hours into which it sounds, at the first station that has them."""
        day = date(2000, 1, 1)
        begin = datetime.combine(day, line.rule.starts_at)
        end = begin + timedelta(seconds=line.rule.seconds)
        for rules in self._rules_of(line):
            window = rules.quiet_window()
            days = (*window.around(day), *window.around(day + _A_DAY))
            if any(first < end and begin < last for first, last in days):
                return window
        return None

    # ── Other lines ────────────────────────────────────────────────────────────────────────────

    def _meetings(self, line: Line) -> Iterator[tuple[Line, Occurrence, frozenset[int]]]:
        for other in self.lines:
            shared = line.stations & other.stations
            if not shared or other.slot_id == line.slot_id:
                continue
            # Before the later one begins they cannot meet; from the eve, for what runs over
            # midnight.
            begin = max(self.first, other.rule.valid_from)
            last = begin + timedelta(days=_looked_through(line, other))
            mine, theirs = (
                _from(self._occurrences(one, begin - _A_DAY, last), begin, self.zone)
                for one in (line, other)
            )
            clash = first_clash(mine, theirs)
            if clash is not None:
                yield other, clash, shared

    def _overlap(self, other: Line, clash: Occurrence, shared: frozenset[int]) -> SlotRefused:
        return SlotsOverlap(
            stations=shared, other=other.title, station=self._name(shared),
            other_id=other.slot_id, **self._when(clash),
        )  # fmt: skip

    def _occurrences(self, line: Line, first: date, last: date) -> list[Occurrence]:
        if line.changes:
            return list(occurrences(line.rule, first, last, self.zone, line.changes))
        key = (line.rule, first, last)
        if key not in self._aired:
            self._aired[key] = list(occurrences(line.rule, first, last, self.zone))
        return self._aired[key]

    # ── Windows and caps ───────────────────────────────────────────────────────────────────────

    def against_rules(self, line: Line, on: date | None = None) -> list[SlotRefused]:
        """Windows and caps alone, one problem of each kind with all its stations."""
        found: dict[type[SlotRefused], SlotRefused] = {}
        first, last = (on, on) if on else (self.first, self.first + _horizon(line))
        for stations, others in self._groups(line):
            kinds: set[type[SlotRefused]] = set()
            for problem in self._of_group(line, others, stations, first, last):
                if type(problem) in kinds:
                    continue
                kinds.add(type(problem))
                before = found.setdefault(type(problem), problem)
                before.stations |= stations
        return list(found.values())

    def _groups(self, line: Line) -> Iterator[tuple[frozenset[int], list[Line]]]:
        """Stations that obey the same rules and hear the same lines: checked once for all."""
        groups: dict[tuple[tuple[int, ...], tuple[int, ...]], set[int]] = defaultdict(set)
        near = [one for one in self.lines if one.slot_id != line.slot_id]
        near = [one for one in near if one.stations & line.stations]
        for station_id in line.stations:
            heard = tuple(n for n, one in enumerate(near) if station_id in one.stations)
            groups[self.book.key(self.unit_of(station_id)), heard].add(station_id)
        for (key, heard), stations in groups.items():
            if key:  # where nobody says anything nothing can be broken
                yield frozenset(stations), [near[n] for n in heard]

    def _of_group(
        self, line: Line, others: Sequence[Line], stations: frozenset[int], first: date, last: date
    ) -> Iterator[SlotRefused]:
        station_id = min(stations)
        by_day: dict[date, list[Occurrence]] = defaultdict(list)
        for other in others:
            for one in self._occurrences(other, first, last):
                by_day[one.on].append(one)
        for mine in self._occurrences(line, first, last):
            rules = self._rules_at(station_id, mine.on)
            yield from self._windows(line, mine, rules, stations)
            yield from self._caps(mine, by_day[mine.on], rules, stations)

    def _windows(
        self, line: Line, mine: Occurrence, rules: AirRules, stations: frozenset[int]
    ) -> Iterator[SlotRefused]:
        if rules.windows is None:
            return
        begin, end = self._local(mine.starts_at), self._local(mine.ends_at)
        around = [window for window in rules.windows if window.holds(begin, end)]
        if not around:
            shown = ", ".join(str(window).partition("=")[0] for window in rules.windows)
            yield OutsideWindow(
                stations=stations, station=self._name(stations), windows=shown, **self._when(mine)
            )
        elif line.programme_class != "priority" and all(
            window.level not in (None, line.level) for window in around
        ):
            window = around[0]
            yield WindowOfOthers(
                stations=stations, station=self._name(stations),
                window=str(window).partition("=")[0], level=said(LEVELS[window.level or ""]),
                mine=said(LEVELS[line.level]),
            )  # fmt: skip

    def _caps(
        self, mine: Occurrence, others: Sequence[Occurrence], rules: AirRules,
        stations: frozenset[int],
    ) -> Iterator[SlotRefused]:  # fmt: skip
        if rules.session_minutes is None and rules.sessions_a_day is None:
            return
        sessions = self._sessions([mine, *others], rules.windows)
        session = next(one for one in sessions if mine in one)
        seconds = sum((one.ends_at - one.starts_at).total_seconds() for one in session)
        station = self._name(stations)
        if rules.session_minutes is not None and seconds > rules.session_minutes * 60:
            yield SessionTooLong(
                stations=stations, station=station, limit=rules.session_minutes,
                minutes=-(-int(seconds) // 60), over_s=int(seconds) - rules.session_minutes * 60,
                on=f"{mine.on:%d/%m/%Y}", starts=f"{self._local(session[0].starts_at):%H:%M}",
            )  # fmt: skip
        is_new = session == [mine]
        if rules.sessions_a_day is not None and len(sessions) > rules.sessions_a_day and is_new:
            yield TooManySessions(
                stations=stations, station=station, limit=rules.sessions_a_day,
                count=len(sessions), on=f"{mine.on:%d/%m/%Y}",
            )  # fmt: skip

    def _sessions(
        self, aired: Sequence[Occurrence], windows: Sequence[Window] | None
    ) -> list[list[Occurrence]]:
        """What airs in one window, or one after another with no long pause, is one session."""
        sessions: list[list[Occurrence]] = []
        last_window: Window | None = None
        for one in sorted(aired, key=lambda one: one.starts_at):
            window = self._window_of(one, windows)
            if sessions and _is_same_session(sessions[-1][-1], one, last_window, window):
                sessions[-1].append(one)
            else:
                sessions.append([one])
            last_window = window
        return sessions

    def _window_of(self, one: Occurrence, windows: Sequence[Window] | None) -> Window | None:
        begin, end = self._local(one.starts_at), self._local(one.ends_at)
        return next((w for w in windows or () if w.holds(begin, end)), None)

    # ── Words ──────────────────────────────────────────────────────────────────────────────────

    def _rules_of(self, line: Line) -> set[AirRules]:
        """What holds at its stations on the first day."""
        if line.stations not in self._known:
            units = {self.unit_of(one) for one in line.stations}
            self._known[line.stations] = {self.book.at(one, self.first) for one in units}
        return self._known[line.stations]

    def _rules_at(self, station_id: int, on: date) -> AirRules:
        return self.book.at(self.unit_of(station_id), on)

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone).replace(tzinfo=None)

    def _when(self, one: Occurrence) -> dict[str, str]:
        return {
            "on": f"{one.on:%d/%m/%Y}",
            "starts": f"{self._local(one.starts_at):%H:%M}",
            "ends": f"{self._local(one.ends_at):%H:%M}",
        }

    def _name(self, stations: Collection[int]) -> str:
        station = self.session.get(Station, min(stations))
        assert station is not None
        return station.name


def first_clash(mine: Sequence[Occurrence], theirs: Sequence[Occurrence]) -> Occurrence | None:
    """The first of theirs that overlaps one of mine; both come in order of time."""
    i = j = 0
    while i < len(mine) and j < len(theirs):
        if mine[i].starts_at < theirs[j].ends_at and theirs[j].starts_at < mine[i].ends_at:
            return theirs[j]
        if mine[i].ends_at <= theirs[j].starts_at:
            i += 1
        else:
            j += 1
    return None


def _from(aired: Sequence[Occurrence], begin: date, zone: ZoneInfo) -> list[Occurrence]:
    """Without what is over when the day begins: what met yesterday stands in nobody's way."""
    midnight = to_utc(datetime.combine(begin, time()), zone)
    return list(dropwhile(lambda one: one.ends_at <= midnight, aired))


def retimed(line: Line, **changes: object) -> Line:
    """The same line at another time, for another length, by another rule."""
    return replace(line, rule=replace(line.rule, **changes))  # type: ignore[arg-type]


def _looked_through(line: Line, other: Line) -> int:
    return CHECKED_DAYS_OF_RARE if line.is_rare or other.is_rare else CHECKED_DAYS


def _horizon(line: Line) -> timedelta:
    return timedelta(days=CHECKED_DAYS_OF_RARE if line.is_rare else CHECKED_DAYS)


def _is_same_session(
    before: Occurrence, after: Occurrence, one: Window | None, other: Window | None
) -> bool:
    if one is not None and other is not None:
        return one == other
    return after.starts_at - before.ends_at <= SESSION_GAP
