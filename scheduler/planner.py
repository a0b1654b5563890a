"""Occurrences × audience → airings and deliveries, as often as one likes with the same result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.choices import Choices, sources_of
from scheduler.day import ready_renditions
from scheduler.errors import Said, said
from scheduler.hearing import Sounding, days_looked_at, hearers, soundings
from scheduler.hub import Hub
from scheduler.lines import every_slot, is_draft, on_air
from scheduler.planday import DayAirings, Key, decided_today, has_what_may_not_air
from scheduler.plansend import DayDeliveries
from scheduler.precedence import moved_starts
from scheduler.repertoire import DEFAULT_LANGUAGES, Repertoire
from scheduler.rotation import Rotation
from scheduler.rundown import Listener, Row, Rundown, Rundowns
from scheduler.store import ledger
from scheduler.store.db import lock
from scheduler.store.models import Airing, Slot, Station
from scheduler.timetable import to_utc
from scheduler.units import maps_of

_PLAN_LOCK = 0x706C616E  # "plan": one planner at a time
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class PlanResult:
    days: int
    airings_added: int
    airings_changed: int
    airings_cancelled: int
    deliveries_new: int
    deliveries_superseded: int
    waiting: tuple[str, ...]  # programmes that are not encoded for every station yet
    warnings: tuple[Said, ...]  # what does not air as it was meant, and why
    drafts: int  # slots with changes that nobody has released


def plan(
    hub: Hub, *, first: date | None = None, days: int | None = None, by: str = "loa"
) -> PlanResult:
    """
    Bring airings and deliveries of the coming days to what the released timetable says.

    Of today, which is on the stations already, only what may no longer air is taken out, and what
    somebody decided about this very day is done. What has begun is history and stays. Running it
    again, or twice at once, changes nothing.
    """
    today = hub.today()
    begin = first or today + _A_DAY
    dates = [begin + timedelta(days=n) for n in range(days or hub.settings.plan.days_ahead)]
    with hub.database.write() as session:
        lock(session, _PLAN_LOCK)
        planning = _Planning(hub, session, dates, mended=today if first is None else None)
        result = planning.run()
        if result.airings_added or result.airings_changed or result.airings_cancelled:
            ledger.record(
                session, at=hub.clock.now(), who=by, what="days_planned",
                subject=f"{dates[0]}..{dates[-1]}", added=result.airings_added,
                changed=result.airings_changed, cancelled=result.airings_cancelled,
            )  # fmt: skip
    return result


class _Planning:
    """One run: what should be, held against what is, one day after the other."""

    def __init__(
        self, hub: Hub, session: Session, dates: Sequence[date], *, mended: date | None
    ) -> None:
        self.hub, self.session, self.zone = hub, session, hub.settings.zone
        self.now = hub.clock.now()
        self.dates, self.mended = list(dates), mended
        self.warnings: dict[str, tuple[Said, list[date]]] = {}
        self.stations = {
            station.id: station
            for station in session.scalars(select(Station).where(Station.active))
        }
        self.listeners = {
            one.id: Listener(one.profile, tuple(one.languages or DEFAULT_LANGUAGES))
            for one in self.stations.values()
        }
        self.slots = {slot.id: slot for slot in every_slot(session)}
        self.lines = {
            slot.id: on_air(session, slot)
            for slot in self.slots.values()
            if slot.released is not None
        }
        self.redecided = (
            set[int]() if mended is None else decided_today(session, mended, self.lines)
        )
        if mended is not None and (
            self.redecided or has_what_may_not_air(session, mended, self.now)
        ):
            self.dates.insert(0, mended)
        named = {source.id for line in self.lines.values() for source in sources_of(line)
                 if source.kind == "programme"}  # fmt: skip
        for line in self.lines.values():
            others = (line.ident_id, line.filler_id, *(one.programme_id for one in line.exceptions))
            named |= {one for one in others if one is not None}
        filler = hub.settings.plan.filler or None
        self.repertoire = Repertoire(session, named | ({filler} if filler else set()), self.zone)
        self.renditions = dict(ready_renditions(session, self.repertoire.ids))
        self.coming = self._occurrences()
        self.choices = Choices(
            session, self.lines.values(), self.repertoire, self.zone, self._planned_from
        )
        self.rundowns = Rundowns(
            hub.settings, self.repertoire, self.renditions, self.choices, filler
        )
        self.rotation = Rotation(
            session, self.lines.values(), self.repertoire, self.dates[0], self.now
        )
        self.deliveries = DayDeliveries(
            hub, session, self.stations, self.slots, self.repertoire, self.renditions
        )
        self.airings = DayAirings(
            session, self.now, self.zone, self.repertoire, self.lines.values(), self.deliveries.lock
        )

    def run(self) -> PlanResult:
        self._forget_choices()
        self._choose_in_order()
        maps = maps_of(self.session, days_looked_at(self.lines.values(), self.dates))
        moved = moved_starts(self.session, self.lines.values(), self.dates, self.zone)
        behind_midnight: dict[Key, Row] = {}
        for on in self.dates:
            wanted, behind_midnight = behind_midnight, {}
            if on == self.mended:
                wanted = {}
            for sounding, line in self.coming.get(on, ()):
                occurrence = sounding.occurrence
                hearing = hearers(line, sounding, maps) & self.stations.keys()
                elsewhen = moved.get((line.id, occurrence.starts_at), {})
                for key, row in self._airings(line, sounding, hearing, elsewhen):
                    into = wanted if row.broadcast_date <= on else behind_midnight
                    held = into.get(key)
                    if held is None or self._rank(held) <= self._rank(row):
                        into[key] = row
            self._plan_day(on, wanted)
        self.choices.save()
        self.deliveries.save_seqs()
        return self._result()

    # ── What should air ────────────────────────────────────────────────────────────────────────

    def _occurrences(self) -> dict[date, list[tuple[Sounding, Slot]]]:
        """By day, in order of time; at one moment the most urgent slot last: it stays."""
        found: dict[date, list[tuple[Sounding, Slot]]] = defaultdict(list)
        planned_today = self._slots_of(self.mended) if self.mended in self.dates else set()
        for line in self.lines.values():
            for sounding in soundings(line, self.dates[0], self.dates[-1], self.zone):
                one = sounding.occurrence
                is_meant = one.on != self.mended or line.id in planned_today | self.redecided
                if one.starts_at > self.now and is_meant:
                    found[one.on].append((sounding, line))
        for day in found.values():
            day.sort(key=lambda item: (item[0].occurrence.starts_at, _slot_rank(item[1])))
        return found

    def _slots_of(self, on: date | None) -> set[int]:
        """The slots that have airings on a day: nothing that is new is begun on it."""
        statement = select(Airing.slot_id).where(Airing.broadcast_date == on).distinct()
        return set(self.session.scalars(statement))

    def _planned_from(self, slot_id: int) -> datetime:
        """From this moment on a slot is planned anew; what was chosen before is history."""
        midnight = to_utc(datetime.combine(self.dates[0], time.min), self.zone)
        return max(self.now + timedelta(microseconds=1), midnight)

    def _forget_choices(self) -> None:
        places = (
            (line.id, self._place_at(line, sounding), position)
            for day in self.coming.values()
            for sounding, line in day
            for position in range(len(sources_of(line)))
        )
        end = datetime.combine(self.dates[-1] + _A_DAY, time.min)
        self.choices.forget_others(places, to_utc(end, self.zone))

    def _choose_in_order(self) -> None:
        """Where some hear a day earlier than the others, its episode is still that of its day."""
        meant: dict[int, list[tuple[datetime, Sounding]]] = defaultdict(list)
        for day in self.coming.values():
            for sounding, line in day:
                meant[line.id].append((self._place_at(line, sounding), sounding))
        for slot_id, places in meant.items():
            if any(sounding.decision is not None for _, sounding in places):
                for at, sounding in sorted(places, key=lambda place: place[0]):
                    self.rundowns.make(self.lines[slot_id], sounding.occurrence, at)

    def _place_at(self, line: Slot, sounding: Sounding) -> datetime:
        """The start under which a choice is remembered: what is moved for some keeps it."""
        one = sounding.occurrence
        if sounding.decision is None:
            return one.starts_at
        return to_utc(datetime.combine(one.rule_day, line.starts_at), self.zone)

    def _airings(
        self, line: Slot, sounding: Sounding, hearing: Collection[int],
        elsewhen: Mapping[int, datetime],
    ) -> Iterator[tuple[Key, Row]]:  # fmt: skip
        occurrence = sounding.occurrence
        rundown = self.rundowns.make(line, occurrence, self._place_at(line, sounding))
        self._warn(rundown)
        laid_out: dict[object, list[tuple[datetime, Row]]] = {}
        for station_id in hearing:
            picks = self.rotation.picks(rundown, station_id)
            # Stations that hear the same share one list.
            group = (self.listeners[station_id], *((n, s and s.id) for n, s in picks.items()))
            parts = laid_out.get(group)
            if parts is None:
                parts = self.rundowns.laid_out(rundown, self.listeners[station_id], picks)
                laid_out[group] = parts
            shift = elsewhen.get(station_id, occurrence.starts_at) - occurrence.starts_at
            for at, row in parts:
                yield (station_id, at + shift if shift else at), row
            self.rotation.heard(station_id, parts)

    def _warn(self, rundown: Rundown) -> None:
        why, on = rundown.why_none, rundown.occurrence.on
        slot, filler = rundown.slot.title, rundown.filler
        if why is not None and filler is not None:
            note = said('"{slot}" plays its filler "{title}": {why}.', slot=slot,
                        title=filler.title, why=why)  # fmt: skip
        elif why is not None:
            note = said('"{slot}" stays silent: {why}.', slot=slot, why=why)
        else:
            return
        self.warnings.setdefault(str(note), (note, []))[1].append(on)

    def _rank(self, row: Row) -> tuple[int, int]:
        return _slot_rank(self.lines[row.slot_id])

    def _plan_day(self, on: date, wanted: dict[Key, Row]) -> None:
        found = self.airings.found(on)
        if on == self.mended:
            wanted = self.airings.only_mended(on, wanted, found, self.redecided)
        elif on == self.dates[0]:
            wanted = {**self.airings.begun_yesterday(on, found), **wanted}
        self.airings.bring(on, wanted, found)
        self.deliveries.deliver(on, self.deliveries.days(wanted, found))

    # ── What is told ───────────────────────────────────────────────────────────────────────────

    def _result(self) -> PlanResult:
        counts, deliveries = self.airings.counts, self.deliveries
        return PlanResult(
            days=sum(1 for on in self.dates if on != self.mended),
            airings_added=counts.added,
            airings_changed=counts.changed,
            airings_cancelled=counts.cancelled,
            deliveries_new=deliveries.new,
            deliveries_superseded=deliveries.superseded,
            waiting=tuple(sorted({deliveries.title(one) for one in deliveries.waiting})),
            warnings=tuple(self._told()),
            drafts=sum(1 for slot in self.slots.values() if is_draft(slot)),
        )

    def _told(self) -> Iterator[Said]:
        for note, days in self.warnings.values():
            first, last = f"{days[0]:%d/%m/%Y}", f"{days[-1]:%d/%m/%Y}"
            if len(days) == 1:
                yield said("{day}: {note}", day=first, note=note)
            else:
                yield said(
                    "{first} to {last} ({count} times): {note}",
                    first=first, last=last, count=len(days), note=note,
                )  # fmt: skip
        yield from self.rotation.told()


def _slot_rank(slot: Slot) -> tuple[int, int]:
    # Urgent goes before priority goes before normal; of two alike the older line stays.
    return ("normal", "priority", "urgent").index(slot.programme_class), -slot.id
