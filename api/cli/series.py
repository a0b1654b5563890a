"""``loa series``: episodes that air one after the other, and what is said in other languages."""

from __future__ import annotations

from datetime import date

import click
from sqlalchemy import select

from api.cli.options import DATE, acting, command
from api.cli.run import Run
from api.cli.screen import Figures
from api.i18n import mark as _
from scheduler import series
from scheduler.store.models import Programme


@command("add", 'loa series add "Nhà nông cần biết" --by lan', 'loa series add "Tin tuần" '
         "--order date --by lan")  # fmt: skip
@click.argument("name")
@click.option("--order", "order_by", type=click.Choice(series.ORDERS), default="number",
              show_default=True, help="What makes an episode the next one.")  # fmt: skip
@acting
@click.pass_obj
def add(run: Run, name: str, order_by: str, by: str) -> None:
    """Begin a series."""
    with run.hub() as hub:
        made = series.add_series(hub, name, order_by=order_by, by=run.person(hub, by))
    document = {"name": made.name, "order": made.order_by}
    begun = _('The series "{name}" has begun.')
    run.tell(document, lambda screen: screen.say(begun, name=made.name))


@command("list", "loa series list", "loa series list --json")
@click.pass_obj
def list_(run: Run) -> None:
    """Show the series with their episodes."""
    with run.hub() as hub, hub.database.read() as session:
        found = [
            (one, session.scalars(
                select(Programme).where(Programme.series_id == one.id)
                .order_by(Programme.episode, Programme.made_on, Programme.id)
            ).all())
            for one in series.list_series(session)
        ]  # fmt: skip
    document = {
        "series": [
            {"name": one.name, "order": one.order_by, "episodes": [_episode(p) for p in episodes]}
            for one, episodes in found
        ]
    }
    rows = [
        (one.name, str(p.episode) if p.episode is not None else None, p.title, p.state)
        for one, episodes in found
        for p in episodes or ()
    ]
    empty = [(one.name, None, None, None) for one, episodes in found if not episodes]
    columns = [_("Series"), Figures(_("Episode")), _("Title"), _("State")]
    run.tell(document, lambda screen: screen.table(
        columns,
        [(name, number, title, screen.state(state) if state else None)
         for name, number, title, state in [*rows, *empty]],
    ))  # fmt: skip


@command(
    "put",
    'loa series put 7 "Nhà nông cần biết" --episode 12 --by lan',
    'loa series put 8 "Tin tuần" --made-on 17/10/2022 --by lan',
    "loa series put 8 --none --by lan",
)
@click.argument("id", type=int)
@click.argument("name", required=False)
@click.option("--episode", type=int, metavar="N", help="Its number.")
@click.option("--made-on", type=DATE, help="When it was made; the day it was brought if not given.")
@click.option("--none", "leaves", is_flag=True, help="It belongs to no series any more.")
@acting
@click.pass_obj
def put(
    run: Run, id: int, name: str | None, episode: int | None, made_on: date | None, leaves: bool,
    by: str,
) -> None:  # fmt: skip
    """Make a programme an episode of a series."""
    if (name is None) is not leaves:
        raise click.UsageError("name a series, or say --none")
    with run.hub() as hub:
        made = series.put_into_series(
            hub, id, name, episode=episode, made_on=made_on, by=run.person(hub, by)
        )
    said = (
        _('"{title}" belongs to no series.') if leaves else _('"{title}" is an episode of {name}.')
    )
    run.tell({**_episode(made), "series": None if leaves else name},
             lambda screen: screen.say(said, title=made.title, name=name))  # fmt: skip


@command("variant", "loa series variant 9 --of 7 --by lan")
@click.argument("id", type=int)
@click.option("--of", "base_id", type=int, required=True, metavar="ID",
              help="The programme that slots name.")  # fmt: skip
@acting
@click.pass_obj
def variant(run: Run, id: int, base_id: int, by: str) -> None:
    """
    Tell that a programme says another one in another language.

    A station hears the variant in the first of its languages that there is; else the programme
    itself.
    """
    with run.hub() as hub:
        made = series.say_variant(hub, id, base_id, by=run.person(hub, by))
    run.tell({"id": made.id, "variant_of": base_id, "language": made.language},
             lambda screen: screen.say(_('"{title}" says programme {base} in "{language}".'),
                                       title=made.title, base=base_id,
                                       language=made.language))  # fmt: skip


def _episode(one: Programme) -> dict[str, object]:
    return {"id": one.id, "title": one.title, "episode": one.episode, "made_on": one.made_on,
            "state": one.state}  # fmt: skip
