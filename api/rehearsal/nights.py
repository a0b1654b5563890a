"""Runs the nights: the hub's hands move on a virtual clock, the boxes live up to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from api.rehearsal.faults import Script
from api.rehearsal.province import FIRST_DAY, RETIRED, Province
from api.rehearsal.shard import Worker, heard_of
from scheduler import collect, dispatch, planner, releases, slots
from stations.rehearsed import Heard

# When the hub looks, local time; the evening's later looks are for what failed before.
_RETIRES_AT = time(9)
_PLANNED_AT = time(12, 5)
_SENT_AT = (time(18), time(18, 5), time(19, 20), time(23, 59))
_COLLECTED_AT = time(19)
_SETTLING_DAYS = 2  # 36 hours after the last airing everything without a proof is unknown
_VISITS_IN_A_ROW = 3

Tell = Callable[[str, float, float], None]  # phase, done, total


class Nights:
    """The days of a rehearsal, one after the other."""

    def __init__(
        self, province: Province, workers: Sequence[Worker], script: Script, *, tell: Tell
    ) -> None:
        self.province, self.hub, self.script = province, province.hub, script
        self.workers, self.tell = workers, tell
        self.errors: dict[str, set[str]] = defaultdict(set)  # of visits, by station
        ids = province.station_ids()
        self._ids = {code: ids[code] for worker in workers for code in worker.codes}
        self._off = script.hub_off()

    def run(self) -> dict[str, list[Heard]]:
        """From the eve of the first night until nothing can become known; what was heard."""
        days = self.script.nights + _SETTLING_DAYS
        for number in range(-1, days):
            on = FIRST_DAY + timedelta(days=number)
            for at, hand in sorted(self._hands(on), key=lambda pair: pair[0]):
                self.province.clock.move_to(at)
                if not any(begin <= at < end for begin, end in self._off):
                    hand()
            self.tell("Nights pass", number + 2, days + 1)
        return heard_of(self._ask_all("heard", self._ids.values()))

    def _hands(self, on: date) -> list[tuple[datetime, Callable[[], None]]]:
        at = self.province.at
        hands = [
            (at(on, _PLANNED_AT), self._plan),
            *((at(on, moment), self._send) for moment in _SENT_AT),
            (at(on, _COLLECTED_AT), self._collect),
        ]
        if on == self.script.retires_on:
            hands.append((at(on, _RETIRES_AT), self._retire))
        return hands

    def _plan(self) -> None:
        """The boxes live up to now meanwhile: neither asks anything of the other."""
        now = self.hub.clock.now()
        for worker in self.workers:
            worker.ask("live", now)
        planner.plan(self.hub, by="rehearsal")
        for worker in self.workers:
            worker.answer()

    def _retire(self) -> None:
        """A person takes a line out of the timetable in the middle of the month."""
        slots.remove_slot(self.hub, self.province.slots[RETIRED], by=self.province.editor)
        releases.release(self.hub, by=self.province.editor)

    def _send(self) -> None:
        for _ in range(_VISITS_IN_A_ROW):
            admitted = dispatch.admit(self.hub)
            self._visit("send", admitted)
            if not admitted:
                return

    def _collect(self) -> None:
        self._visit("collect", collect.to_collect(self.hub))
        collect.settle(self.hub)

    def _visit(self, verb: str, station_ids: Collection[int]) -> None:
        for code, error in self._ask_all(verb, station_ids):
            self.errors[code] |= {error} - {""}

    def _ask_all(self, verb: str, station_ids: Collection[int]) -> list[Any]:
        """Every worker has its share of the stations, and all of them work at once."""
        now, wanted = self.hub.clock.now(), set(station_ids)
        asked = []
        for worker in self.workers:
            mine = [one for code in worker.codes if (one := self._ids[code]) in wanted]
            if mine:
                worker.ask(verb, now, mine)
                asked.append(worker)
        return [answer for worker in asked for answer in worker.answer()]
