"""``loa push``: bring the stations what is due, now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.cli.documents import Document
from api.cli.errors import NoComputer
from api.cli.options import command, stations
from api.cli.run import FAILED, PARTLY, Run
from api.cli.screen import Figures, Screen
from api.i18n import Translator
from api.i18n import mark as _
from scheduler.dispatch import PushResult, VisitResult
from scheduler.dispatch import push as push_now
from scheduler.registry import find_station
from scheduler.store.models import Airing, Delivery, Rendition, Station
from scheduler.store.states import OPEN_DELIVERIES, AiringState, RenditionState


@command("push", "loa push", "loa push --station dao-ly --station bac-ly", "loa push --in-window")
@stations
@click.option("--in-window", is_flag=True, help="Only stations whose delivery window is open now.")
@click.pass_obj
def push(run: Run, codes: tuple[str, ...], in_window: bool) -> None:
    """
    Bring the stations what is due.

    Visits every station for which something is due now, whatever its window; a failed one is
    tried again later by "loa serve", or at once after "loa station retry".
    """
    with run.hub() as hub:
        with hub.database.read() as session:
            ids = station_ids(session, codes)
            expected = _expected_bytes(session)
        with _bars(run, expected) as bars:
            result = push_now(
                hub,
                stations=ids,
                ignore_windows=not in_window,
                progress=bars.advance,
                on_result=bars.finish,
            )
    document = {
        "stations": [visit_document(visit, run.translator) for visit in result.visits],
        "delivered": sum(visit.delivered for visit in result.visits),
        "failed": sum(visit.failed for visit in result.visits),
        "bytes_sent": result.bytes_sent,
    }
    run.tell(document, lambda screen: _show(screen, result))
    end_by(run, failed=len(result.failed), visited=len(result.visits))


def station_ids(session: Session, codes: Sequence[str]) -> set[int] | None:
    """
    The stations that were named; ``None`` stands for all.

    Raises:
        NotFound: there is no station with one of these codes.
        NoComputer: nothing can be brought there or fetched from there.
    """
    named = [find_station(session, code) for code in codes]
    for station in named:
        if station.kind == "person":
            raise NoComputer(station=station.name)
    return {station.id for station in named} or None


def end_by(run: Run, *, failed: int, visited: int) -> None:
    """Exit code 3 when some stations failed, 1 when all did."""
    if failed:
        run.end(FAILED if failed == visited else PARTLY)


def visit_document(visit: VisitResult, translator: Translator) -> Document:
    return {
        "station": visit.station_code,
        "delivered": visit.delivered,
        "failed": visit.failed,
        "bytes_sent": visit.bytes_sent,
        "bytes_resumed": visit.bytes_resumed,
        "error_code": visit.error.code if visit.error else None,
        "error": translator.error(visit.error) if visit.error else None,
    }


def _expected_bytes(session: Session) -> dict[str, int]:
    """For each station at most so much: every file of its open days, those it has included."""
    rows = session.execute(
        select(Station.code, Rendition.sha256, Rendition.size_bytes)
        .join(Airing, Airing.station_id == Station.id)
        .join(
            Delivery,
            (Delivery.station_id == Station.id) & (Delivery.for_date == Airing.broadcast_date),
        )
        .join(
            Rendition,
            (Rendition.programme_id == Airing.programme_id)
            & (Rendition.profile == Station.profile),
        )
        .where(
            Delivery.state.in_(OPEN_DELIVERIES),
            Airing.state != AiringState.CANCELLED,
            Rendition.state == RenditionState.READY,
        )
        .distinct()
    )
    expected: dict[str, int] = {}
    for row in rows:
        expected[row.code] = expected.get(row.code, 0) + (row.size_bytes or 0)
    return expected


class _Bars:
    """One bar for each station that is being visited; those that are done make room."""

    def __init__(self, bars: Progress, expected: dict[str, int]) -> None:
        self._bars, self._expected = bars, expected
        self._tasks: dict[str, TaskID] = {}

    def advance(self, code: str, acknowledged: int) -> None:
        if code not in self._tasks:
            self._tasks[code] = self._bars.add_task(code, total=self._expected.get(code))
        self._bars.update(self._tasks[code], completed=acknowledged)

    def finish(self, visit: VisitResult) -> None:
        task = self._tasks.pop(visit.station_code, None)
        if task is not None:
            self._bars.remove_task(task)


@contextmanager
def _bars(run: Run, expected: dict[str, int]) -> Iterator[_Bars]:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with run.progress(*columns) as bars:
        yield _Bars(bars, expected)


def _show(screen: Screen, result: PushResult) -> None:
    if not result.visits:
        screen.say(_("Nothing is due now."))
        return
    tr = screen.translator
    screen.table(
        [
            _("Station"),
            Figures(_("Days brought")),
            Figures(_("Days left")),
            Figures(_("Sent")),
            _("Problem"),
        ],
        [
            (
                visit.station_code,
                visit.delivered,
                visit.failed,
                tr.size(visit.bytes_sent) if visit.bytes_sent else "0",
                tr.error(visit.error) if visit.error else "",
            )
            for visit in result.visits
        ],
    )
