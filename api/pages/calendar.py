"""The timetable as a calendar: a day, a week or a month, and what becomes of one day of a slot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Form, Query, Request, Response

from api.airwords import fix_in_words
from api.auth import SignedIn, Viewer, checked_form, hub_of
from api.daywords import becomes
from api.errors import status_of
from api.fields import PathId
from api.i18n import LoaError, Translator, mark
from api.moments import in_sight
from api.pages.render import page, redirect, translator_of
from api.pages.routes import page_routes
from api.pages.slotform import WEEKDAYS, Proposal, page_of
from api.pages.slotplaces import day_places
from api.pages.slottyped import Typed, seconds_of, shown_minutes
from api.pages.timetable import PLANNERS, Planner
from api.picker import NOTHING_PICKED, Picked, Picks
from api.programmepick import programmes_to_pick
from api.rulewords import describe
from api.scope import MOST_CHOICES, Scope, scope_of, station_in
from scheduler import exceptions
from scheduler.errors import CoreError, InputInvalid, SlotRefused
from scheduler.exceptions import Decision
from scheduler.grid import Entry, entries
from scheduler.hearing import rule_of
from scheduler.lines import draft_ids
from scheduler.registry import list_stations
from scheduler.slotfixes import Fix
from scheduler.slots import details_of
from scheduler.store.models import Slot, Station
from scheduler.timetable import to_utc

router = page_routes("/timetable")

VIEWS = ("day", "week", "month")

_LISTED = 300  # stations: more are found by their unit, or from their own page
Code = Annotated[str, Query(max_length=20)]
StationCode = Annotated[str, Query(max_length=60)]

_NOTHING_TYPED = {
    "what": "", "to": "", "at": "", "reason": "", "programme_id": "", "minutes": "",
}  # fmt: skip


@dataclass(frozen=True)
class Span:
    """The days of a view, and where its arrows lead."""

    view: str
    first: date
    days: int
    before: date
    after: date

    @classmethod
    def of(cls, view: str, on: date) -> Span:
        if view == "day":
            return cls(view, on, 1, on - timedelta(days=1), on + timedelta(days=1))
        if view == "week":
            monday = on - timedelta(days=on.weekday())
            return cls(view, monday, 7, monday - timedelta(days=7), monday + timedelta(days=7))
        start = on.replace(day=1)
        after = (start + timedelta(days=31)).replace(day=1)
        monday = start - timedelta(days=start.weekday())
        weeks = -(-((after - monday).days) // 7)
        before = (start - timedelta(days=1)).replace(day=1)
        return cls("month", monday, weeks * 7, before, after)

    @property
    def dates(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(self.days)]


@router.get("/calendar")
def calendar(
    request: Request,
    viewer: SignedIn,
    on: date | None = None,
    view: Annotated[str, Query(max_length=5)] = "week",
    unit: Code = "",
    station: StationCode = "",
    air: bool = False,
) -> Response:
    hub = hub_of(request)
    on = in_sight(on or hub.today(), hub)
    span = Span.of(view if view in VIEWS else "week", on)
    seen = _seen(request, viewer, span.first, span.days, Wish(unit, station, air))
    by_day: dict[date, list[Entry]] = {day: [] for day in span.dates}
    for entry in seen.entries:
        by_day[entry.occurrence.on].append(entry)
    return page(
        request, "calendar.html", viewer=viewer, scope=seen.scope, unit=unit, span=span,
        station=seen.station, stations=seen.stations, air=air, drafts=seen.drafts,
        on=on, by_day=by_day, views=VIEWS, may_plan=viewer.may(*PLANNERS),
        collisions=sum(entry.collides for entry in seen.entries),
        is_priority=any(
            entry.collides and entry.slot.programme_class == "priority" for entry in seen.entries
        ),
        audience=f"station:{station}" if station else f"unit:{unit}" if unit else "",
        weekdays=WEEKDAYS,
    )  # fmt: skip


@router.get("/calendar.json")
def calendar_data(
    request: Request,
    viewer: SignedIn,
    start: datetime,
    end: datetime,
    unit: Code = "",
    station: StationCode = "",
    air: bool = False,
) -> list[dict[str, Any]]:
    """What the calendar that can be dragged draws; the page itself needs it not."""
    hub = hub_of(request)
    zone, first = hub.settings.zone, in_sight(start.date(), hub)
    days = max(1, (end.date() - first).days)
    seen = _seen(request, viewer, first, days, Wish(unit, station, air))
    return [
        {
            "id": f"{entry.slot.id}/{entry.rule_day}",
            "title": entry.programme.title if entry.programme else entry.slot.title,
            "start": entry.starts_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
            "end": entry.ends_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
            "classNames": [entry.slot.programme_class, *_marks(entry)],
        }
        for entry in seen.entries
    ]


@router.get("/{slot_id}/days/{on}")
def day(
    request: Request,
    viewer: SignedIn,
    slot_id: PathId,
    on: date,
    picks: Picked,
    to: Annotated[str, Query(max_length=10)] = "",
    at: Annotated[str, Query(max_length=5)] = "",
    minutes: Annotated[str, Query(max_length=7)] = "",
    place: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """One day of a slot; a drag in the calendar leads here, the new time or length filled in."""
    typed = {"to": to, "at": at, "minutes": minutes, "place": place}
    return _day_page(request, viewer, slot_id, on, typed, picks=picks)


@router.post("/{slot_id}/days/{on}", dependencies=[Depends(checked_form)])
def decide(
    request: Request,
    viewer: Planner,
    slot_id: PathId,
    on: date,
    picks: Picked,
    what: Annotated[str, Form(max_length=10)],
    reason: Annotated[str, Form(max_length=300)] = "",
    to: Annotated[str, Form(max_length=10)] = "",
    at: Annotated[str, Form(max_length=8)] = "",
    programme_id: Annotated[str, Form(max_length=12)] = "",
    minutes: Annotated[str, Form(max_length=7)] = "",
    place: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    typed = {"what": what, "reason": reason, "to": to, "at": at, "programme_id": programme_id,
             "minutes": minutes, "place": place}  # fmt: skip
    hub = hub_of(request)
    if picks.is_asked:
        return _day_page(request, viewer, slot_id, on, typed, picks=picks)
    try:
        if what == "restore":
            exceptions.take_back(hub, slot_id, on, by=viewer.person, place=place or None)
        else:
            exceptions.decide(hub, slot_id, _decision(on, typed), by=viewer.person)
    except CoreError as error:
        return _day_page(request, viewer, slot_id, on, typed, error)
    if request.app.state.engine is not None:
        request.app.state.engine.plan()
    return redirect("/timetable/calendar", on=(to if what == "move" else str(on)), done="day")


def _decision(on: date, typed: Mapping[str, str]) -> Decision:
    """
    Raises:
        InputInvalid: what was typed is no date, no time or no choice.
    """
    reason, place = typed["reason"], typed["place"] or None
    try:
        if typed["what"] == "move":
            moved_on, moved_at = date.fromisoformat(typed["to"]), time.fromisoformat(typed["at"])
            minutes = typed["minutes"]  # of a length that has no room at its usual time
            return Decision(
                on, reason, moved_on=moved_on, moved_at=moved_at, place=place,
                seconds=seconds_of(minutes, "the length") if minutes else None,
            )  # fmt: skip
        if typed["what"] == "replace":
            return Decision(on, reason, programme_id=int(typed["programme_id"]), place=place)
        if typed["what"] == "length":
            return Decision(
                on, reason, place=place, seconds=seconds_of(typed["minutes"], "the length")
            )
    except ValueError:
        raise InputInvalid(problem="choose a day, a time, a programme or a length") from None
    return Decision(on, reason, place=place)


def _marks(entry: Entry) -> Iterator[str]:
    if entry.collides:
        yield "collides"
    if entry.is_draft:
        yield "draft"


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see: a unit or one station, and the draft or what airs."""

    unit: str
    station: str
    air: bool


