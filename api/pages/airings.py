"""The airing log: what was planned, what was proved, and how we know."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy.orm import Session

from api.auth import SignedIn, Viewer, hub_of
from api.fields import MAX_ID
from api.i18n import Translator
from api.pages.render import page, translator_of
from api.reports.log_table import csv_parts, write_xlsx
from api.scope import Scope, scope_of
from scheduler.airing_log import (
    LogFilter,
    airing_log,
    count_by_grade,
    count_by_state,
    whole_log,
)
from scheduler.errors import InputInvalid
from scheduler.hub import Hub
from scheduler.store.models import Airing
from scheduler.store.states import AiringState, Grade

router = APIRouter()

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
    state: str
    grade: str
    words: str

    @property
    def address(self) -> str:
        return urlencode({name: str(value) for name, value in asdict(self).items() if value})

    def scope(self, session: Session, viewer: Viewer) -> Scope:
        return scope_of(session, viewer.person, self.last, self.unit)

    def wanted(self, scope: Scope) -> LogFilter:
        return LogFilter(
            self.first,
            self.last,
            unit_ids=scope.unit_ids,
            state=AiringState(self.state) if self.state in set(AiringState) else None,
            grade=Grade(self.grade) if self.grade in set(Grade) else None,
            words=self.words,
        )


def log_query(
    request: Request,
    first: Annotated[str, Query(max_length=10)] = "",
    last: Annotated[str, Query(max_length=10)] = "",
    unit: Annotated[str, Query(max_length=20)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    grade: Annotated[str, Query(max_length=1)] = "",
    words: Annotated[str, Query(max_length=100)] = "",
) -> LogQuery:
    """
    A dependency: the rows that an address asks for.

    Raises:
        InputInvalid: days that cannot be shown.
    """
    last_day = _day(last) or hub_of(request).today()
    first_day = _day(first) or last_day - timedelta(days=DAYS_AT_FIRST - 1)
    check_days(first_day, last_day)
    return LogQuery(first_day, last_day, unit, state, grade, words.strip())


Chosen = Annotated[LogQuery, Depends(log_query)]


@router.get("/airings")
def airings(
    request: Request,
    viewer: SignedIn,
    chosen: Chosen,
    after: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    with hub_of(request).database.read() as session:
        scope = chosen.scope(session, viewer)
        wanted = chosen.wanted(scope)
        rows = airing_log(session, wanted, after=cursor_of(after), limit=PAGE_ROWS + 1)
        everything = replace(wanted, state=None, grade=None)
        by_state = count_by_state(session, everything)
        by_grade = count_by_grade(session, everything)
    return page(
        request, "airings.html", viewer=viewer, scope=scope, chosen=chosen,
        rows=rows[:PAGE_ROWS], by_state=by_state, by_grade=by_grade,
        all_states=list(AiringState), all_grades=list(Grade), next_page=_next_page(rows, chosen),
        is_later_page=bool(after),
    )  # fmt: skip


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


def cursor_of(text: str) -> tuple[datetime, int] | None:
    """
    The last row of the page before, as the address holds it: ``2022-03-12T22:00:00+00:00,7``.

    Raises:
        InputInvalid: somebody changed the address.
    """
    if not text:
        return None
    moment, _, station_id = text.partition(",")
    try:
        planned_at = datetime.fromisoformat(moment)
        number = int(station_id)
    except ValueError:
        raise InputInvalid(problem="this page of the log does not exist") from None
    if planned_at.tzinfo is None or not 0 <= number <= MAX_ID:
        raise InputInvalid(problem="this page of the log does not exist")
    return planned_at, number


def cursor_text(airing: Airing) -> str:
    return f"{airing.planned_at.isoformat()},{airing.station_id}"


def _next_page(rows: list[Airing], chosen: LogQuery) -> str | None:
    """The address of the older rows; one row more than shown was asked for to know of them."""
    if len(rows) <= PAGE_ROWS:
        return None
    return f"/airings?{chosen.address}&{urlencode({'after': cursor_text(rows[PAGE_ROWS - 1])})}"


def _day(text: str) -> date | None:
    """An empty or half-typed date counts as none: the form shows what was taken instead."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
