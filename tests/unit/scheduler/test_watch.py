"""What somebody must hear of is told once, in time, to those who want it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from scheduler import collect, dispatch, watch
from scheduler.config import MailSettings, NoticeSettings, Recipient
from scheduler.hub import Hub
from scheduler.store.models import Notice
from scheduler.store.states import AiringState
from tests.builders import programme
from tests.unit.scheduler.scene import MONDAY, Scene, local, said

MINUTE = timedelta(minutes=1)
AT = local("05:00")


def watched(scene: Scene, *recipients: Recipient, **notice: Any) -> Hub:
    """The same hub with people who want to hear of it."""
    everybody = recipients or (Recipient(address="lan@hanam.example"),)
    settings = scene.hub.settings.model_copy(
        update={
            "notice": NoticeSettings(recipients=everybody, **notice),
            "mail": MailSettings(host="127.0.0.1", sender="loa@hanam.example"),
        }
    )
    return replace(scene.hub, settings=settings)


def notices(scene: Scene) -> list[Notice]:
    with scene.base.database.read() as session:
        return session.query(Notice).order_by(Notice.id).all()


def told(scene: Scene) -> list[tuple[str, str]]:
    return [(one.kind, one.target) for one in notices(scene)]


def test_what_is_not_ready_is_told_at_60_and_at_15_minutes_once(scene: Scene) -> None:
    """However often the clock ticks, and from however many processes."""
    scene.night("13579")
    hub = watched(scene)
    scene.clock.move_to(AT - 61 * MINUTE)
    assert watch.look(hub) == 0

    scene.clock.move_to(AT - 60 * MINUTE)
    assert [watch.look(hub), watch.look(hub), watch.look(watched(scene))] == [1, 0, 0]
    scene.clock.move_to(AT - 16 * MINUTE)
    assert watch.look(hub) == 0
    scene.clock.move_to(AT - 15 * MINUTE)
    assert [watch.look(hub), watch.look(hub)] == [1, 0]

    first, second = notices(scene)
    assert (first.facts["minutes"], second.facts["minutes"]) == (60, 15)
    assert first.facts["stations"][0]["code"] == "waiting"
    assert second.facts["stations"][0]["code"] == "window_closed"


def test_a_hub_that_was_off_tells_the_nearest_look_only(scene: Scene) -> None:
    """At T-10 nobody needs to know how it stood at T-60."""
    scene.night("13579")
    scene.clock.move_to(AT - 10 * MINUTE)

    assert [watch.look(watched(scene)), watch.look(watched(scene))] == [1, 0]

    [one] = notices(scene)
    assert one.facts["minutes"] == 15


def test_when_all_is_ready_nobody_is_disturbed(scene: Scene) -> None:
    """Silence is told once a day by the digest, not every quarter of an hour."""
    scene.night("13579")
    dispatch.push(scene.hub)
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    collect.collect_station(scene.hub, scene.station("s13579").id)
    scene.clock.move_to(AT - 20 * MINUTE)

    watch.look(watched(scene))

    assert notices(scene) == []


def test_an_airing_of_which_nobody_heard_is_told_within_two_minutes(scene: Scene) -> None:
    """Promise P8: on the list and in the outbox, whatever became of the station."""
    scene.night("13579")
    hub = watched(scene)
    scene.clock.move_to(AT - 15 * MINUTE)
    watch.look(hub)
    seconds = None
    for after in range(0, 121, 15):  # as the tick comes
        scene.clock.move_to(AT + timedelta(seconds=after))
        watch.look(hub)
        with hub.database.read() as session:
            on_screen = watch.unconfirmed(hub, session)
        if told(scene)[-1][0] == "unconfirmed":
            seconds = after
            assert [one.station.code for one in on_screen] == ["s13579"]
            break

    assert seconds is not None
    assert seconds <= 120
    assert notices(scene)[-1].facts["stations"][0]["station"] == "s13579"
    watch.look(hub)
    assert [kind for kind, _ in told(scene)].count("unconfirmed") == 1


def test_a_log_that_says_it_began_keeps_everybody_asleep(scene: Scene) -> None:
    """The station's first line is fetched in the first minute, while the item is on air."""
    scene.night("13579")
    dispatch.push(scene.hub)
    hub = watched(scene)
    scene.log("s13579", MONDAY, said("s13579", "started", AT, AT, 1, offset_ms=0))
    scene.clock.move_to(AT + timedelta(seconds=25))
    to_look_at = watch.to_look_at(hub, AT)
    for station_id in to_look_at:
        collect.collect_station(scene.hub, station_id)
    scene.clock.move_to(AT + timedelta(seconds=90))

    assert to_look_at == [scene.station("s13579").id]
    assert watch.tell_unconfirmed(hub) == 0
    [airing] = scene.airings()
    assert airing.started_at == AT
    assert airing.state in (AiringState.PLANNED, AiringState.ON_STATION)  # begun is not aired