@dataclass(frozen=True)
class Seen:
    """What a calendar shows, and what else it could show."""

    scope: Scope
    station: Station | None
    stations: Sequence[Station]  # to choose from; none where they are too many for a list
    entries: Sequence[Entry]
    drafts: int  # lines that are not released, of all


def _seen(request: Request, viewer: Viewer, first: date, days: int, wish: Wish) -> Seen:
    """
    Raises:
        NotFound: no such unit or station.
        OutsideUnit: it is not the person's to see.
    """
    hub = hub_of(request)
    with hub.database.read() as session:
        scope = scope_of(session, viewer.person, first, wish.unit, most_choices=MOST_CHOICES)
        inside = None if scope.unit_ids is None else scope.places
        known = list_stations(session, only=inside, most=_LISTED + 1)
        station = station_in(session, viewer.person, scope, wish.station) if wish.station else None
        found = entries(
            hub, session, first, days, unit_ids=scope.unit_ids, released=wish.air,
            station_id=station.id if station else None,
        )  # fmt: skip
        drafts = len(draft_ids(session))
    return Seen(scope, station, known if len(known) <= _LISTED else (), found, drafts)


def _day_page(
    request: Request,
    viewer: Viewer,
    slot_id: int,
    on: date,
    typed: Mapping[str, str],
    error: LoaError | None = None,
    picks: Picks = NOTHING_PICKED,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        slot = exceptions.line_on(session, slot_id, on)
        draft = session.get_one(Slot, slot_id)  # what its form would change
        every_day = (
            _every_day(draft, on, typed, translator_of(request)) if not draft.removed_at else None
        )
        places = day_places(
            session, slot, viewer.person, on, hub.today(), typed.get("place", ""), picks
        )
        usable = programmes_to_pick(
            session, picks, chosen=[typed.get("programme_id", "")], longest_ms=slot.seconds * 1000
        )
    starts_at = to_utc(datetime.combine(on, slot.starts_at), hub.settings.zone)
    return page(
        request, "slot_day.html", status=status_of(error) if error else 200, viewer=viewer,
        slot=slot, on=on, typed={**_NOTHING_TYPED, **typed}, programmes=usable,
        places=places, is_over=starts_at <= hub.clock.now(), may_plan=viewer.may(*PLANNERS),
        every_day=every_day, becomes=becomes, shown_minutes=shown_minutes,
        error=translator_of(request).error(error) if error else None,
        proposals=list(_proposals(error, typed, translator_of(request))),
    )  # fmt: skip


def _proposals(
    error: LoaError | None, typed: Mapping[str, str], tr: Translator
) -> Iterator[Proposal]:
    """What would help, each as the same form with something changed, or as a page."""
    for fix in error.fixes if isinstance(error, SlotRefused) else ():
        if fix.changes:
            taken = {**typed, **dict(_as_typed(fix))}
            taken["what"] = "move" if "moved_on" in fix.changes else typed["what"]
            yield Proposal(fix_in_words(fix, tr), [(k, v) for k, v in taken.items() if v])
        elif path := page_of(fix):
            yield Proposal(fix_in_words(fix, tr), (), path)


def _as_typed(fix: Fix) -> Iterator[tuple[str, str]]:
    for value in fix.changes.values():
        if isinstance(value, int):
            yield "minutes", shown_minutes(value)
        elif isinstance(value, date):
            yield "to", value.isoformat()
        else:
            yield "at", f"{value:%H:%M}"


@dataclass(frozen=True)
class EveryDay:
    """The same change for the rule: the form of the line, filled in, and what it says."""

    path: str
    sentence: str
    keeps_days: bool  # the rule does not name that weekday alone: only the time changes


def _every_day(slot: Slot, on: date, typed: Mapping[str, str], tr: Translator) -> EveryDay:
    """What a drag means when it is meant for every day; without a drag, the form as it is."""
    path = f"/timetable/{slot.id}/edit"
    back = {"back": f"/timetable/calendar?on={on}"}
    if typed.get("minutes"):  # its lower edge was dragged: only the length
        query = urlencode({"minutes": typed["minutes"], **back})
        length = tr.text(mark("{minutes} minutes long"), minutes=typed["minutes"])
        return EveryDay(f"{path}?{query}", f"{describe(rule_of(slot), tr)}, {length}", False)
    try:
        at, to = (
            time.fromisoformat(typed.get("at", "")),
            date.fromisoformat(typed.get("to") or str(on)),
        )
    except ValueError:
        return EveryDay(f"{path}?{urlencode(back)}", describe(rule_of(slot), tr), False)
    old, new = (WEEKDAYS[day.weekday()][0] for day in (on, to))
    days = Typed.of(details_of(slot)).days
    keeps = old != new and (old not in days or new in days)
    moved = {"starts_at": f"{at:%H:%M}"}
    rule = replace(rule_of(slot), starts_at=at)
    if old != new and not keeps:
        wanted = [day for day, _ in WEEKDAYS if (day in days and day != old) or day == new]
        rule = replace(rule, rrule=Typed(days=wanted, every=_every(slot)).rrule())
        query = urlencode({**moved, "days": wanted, **back}, doseq=True)
    else:
        query = urlencode({**moved, **back})
    return EveryDay(f"{path}?{query}", describe(rule, tr), keeps)


def _every(slot: Slot) -> str:
    return Typed.of(details_of(slot)).every
