"""Whether the books balance: every slot that was due, against what the rows say, against the truth.

What was due is worked out here with a calendar and nothing else, and what was heard comes from the
loudspeakers: neither asks the planner or the log that it judges.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from api.rehearsal.faults import Fault, StationEnd
from api.rehearsal.province import FIRST_DAY, LINES, RETIRED, Line, Province
from scheduler.clock import local_date
from scheduler.store.models import Airing, Station
from scheduler.store.states import OPEN_AIRINGS, AiringState
from stations.rehearsed import Heard

FINAL = tuple(state for state in AiringState if state not in OPEN_AIRINGS)
_WHOLE = 0.95  # less of it was heard: a part
_ON_TIME = timedelta(seconds=60)

Key = tuple[str, datetime]  # station, planned instant


@dataclass(frozen=True)
class Row:
    """One airing as the hub has it at the end."""

    state: AiringState
    reason: str | None


@dataclass(frozen=True)
class Balance:
    """The sum at the end of the rehearsal."""

    due: int
    ended: Mapping[AiringState, int]  # of what was due
    absent: Sequence[Key]  # due, and no row tells of it
    left_open: Sequence[Key]  # due, and neither proved nor given up
    surplus: Sequence[Key]  # a row that nobody owed
    false_claims: Sequence[tuple[Key, AiringState, int]]  # the state, and the seconds heard

    @property
    def difference(self) -> int:
        return self.due - sum(self.ended.values()) + len(self.surplus)

    @property
    def is_balanced(self) -> bool:
        return self.difference == 0 and not self.false_claims


def slots_due(province: Province, nights: int, retires_on: date) -> dict[Key, Line]:
    """
    Every airing that somebody was promised.

    A line that was taken out had been planned for some days already: those are due as well, and
    must end as cancelled.
    """
    due: dict[Key, Line] = {}
    planned_until = retires_on + timedelta(days=province.settings.plan.days_ahead)
    for on in (FIRST_DAY + timedelta(days=number) for number in range(nights)):
        for line in LINES:
            is_planned = line.title != RETIRED or on < planned_until
            if on.weekday() in line.weekdays and is_planned:
                due |= {(code, province.at(on, line.at)): line for code in province.codes}
    return due


def rows_of(province: Province, nights: int) -> dict[Key, Row]:
    """What the hub has written down, whatever it planned it for."""
    last = FIRST_DAY + timedelta(days=nights - 1)
    with province.hub.database.read() as session:
        found = session.execute(
            select(Station.code, Airing.planned_at, Airing.state, Airing.reason)
            .join(Station)
            .where(Airing.broadcast_date <= last)
        ).all()
    return {(row.code, row.planned_at): Row(row.state, row.reason) for row in found}


def balance_of(
    due: Mapping[Key, Line], rows: Mapping[Key, Row], heard: Mapping[Key, list[Heard]]
) -> Balance:
    """Hold the three against each other."""
    ended = Counter(rows[key].state for key in due if key in rows and rows[key].state in FINAL)
    return Balance(
        due=len(due),
        ended={state: ended[state] for state in FINAL},
        absent=[key for key in due if key not in rows],
        left_open=[key for key in due if key in rows and rows[key].state not in FINAL],
        surplus=[key for key in rows if key not in due],
        false_claims=list(_false_claims(due, rows, heard)),
    )


def _false_claims(
    due: Mapping[Key, Line], rows: Mapping[Key, Row], heard: Mapping[Key, list[Heard]]
) -> Iterable[tuple[Key, AiringState, int]]:
    for key, line in due.items():
        stretches = heard.get(key, [])
        if key in rows and not _is_true(rows[key], key[1], line, stretches):
            yield key, rows[key].state, sum(one.ms for one in stretches) // 1000


def _is_true(row: Row, planned_at: datetime, line: Line, heard: Sequence[Heard]) -> bool:
    """Whether what a state claims is what was heard. Unknown and what is open claim nothing."""
    ms = sum(one.ms for one in heard)
    is_whole = ms >= line.minutes * 60_000 * _WHOLE
    is_on_time = bool(heard) and abs(heard[0].started_at - planned_at) <= _ON_TIME
    match row.state:
        case AiringState.AIRED:
            return is_whole and (is_on_time or row.reason == "untrusted_time")
        case AiringState.LATE:
            return is_whole and not is_on_time
        case AiringState.PARTIAL:
            return ms > 0 and not is_whole
        case AiringState.MISSED | AiringState.CANCELLED:
            return not ms
        case _:
            return True


def heard_by_airing(
    province: Province, due: Mapping[Key, Line], heard: Mapping[str, list[Heard]]
) -> dict[Key, list[Heard]]:
    """Each stretch of sound with the airing that it belongs to: its file, on its day."""
    zone = province.settings.zone
    keys = {
        (code, province.files[line.title], local_date(at, zone)): (code, at)
        for (code, at), line in due.items()
    }
    found: dict[Key, list[Heard]] = defaultdict(list)
    for code, stretches in heard.items():
        for one in stretches:
            key = keys.get((code, one.file, local_date(one.started_at, zone)))
            if key is not None:
                found[key].append(one)
    return found


def station_ends(
    province: Province,
    faults: Mapping[str, Fault],
    rows: Mapping[Key, Row],
    errors: Mapping[str, Collection[str]],
    balance: Balance,
) -> list[StationEnd]:
    """How each station ended."""
    airings: dict[str, Counter[AiringState]] = defaultdict(Counter)
    for (code, _), row in rows.items():
        airings[code][row.state] += 1
    false = Counter(code for (code, _), _, _ in balance.false_claims)
    return [
        StationEnd(
            code=code, name=f"Đài {unit.name}", fault=faults[code], airings=airings[code],
            errors=frozenset(errors.get(code, ())), false_claims=false[code],
        )
        for code, unit in province.codes.items()
    ]  # fmt: skip
