"""``loa urgent import-cap``: an alert of others becomes a draft, or takes one back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from api.cli.options import acting, command
from api.cli.programme import bar
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from api.words import SEVERITIES, URGENCIES
from scheduler import alerts
from scheduler.alerts import Imported
from scheduler.cap import MAX_BYTES, parse_cap


@command(
    "import-cap",
    "loa urgent import-cap alert.xml --by lan",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@acting
@click.pass_obj
def import_cap(run: Run, file: Path, by: str) -> None:
    """
    Take in a CAP 1.2 alert as a draft.

    Its words are read aloud and checked like every recording; a person with the right role hears
    it and sends it. A cancellation takes back what is on air because of the alert.
    """
    with file.open("rb") as source:
        cap = parse_cap(source.read(MAX_BYTES + 1))
    with run.hub() as hub:
        person = run.person(hub, by)
        with bar(run, _("Checking the sound")) as progress:
            result = alerts.import_alert(hub, cap, by=person, progress=progress)
    run.tell(_document(result), lambda screen: _show(screen, result))


def _document(result: Imported) -> dict[str, Any]:
    alert = result.alert
    return {
        "is_new": result.is_new,
        "sender": alert.sender,
        "identifier": alert.identifier,
        "kind": alert.kind,
        "status": alert.status,
        "headline": alert.headline,
        "severity": alert.severity,
        "urgency": alert.urgency,
        "expires_at": alert.expires_at,
        "units": alert.units,
        "unknown_areas": alert.unknown_areas,
        "programme_id": alert.programme_id,
        "withdrawn": list(result.withdrawn),
        "replaces": list(result.replaced),
    }


def _show(screen: Screen, result: Imported) -> None:
    alert = result.alert
    screen.facts(
        [
            (_("Alert"), alert.headline),
            (_("Sender"), f"{alert.sender}  {alert.identifier}"),
            (
                _("Severity, urgency"),
                ", ".join(
                    screen.translator.text(word)
                    for word in (SEVERITIES[alert.severity], URGENCIES[alert.urgency])
                ),
            ),
            (_("Expires"), screen.moment(alert.expires_at) if alert.expires_at else ""),
            (_("Units"), ", ".join(alert.units)),
            (_("Areas that are not on our map"), ", ".join(alert.unknown_areas)),
            (_("Programme"), str(alert.programme_id) if alert.programme_id else ""),
        ]
    )
    if not result.is_new:
        screen.say(_("This alert was imported before. Nothing was changed."))
    elif alert.kind == "Cancel":
        screen.say(_("Taken back: {n} bulletins."), n=len(result.withdrawn))
    else:
        screen.say(
            _("Listen to it, then: loa urgent {verb} {id} {units} --reason …"),
            verb="drill" if alert.status == "Exercise" else "send", id=alert.programme_id,
            units=" ".join(f"--unit {code}" for code in alert.units) or "--unit …",
        )  # fmt: skip
    for programme_id in result.replaced:
        screen.say(
            _("It replaces programme {id}; what is on air stays until you take it back."),
            id=programme_id,
        )
