"""Rules of the air: when a unit lets something on air, whose time that is, and how much of it.

A rule belongs to a unit and holds for all below it; what a unit leaves open holds from above. All
times are local. Caps and windows bind what is normal and priority; urgent goes through everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler import people
from scheduler.errors import InputInvalid, NotFound, OutsideUnit, said
from scheduler.hub import Hub
from scheduler.store import ledger
from scheduler.store.models import AirRule, Person, Unit
from scheduler.units import find_unit, unit_ids_below

LEVELS = {
    "province": "provincial level",
    "district": "district level",
    "commune": "commune level",
}
# Noise rules of the country, where nobody says otherwise: warn, never move silently.
QUIET_FROM, QUIET_UNTIL = time(21), time(6)
MOST_WINDOWS, MOST_MINUTES, MOST_SESSIONS = 12, 1440, 48

_COMMUNES = {"xã", "phường", "thị trấn", "đặc khu"}
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?:=([a-z]+))?")


@dataclass(frozen=True)
class Window:
    """A local time of day in which something may air; it may run over midnight."""

    begin: time
    end: time
    level: str | None = None  # whose it is; none: everybody's

    def __str__(self) -> str:
        text = f"{self.begin:%H:%M}-{self.end:%H:%M}"
        return f"{text}={self.level}" if self.level else text

    def holds(self, begin: datetime, end: datetime) -> bool:
        """Whether it lies around this time, both local and naive; also from the day before."""
        return any(first <= begin and end <= last for first, last in self.around(begin.date()))

    def around(self, day: date) -> Iterable[tuple[datetime, datetime]]:
        """Its times on that day, and the one of the eve that may run into it."""
        for on in (day - timedelta(days=1), day):
            first = datetime.combine(on, self.begin)
            over_midnight = timedelta(days=self.end <= self.begin)
            yield first, datetime.combine(on, self.end) + over_midnight


@dataclass(frozen=True)
class AirRules:
    """What a unit says, or what holds at a place; none: nothing is said."""

    windows: tuple[Window, ...] | None = None
    session_minutes: int | None = None
    sessions_a_day: int | None = None
    quiet: tuple[time, time] | None = None

    def below(self, above: AirRules) -> AirRules:
        """What holds where this is said and that is said further up."""
        said_here = {name: value for name, value in vars(self).items() if value is not None}
        return replace(above, **said_here)

    @property
    def is_empty(self) -> bool:
        return self == AirRules()

    def quiet_window(self) -> Window:
        return Window(*(self.quiet or (QUIET_FROM, QUIET_UNTIL)))


def read_window(text: str) -> Window:
    """
    ``05:00-06:00``, or ``05:00-06:00=province``.

    Raises:
        InputInvalid: it is neither.
    """
    text = text.strip()
    found = _WINDOW.fullmatch(text)
    if found is None or (found[5] and found[5] not in LEVELS) or text[:5] == text[6:11]:
        raise InputInvalid(
            problem=said('"{text}" is no window like 05:00-06:00 or 05:00-06:00=province',
                         text=text[:40])
        )  # fmt: skip
    begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    return Window(begin, end, found[5])


def rules_of(row: AirRule) -> AirRules:
    windows = row.windows
    return AirRules(
        windows=None if windows is None else tuple(_window(one) for one in windows),
        session_minutes=row.session_minutes,
        sessions_a_day=row.sessions_a_day,
        quiet=(row.quiet_from, row.quiet_until) if row.quiet_from and row.quiet_until else None,
    )


def _window(row: Sequence[str | None]) -> Window:
    begin, end, level = row
    assert begin is not None and end is not None
    return Window(time.fromisoformat(begin), time.fromisoformat(end), level)


# ── What holds where and when ──────────────────────────────────────────────────────────────────


class RuleBook:
    """All rules and the whole map; read once, and asked again and again while a line is checked."""

    def __init__(self, session: Session) -> None:
        units = session.execute(select(Unit.id, Unit.parent_id, Unit.level))
        self._units = {row.id: row for row in units}
        rows = session.scalars(select(AirRule).order_by(AirRule.valid_from, AirRule.id))
        self._rows: dict[int, list[AirRule]] = {}
        for row in rows:
            self._rows.setdefault(row.unit_id, []).append(row)
        self._known: dict[tuple[int, ...], AirRules] = {}

    def at(self, unit_id: int | None, day: date) -> AirRules:
        """What holds in a unit on a day, wherever in the tree it was said."""
        rows = [row for one in self._path(unit_id) if (row := self._row(one, day))]
        key = tuple(row.id for row in rows)
        if key not in self._known:
            found = AirRules()
            for row in reversed(rows):
                found = rules_of(row).below(found)
            self._known[key] = found
        return self._known[key]

    def key(self, unit_id: int | None) -> tuple[int, ...]:
        """Equal for units that obey the same rows; most communes of a province do."""
        return tuple(one for one in self._path(unit_id) if one in self._rows)

    def level(self, unit_id: int) -> str:
        """Province, district or commune; where there are no districts, communes stay communes."""
        path = self._path(unit_id)
        if len(path) == 1:
            return "province"
        is_commune = self._units[unit_id].level.casefold() in _COMMUNES or len(path) > 2
        return "commune" if is_commune else "district"

    def _row(self, unit_id: int, day: date) -> AirRule | None:
        for row in reversed(self._rows.get(unit_id, ())):
            if row.valid_from <= day and (row.valid_to is None or day <= row.valid_to):
                return row
        return None

    def _path(self, unit_id: int | None) -> list[int]:
        path: list[int] = []
        while unit_id is not None and unit_id in self._units:
            path.append(unit_id)
            unit_id = self._units[unit_id].parent_id
        return path


# ── Saying something ───────────────────────────────────────────────────────────────────────────


def set_rules(
    hub: Hub,
    unit_code: str,
    changes: Mapping[str, object],
    *,
    by: Person,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> AirRule:
    """
    Say what holds in a unit from a day on (today); what is not named stays as the unit has it.

    Raises:
        InputInvalid: a figure that cannot be; OutsideUnit: another one's unit.
    """
    people.require_role(by, "editor", "district", "commune")
    on = valid_from or hub.today()
    if on < hub.today():
        raise InputInvalid(problem="the first day is over already")
    if valid_to is not None and valid_to < on:
        raise InputInvalid(problem="the last day lies before the first")
    with hub.database.write() as session:
        unit = _own_unit(session, unit_code, on, by)
        before = own_rule(session, unit.id, on)
        known = rules_of(before) if before else AirRules()
        wanted = AirRules(**{**vars(known), **changes})
        _check(wanted)
        if (
            valid_to is None
        ):  # a rule for some days lies above the other, which holds again after it
            _make_room(session, unit.id, on)
        row = AirRule(
            unit_id=unit.id, valid_from=on, valid_to=valid_to, created_by=by.id,
            created_at=hub.clock.now(), **_columns(wanted),
        )  # fmt: skip
        session.add(row)
        row.unit = unit
        _note(hub, session, "air_rules_set", unit, by, on=on.isoformat(), **_shown(wanted))
    return row


def remove_rules(hub: Hub, unit_code: str, *, by: Person) -> AirRule:
    """From today on the unit says nothing of its own; what holds above it holds here too."""
    people.require_role(by, "editor", "district", "commune")
    today = hub.today()
    with hub.database.write() as session:
        unit = _own_unit(session, unit_code, today, by)
        row = own_rule(session, unit.id, today)
        if row is None:
            raise NotFound(what="rule of the air", key=unit_code)
        _make_room(session, unit.id, today)
        _note(hub, session, "air_rules_removed", unit, by, on=today.isoformat())
    return row


def own_rule(session: Session, unit_id: int, on: date) -> AirRule | None:
    """What the unit itself says on that day."""
    statement = (
        select(AirRule)
        .where(
            AirRule.unit_id == unit_id,
            AirRule.valid_from <= on,
            (AirRule.valid_to.is_(None)) | (AirRule.valid_to >= on),
        )
        .order_by(AirRule.valid_from.desc(), AirRule.id.desc())
    )
    return session.scalars(statement).first()


def rows_above(session: Session, unit_id: int, on: date) -> list[AirRule]:
    """What the unit and those above it say on that day, the nearest first."""
    found, at = [], session.get(Unit, unit_id)
    while at is not None:
        if (row := own_rule(session, at.id, on)) is not None:
            row.unit = at
            found.append(row)
        at = session.get(Unit, at.parent_id) if at.parent_id is not None else None
    return found


def list_rules(session: Session, on: date) -> list[AirRule]:
    """What units say of their own on that day or later, the province first."""
    statement = (
        select(AirRule)
        .where((AirRule.valid_to.is_(None)) | (AirRule.valid_to >= on))
        .options(joinedload(AirRule.unit))
        .order_by(AirRule.valid_from, AirRule.id)
    )
    found = list(session.scalars(statement))
    return sorted(found, key=lambda row: (row.unit.parent_id is not None, row.unit.code))


def _own_unit(session: Session, code: str, on: date, by: Person) -> Unit:
    unit = find_unit(session, code, on)
    mine = unit_ids_below(session, by.unit_id, on)
    if mine is not None and unit.id not in mine:
        raise OutsideUnit(who=by.full_name, unit=by.unit.name if by.unit else "")
    return unit


def _check(rules: AirRules) -> None:
    if rules.windows is not None and not 1 <= len(rules.windows) <= MOST_WINDOWS:
        raise InputInvalid(problem=said("1 to {most} windows", most=MOST_WINDOWS))
    if rules.session_minutes is not None and not 1 <= rules.session_minutes <= MOST_MINUTES:
        raise InputInvalid(problem=said("minutes a session: 1 to {most}", most=MOST_MINUTES))
    if rules.sessions_a_day is not None and not 1 <= rules.sessions_a_day <= MOST_SESSIONS:
        raise InputInvalid(problem=said("sessions a day: 1 to {most}", most=MOST_SESSIONS))
    windows = sorted(rules.windows or (), key=lambda one: one.begin)
    for one, other in pairwise(windows):
        if one.begin < one.end and other.begin < one.end:
            raise InputInvalid(problem="two windows overlap")
    if rules.is_empty:
        raise InputInvalid(problem="say a window, a cap or quiet hours")


def _make_room(session: Session, unit_id: int, on: date) -> None:
    """End on its eve what holds on that day; what would only begin then goes."""
    for row in session.scalars(select(AirRule).where(AirRule.unit_id == unit_id)):
        if row.valid_from == on:
            session.delete(row)
        elif row.valid_from < on and (row.valid_to is None or row.valid_to >= on):
            row.valid_to = on - timedelta(days=1)


def _columns(rules: AirRules) -> dict[str, object]:
    windows = rules.windows
    quiet = rules.quiet or (None, None)
    return {
        "windows": None if windows is None
        else [[f"{w.begin:%H:%M}", f"{w.end:%H:%M}", w.level] for w in windows],
        "session_minutes": rules.session_minutes,
        "sessions_a_day": rules.sessions_a_day,
        "quiet_from": quiet[0],
        "quiet_until": quiet[1],
    }  # fmt: skip


def _shown(rules: AirRules) -> dict[str, object]:
    return {name: str(value) for name, value in _columns(rules).items() if value is not None}


def _note(hub: Hub, session: Session, what: str, unit: Unit, by: Person, **detail: object) -> None:
    ledger.record(
        session, at=hub.clock.now(), who=by.username, what=what, subject=f"unit {unit.code}",
        **detail,
    )  # fmt: skip
