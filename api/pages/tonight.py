"""The part of today's page that changes: drawn once for all who may do the same there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

from fastapi import Request
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from api import blanks
from api.auth import Viewer, form_key, form_token, hub_of
from api.blanks import Sheet
from api.i18n import Translator
from api.looks import Looks, looks_of, slice_of
from api.pages.render import draw_in, environment, translator_of
from api.pages.stations import RETRIERS
from api.scope import MOST_CHOICES, Scope, UnitChoice, places_of, scope_of
from api.unitstanding import MANY, UnitStanding, units_below
from api.vietnamese import sort_key
from scheduler.airings import is_confirmable
from scheduler.board import late_stations
from scheduler.hub import Hub
from scheduler.logrows import StationName
from scheduler.precedence import collisions
from scheduler.standing import Failing, Standing, count_stations, standing_of
from scheduler.store.models import Person
from scheduler.store.states import OPEN_AIRINGS
from scheduler.tonight import (
    MOST_NAMED,
    Moment,
    Waiting,
    Waits,
    brought_of,
    contested_of,
    count_to_confirm,
    moments_of_day,
)

MOST_FAILURES = 8  # named here; the board has them all


def days_around(hub: Hub, on: date) -> dict[str, Any]:
    return {
        "on": on, "before": on - timedelta(days=1), "after": on + timedelta(days=1),
        "is_today": on == hub.today(),
    }  # fmt: skip


# ── What everybody of a unit sees alike ────────────────────────────────────────────────────────


class Clash(NamedTuple):
    """Priority lines that collide in a unit."""

    unit_id: int
    starts_at: datetime
    is_decided: bool


@dataclass(frozen=True)
class Look:
    """What everybody of a unit sees of a day; read only. Equal looks make equal pages."""

    scope: Scope
    moments: list[Moment]
    standing: Standing | None  # of today alone
    below: list[UnitStanding]  # many stations, unit by unit
    late: int
    clashing: list[Clash]
    to_confirm: int
    contested: Mapping[int, int]  # by whose word it is

    @property
    def first(self) -> list[Failing]:
        """Of those that fail, who airs soonest."""
        return first_of(self.standing)


def _to_decide(on: date, today: date) -> tuple[date, ...]:
    """Today's page asks for tomorrow's order too: at 05:00 nobody is there to be asked."""
    return (on, on + timedelta(days=1)) if on == today else (on,)


def first_of(standing: Standing | None) -> list[Failing]:
    return sorted(standing.failing, key=_soonest_first)[:MOST_FAILURES] if standing else []


def _soonest_first(one: Failing) -> tuple[object, ...]:
    return one.airs_at or datetime.max.replace(tzinfo=UTC), sort_key(one.name), one.code


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
class Wish:
    """What is looked at, by whom, in which language; it outlives the request."""

    hub: Hub
    looks: Looks
    tr: Translator
    person: Person  # their unit and their role alone
    on: date
    unit: str
    opened: int | None

    @property
    def key(self) -> tuple[object, ...]:
        return self.person.unit_id, self.on, self.unit, self.opened

    def look(self) -> Look:
        """
        A day of the unit that was chosen, as it stands now; the same object while it is the same.

        Raises:
            NotFound, OutsideUnit: the unit is none, or not theirs.
        """

        def renew(old: Look) -> Look:
            new = self._look()
            return old if new == old else new

        return self.looks.get(("look", *self.key), self._look, renew=renew)

    def _look(self) -> Look:
        hub, on, now, today = self.hub, self.on, self.hub.clock.now(), self.hub.today()
        with hub.database.read() as session:
            scope = scope_of(
                session, self.person, on, self.unit, most_choices=MOST_CHOICES, with_places=False
            )
            units = scope.unit_ids
            is_few = (count_stations(session) if units is None else len(units)) < MANY
            standing = standing_of(session, now, on=on, unit_ids=units) if on == today else None
            moments = moments_of_day(
                session,
                on,
                unit_ids=units,
                opened=self.opened,
                most_named=MOST_NAMED if is_few else MOST_FAILURES,
                now=now if is_few else None,
            )
            named = {one.station_id for moment in moments for one in moment.airings}
            named |= {one.station_id for one in first_of(standing)}
            return Look(
                scope=places_of(session, scope, on, named) if named else scope,
                moments=moments,
                standing=standing,
                below=units_below(session, on, scope, standing) if standing else [],
                late=self._late(session, units) if on >= today else 0,
                clashing=[
                    one
                    for day in _to_decide(on, today)
                    for one in self._clashes(day)
                    if units is None or one.unit_id in units
                ],
                to_confirm=count_to_confirm(session, now, on=today, unit_ids=units),
                contested=self._contested(session, units),
            )

    def _clashes(self, on: date) -> list[Clash]:
        """Of the whole map, for everybody."""

        def make() -> list[Clash]:
            with self.hub.database.read() as session:
                found = collisions(session, on, self.hub.settings.zone)
                return [Clash(one.unit.id, one.starts[0], one.decided is not None) for one in found]

        return self.looks.get(("clashes", on), make)

    def _late(self, session: Session, units: frozenset[int] | None) -> int:
        """On most evenings none is late anywhere, and nobody need ask for their own."""

        def make() -> int:
            with self.hub.database.read() as session:
                return late_stations(session, None, self.hub.today())

        late = self.looks.get("late", make)
        return late_stations(session, units, self.hub.today()) if late and units else late

    def _contested(self, session: Session, units: frozenset[int] | None) -> Mapping[int, int]:
        """The same: words against a log are few."""

        def make() -> Mapping[int, int]:
            with self.hub.database.read() as session:
                return contested_of(session, on=self.hub.today(), unit_ids=None)

        words = self.looks.get("contested", make)
        return contested_of(session, on=self.hub.today(), unit_ids=units) if words else words

    def _waits(self, look: Look) -> Waits:
        def make() -> Waits:
            with self.hub.database.read() as session:
                return brought_of(session, self.hub.clock.now())

        brought = self.looks.get("brought", make)
        return brought.for_role(self.person.role, look.to_confirm, look.contested)

    def drawn(self) -> Drawn:
        """The part that changes, with its blanks; the same object while it is the same."""
        key = ("tonight", self.person.role, self.tr.language, *self.key)
        return self.looks.get(key, self._drawn, renew=self._drawn)

    def _drawn(self, old: Drawn | None = None) -> Drawn:
        drawn_in = slice_of(self.hub)
        look = self.look()
        waits = self._waits(look)
        if old and old.look is look and old.waits == waits and old.drawn_in == drawn_in:
            return old
        return _draw(self, look, waits, drawn_in)


@dataclass(frozen=True)
class Drawn:
    """The drawn part, with its blanks; what it was drawn from, and what waits for the role."""

    text: str
    look: Look
    waits: Waits
    drawn_in: int  # the slice of time
    asked_at: str  # where the airings that wait for a word are
    contested_at: str  # where those are of which somebody says otherwise than the log
    is_order_asked: bool  # priority bulletins collide, and this role says which airs first


@dataclass(frozen=True)
class Tonight:
    """The drawn part as it is given to one person, or with its blanks to anybody."""

    html: Markup
    look: Look
    options: Markup  # the list of units, drawn once


def tonight(request: Request, viewer: Viewer, on: date, unit: str, opened: int | None) -> Tonight:
    """The part that changes, filled in for the viewer unless that is nobody in particular.

    Raises:
        NotFound, OutsideUnit: the unit is none, or not theirs.
    """
    hub, looks, tr = hub_of(request), looks_of(request.app), translator_of(request)
    wish = Wish(hub, looks, tr, viewer.person, on, unit, opened)
    drawn = wish.drawn()
    fill = partial(_filling, form_key(request), tr, drawn)
    if viewer.is_anybody:
        request.state.fill, request.state.is_still = fill, lambda: wish.drawn() is drawn
    text = drawn.text if viewer.is_anybody else Sheet.of(drawn.text).filled(fill(viewer))
    options = _options(drawn.look.scope.choices, unit)
    return Tonight(Markup(text), drawn.look, options)  # noqa: S704 - drawn by our templates


def _filling(key: bytes, tr: Translator, drawn: Drawn, viewer: Viewer) -> dict[str, str]:
    """What goes into the blanks of a page for one person."""
    return {
        blanks.NAME: escape(viewer.person.full_name),
        blanks.FORM_TOKEN: form_token(viewer, key),
        blanks.WAITING: _waiting(
            tr,
            drawn.waits.of(viewer.person.id),
            drawn.asked_at,
            drawn.contested_at,
            drawn.is_order_asked,
        ),
    }


@lru_cache(maxsize=200)
def _waiting(
    tr: Translator, waiting: Waiting, asked_at: str, contested_at: str, is_order_asked: bool
) -> str:
    """In words; most people of a unit are waited for by the same."""
    template = environment().get_template("waiting.html")
    return template.render(
        tr=tr, _=tr.text, waits=waiting, asked_at=asked_at, contested_at=contested_at,
        is_order_asked=is_order_asked,
    )  # fmt: skip


def _draw(wish: Wish, look: Look, waits: Waits, drawn_in: int) -> Drawn:
    hub, on, unit = wish.hub, wish.on, wish.unit
    now, day, viewer = hub.clock.now(), days_around(hub, on), Viewer(wish.person, "")
    standing = look.standing or Standing({}, (), None)
    query = {
        "on": "" if day["is_today"] else on.isoformat(), "unit": unit,
        "opened": str(wish.opened or ""),
    }  # fmt: skip
    undecided = sum(not one.is_decided and one.starts_at > now for one in look.clashing)
    may_add = viewer.may("editor", "district", "commune")
    text = draw_in(
        wish.tr, hub, "tonight.html", form_token=blanks.FORM_TOKEN, waiting=blanks.WAITING,
        scope=look.scope, unit=unit, moments=look.moments, opened=wish.opened,
        failing=look.first, more_failing=len(standing.failing) - len(look.first),
        soon=standing.soon, watched=standing.watched, late=look.late, below=look.below,
        undecided=undecided,
        may_retry=viewer.may(*RETRIERS),
        may_confirm=viewer.may("editor", "approver", "district", "commune"),
        may_add=may_add,
        is_confirmable=is_confirmable,
        alone=_alone(look.moments), ask=_first_asked(look.moments, now),
        fresh=_address("/tonight", **query),
        by_name=lambda rows: sorted(rows, key=lambda one: sort_key(one.station.name)),
        **day,
    )  # fmt: skip
    asked_at = _asked_at(look.moments, now, hub.today(), unit)
    contested_at = _address("/airings", contested="true", unit=unit)
    is_order_asked = bool(undecided) and may_add
    return Drawn(text, look, waits, drawn_in, asked_at, contested_at, is_order_asked)


def _alone(moments: Sequence[Moment]) -> StationName | None:
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
