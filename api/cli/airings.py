"""``loa today`` and ``loa airings``: what airs, what aired, and how we know."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import click
from sqlalchemy.orm import Session

from api.cli.documents import Document, airing_document
from api.cli.options import DATE, command
from api.cli.run import Run
from api.cli.screen import Cell, Figures, Screen
from api.i18n import mark as _
from api.reports.log_table import write_table
from scheduler.airing_log import LogFilter, whole_log
from scheduler.airings import day_schedule
from scheduler.hub import Hub
from scheduler.logrows import LogRow
from scheduler.registry import find_station
from scheduler.store.states import AiringState, Grade
from scheduler.units import find_unit, unit_ids_below

_unit = click.option("--unit", metavar="CODE", help="Only stations of this unit and below it.")
_STATES = click.Choice([state.value for state in AiringState])
_GRADES = click.Choice([grade.value for grade in Grade], case_sensitive=False)


@command("today", "loa today", "loa today --unit 353", "loa today --json")
@_unit
@click.pass_obj
def today(run: Run, unit: str | None) -> None:
    """Show what airs today."""
    with run.hub() as hub, hub.database.read() as session:
        on = hub.today()
        found = day_schedule(session, on, unit_ids=_units(session, unit, on))
    document = {"date": on, "airings": [airing_document(airing) for airing in found]}
    run.tell(document, lambda screen: _show_day(screen, on, found))


@command(
    "airings",
    "loa airings",
    "loa airings --from 01/10/2022 --to 31/10/2022 --unit 353 --state missed",
    "loa airings --station dao-ly --json",
    'loa airings --theme "gương điển hình" --grade A',
    "loa airings --from 01/10/2022 --to 31/10/2022 --table thang-10.xlsx",
)
@click.option("--from", "first", type=DATE, help="The first day; a week ago when not given.")
@click.option("--to", "last", type=DATE, help="The last day; today when not given.")
@click.option("--station", "code", metavar="CODE", help="Only this station.")
@_unit
@click.option("--programme", "programme_id", type=click.IntRange(1), metavar="ID",
              help="Only this programme.")  # fmt: skip
@click.option(
    "--theme", metavar="NAME", default="", help="Only programmes about it; tones are not needed."
)
@click.option("--state", type=_STATES, help="Only airings in this state.")
@click.option("--grade", type=_GRADES, help="Only what is known so well: A, B, C or D.")
@click.option(
    "--words",
    metavar="TEXT",
    default="",
    help="Only rows whose programme or station has these words; tones are not needed.",
)
@click.option("--contested", is_flag=True,
              help="Only where a person's word stands against the player's log.")  # fmt: skip
@click.option(
    "--table",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all rows to a spreadsheet: FILE.xlsx or FILE.csv.",
)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True,
              help="At most so many rows, newest first.")  # fmt: skip
@click.pass_obj
def airings(
    run: Run,
    first: date | None,
    last: date | None,
    code: str | None,
    unit: str | None,
    programme_id: int | None,
    theme: str,
    state: str | None,
    grade: str | None,
    words: str,
    contested: bool,
    table: Path | None,
    limit: int,
) -> None:
    """
    Show the airing log with its proofs.

    Delivered is not aired, and unknown is not missed: each row says how we know (A the player's
    log, B a named person, C inferred, D no proof).
    """
    with run.hub() as hub, hub.database.read() as session:
        last = last or hub.today()
        first = first or date.fromordinal(min(last, hub.today()).toordinal() - 7)
        wanted = LogFilter(
            first,
            last,
            station_id=find_station(session, code).id if code else None,
            unit_ids=_units(session, unit, last),
            programme_id=programme_id,
            theme=theme,
            state=AiringState(state) if state else None,
            grade=Grade(grade.upper()) if grade else None,
            words=words,
            contested=contested,
        )
        if table is not None:
            return _write_table(run, hub, wanted, table)
        found = list(islice(whole_log(hub.database, wanted), limit + 1))
    shown = found[:limit]
    return run.tell(
        _log_document(first, last, shown, is_complete=len(found) <= limit),
        lambda screen: _show_log(screen, shown, is_complete=len(found) <= limit),
    )


def _write_table(run: Run, hub: Hub, wanted: LogFilter, path: Path) -> None:
    rows = write_table(path, whole_log(hub.database, wanted), run.translator)
    document = {"from": wanted.first, "to": wanted.last, "file": path, "rows": rows}
    run.tell(document, lambda screen: screen.say(_("{rows} rows in {file}"), rows=rows, file=path))


def _units(session: Session, code: str | None, on: date) -> set[int] | None:
    return unit_ids_below(session, find_unit(session, code, on).id, on) if code else None


def _log_document(
    first: date, last: date, shown: Sequence[LogRow], *, is_complete: bool
) -> Document:
    return {
        "from": first,
        "to": last,
        "airings": [airing_document(airing) for airing in shown],
        "by_state": dict(Counter(airing.state.value for airing in shown)),
        "by_grade": dict(sorted(Counter(airing.grade.value for airing in shown).items())),
        "contested": sum(airing.objection is not None for airing in shown),
        "is_complete": is_complete,
    }


def _show_log(screen: Screen, shown: Sequence[LogRow], *, is_complete: bool) -> None:
    screen.table(
        [
            _("Day"),
            _("Time"),
            _("Station"),
            _("Programme"),
            _("State"),
            _("Proof"),
            _("Began"),
            Figures(_("Sounded")),
        ],
        [_log_row(screen, airing) for airing in shown],
    )
    counts = Counter(airing.state for airing in shown)
    screen.line(", ".join(f"{screen.state(state)}: {n}" for state, n in counts.most_common()))
    contested = sum(airing.objection is not None for airing in shown)
    if contested:
        screen.line(
            screen.translator.count(
                contested,
                "Of 1 airing a person says otherwise than the log.",
                "Of {n} airings a person says otherwise than the log.",
            )
        )
    if not is_complete:
        screen.say(_("There are more rows: narrow the search or raise --limit."))


def _log_row(screen: Screen, airing: LogRow) -> list[Cell]:
    tr = screen.translator
    return [
        tr.day(airing.broadcast_date),
        tr.time(airing.planned_at),
        airing.station.name,
        airing.programme.title,
        screen.state(airing.state),
        airing.grade.value,
        tr.time(airing.started_at) if airing.started_at else None,
        None if airing.played_ms is None else tr.length(airing.played_ms),
    ]


def _show_day(screen: Screen, on: date, found: Sequence[LogRow]) -> None:
    """One row for each moment and programme: a province has a hundred stations."""
    tr = screen.translator
    screen.line(f"{tr.weekday(on)} {tr.day(on)}")
    together: dict[tuple[datetime, int], list[LogRow]] = defaultdict(list)
    for airing in found:
        together[airing.planned_at, airing.slot_id].append(airing)
    screen.table(
        [
            _("Time"),
            _("Slot"),
            _("Programme"),
            Figures(_("Length")),
            Figures(_("Stations")),
            _("State"),
        ],
        [_day_row(screen, same) for same in together.values()],
    )


def _day_row(screen: Screen, same: Sequence[LogRow]) -> list[Cell]:
    tr, one = screen.translator, same[0]
    states = Counter(airing.state for airing in same)
    return [
        tr.time(one.planned_at),
        one.slot.title,
        one.programme.title,
        tr.length(one.ms),
        len(same),
        ", ".join(f"{screen.state(state)}: {n}" for state, n in states.most_common()),
    ]
