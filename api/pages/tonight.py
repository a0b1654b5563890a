"""The part of today's page that changes: drawn once for all who may do the same there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from api import blanks
from api.auth import Viewer, form_key, form_token, hub_of
from api.blanks import Sheet
from api.i18n import Translator
from api.looks import looks_of
from api.pages.render import draw, environment, translator_of
from api.pages.stations import RETRIERS
from api.scope import MOST_CHOICES, Scope, UnitChoice, scope_of
from api.unitstanding import MANY, UnitStanding, units_below
from api.vietnamese import sort_key
from scheduler.airings import is_confirmable
from scheduler.board import StationLine, late_stations, station_board
from scheduler.precedence import Collision, collisions
from scheduler.standing import Failing, Standing, standing_of
from scheduler.store.models import Person, Station
from scheduler.store.states import OPEN_AIRINGS
from scheduler.tonight import MOST_NAMED, Moment, Waiting, Waits, moments_of_day, waits_of

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
                options=_options(scope.choices, unit),
                moments=moments_of_day(
                    session,
                    on,
                    unit_ids=units,
                    opened=opened,
                    most_named=MOST_NAMED if is_few else MOST_FAILURES,
                    now=now if is_few else None,
                ),
                standing=standing,
                first=_first(session, now, on, standing) if standing else [],
                below=units_below(session, on, scope, standing) if standing else [],
                late=late_stations(session, units, today) if on >= today else 0,
                clashing=[
                    one
                    for day in _to_decide(on, today)
                    for one in collisions(session, day, hub.settings.zone, units)
                ],
            )

    return looks_of(request.app).get(("look", person.unit_id, on, unit, opened), make)


def _to_decide(on: date, today: date) -> tuple[date, ...]:
    """Today's page asks for tomorrow's order too: at 05:00 nobody is there to be asked."""
    return (on, on + timedelta(days=1)) if on == today else (on,)


def _first(session: Session, now: datetime, on: date, standing: Standing) -> list[StationLine]:
    if not standing.failing:
        return []
    order = [one.station_id for one in sorted(standing.failing, key=_soonest_first)]
    lines = station_board(session, now, on=on, station_ids=order[:MOST_FAILURES])
    return sorted(lines, key=lambda line: order.index(line.station.id))


def _soonest_first(one: Failing) -> tuple[object, ...]:
    return one.airs_at or datetime.max.replace(tzinfo=UTC), sort_key(one.name)


@lru_cache(maxsize=32)
def _options(choices: tuple[UnitChoice, ...], chosen: str) -> Markup:
    macros = environment().get_template("macros.html").module
    return Markup(macros.unit_options(choices, chosen))  # type: ignore[attr-defined]  # noqa: S704 - drawn by our template


@dataclass(frozen=True)
class Asked:
    """Where a page asks whether people heard it; nowhere by default."""

    at: datetime | None = None
    station: int | None = None


# ── The part that is drawn once for all who may do the same there ──────────────────────────────


@dataclass(frozen=True)
class Drawn:
    """The drawn part, with its blanks; what it was drawn from, and what waits for the role."""

    text: str
    look: Look
    waits: Waits
    asked_at: str  # where the airings that wait for a word are
    contested_at: str  # where those are of which somebody says otherwise than the log


@dataclass(frozen=True)
class Tonight:
    """The drawn part as it is given to one person, or with its blanks to anybody."""

    html: Markup
    look: Look


def tonight(request: Request, viewer: Viewer, on: date, unit: str, opened: int | None) -> Tonight:
    """The part that changes, filled in for the viewer unless that is nobody in particular.

    Raises:
        NotFound, OutsideUnit: the unit is none, or not theirs.
    """
    person, tr = viewer.person, translator_of(request)

    def make() -> Drawn:
        return _drawn(request, viewer, on, unit, opened)

    key = ("tonight", person.unit_id, person.role, tr.language, on, unit, opened)
    drawn = looks_of(request.app).get(key, make)
    fill = partial(_filling, form_key(request), tr, drawn)
    if viewer.is_anybody:
        request.state.fill = fill
    text = drawn.text if viewer.is_anybody else Sheet.of(drawn.text).filled(fill(viewer))
    return Tonight(Markup(text), drawn.look)  # noqa: S704 - drawn by our templates


def _filling(key: bytes, tr: Translator, drawn: Drawn, viewer: Viewer) -> dict[str, str]:
    """What goes into the blanks of a page for one person."""
    return {
        blanks.NAME: escape(viewer.person.full_name),
        blanks.FORM_TOKEN: form_token(viewer, key),
        blanks.WAITING: _waiting(
            tr, drawn.waits.of(viewer.person.id), drawn.asked_at, drawn.contested_at
        ),
    }


@lru_cache(maxsize=200)
def _waiting(tr: Translator, waiting: Waiting, asked_at: str, contested_at: str) -> str:
    """In words; most people of a unit are waited for by the same."""
    template = environment().get_template("waiting.html")
    return template.render(
        tr=tr, _=tr.text, waits=waiting, asked_at=asked_at, contested_at=contested_at
    )


def _drawn(request: Request, viewer: Viewer, on: date, unit: str, opened: int | None) -> Drawn:
    hub, look = hub_of(request), look_at(request, viewer.person, on, unit, opened)
    now, day = hub.clock.now(), days_around(request, on)
    standing = look.standing or Standing({}, (), None)
    query = {
        "on": "" if day["is_today"] else on.isoformat(), "unit": unit, "opened": str(opened or "")
    }  # fmt: skip
    with hub.database.read() as session:
        waits = waits_of(
            session, viewer.person.role, now, on=hub.today(), unit_ids=look.scope.unit_ids
        )
    text = draw(
        request, "tonight.html", form_token=blanks.FORM_TOKEN, waiting=blanks.WAITING,
        scope=look.scope, unit=unit, moments=look.moments, opened=opened,
        failing=look.first, more_failing=len(standing.failing) - len(look.first),
        soon=standing.soon, watched=standing.watched, late=look.late, below=look.below,
        undecided=sum(one.decided is None and one.starts[0] > now for one in look.clashing),
        may_retry=viewer.may(*RETRIERS),
        may_confirm=viewer.may("editor", "approver", "district", "commune"),
        may_add=viewer.may("editor", "district", "commune"),
        is_confirmable=is_confirmable,
        alone=_alone(look.moments), ask=_first_asked(look.moments, now),
        fresh=_address("/tonight", **query),
        by_name=lambda rows: sorted(rows, key=lambda one: sort_key(one.station.name)),
        **day,
    )  # fmt: skip
    return Drawn(
        text, look, waits, _asked_at(look.moments, now, hub.today(), unit),
        _address("/airings", contested="true", unit=unit),
    )  # fmt: skip


def _alone(moments: Sequence[Moment]) -> Station | None:
    """The only station of the day, where there is but one: its name need not stand in each line."""
    found = {one.station.id: one.station for moment in moments for one in moment.airings}
    is_alone = len(found) == 1 and all(moment.total == 1 for moment in moments)
    return next(iter(found.values())) if is_alone else None


def _first_asked(moments: Sequence[Moment], now: datetime) -> Asked:
    """The first airing of the page that a person is asked about."""
    for moment in moments:
        for one in sorted(moment.airings, key=lambda one: sort_key(one.station.name)):
            if is_confirmable(one, now):
                return Asked(one.planned_at, one.station_id)
    return Asked()


def _asked_at(moments: Sequence[Moment], now: datetime, today: date, unit: str) -> str:
    """Where the airings to confirm are: on this page, or on that of yesterday."""
    if _first_asked(moments, now).at:
        return "#ask"
    if any(
        moment.is_over(now) and state in OPEN_AIRINGS
        for moment in moments for state, _ in moment.counts
    ):  # fmt: skip
        return "#day"
    return _address("/", on=(today - timedelta(days=1)).isoformat(), unit=unit) + "#ask"


def _address(path: str, **query: str) -> str:
    return f"{path}?" + urlencode({name: text for name, text in query.items() if text})
