"""The airing log: what was planned, what was proved, and how we know."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import BackgroundTasks, Depends, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy.orm import Session

from api.auth import SignedIn, Viewer, hub_of
from api.fields import MAX_ID
from api.i18n import Translator
from api.pages.render import page, translator_of
from api.pages.routes import page_routes
from api.pages.wall import CONFIRMERS
from api.reports.log_table import csv_parts, write_xlsx
from api.scope import MOST_CHOICES, Scope, places_of, scope_of
from api.vietnamese import sort_key
from scheduler.airing_log import (
    Cursor,
    Log,
    LogFilter,
    cursor_of,
    themes_in_use,
    whole_log,
)
from scheduler.errors import InputInvalid
from scheduler.hub import Hub
from scheduler.logrows import LogRow
from scheduler.store.models import Programme
from scheduler.store.states import AiringState, Grade

router = page_routes()

DAYS_AT_FIRST = 7
PAGE_ROWS = 50  # a page of a hundred is twenty metres of thumb on a phone
MAX_DAYS = 366

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class LogQuery:
    """What somebody chose in the form above the log; half-typed dates count as none."""

    first: date
    last: date
    unit: str
    programme: int | None
    theme: str
    state: str
    grade: str
    words: str
    contested: bool

    @property
    def address(self) -> str:
        chosen = {name: value for name, value in asdict(self).items() if value}
        return urlencode(chosen | ({"contested": "true"} if self.contested else {}))

    @property
    def of_contested(self) -> str:
        return replace(self, state="", grade="", contested=True).address

    @property
    def without_programme(self) -> str:
        return replace(self, programme=None).address

    def scope(self, session: Session, viewer: Viewer) -> Scope:
        return scope_of(
            session, viewer.person, self.last, self.unit, most_choices=MOST_CHOICES,
            with_places=False,
        )  # fmt: skip

    def wanted(self, scope: Scope) -> LogFilter:
        return LogFilter(
            self.first,
            self.last,
            unit_ids=scope.unit_ids,
            programme_id=self.programme,
            theme=self.theme,
            state=AiringState(self.state) if self.state in set(AiringState) else None,
            grade=Grade(self.grade) if self.grade in set(Grade) else None,
            words=self.words,
            contested=self.contested,
        )


def log_query(
    request: Request,
    first: Annotated[str, Query(max_length=10)] = "",
    last: Annotated[str, Query(max_length=10)] = "",
    unit: Annotated[str, Query(max_length=20)] = "",
    programme: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    theme: Annotated[str, Query(max_length=80)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    grade: Annotated[str, Query(max_length=1)] = "",
    words: Annotated[str, Query(max_length=100)] = "",
    contested: bool = False,
) -> LogQuery:
    """
    A dependency: the rows that an address asks for.

    Raises:
        InputInvalid: days that cannot be shown.
    """
    last_day = _day(last) or hub_of(request).today()
    first_day = _day(first) or last_day - timedelta(days=DAYS_AT_FIRST - 1)
    check_days(first_day, last_day)
    return LogQuery(
        first_day, last_day, unit, programme, theme.strip(), state, grade, words.strip(), contested
    )


Chosen = Annotated[LogQuery, Depends(log_query)]


@router.get("/airings")
def airings(
    request: Request,
    viewer: SignedIn,
    chosen: Chosen,
    after: Annotated[str, Query(max_length=90)] = "",
    before: Annotated[str, Query(max_length=90)] = "",
) -> Response:
    with hub_of(request).database.read() as session:
        scope = chosen.scope(session, viewer)
        log = Log(session, chosen.wanted(scope))
        shown = _shown(log, cursor_from(after), cursor_from(before))
        at = {row.station_id for row in shown.rows}
        scope = places_of(session, scope, chosen.last, at)
        counts = log.counts(every_kind=True)
        themes = sorted(themes_in_use(session), key=sort_key)
        programme = session.get(Programme, chosen.programme) if chosen.programme else None
    return page(
        request, "airings.html", viewer=viewer, scope=scope, chosen=chosen, shown=shown,
        counts=counts, themes=themes, most_themes=MOST_CHOICES, programme=programme,
        may_confirm=viewer.may(*CONFIRMERS), all_states=list(AiringState), all_grades=list(Grade),
    )  # fmt: skip


@dataclass(frozen=True)
class _Shown:
    """A page of the log, and whence its neighbours begin; none where there is no neighbour."""

    rows: list[LogRow]
    newer: str | None  # before the first row
    older: str | None  # after the last one


def _shown(log: Log, after: Cursor | None, before: Cursor | None) -> _Shown:
    """One row more than is shown was asked for, to know whether the way goes on."""
    if before is not None:
        rows = log.rows(before=before, limit=PAGE_ROWS + 1)
        if len(rows) <= PAGE_ROWS:  # the newest page, which is full whatever came meanwhile
            after = before = None
    if before is None:
        rows = log.rows(after=after, limit=PAGE_ROWS + 1)
    has_more, rows = len(rows) > PAGE_ROWS, rows[-PAGE_ROWS:] if before else rows[:PAGE_ROWS]
    return _Shown(
        rows,
        newer=cursor_text(rows[0]) if rows and (after or before) else None,
        older=cursor_text(rows[-1]) if rows and (has_more or before) else None,
    )


@router.get("/airings.csv")
def airings_csv(request: Request, viewer: SignedIn, chosen: Chosen) -> Response:
    """All the rows of this choice; the sooner ones reach the reader while later ones are read."""
    hub, tr = hub_of(request), translator_of(request)
    with hub.database.read() as session:
        wanted = chosen.wanted(chosen.scope(session, viewer))

    parts = csv_parts(whole_log(hub.database, wanted), tr)
    return StreamingResponse(parts, media_type="text/csv", headers=_named(chosen, "csv"))


@router.get("/airings.xlsx")
def airings_xlsx(
    request: Request, viewer: SignedIn, chosen: Chosen, afterwards: BackgroundTasks
) -> Response:
    """The same as a workbook, made in a temporary file that goes when it was sent."""
    hub = hub_of(request)
    with hub.database.read() as session:
        wanted = chosen.wanted(chosen.scope(session, viewer))
    path = _workbook(hub, wanted, translator_of(request))
    afterwards.add_task(path.unlink, missing_ok=True)
    return FileResponse(path, media_type=_XLSX, headers=_named(chosen, "xlsx"))


def _workbook(hub: Hub, wanted: LogFilter, tr: Translator) -> Path:
    descriptor, name = tempfile.mkstemp(suffix=".xlsx", dir=hub.tmp)
    os.close(descriptor)
    path = Path(name)
    try:
        write_xlsx(path, whole_log(hub.database, wanted), tr)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _named(chosen: LogQuery, extension: str) -> dict[str, str]:
    name = f"nhat-ky-{chosen.first}-{chosen.last}.{extension}"
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def check_days(first: date, last: date) -> None:
    """
    Refuse a stretch of days that cannot be shown.

    Raises:
        InputInvalid: it ends before it begins, or is longer than a year.
    """
    if last < first:
        raise InputInvalid(problem="the last day lies before the first")
    if (last - first).days >= MAX_DAYS:
        raise InputInvalid(problem="choose a year at the most")


def cursor_from(text: str) -> Cursor | None:
    """
    A row of the log, as an address holds it: ``2022-03-13,2022-03-12T22:00:00+00:00,7``.

    Raises:
        InputInvalid: somebody changed the address.
    """
    if not text:
        return None
    try:
        day, moment, station_id = text.split(",")
        on, planned_at = date.fromisoformat(day), datetime.fromisoformat(moment)
        number = int(station_id)
    except ValueError:
        raise InputInvalid(problem="this page of the log does not exist") from None
    if planned_at.tzinfo is None or not 0 <= number <= MAX_ID:
        raise InputInvalid(problem="this page of the log does not exist")
    return on, planned_at, number


def cursor_text(airing: LogRow) -> str:
    on, planned_at, station_id = cursor_of(airing)
    return f"{on},{planned_at.isoformat()},{station_id}"


def _day(text: str) -> date | None:
    """An empty or half-typed date counts as none: the form shows what was taken instead."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
