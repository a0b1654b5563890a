"""What nobody needs goes, what may still air stays: decided by the rows and the station's plans."""

from __future__ import annotations

from datetime import date, time, timedelta

from sqlalchemy import select

from scheduler import dispatch, slots
from scheduler.reach import reach
from scheduler.store.models import LedgerEntry
from scheduler.store.states import DeliveryState
from scheduler.sweep import Swept, sweep
from stations.layout import AUDIO_DIR, MANIFEST_DIR, day_folder, manifest_path
from tests.builders import programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local

TUESDAY = MONDAY + timedelta(days=1)
THURSDAY = MONDAY + timedelta(days=3)
CODE = "s13579"
STRAY = "0" * 64 + ".mp3"


def swept(scene: Scene) -> Swept:
    station = scene.station(CODE)
    with reach(scene.hub, station) as visit:
        return sweep(scene.hub, station, visit)


def audio(scene: Scene) -> set[str]:
    return {path.name for path in (scene.root(CODE) / AUDIO_DIR).iterdir()}


def manifests(scene: Scene) -> set[str]:
    return {path.name for path in (scene.root(CODE) / MANIFEST_DIR).iterdir()}


def delivered(scene: Scene, **changes: object) -> str:
    """A night of one airing at 05:00, delivered; the name of its rendition."""
    scene.night("13579", **changes)  # type: ignore[arg-type]
    dispatch.push(scene.hub)
    [name] = audio(scene)
    return name


def entries(scene: Scene) -> list[LedgerEntry]:
    with scene.base.database.read() as session:
        return list(session.scalars(select(LedgerEntry).where(LedgerEntry.what == "station_swept")))


def test_a_delivery_takes_with_it_what_nobody_needs(scene: Scene) -> None:
    """After the commit of the new plan the old files and the parts of other times go."""
    scene.night("13579")
    folder = scene.root(CODE) / AUDIO_DIR
    (folder / STRAY).write_bytes(b"old" * 100)
    (folder / f"{STRAY}.part").write_bytes(b"half")
    (scene.root(CODE) / "in/LICH_PHAT.txt.0123.part").write_bytes(b"half")
    (folder / "readme.txt").write_bytes(b"a person's own")

    dispatch.push(scene.hub)

    [delivery] = scene.deliveries()
    assert delivery.state is DeliveryState.DELIVERED
    assert {n for n in audio(scene) if n.endswith(".mp3")} != {STRAY}
    assert STRAY not in audio(scene)
    assert "readme.txt" in audio(scene)
    assert list(scene.root(CODE).rglob("*.part")) == []
    [entry] = entries(scene)
    assert entry.subject == CODE
    assert entry.detail["renditions"] == [STRAY]
    assert entry.detail["freed_bytes"] == 300 + 4 + 4


def test_what_a_coming_airing_needs_stays(scene: Scene) -> None:
    """Today's, tomorrow's, and the one that a late rule still allows."""
    name = delivered(scene, valid_to=TUESDAY)
    for moment in (local("04:00"), local("05:03"), local("04:59", TUESDAY)):
        scene.clock.move_to(moment)

        assert swept(scene).is_nothing

    assert audio(scene) == {name}


def test_an_item_that_is_late_stays_until_no_clock_can_want_it(scene: Scene) -> None:
    """05:00, five minutes long, ten minutes of grace: gone only when a slow clock is done too."""
    name = delivered(scene)
    scene.clock.move_to(local("11:10"))
    assert swept(scene).is_nothing

    scene.clock.move_to(local("11:20"))

    assert swept(scene).renditions == (name,)
    assert audio(scene) == set()


def test_an_item_of_before_midnight_is_not_swept_after_it(scene: Scene) -> None:
    """It belongs to yesterday's plan and is on air now."""
    name = delivered(scene, at=time(23, 50), late_ok_s=3600, ms=1_200_000)
    scene.clock.move_to(local("00:30", TUESDAY))

    assert swept(scene).is_nothing

    assert audio(scene) == {name}


def test_the_plan_at_the_station_is_obeyed_until_the_next_commit(scene: Scene) -> None:
    """The rows have changed, the new day is not there yet: the old one must still be playable."""
    slot = scene.night("13579")
    dispatch.push(scene.hub)
    [name] = audio(scene)
    slots.remove_slot(scene.base, slot.id, by=someone(scene.base, "editor"))
    scene.slot(programme(scene.base, "Tin khác"), at=time(11))
    scene.plan()

    assert swept(scene).is_nothing
    assert audio(scene) == {name}

    dispatch.push(scene.hub)

    assert name not in audio(scene)
    assert len(audio(scene)) == 1


def test_a_plan_that_cannot_be_read_keeps_every_sound(scene: Scene) -> None:
    """Who does not know what the station obeys removes nothing that it might play."""
    delivered(scene)
    (scene.root(CODE) / AUDIO_DIR / STRAY).write_bytes(b"perhaps wanted")
    (scene.root(CODE) / manifest_path(MONDAY)).write_bytes(b"rotten")

    assert swept(scene).renditions == ()

    assert STRAY in audio(scene)


def test_days_that_are_long_over_go_with_their_playlists(scene: Scene) -> None:
    """Three days are left for a box that comes back; then manifest, playlists and folder go."""
    delivered(scene, valid_to=date(2022, 10, 20))
    scene.clock.move_to(local("12:00", THURSDAY))
    assert swept(scene).days == ()

    scene.clock.move_to(local("12:00", THURSDAY + timedelta(days=1)))

    assert swept(scene).days == (MONDAY,)
    assert f"{MONDAY}.signed" not in manifests(scene)
    assert f"{TUESDAY}.signed" in manifests(scene)
    assert not (scene.root(CODE) / day_folder(MONDAY)).exists()
    assert (scene.root(CODE) / day_folder(TUESDAY)).exists()


def test_a_second_sweep_finds_nothing(scene: Scene) -> None:
    """As often as one likes; the ledger has one entry."""
    delivered(scene)
    (scene.root(CODE) / AUDIO_DIR / STRAY).write_bytes(b"old")

    assert swept(scene).renditions == (STRAY,)
    assert swept(scene).is_nothing
    assert len(entries(scene)) == 1


def test_strange_names_at_the_station_are_left_alone(scene: Scene) -> None:
    """What is no rendition, no part and no day of ours belongs to somebody else."""
    delivered(scene)
    for name in ("in/2022-02-31", "in/manifest/2022-99-99.signed", "in/audio/UPPER.MP3"):
        (scene.root(CODE) / name).write_bytes(b"x")
    scene.clock.move_to(local("12:00", MONDAY + timedelta(days=30)))

    swept(scene)

    for name in ("in/2022-02-31", "in/manifest/2022-99-99.signed", "in/audio/UPPER.MP3"):
        assert (scene.root(CODE) / name).exists()
