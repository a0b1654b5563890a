"""Lines of the timetable → one calendar; the same lines give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vText

from api.i18n import Translator, mark
from api.rulewords import describe
from api.words import CLASS_WORDS, KIND_WORDS
from scheduler.exceptions import place_of
from scheduler.feeds import domain_of
from scheduler.hearing import Map, audience_ids, decision_at, rule_of
from scheduler.hub import Hub
from scheduler.recurrence import days_of, is_lunar, parts_of
from scheduler.slots import details_of
from scheduler.store.models import Programme, Series, Slot, SlotException, Theme
from scheduler.timetable import Rule, airs_on, to_utc

PRODUCT = "-//Loa//Timetable 1.0//VI"
# No calendar knows the moon, so its days are listed: from the first one to so far ahead.
MOON_AHEAD = timedelta(days=731)
MOST_MOON_DAYS = 2_000
_NO_END = date(2100, 12, 31)


Named = Callable[[str, int], str]  # programme, series, theme and its number → what others know


def by_number(kind: str, number: int) -> str:
    """For who has no database: a number means something only at home."""
    return str(number)


@dataclass(frozen=True)
class Here:
    """For whom a calendar is made: these stations, on the map of the day on which it is written."""

    stations: frozenset[int]
    inside: Map


@dataclass(frozen=True)
class Desk:
    """What a calendar is written with."""

    zone: ZoneInfo
    domain: str  # of this Loa, in the names of events
    translator: Translator
    today: date
    named: Named = by_number
    here: Here | None = None  # none: for everybody

    def at(self, stations: Collection[int], inside: Map) -> Desk:
        """The same for a calendar of one unit or one station."""
        return replace(self, here=Here(frozenset(stations), inside))

    def uid(self, slot: Slot) -> str:
        """Under which a calendar knows a line for ever; what another calendar called it stays."""
        return slot.uid or f"slot-{slot.id}@{self.domain}"


def desk_of(hub: Hub, translator: Translator) -> Desk:
    @cache
    def named(kind: str, number: int) -> str:
        with hub.database.read() as session:
            if kind == "programme":
                return session.get_one(Programme, number).sha256 or ""
            if kind == "series":
                return session.get_one(Series, number).name
            return session.get_one(Theme, number).name

    return Desk(hub.settings.zone, domain_of(hub), translator, hub.today(), named)


def write_calendar(slots: Iterable[Slot], name: str, desk: Desk) -> bytes:
    """A calendar with each line as one event, and one more for each day that differs."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    calendar.add("x-wr-timezone", str(desk.zone))
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for slot in slots:
        for event in events_of(slot, desk):
            calendar.add_component(event)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def events_of(slot: Slot, desk: Desk) -> Iterator[Event]:
    """None for a line that airs on no day at all."""
    rule = rule_of(slot)
    first = next(_days(rule), None)
    if first is None:
        return
    # A decision about a day that the rule no longer names changes nothing.
    decided = [one for one in slot.exceptions if airs_on(rule, one.on)]
    common, parts = _as_heard(slot, decided, desk)
    yield _main(slot, rule, first, desk, decided, common, parts)
    for one in common:
        if one.kind != "skip":
            yield _other_day(slot, one, desk)
    for one in parts:
        if one.kind != "skip":
            yield _part(slot, one, desk)


def _as_heard(
    slot: Slot, decided: Sequence[SlotException], desk: Desk
) -> tuple[list[SlotException], list[SlotException]]:
    """
    What of the decisions is so for all who read this calendar, and what only for some of them.

    The calendar of a commune shows as its own what was decided for it alone.
    """
    common: list[SlotException] = []
    parts: list[SlotException] = []
    for on in sorted({one.on for one in decided}):
        day = [one for one in decided if one.on == on]
        whole = [one for one in day if one.is_for_all]
        if desk.here is None:
            found = [*whole, *(one for one in day if not one.is_for_all)]
            common, parts = [*common, *whole], [*parts, *found[len(whole) :]]
            continue
        heard = audience_ids(slot.targets, desk.here.inside) & desk.here.stations
        at = [decision_at(slot, station, on, desk.here.inside) for station in sorted(heard)]
        found = [one for one in day if any(one is other for other in at)]
        if len(found) == 1 and all(one is found[0] for one in at):
            common += found
        else:
            common += [one for one in found if one.is_for_all]
            parts += [one for one in found if not one.is_for_all]
    return common, parts


