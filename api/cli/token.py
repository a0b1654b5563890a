"""``loa token``: what programs ask with."""

from __future__ import annotations

import click

from api.cli.documents import Document
from api.cli.options import command, recorded, yes
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from scheduler.people import find_person
from scheduler.store.models import ApiToken
from scheduler.tokens import MAX_DAYS, issue_token, list_tokens, revoke_token


@command(
    "add",
    'loa token add lan --name "Cổng thông tin" --scope airings:read --days 90',
    'loa token add admin --name "Sao lưu" --scope "*:read" --json',
)
@click.argument("username")
@click.option("--name", required=True, help="Which program it is for.")
@click.option("--scope", "scopes", multiple=True, required=True, metavar="PART:read|write",
              help="What it may do; * is everything; may be given several times.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, MAX_DAYS), default=90, show_default=True,
              help="How long it works.")  # fmt: skip
@recorded
@click.pass_obj
def add(
    run: Run, username: str, name: str, scopes: tuple[str, ...], days: int, by: str | None
) -> None:
    """
    Make a token for a program of a person; prints it once.

    The program may do a part of what the person may do, under /api/v1, with the header
    "Authorization: Bearer TOKEN".
    """
    from api.json import parts

    with run.hub() as hub:
        who = run.actor(hub, by)
        with hub.database.write() as session:
            issued = issue_token(
                session, find_person(session, username), name=name, scopes=scopes, days=days,
                parts=parts(), now=run.clock.now(), by=who,
            )  # fmt: skip
            document = {**_document(issued.row), "token": issued.text}
    run.tell(document, lambda screen: _show_new(screen, issued.text))


@command("list", "loa token list", "loa token list --json")
@click.pass_obj
def list_(run: Run) -> None:
    """Show the tokens that were not ended."""
    with run.hub() as hub, hub.database.read() as session:
        found = list_tokens(session)
    document = {"tokens": [_document(one) for one in found]}
    run.tell(document, lambda screen: _show_list(screen, found))


@command("revoke", "loa token revoke 3", "loa token revoke 3 --yes --json")
@click.argument("token_id", type=int, metavar="NUMBER")
@yes
@recorded
@click.pass_obj
def revoke(run: Run, token_id: int, yes: bool, by: str | None) -> None:
    """End a token at once: what asks with it is refused."""
    with run.hub() as hub:
        who = run.actor(hub, by)
        run.confirm(_("End token {number}?"), yes=yes, number=token_id)
        with hub.database.write() as session:
            row = revoke_token(session, token_id, of=None, now=run.clock.now(), by=who)
            document = _document(row)
    run.tell(document, lambda screen: screen.say(_("Token {number} was ended."), number=token_id))


def _document(row: ApiToken) -> Document:
    return {
        "id": row.id,
        "username": row.person.username,
        "name": row.name,
        "scopes": row.scopes,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
    }


def _show_new(screen: Screen, text: str) -> None:
    screen.line(text)
    screen.say(_("The new token. Copy it now: it is shown only once."))


def _show_list(screen: Screen, found: list[ApiToken]) -> None:
    tr = screen.translator
    heads = [_("Number"), _("Person"), _("For which program"), _("May"), _("Works until")]
    rows = [
        [
            one.id,
            one.person.username,
            one.name,
            " ".join(one.scopes),
            tr.moment(one.expires_at),
            tr.moment(one.last_used_at) if one.last_used_at else None,
        ]
        for one in found
    ]
    screen.table([*heads, _("Last used")], rows)
