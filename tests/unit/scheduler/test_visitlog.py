"""What is kept of the last visits to a station: what they really did, and not more than that."""

from __future__ import annotations

import json
from datetime import time
from typing import Any

import pytest

from scheduler import collect, dispatch
from scheduler.store.models import StationVisit
from scheduler.visitlog import last_visits, titles_of_files
from stations.diary import DIARY_STEPS, Diary
from stations.errors import LinkDown, Unreachable
from tests.builders import programme
from tests.unit.scheduler.scene import Scene, local


def kept(scene: Scene, code: str = "s13579") -> list[StationVisit]:
    with scene.base.database.read() as session:
        return list(last_visits(session, scene.station(code)))


def steps(visit: StationVisit) -> list[str]:
    return [step["step"] for step in visit.steps]


def test_a_visit_tells_each_of_its_steps(scene: Scene) -> None:
    """What was sent, under which title, and which day was put in place; the last ones kept."""
    scene.night("13579")
    dispatch.push(scene.hub)
    scene.play("s13579", local("04:50"), local("05:20"))
    scene.clock.move_to(local("05:30"))
    collect.collect(scene.hub)

    sent = next(one for one in kept(scene) if one.purpose == "send")
    read = next(one for one in kept(scene) if one.purpose == "collect")
    assert steps(sent)[0] == "call"
    assert steps(sent)[-1] == "close"
    assert {"room", "file", "day", "sweep"} < set(steps(sent))
    assert set(steps(sent)) | set(steps(read)) <= set(DIARY_STEPS)
    file = next(step for step in sent.steps if step["step"] == "file")
    assert file["facts"]["reached"] == "renamed"
    assert file["facts"]["bytes"] > 0
    with scene.base.database.read() as session:
        assert titles_of_files(session, [sent]) == {file["facts"]["name"]: "Gương thoát nghèo"}
    assert steps(read)[0] == "call"
    assert next(s for s in read.steps if s["step"] == "receipt")["facts"] == {"is_there": True}
    assert next(s for s in read.steps if s["step"] == "log")["facts"]["lines"] > 0
    assert not sent.is_broken
    assert not read.is_broken


def test_what_broke_stands_at_its_step_and_the_last_good_visit_stays(scene: Scene) -> None:
    """A technician sees where the last failure was, and that it went well before."""
    scene.night("13579")
    dispatch.push(scene.hub)
    scene.error = Unreachable(host="h", port=22, detail="no answer")
    collect.collect(scene.hub)
    made = programme(scene.base, "Thứ hai", ms=300_000)
    scene.slot(made, at=time(17))
    scene.plan()
    dispatch.push(scene.hub)

    visits = {(one.purpose, one.is_broken): one for one in kept(scene)}
    assert set(visits) == {("send", False), ("send", True), ("collect", True)}
    broken = visits["send", True]
    assert broken.error_code == "unreachable"
    [call] = broken.steps
    assert call["step"] == "call"
    assert call["error"] == "unreachable"
    assert call["fields"] == {"host": "h", "port": "22", "detail": "no answer"}

    scene.error = None
    dispatch.push(scene.hub)
    assert len(kept(scene)) == 3  # replaced, not added


def test_a_visit_of_a_hundred_files_stays_small() -> None:
    """However many files a visit brought, its row has some dozens of steps; sums stay right."""
    now = iter(range(10_000))
    diary = Diary(lambda: float(next(now)))
    for number in range(100):
        with diary.doing("file", name=f"{number:064}.mp3", bytes=1000):
            pass
        with diary.doing("file_there", name=f"{number:064}.mp3", bytes=10):
            pass
    with pytest.raises(LinkDown), diary.doing("file", name="x" * 64, bytes=5):
        raise LinkDown(idle_s=30, acknowledged_bytes=7)
    unfinished = diary.begin("file", name="y" * 64)

    told = diary.entries()
    assert len(told) < 20
    assert sum(one.count for one in told if one.step == "file") == 102
    assert sum(one.facts.get("bytes", 0) for one in told if one.step == "file") == 100_005
    there = [one for one in told if one.step == "file_there"]
    assert [(one.count, one.facts["bytes"]) for one in there] == [(100, 1000)]
    assert told[-2].error_code == "link_down"
    assert told[-1] is unfinished
    assert unfinished.took_s is None
    assert len(json.dumps([vars(one) for one in told])) < 5_000


def test_an_error_is_told_where_it_was_met() -> None:
    """A step around another one does not tell the same error again."""
    diary = Diary()

    def visit() -> Any:
        with diary.doing("sweep"), diary.doing("room"):
            raise LinkDown(idle_s=30, acknowledged_bytes=7)

    with pytest.raises(LinkDown):
        visit()
    assert [(one.step, one.error_code) for one in diary.entries()] == [
        ("sweep", None),
        ("room", "link_down"),
    ]