def _main(
    slot: Slot, rule: Rule, first: date, desk: Desk, decided: Sequence[SlotException],
    common: Sequence[SlotException], parts: Sequence[SlotException],
) -> Event:  # fmt: skip
    event = _event(slot, desk, datetime.combine(first, rule.starts_at), slot.title)
    if parts:
        told = [_told(one, desk) for one in parts]
        event["description"] = vText("\n".join([str(event["description"]), *told]))
    if is_lunar(rule.rrule):
        event.add("x-loa-rule", vText(rule.rrule))
        until = max(desk.today, rule.valid_from) + MOON_AHEAD
        days = islice(_days(rule, until), 1, MOST_MOON_DAYS)
        moon = [_local(datetime.combine(day, rule.starts_at), desk) for day in days]
        if moon:
            event.add("rdate", moon)
    else:
        event.add("rrule", _rrule(rule, desk.zone))
    skipped = [one for one in common if one.kind == "skip"]
    if skipped:
        event.add("exdate", [_on(slot, one.on, desk) for one in skipped])
    for one in skipped:
        if one.is_for_all:
            event.add("x-loa-skipped", vText(f"{one.on:%Y%m%d} {one.reason}"))
    for one in decided:
        if not one.is_for_all or one not in common:
            event.add("x-loa-decision", vText(_decision(one)))
    for name, value in _facts(slot, desk):
        event.add(name, vText(value))
    return event


def _decision(one: SlotException) -> str:
    """What the calendar itself does not show to all its readers, as ``read`` takes it apart."""
    what, place = one.kind, place_of(one) or "-"
    if one.seconds is not None:
        what += f":{one.seconds}"
    if one.moved_on is not None and one.moved_at is not None:
        what += f" {datetime.combine(one.moved_on, one.moved_at):%Y%m%dT%H%M}"
    elif one.programme is not None:
        what += f" {one.programme.sha256}"
    return f"{one.on:%Y%m%d} {place} {what} {one.reason}"


def _told(one: SlotException, desk: Desk) -> str:
    """The same in words, for who reads the calendar."""
    tr = desk.translator
    said = {
        "skip": mark("{day}, {place}: it does not air. {reason}"),
        "move": mark("{day}, {place}: it airs at {time} on {to}. {reason}"),
        "replace": mark("{day}, {place}: {title} airs instead. {reason}"),
        "length": mark("{day}, {place}: it lasts {length}. {reason}"),
    }[one.kind]
    return tr.text(
        said, day=tr.day(one.on), place=_called(one), reason=one.reason,
        time=tr.time(one.moved_at) if one.moved_at else "",
        to=tr.day(one.moved_on) if one.moved_on else "",
        title=one.programme.title if one.programme else "",
        length=tr.minutes((one.seconds or 0) * 1000),
    )  # fmt: skip


def _called(one: SlotException) -> str:
    place = one.unit or one.station
    return place.name if place else ""


def _part(slot: Slot, one: SlotException, desk: Desk) -> Event:
    """What some of the readers hear on a day of their own: an event beside the others'."""
    event = _other_day(slot, one, desk)
    del event["recurrence-id"]
    event["uid"] = vText(f"{one.on:%Y%m%d}-{place_of(one)}-{desk.uid(slot)}".replace(":", "-"))
    event["summary"] = vText(f"{event['summary']} ({_called(one)})")
    event.add("x-loa-part-of", vText(desk.uid(slot)))
    return event


