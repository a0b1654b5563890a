"""Lists that grow with use, part after part: nothing twice, nothing left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, time
from typing import Any

from scheduler import feeds
from scheduler.airing_log import cursor_of
from scheduler.airings import day_schedule
from scheduler.peoplelist import find_names, people_after, people_named
from scheduler.slotlist import slot_page
from scheduler.store.models import UnitEvent
from scheduler.unitevents import list_events
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene

UNITS = ("13579", "13285")


def in_parts(part: Callable[[Any], Sequence[Any]], cursor: Callable[[Any], Any]) -> list[Any]:
    """Everything, two rows at a time."""
    found: list[Any] = []
    last = None
    while rows := part(last)[:2]:
        assert len(found) < 1000
        found += rows
        last = cursor(rows[-1])
    return found


def test_lines_and_what_they_air_follow_one_another(scene: Scene) -> None:
    """Also where several begin at the same time."""
    scene.stations(*UNITS)
    made = programme(scene.base, "Tin sáng")
    for unit in UNITS:
        for at in (time(17), time(5), time(11)):
            scene.slot(made, at=at, audience=(f"unit:{unit}",))
    scene.plan()
    with scene.base.database.read() as session:
        whole = day_schedule(session, MONDAY)
        found = in_parts(lambda last: day_schedule(session, MONDAY, after=last, limit=2), cursor_of)
        lines = in_parts(lambda last: slot_page(session, after=last, limit=2)[0],
                         lambda one: one.id)  # fmt: skip
        none = slot_page(session, words="khong co")
    assert [cursor_of(one) for one in found] == [cursor_of(one) for one in whole]
    assert len(whole) == len(lines) == 6
    order = [(one.starts_at, one.id) for one in lines]
    assert order == sorted(order) and len(set(order)) == 6
    assert none == ([], False)


def test_people_calendars_and_events_follow_one_another(scene: Scene) -> None:
    """By name, or the newest first."""
    for role in ("approver", "editor", "technician"):
        someone(scene.base, role)
    for n in range(5):
        feeds.add_feed(scene.base, "13579", f"Chị {n}", by=someone(scene.base, "editor"))
    now = scene.clock.now()
    with scene.base.database.write() as session:
        session.add_all(
            UnitEvent(kind="renamed", on_day=date(2022, 1, 2 - n // 2), basis=f"NQ {n}",
                      recorded_by="ky", recorded_at=now)
            for n in range(4)
        )  # fmt: skip
    with scene.base.database.read() as session:
        names = [
            one.username
            for one in in_parts(
                lambda last: people_after(session, last or "", 2), lambda one: one.username
            )
        ]
        found = people_named(session, find_names(session, "TÉCH"))
        labels = [
            one.label
            for one in in_parts(
                lambda last: feeds.list_feeds(session, before=last, limit=2), lambda one: one.id
            )
        ]
        events = in_parts(
            lambda last: list_events(session, rows=2, before=last), lambda one: one.id
        )
    assert names == ["admin", "approver", "editor", "technician"]
    assert [one.username for one in found] == ["technician"]
    assert labels == [f"Chị {n}" for n in reversed(range(5))]
    assert [one.basis for one in events] == ["NQ 1", "NQ 0", "NQ 3", "NQ 2"]
