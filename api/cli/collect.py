"""``loa collect``: fetch what the stations wrote, now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from api.cli.documents import Document
from api.cli.options import command, stations
from api.cli.push import end_by, station_ids
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.i18n import Translator
from api.i18n import mark as _
from scheduler import collect as collecting
from scheduler.collect import CollectResult


@command("collect", "loa collect", "loa collect --station dao-ly", "loa collect --json")
@stations
@click.pass_obj
def collect(run: Run, codes: tuple[str, ...]) -> None:
    """
    Fetch receipts and logs from the stations.

    Reads what each station checked and what its player wrote down, and believes it as far as it
    is proved. Airings that stay without proof for too long become "not confirmed".
    """
    with run.hub() as hub:
        with hub.database.read() as session:
            ids = station_ids(session, codes)
        with _bar(run, len(collecting.to_collect(hub, ids))) as on_result:
            results = collecting.collect(hub, stations=ids, on_result=on_result)
        unknown = collecting.settle(hub)
    document = {
        "stations": [_document(result, run.translator) for result in results],
        "became_unknown": unknown,
    }
    run.tell(document, lambda screen: _show(screen, results, unknown))
    failed = sum(result.error is not None for result in results)
    end_by(run, failed=failed, visited=len(results))


def _document(result: CollectResult, translator: Translator) -> Document:
    return {
        "station": result.station_code,
        "verified": result.verified,
        "healed": result.healed,
        "logs": result.logs,
        "airings_changed": result.airings_changed,
        "rejected_lines": result.rejected_lines,
        "error_code": result.error.code if result.error else None,
        "error": translator.error(result.error) if result.error else None,
    }


@contextmanager
def _bar(run: Run, total: int) -> Iterator[Callable[[CollectResult], None]]:
    with run.progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as bars:
        task = bars.add_task(run.translator.text(_("Asking the stations")), total=total)
        yield lambda result: bars.advance(task)


def _show(screen: Screen, results: Sequence[CollectResult], unknown: int) -> None:
    if not results:
        screen.say(_("No station can be asked: none has a player and an accepted host key."))
    else:
        screen.table(
            [
                _("Station"),
                Figures(_("Days confirmed")),
                Figures(_("Days lost")),
                Figures(_("Logs")),
                Figures(_("Airings proved")),
                Figures(_("Lines refused")),
                _("Problem"),
            ],
            [_row(screen, result) for result in results],
        )  # fmt: skip
    if unknown:
        screen.say(_("Airings that stay without proof, not confirmed: {count}."), count=unknown)


def _row(screen: Screen, result: CollectResult) -> list[str | int]:
    return [
        result.station_code,
        result.verified,
        result.healed,
        result.logs,
        result.airings_changed,
        result.rejected_lines,
        screen.translator.error(result.error) if result.error else "",
    ]