def _other_day(slot: Slot, one: SlotException, desk: Desk) -> Event:
    """A day that was moved, or on which another programme airs, or of another length."""
    starts_at = datetime.combine(one.on, slot.starts_at)
    if one.moved_on is not None and one.moved_at is not None:
        starts_at = datetime.combine(one.moved_on, one.moved_at)
    title = one.programme.title if one.programme else slot.title
    event = _event(slot, desk, starts_at, title)
    if one.seconds is not None:
        del event["duration"]
        event.add("duration", timedelta(seconds=one.seconds))
    event.add("recurrence-id", _on(slot, one.on, desk))
    event.add("comment", one.reason)
    if one.programme is not None:
        event.add("x-loa-programme", vText(one.programme.sha256))
    if not one.is_for_all:
        event.add("x-loa-place", vText(place_of(one) or ""))
    return event


def _event(slot: Slot, desk: Desk, starts_at: datetime, title: str) -> Event:
    tr = desk.translator
    event = Event()
    event.add("uid", desk.uid(slot))
    event.add("dtstamp", slot.created_at.replace(microsecond=0))
    event.add("dtstart", _local(starts_at, desk))
    event.add("duration", timedelta(seconds=slot.seconds))
    event.add("summary", title)
    event.add("description", f"{describe(rule_of(slot), tr)}. {slot.unit.name}.")
    event.add("categories", [tr.text(KIND_WORDS[slot.kind]),
                             tr.text(CLASS_WORDS[slot.programme_class])])  # fmt: skip
    event.add("transp", "TRANSPARENT")  # nobody is busy because a loudspeaker speaks
    return event


def _facts(slot: Slot, desk: Desk) -> Iterator[tuple[str, str]]:
    """What a calendar has no word for, so that a line comes back as it went."""
    details = details_of(slot)
    yield "x-loa-unit", details.unit_code
    yield "x-loa-audience", " ".join(details.audience)
    if details.exclude:
        yield "x-loa-exclude", " ".join(details.exclude)
    yield "x-loa-class", details.programme_class
    yield "x-loa-kind", details.kind
    yield "x-loa-late", str(details.late_ok_s)
    if slot.programme is not None:
        yield "x-loa-programme", slot.programme.sha256
    if details.stream:
        yield "x-loa-relay", details.stream
    # By name and by hash: a number means something else in another Loa.
    if details.series:
        yield "x-loa-series", details.series
    if details.theme:
        yield "x-loa-theme", details.theme
    for kind, number in slot.items or ():
        yield "x-loa-item", f"{kind}:{desk.named(kind, number)}"
    if slot.theme_id or slot.items:
        yield "x-loa-no-repeat-days", str(details.no_repeat_days)
    if slot.ident is not None:
        yield "x-loa-ident", slot.ident.sha256
    if slot.filler is not None:
        yield "x-loa-filler", slot.filler.sha256


def _rrule(rule: Rule, zone: ZoneInfo) -> dict[str, list[object]]:
    """As other programs read it: UNTIL is an instant, and stands not beside COUNT."""
    parts = parts_of(rule.rrule)
    last = _last_day(rule)
    known: dict[str, list[object]] = {
        name: list(value.split(",")) for name, value in parts.items() if name != "UNTIL"
    }
    if last is not None:
        known.pop("COUNT", None)
        known["UNTIL"] = [to_utc(datetime.combine(last, rule.starts_at), zone)]
    return known


def _last_day(rule: Rule) -> date | None:
    """The last day that a date names; none where only COUNT or nothing ends it."""
    parts = parts_of(rule.rrule)
    ends = [rule.valid_to] if rule.valid_to else []
    if "UNTIL" in parts:
        ends.append(datetime.strptime(parts["UNTIL"], "%Y%m%d").date())  # noqa: DTZ007 - local
    if not ends:
        return None
    last = min(ends)
    if "COUNT" in parts:
        aired = sum(1 for _ in days_of(rule.rrule, rule.valid_from, rule.valid_from, last))
        return last if aired < int(parts["COUNT"]) else None
    return last


def _days(rule: Rule, until: date = _NO_END) -> Iterator[date]:
    last = min(until, rule.valid_to) if rule.valid_to else until
    return days_of(rule.rrule, rule.valid_from, rule.valid_from, last)


def _on(slot: Slot, day: date, desk: Desk) -> datetime:
    return _local(datetime.combine(day, slot.starts_at), desk)


def _local(at: datetime, desk: Desk) -> datetime:
    return at.replace(tzinfo=desk.zone)
