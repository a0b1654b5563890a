"""The part of today's page that changes: drawn once for all who may do the same there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from markupsafe import Markup
from sqlalchemy.orm import Session

from api.auth import Viewer, hub_of, token_for
from api.looks import looks_of
from api.pages.render import draw, environment, translator_of
from api.pages.stations import RETRIERS
from api.scope import MOST_CHOICES, Scope, scope_of
from api.unitstanding import MANY, UnitStanding, units_below
from api.vietnamese import sort_key
from scheduler.airings import is_confirmable
from scheduler.board import StationLine, late_stations, station_board
from scheduler.precedence import Collision, collisions
from scheduler.standing import Failing, Standing, standing_of
from scheduler.store.models import Person
from scheduler.tonight import MOST_NAMED, Moment, moments_of_day, waiting_for

MOST_FAILURES = 8  # named here; the board has them all


def days_around(request: Request, on: date) -> dict[str, Any]:
    return {
        "on": on, "before": on - timedelta(days=1), "after": on + timedelta(days=1),
        "is_today": on == hub_of(request).today(),
    }  # fmt: skip


# ── What everybody of a unit sees alike ────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Look:
    """What everybody of a unit sees of a day; read only."""

    scope: Scope
    options: Markup  # the list of units, drawn once: half of the time of a page
    moments: list[Moment]
    standing: Standing | None  # of today alone
    first: list[StationLine]  # of those that fail, who airs soonest
    below: list[UnitStanding]  # many stations, unit by unit
    late: int
    clashing: list[Collision]


def look_at(request: Request, person: Person, on: date, unit: str, opened: int | None) -> Look:
    """A day of the unit that was chosen, as it stands now.

    Raises:
        NotFound, OutsideUnit: the unit is none, or not theirs.
    """
    hub = hub_of(request)

    def make() -> Look:
        now, today = hub.clock.now(), hub.today()
        with hub.database.read() as session:
            scope = scope_of(session, person, on, unit, most_choices=MOST_CHOICES)
            units = scope.unit_ids
            standing = standing_of(session, now, on=on, unit_ids=units) if on == today else None
            is_few = len(scope.places if units is None else units) < MANY
            return Look(
                scope=scope,
                options=_options(scope, unit),
                moments=moments_of_day(
                    session,
                    on,
                    unit_ids=units,
                    opened=opened,
                    most_named=MOST_NAMED if is_few else MOST_FAILURES,
                ),
                standing=standing,
                first=_first(session, now, on, standing) if standing else [],
                below=units_below(session, on, scope, standing) if standing else [],
                late=late_stations(session, units, today) if on >= today else 0,
                clashing=list(collisions(session, on, hub.settings.zone, units)),
            )

    return looks_of(request.app).get(("look", person.unit_id, on, unit, opened), make)


def _first(session: Session, now: datetime, on: date, standing: Standing) -> list[StationLine]:
    order = [one.station_id for one in sorted(standing.failing, key=_soonest_first)]
    lines = station_board(session, now, on=on, station_ids=order[:MOST_FAILURES])
    return sorted(lines, key=lambda line: order.index(line.station.id))


def _soonest_first(one: Failing) -> tuple[object, ...]:
    return one.airs_at or datetime.max.replace(tzinfo=UTC), sort_key(one.name)


def _options(scope: Scope, chosen: str) -> Markup:
    macros = environment().get_template("macros.html").module
    return Markup(macros.unit_options(scope.choices, chosen))  # type: ignore[attr-defined]  # noqa: S704 - drawn by our template


# ── The part that is drawn once for all who may do the same there ──────────────────────────────

# Where something of one person goes. Made anew at every start: no name or title can hold them.
_FORM_TOKEN, _WAITING = f"-{token_hex(8)}-", f"-{token_hex(8)}-"


def tonight(request: Request, viewer: Viewer, on: date, unit: str, opened: int | None) -> Markup:
    """The drawn part, with what belongs to this person alone put into its places."""
    person, tr = viewer.person, translator_of(request)

    def make() -> str:
        return _drawn(request, viewer, on, unit, opened)

    key = ("tonight", person.unit_id, person.role, tr.language, on, unit, opened)
    drawn = looks_of(request.app).get(key, make)
    if _WAITING in drawn:
        drawn = drawn.replace(_WAITING, _waiting(request, viewer, on, unit, opened))
    return Markup(drawn.replace(_FORM_TOKEN, token_for(request, viewer)))  # noqa: S704 - drawn by our templates


def _drawn(request: Request, viewer: Viewer, on: date, unit: str, opened: int | None) -> str:
    hub, look = hub_of(request), look_at(request, viewer.person, on, unit, opened)
    now, day = hub.clock.now(), days_around(request, on)
    standing = look.standing or Standing({}, (), None)
    query = {
        "on": "" if day["is_today"] else on.isoformat(), "unit": unit, "opened": str(opened or "")
    }  # fmt: skip
    return draw(
        request, "tonight.html", form_token=_FORM_TOKEN, waiting=Markup(_WAITING),  # noqa: S704 - ours
        scope=look.scope, unit=unit, moments=look.moments, opened=opened,
        failing=look.first, more_failing=len(standing.failing) - len(look.first),
        soon=standing.soon, watched=standing.watched, late=look.late, below=look.below,
        undecided=sum(one.decided is None and one.starts[0] > now for one in look.clashing),
        may_retry=viewer.may(*RETRIERS),
        may_confirm=viewer.may("editor", "approver", "district", "commune"),
        may_add=viewer.may("editor", "district", "commune"),
        is_confirmable=is_confirmable,
        fresh="/tonight?" + urlencode({name: text for name, text in query.items() if text}),
        by_name=lambda rows: sorted(rows, key=lambda one: sort_key(one.station.name)),
        **day,
    )  # fmt: skip


def _waiting(request: Request, viewer: Viewer, on: date, unit: str, opened: int | None) -> str:
    hub = hub_of(request)
    unit_ids = look_at(request, viewer.person, on, unit, opened).scope.unit_ids
    with hub.database.read() as session:
        waits = waiting_for(
            session, viewer.person, hub.clock.now(), on=hub.today(), unit_ids=unit_ids
        )
    return draw(request, "waiting.html", waits=waits)
