"""A station's day: the same rows give the same bytes, whoever asks and whenever."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import time, timedelta

from scheduler.day import (
    Day,
    PlannedItem,
    day_files,
    day_from_rows,
    day_of,
    manifest_of,
    planned_at_of,
    rendition_files,
)
from stations.layout import DayFiles, Sha256
from stations.manifest import ManifestFile, open_signed
from stations.sidefiles import overview_files
from tests.builders import programme
from tests.unit.scheduler.scene import MONDAY, Scene, local


def rendition(number: int) -> ManifestFile:
    sha256 = Sha256(hashlib.sha256(str(number).encode()).hexdigest())
    return ManifestFile(sha256, "mp3", size_bytes=9, ms=60_000)


RENDITIONS = {(n, "loa-48"): rendition(n) for n in (1, 2)}
ITEMS = [
    PlannedItem(local("11:00"), 1, "normal", "Trưa", 600),
    PlannedItem(local("05:00"), 2, "priority", "Sáng", 60),
    PlannedItem(local("17:00"), 1, "normal", "Chiều", 600),
]


def made(*items: PlannedItem) -> Day:
    return day_of(items, "loa-48", RENDITIONS)


def files(scene: Scene) -> DayFiles:
    station = scene.station("s13579")
    with scene.base.database.read() as session:
        [delivery] = scene.deliveries()
        day = day_from_rows(session, station, MONDAY)
        manifest = manifest_of(scene.base, station, delivery, day)
    return day_files(scene.base, station, manifest, overview_files(*scene.coming("s13579")))


def test_a_day_is_in_order_and_names_each_file_once() -> None:
    """What airs twice is carried once."""
    day = made(*ITEMS)

    assert [item.starts_at for item in day.items] == [
        local("05:00"), local("11:00"), local("17:00"),
    ]  # fmt: skip
    assert len(day.files) == 2
    assert day.bytes == 18
    assert day.waiting == frozenset()


def test_the_order_in_which_rows_come_does_not_matter() -> None:
    """A database gives rows as it likes."""
    assert made(*ITEMS).content_sha256 == made(*reversed(ITEMS)).content_sha256


def test_whatever_a_listener_would_notice_changes_the_content() -> None:
    """Two equal days need no second delivery; two unequal ones must never look equal."""
    first = ITEMS[0]
    variants = [
        made(),
        made(first),
        made(replace(first, planned_at=local("11:01"))),
        made(replace(first, programme_id=2)),
        made(replace(first, title="Khác")),
        made(replace(first, programme_class="urgent")),
        made(replace(first, late_ok_s=0)),
        made(*ITEMS),
    ]

    assert len({day.content_sha256 for day in variants}) == len(variants)


def test_what_is_not_encoded_for_this_station_is_left_out_and_named() -> None:
    """Another profile's file would be refused by its player."""
    day = day_of(ITEMS, "loa-64", {**RENDITIONS, (2, "loa-64"): rendition(2)})

    assert [item.title for item in day.items] == ["Sáng"]
    assert day.waiting == {1}


def test_the_name_of_an_item_is_its_instant_and_comes_back() -> None:
    """The log speaks of names; they must lead to the airing."""
    for item in made(*ITEMS).items:
        assert planned_at_of(item.id) == item.starts_at


def test_the_same_rows_give_the_same_bytes_at_any_time(scene: Scene) -> None:
    """A worker that takes over writes the very manifest that the dead one had begun."""
    scene.night("13579")
    scene.slot(programme(scene.base, "Tin trưa"), at=time(11))
    scene.plan()
    with scene.base.database.write() as session:
        for delivery in scene.deliveries()[:-1]:
            session.delete(session.get_one(type(delivery), delivery.id))
    before = files(scene)

    scene.clock.advance(timedelta(minutes=17))

    assert files(scene) == before


def test_the_manifest_says_what_the_rows_say(scene: Scene) -> None:
    """Station, date, seq, and how long it holds: two days beyond the last airing."""
    scene.night("13579")

    manifest = open_signed(files(scene).manifest, scene.key("s13579"))

    [delivery] = scene.deliveries()
    assert (manifest.station, manifest.for_date, manifest.seq) == ("s13579", MONDAY, 1)
    assert (manifest.tz, manifest.utc_offset_s) == ("Asia/Ho_Chi_Minh", 25_200)
    assert manifest.not_before == delivery.generated_at
    assert manifest.expires_at == delivery.last_air_at + timedelta(days=2)
    assert [item.id for item in manifest.items] == ["20221016T220000Z"]


def test_files_are_sent_in_the_order_in_which_they_air(scene: Scene) -> None:
    """When the line breaks in the middle of the night, the morning is there."""
    scene.stations("13579")
    for name, at in (("Tối", time(17)), ("Sáng", time(5)), ("Trưa", time(11))):
        scene.slot(programme(scene.base, name), at=at)
    scene.plan()

    with scene.base.database.read() as session:
        day = day_from_rows(session, scene.station("s13579"), MONDAY)
    found = rendition_files(scene.base, day)

    titles = {file: item.title for item in day.items for file in item.files}
    assert [titles[file.name] for file in found] == ["Sáng", "Trưa", "Tối"]
    assert all(file.path.stat().st_size == file.size_bytes for file in found)
