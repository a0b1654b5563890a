"""``loa station audit``: what really lies on the stations."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from api.cli.documents import Document
from api.cli.options import command
from api.cli.push import end_by, station_ids
from api.cli.run import Run
from api.cli.screen import Figures, Screen
from api.i18n import Translator
from api.i18n import mark as _
from api.stationwords import findings_sentence
from scheduler import audit as auditing
from scheduler.audit import AuditResult


@command(
    "audit", "loa station audit", "loa station audit dao-ly bac-ly", "loa station audit --json"
)
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.pass_obj
def audit(run: Run, codes: tuple[str, ...]) -> None:
    """
    Look at what really lies there, and heal it.

    Compares names, sizes and content with what was brought: by the station's own receipt, or by
    reading samples. What is lost is due again; what nobody needs any more is removed. "loa serve"
    does it every night, and again before each day airs.
    """
    with run.hub() as hub:
        with hub.database.read() as session:
            ids = station_ids(session, codes)
        with run.progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as b:
            task = b.add_task(run.translator.text(_("Looking at the stations")), total=None)
            results = auditing.audit(hub, stations=ids, on_result=lambda one: b.advance(task))
    document = {"stations": [_document(result, run.translator) for result in results]}
    run.tell(document, lambda screen: _show(screen, results))
    failed = sum(result.error is not None for result in results)
    end_by(run, failed=failed, visited=len(results))


def _document(result: AuditResult, translator: Translator) -> Document:
    return {
        "station": result.station_code,
        "audit": result.findings or None,
        "error_code": result.error.code if result.error else None,
        "error": translator.error(result.error) if result.error else None,
    }


def _show(screen: Screen, results: Sequence[AuditResult]) -> None:
    if not results:
        screen.say(_("No station can be looked at: none has an accepted host key."))
        return
    tr = screen.translator
    screen.table(
        [_("Station"), Figures(_("Removed")), Figures(_("Read")), _("Found")],
        [
            (
                result.station_code,
                result.findings.get("removed", 0),
                tr.size(result.findings.get("bytes_read", 0)),
                tr.error(result.error) if result.error else findings_sentence(tr, result.findings),
            )
            for result in results
        ],
    )