def test_what_a_log_calls_missed_is_told_when_the_contact_returns(scene: Scene) -> None:
    """Once for each airing, also when the same log is read again."""
    scene.night("13579")
    dispatch.push(scene.hub)
    hub = watched(scene, Recipient(address="lan@hanam.example", kinds=("missed",)))
    scene.log("s13579", MONDAY, said("s13579", "missed", AT, AT, 1, reason="device_failed"))
    scene.clock.move_to(local("06:00"))
    assert watch.tell_missed(hub) == 0

    for _ in range(2):
        collect.collect_station(scene.hub, scene.station("s13579").id)
        watch.look(hub)

    [one] = notices(scene)
    assert (one.kind, one.facts["stations"][0]["reason"]) == ("missed", "device_failed")


def test_a_recipient_of_a_district_hears_of_its_own_communes_only(scene: Scene) -> None:
    """353 is Lý Nhân (13579), 352 Bình Lục."""
    scene.night("13579")
    hub = watched(
        scene,
        Recipient(address="lynhan@hanam.example", unit="353"),
        Recipient(address="binhluc@hanam.example", unit="352"),
        Recipient(address="digest@hanam.example", kinds=("digest",)),
    )
    scene.clock.move_to(AT - 15 * MINUTE)

    watch.look(hub)

    assert told(scene) == [("ready", "lynhan@hanam.example")]


def test_the_digest_comes_at_seven_and_once(scene: Scene) -> None:
    """With the phone number of each station that somebody should call."""
    scene.stations("13579", "13573", phone="0912345678")
    scene.slot(programme(scene.base, "Tin"))
    scene.plan()
    scene.log("s13579", MONDAY, said("s13579", "started", AT, AT, 1, offset_ms=0),
              said("s13579", "ended", AT, AT + 5 * MINUTE, 2, played_ms=300_000))  # fmt: skip
    scene.clock.move_to(local("06:59"))
    collect.collect_station(scene.hub, scene.station("s13579").id)
    hub = watched(scene, Recipient(address="lan@hanam.example", kinds=("digest",)))
    watch.look(hub)
    assert notices(scene) == []

    scene.clock.move_to(local("07:00"))
    watch.look(hub)
    watch.look(hub)

    [one] = notices(scene)
    assert (one.facts["ready"], one.facts["total"], one.facts["to_call"]) == (1, 2, 1)
    assert [call["phone"] for call in one.facts["stations"]] == ["0912345678"]
    assert [call["station"] for call in one.facts["stations"]] == ["s13573"]


def test_the_ping_comes_after_the_night_only_if_somebody_worked(scene: Scene) -> None:
    """A hub whose workers were dead all night must be missed by the watcher outside."""
    scene.night("13579")
    hub = watched(scene, ping_url="https://watch.example/secret")
    scene.clock.move_to(local("04:31"))
    assert watch.tell_night_over(hub) == 0

    dispatch.push(scene.hub)

    assert [watch.tell_night_over(hub), watch.tell_night_over(hub)] == [1, 0]
    assert [(one.kind, one.channel) for one in notices(scene)] == [("night", "ping")]
