"""The airing log: what was planned, what was proved, and how we know."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from api.auth import SignedIn, hub_of
from api.fields import MAX_ID
from api.pages.render import page
from api.scope import scope_of
from scheduler.airings import airing_log, count_by_grade, count_by_state
from scheduler.errors import InputInvalid
from scheduler.store.models import Airing
from scheduler.store.states import AiringState, Grade

router = APIRouter()

DAYS_AT_FIRST = 7
PAGE_ROWS = 50  # a page of a hundred is twenty metres of thumb on a phone
MAX_DAYS = 366


@router.get("/airings")
def airings(
    request: Request,
    viewer: SignedIn,
    first: Annotated[str, Query(max_length=10)] = "",
    last: Annotated[str, Query(max_length=10)] = "",
    unit: Annotated[str, Query(max_length=20)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    grade: Annotated[str, Query(max_length=1)] = "",
    after: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    hub = hub_of(request)
    last_day = _day(last) or hub.today()
    first_day = _day(first) or last_day - timedelta(days=DAYS_AT_FIRST - 1)
    check_days(first_day, last_day)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, last_day, unit)
        rows = airing_log(
            session, first=first_day, last=last_day, unit_ids=scope.unit_ids,
            state=AiringState(state) if state in set(AiringState) else None,
            grade=Grade(grade) if grade in set(Grade) else None,
            after=cursor_of(after), limit=PAGE_ROWS + 1,
        )  # fmt: skip
        by_state = count_by_state(session, first_day, last_day, unit_ids=scope.unit_ids)
        by_grade = count_by_grade(session, first_day, last_day, unit_ids=scope.unit_ids)
    chosen = {"first": first_day.isoformat(), "last": last_day.isoformat(), "unit": unit,
              "state": state, "grade": grade}  # fmt: skip
    return page(
        request, "airings.html", viewer=viewer, scope=scope, first=first_day, last=last_day,
        unit=unit, state_chosen=state, grade=grade, rows=rows[:PAGE_ROWS], by_state=by_state,
        by_grade=by_grade, all_states=list(AiringState), all_grades=list(Grade),
        next_page=_next_page(rows, chosen), is_later_page=bool(after),
        first_page=f"/airings?{urlencode(chosen)}",
    )  # fmt: skip


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


def _next_page(rows: list[Airing], chosen: dict[str, str]) -> str | None:
    """The address of the older rows; one row more than shown was asked for to know of them."""
    if len(rows) <= PAGE_ROWS:
        return None
    return f"/airings?{urlencode(chosen | {'after': cursor_text(rows[PAGE_ROWS - 1])})}"


def _day(text: str) -> date | None:
    """An empty or half-typed date counts as none: the form shows what was taken instead."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
