"""What really lies on a station is looked at: losses heal, strays go, nothing heals for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler import audit, collect, dispatch
from scheduler.audit import AuditResult, DueAudit
from scheduler.store.models import LedgerEntry
from scheduler.store.states import AiringState, DeliveryState
from stations.errors import Unreachable
from stations.layout import AUDIO_DIR, manifest_path
from tests.unit.scheduler.scene import MONDAY, Scene, local

CODE = "s13579"
D = DeliveryState


@pytest.fixture
def delivered(scene: Scene) -> Scene:
    """One day of one airing, at the station."""
    scene.night("13579")
    dispatch.push(scene.hub)
    return scene


def looked(scene: Scene) -> AuditResult:
    return audit.audit_station(scene.hub, scene.station(CODE).id)


def sound(scene: Scene) -> Path:
    [path] = (scene.root(CODE) / AUDIO_DIR).iterdir()
    return path


def state(scene: Scene) -> tuple[DeliveryState, str | None]:
    [one] = scene.deliveries()
    return one.state, one.error_code


def test_a_station_that_has_all_is_left_alone_and_remembered(delivered: Scene) -> None:
    """When it was last looked at, and that nothing was found, stand in its row."""
    result = looked(delivered)

    station = delivered.station(CODE)
    assert result.error is None
    assert station.audited_at == delivered.clock.now()
    assert station.audit is not None
    assert (station.audit["bad"], station.audit["healed"], station.audit["by_sample"]) == (0, 0, 1)
    assert state(delivered) == (D.DELIVERED, None)


def vanish(scene: Scene) -> None:
    sound(scene).unlink()


def become_empty(scene: Scene) -> None:
    sound(scene).write_bytes(b"")  # ext4 after a power cut, without fsync


def flip(scene: Scene) -> None:
    data = bytearray(sound(scene).read_bytes())
    data[0] ^= 1
    sound(scene).write_bytes(data)


def lose_the_plan(scene: Scene) -> None:
    (scene.root(CODE) / manifest_path(MONDAY)).unlink()


def swap_the_plan(scene: Scene) -> None:
    (scene.root(CODE) / manifest_path(MONDAY)).write_bytes(b"loa-manifest-1 " + b"0" * 64)


@pytest.mark.parametrize("harm", [vanish, become_empty, flip, lose_the_plan, swap_the_plan])
def test_what_is_lost_is_found_sent_again_and_then_right(
    delivered: Scene, harm: Callable[[Scene], None]
) -> None:
    """Faults 12 and 13: due at once, mended by the next visit; the next look is content."""
    before = sound(delivered).read_bytes()
    harm(delivered)

    assert looked(delivered).healed == 1
    assert state(delivered) == (D.DUE, "lost_at_station")

    assert dispatch.push(delivered.hub).visits[0].delivered == 1
    assert sound(delivered).read_bytes() == before
    assert looked(delivered).healed == 0


def test_the_word_of_the_station_spares_the_reading(delivered: Scene) -> None:
    """It has read every file to its end: not one byte of sound goes over the thin line."""
    delivered.play(CODE, delivered.clock.now(), delivered.clock.now() + timedelta(minutes=1))

    found = looked(delivered).found

    assert found is not None
    assert (found.by_station, found.by_sample, found.bytes_read) == (1, 0, 0)


def test_an_old_word_of_the_station_is_not_believed(delivered: Scene) -> None:
    """A player that died in spring would say for ever that all is well."""
    old = delivered.clock.now() - timedelta(days=2)
    delivered.play(CODE, old, old + timedelta(minutes=1))

    found = looked(delivered).found

    assert found is not None
    assert (found.by_station, found.by_sample) == (0, 1)


def test_no_more_is_read_than_the_budget_allows(delivered: Scene) -> None:
    """Names and sizes are always compared; bytes only as far as the line is ours."""
    settings = delivered.base.settings
    no_bytes = settings.audit.model_copy(update={"budget_bytes": 0})
    object.__setattr__(delivered.base, "settings", settings.model_copy(update={"audit": no_bytes}))

    found = looked(delivered).found

    assert found is not None
    assert (found.by_sample, found.bytes_read, found.bad) == (0, 0, frozenset())


def test_a_card_that_loses_everything_is_not_sent_the_same_for_ever(delivered: Scene) -> None:
    """The first loss heals at once, each further one after a longer pause."""
    pauses = []
    for _ in range(5):
        sound(delivered).unlink()
        assert looked(delivered).healed == 1
        [one] = delivered.deliveries()
        pauses.append(one.next_try_at - delivered.clock.now())
        delivered.clock.move_to(one.next_try_at)
        dispatch.push(delivered.hub)

    assert pauses[0] == timedelta(0)
    assert pauses == sorted(pauses)
    assert pauses[-1] > timedelta(minutes=2)


def test_strays_are_removed_and_counted(delivered: Scene) -> None:
    """Half a file of a programme that was withdrawn, and a rendition that nothing wants."""
    folder = delivered.root(CODE) / AUDIO_DIR
    (folder / f"{'a' * 64}.mp3.part").write_bytes(b"half")
    (folder / f"{'b' * 64}.mp3").write_bytes(b"old")

    result = looked(delivered)

    assert result.findings["removed"] == 2
    assert len(list(folder.iterdir())) == 1
    assert looked(delivered).findings["removed"] == 0


def test_nothing_is_swept_while_a_visit_is_there_or_about_to_come(delivered: Scene) -> None:
    """Its unfinished file is not taken from under its hands."""
    [one] = delivered.deliveries()
    delivered.change(one, state=D.LEASED, lease_until=delivered.clock.now(), worker="other")
    part = delivered.root(CODE) / AUDIO_DIR / f"{'a' * 64}.mp3.part"
    part.write_bytes(b"half")

    looked(delivered)

    assert part.exists()


def test_a_loss_before_air_takes_the_airing_off_the_ready_list(delivered: Scene) -> None:
    """Verified in the evening, gone in the morning: nobody is told that all is ready."""
    delivered.play(CODE, delivered.clock.now(), delivered.clock.now() + timedelta(minutes=1))
    collect.collect_station(delivered.hub, delivered.station(CODE).id)
    assert delivered.airings()[0].state is AiringState.ON_STATION
    vanish(delivered)

    looked(delivered)

    assert delivered.airings()[0].state is AiringState.PLANNED
    with delivered.base.database.read() as session:
        entry = session.query(LedgerEntry).filter_by(what="audit_found_loss").one()
    assert entry.subject == CODE


def test_a_station_out_of_reach_keeps_what_was_known(delivered: Scene) -> None:
    """No answer is no loss: nothing becomes due for it."""
    looked(delivered)
    before = delivered.station(CODE).audit
    delivered.error = Unreachable(host="10.0.0.1", port=22, detail="no answer")
    delivered.clock.advance(timedelta(hours=2))

    result = looked(delivered)

    station = delivered.station(CODE)
    assert result.error is not None
    assert (station.audit, state(delivered)) == (before, (D.DELIVERED, None))
    assert station.audited_at is not None
    assert station.audit_tried_at is not None
    assert station.audit_tried_at > station.audited_at


def test_each_station_is_looked_at_once_a_night_and_once_before_air(delivered: Scene) -> None:
    """At 00:30 in the background, at 04:00 for a day that airs at 05:00, and no message twice."""
    scene, one = delivered, delivered.station(CODE).id
    looked(scene)
    assert audit.to_audit(scene.hub) == []  # 20:00: seen since the last 00:30

    scene.clock.move_to(local("00:31"))
    assert audit.to_audit(scene.hub) == [DueAudit(one, is_near=False)]
    assert audit.to_audit(scene.hub) == []
    looked(scene)

    scene.clock.move_to(local("03:59"))
    assert audit.to_audit(scene.hub) == []
    scene.clock.move_to(local("04:01"))
    assert audit.to_audit(scene.hub) == [DueAudit(one, is_near=True)]
    looked(scene)
    scene.clock.move_to(local("04:59"))
    assert audit.to_audit(scene.hub) == []


def test_a_station_that_does_not_answer_is_tried_again_within_the_hour(delivered: Scene) -> None:
    """And before air every quarter of an hour, without flooding the queue."""
    scene = delivered
    scene.error = Unreachable(host="10.0.0.1", port=22, detail="no answer")
    scene.clock.move_to(local("00:31"))
    tries = []
    while scene.clock.now() < local("05:00"):
        for due in audit.to_audit(scene.hub):
            audit.audit_station(scene.hub, due.station_id)
            tries.append(scene.clock.now())
        scene.clock.advance(timedelta(minutes=10))

    before_four = [at for at in tries if at < local("04:00")]
    assert len(before_four) in (4, 5)
    assert 2 <= len(tries) - len(before_four) <= 4
