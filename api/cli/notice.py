"""``loa notice``: what was told to whom, and whether it arrives."""

from __future__ import annotations

from collections.abc import Sequence

import click

from api.cli.documents import Document
from api.cli.options import command, recorded
from api.cli.run import FAILED, PARTLY, Run
from api.cli.screen import Figures, Screen
from api.i18n import Translator
from api.i18n import mark as _
from api.noticewords import letter, notice_document, wording_of
from scheduler.outbox import Outcome, list_notices, revive, send_test
from scheduler.store.models import Notice
from scheduler.store.states import NoticeState

_STATES = click.Choice([state.value for state in NoticeState])


@command("list", "loa notice list", "loa notice list --state dead", "loa notice list --json")
@click.option("--state", type=_STATES, help="Only notices in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True,
              help="At most so many, newest first.")  # fmt: skip
@click.pass_obj
def list_(run: Run, state: str | None, limit: int) -> None:
    """Show what was told to whom, and what did not arrive."""
    with run.hub() as hub, hub.database.read() as session:
        found = list_notices(session, state=NoticeState(state) if state else None, limit=limit)
    tr = run.translator
    run.tell(
        {"notices": [notice_document(one, tr) for one in found]},
        lambda screen: _show(screen, found),
    )


@command("test", "loa notice test", "loa notice test --to lan@hanam.example --by lan")
@click.option("--to", metavar="ADDRESS", help="Only to this e-mail address.")
@recorded
@click.pass_obj
def test(run: Run, to: str | None, by: str | None) -> None:
    """
    Send a test to everybody who gets notices, and say how it went.

    Goes out at once, to each address of [notice] and to the webhook, and is not tried again.
    Exit code 3 when some did not arrive, 1 when none did.
    """
    tr = run.translator
    with run.hub() as hub:
        outcomes = send_test(hub, wording_of(tr), to=to, by=run.actor(hub, by))
    document = {"tests": [_outcome(one, tr) for one in outcomes]}
    run.tell(document, lambda screen: _show_outcomes(screen, outcomes))
    failed = sum(one.error is not None for one in outcomes)
    if failed:
        run.end(FAILED if failed == len(outcomes) else PARTLY)


@command("retry", "loa notice retry 17 --by lan")
@click.argument("id", type=int)
@recorded
@click.pass_obj
def retry(run: Run, id: int, by: str | None) -> None:
    """
    Try a dead notice again.

    A running "loa serve" sends it within half a minute.
    """
    with run.hub() as hub:
        notice = revive(hub, id, by=run.actor(hub, by))
    run.tell(
        {"notice": notice_document(notice, run.translator)},
        lambda screen: screen.say(_("Notice {id} is sent again."), id=id),
    )


def _outcome(one: Outcome, tr: Translator) -> Document:
    return {
        "channel": one.channel,
        "target": one.target or None,
        "error_code": one.error.code if one.error else None,
        "error": tr.error(one.error) if one.error else None,
    }


def _show(screen: Screen, found: Sequence[Notice]) -> None:
    tr = screen.translator
    screen.table(
        [
            Figures(_("No.")),
            _("When"),
            _("Notice"),
            _("Sent to"),
            _("State"),
            Figures(_("Tries")),
            _("Problem"),
        ],
        [
            (
                str(one.id),
                tr.moment(one.made_at),
                letter(tr, one.kind, one.facts).subject,
                one.target or one.channel,
                screen.state(one.state),
                one.attempts,
                tr.coded(one.error_code, one.error_fields) if one.error_code else "",
            )
            for one in found
        ],
    )


def _show_outcomes(screen: Screen, outcomes: Sequence[Outcome]) -> None:
    tr = screen.translator
    for one in outcomes:
        said = tr.error(one.error) if one.error else tr.text(_("arrived at the server"))
        screen.line(f"{one.target or one.channel}: {said}")
