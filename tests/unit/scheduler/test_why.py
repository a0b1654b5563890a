"""The chain behind an airing: every link with its source, or the first one that broke."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

from api.i18n import translator
from api.whywords import sentence, step, story_document
from scheduler import collect, dispatch, exceptions, programmes
from scheduler.airings import confirm_airing
from scheduler.exceptions import Decision
from scheduler.slots import remove_slot
from scheduler.store.states import DeliveryState
from scheduler.why import Mark, Story, find_airing, nearest_airings, why
from stations.errors import Unreachable
from tests.builders import person, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local, said

MINUTE = timedelta(minutes=1)
AT = local("05:00")


def told(scene: Scene) -> Story:
    with scene.hub.database.read() as session:
        airing = find_airing(session, scene.station("s13579"), AT)
        assert airing is not None
        return why(scene.hub, session, airing)


def marks(story: Story) -> dict[str, str]:
    return {link.name: f"{link.mark.value} {link.code}" for link in story.links}


def words(scene: Scene, story: Story, name: str, language: str = "en") -> str:
    tr = translator(language, scene.hub.settings.zone)
    return sentence(tr, story, next(link for link in story.links if link.name == name))


def collected(scene: Scene) -> None:
    collect.collect_station(scene.hub, scene.station("s13579").id)


def log(scene: Scene, *events: tuple[str, dict[str, Any]]) -> None:
    lines = [
        said("s13579", event, AT, AT + n * MINUTE, n + 1, offset_ms=0, **more)
        for n, (event, more) in enumerate(events)
    ]
    scene.log("s13579", MONDAY, *lines)


def test_an_airing_that_aired_has_a_whole_chain(scene: Scene) -> None:
    """From the slot to the lines of the player's own log, each with who and when."""
    scene.night("13579")
    dispatch.push(scene.hub)
    scene.play("s13579", scene.clock.now(), AT + 10 * MINUTE)
    collected(scene)
    scene.clock.move_to(local("06:00"))
    collected(scene)

    story = told(scene)

    assert [f"{link.name} {link.mark.value}" for link in story.links] == [
        "slot ok", "release ok", "programme ok", "rendition ok", "delivery ok", "receipt ok",
        "log ok", "result ok",
    ]  # fmt: skip
    assert story.broken is None
    by_name = {link.name: link for link in story.links}
    assert by_name["slot"].who == "Editor"
    assert [one.facts["outcome"] for one in by_name["delivery"].details] == ["delivered"]
    assert [one.code for one in by_name["log"].details] == ["log_started", "log_ended"]
    assert "log_collected" in [entry.what for entry in story.ledger]
    assert words(scene, story, "result").startswith(
        "It aired: began 05:00, sounded 5 minutes of 5 minutes."
    )
    assert "Hằng ngày lúc 05:00" in words(scene, story, "slot", "vi")


def test_a_station_that_was_never_reached_breaks_at_the_sending(scene: Scene) -> None:
    """With each try, what it said, and what to do."""
    scene.night("13579")
    scene.error = Unreachable(host="10.0.0.1", port=22, detail="timed out")
    dispatch.push(scene.hub)
    scene.clock.move_to(local("05:30"))
    collect.settle(scene.hub)

    story = told(scene)

    assert story.broken is not None
    assert (story.broken.name, story.broken.code) == ("delivery", "never_delivered")
    assert [one.facts["outcome"] for one in story.broken.details] == ["unreachable"]
    assert "10.0.0.1" in words(scene, story, "delivery")
    tr = translator("vi", scene.hub.settings.zone)
    assert step(tr, story.broken) == "Khắc phục lỗi đã nêu, rồi gửi lại."


def test_what_the_player_missed_breaks_at_its_log_with_its_reason(scene: Scene) -> None:
    """Delivered and verified, and the amplifier was dead."""
    scene.night("13579")
    dispatch.push(scene.hub)
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    collected(scene)
    (scene.root("s13579") / f"out/asrun/{MONDAY}.jsonl").unlink(missing_ok=True)
    log(scene, ("missed", {"reason": "device_failed"}))
    scene.clock.move_to(local("06:00"))
    collected(scene)

    story = told(scene)

    assert story.broken is not None
    assert (story.broken.name, story.broken.code) == ("log", "log_missed")
    assert "the amplifier or sound card failed" in words(scene, story, "log")
    assert marks(story)["receipt"] == "ok verified"


def test_silence_is_not_known_and_never_called_missed(scene: Scene) -> None:
    """No log came: the chain ends in a question, at the link that is silent."""
    scene.night("13579")
    dispatch.push(scene.hub)
    scene.play("s13579", scene.clock.now(), scene.clock.now() + 5 * MINUTE)
    collected(scene)
    for path in (scene.root("s13579") / "out/asrun").iterdir():
        path.unlink()
    scene.clock.move_to(local("05:30"))

    story = told(scene)

    assert story.broken is not None
    assert (story.broken.name, story.broken.mark) == ("log", Mark.UNKNOWN)
    assert marks(story)["result"].startswith("unknown")


def test_a_person_who_confirmed_is_named(scene: Scene) -> None:
    """Grade B, with the note that stands in the ledger."""
    scene.night("13579")
    dispatch.push(scene.hub)
    scene.clock.move_to(local("06:00"))
    lan = person(scene.base, "lan", "approver")
    [airing] = scene.airings()
    confirm_airing(scene.base, airing.station_id, AT, by=lan, aired=True, note="Nghe rõ")

    story = told(scene)

    assert story.broken is None
    assert "(lan)" in words(scene, story, "result")
    assert [entry.detail["note"] for entry in story.ledger if entry.what == "airing_confirmed"] == [
        "Nghe rõ"
    ]


def test_a_day_that_was_skipped_says_who_and_why(scene: Scene) -> None:
    """The first link broke on purpose."""
    added = scene.night("13579", valid_to=None)
    lan = someone(scene.base, "editor")
    for on, reason in ((MONDAY, "Mất điện theo lịch"), (MONDAY + timedelta(days=1), "Họp")):
        exceptions.decide(scene.base, added.id, Decision(on, reason), by=lan)
    scene.plan()

    story = told(scene)

    assert story.broken is not None
    assert (story.broken.name, story.broken.code) == ("slot", "slot_skip")
    assert story.broken.details[0].facts["reason"] == "Mất điện theo lịch"
    assert story.broken.details[0].facts["who"] == "Editor"
    assert [one.detail["reason"] for one in story.ledger if one.what == "slot_day_changed"] == [
        "Mất điện theo lịch"
    ]


def test_a_slot_that_was_taken_out_and_a_withdrawn_programme_say_so(scene: Scene) -> None:
    """Both end before anything is sent."""
    added = scene.night("13579")
    programmes.withdraw(
        scene.base, scene.airings()[0].programme_id, by=someone(scene.base, "approver"),
        reason="sai số liệu",
    )  # fmt: skip
    withdrawn = told(scene)
    assert marks(withdrawn)["programme"] == "broken programme_withdrawn"
    assert "programme_withdrawn" in [entry.what for entry in withdrawn.ledger]

    remove_slot(scene.base, added.id, by=someone(scene.base, "editor"))
    scene.plan()

    story = told(scene)
    assert story.broken is not None
    assert story.broken.code == "slot_removed"


def test_what_is_still_to_come_waits_and_is_not_broken(scene: Scene) -> None:
    """In the evening before, nothing is wrong yet."""
    scene.night("13579")

    story = told(scene)

    assert story.broken is not None
    assert (story.broken.name, story.broken.mark) == ("delivery", Mark.WAITING)
    assert all(link.mark is not Mark.BROKEN for link in story.links)


def test_every_try_tells_its_own_failure(scene: Scene) -> None:
    """Two that failed differently before the last one came through: no word is lost."""
    scene.night("13579")
    for error in (Unreachable(host="10.0.0.1", port=22, detail="timed out"),
                  Unreachable(host="10.0.0.2", port=2222, detail="no route")):  # fmt: skip
        scene.error = error
        dispatch.push(scene.hub)
        scene.clock.advance(timedelta(minutes=31))
    scene.error = None
    dispatch.push(scene.hub)

    story = told(scene)

    for language in ("vi", "en"):
        document = story_document(story, translator(language, scene.hub.settings.zone))
        [delivery] = [link for link in document["links"] if link["name"] == "delivery"]
        first, second, third = [one["sentence"] for one in delivery["details"]]
        assert "10.0.0.1" in first
        assert "10.0.0.2" in second
        assert "2222" in second
        assert "10.0.0" not in third


def test_the_nearest_airings_are_offered(scene: Scene) -> None:
    """Three to either side, by time; the minute counts, not the second."""
    scene.night("13579", valid_to=None)
    with scene.hub.database.read() as session:
        station = scene.station("s13579")
        assert find_airing(session, station, AT + MINUTE) is None
        near = nearest_airings(session, station, AT + timedelta(days=2, hours=1))

    days = [(one.planned_at - AT).days for one in near]
    assert days == [0, 1, 2, 3, 4, 5]


def test_every_link_has_a_sentence_in_both_languages(scene: Scene) -> None:
    """No code and no gap shows through, whatever the chain looks like."""
    scene.night("13579")
    stories = [told(scene)]
    dispatch.push(scene.hub)
    stories.append(told(scene))
    scene.clock.move_to(local("05:30"))
    stories.append(told(scene))
    [delivery] = [one for one in scene.deliveries() if one.state is DeliveryState.DELIVERED]
    scene.change(delivery, delivered_at=local("05:20"))
    stories.append(told(scene))

    for story in stories:
        for language in ("vi", "en"):
            document = story_document(story, translator(language, scene.hub.settings.zone))
            for link in document["links"]:
                assert link["sentence"].strip()
                assert "{" not in link["sentence"], link
    assert marks(stories[-1])["delivery"] == "broken delivered_late"


def test_a_draft_of_something_later_does_not_rewrite_the_story(scene: Scene) -> None:
    """What is told is what was released when it aired, by whom, in which version."""
    added = scene.night("13579")
    scene.change(added, title="Tên mới trong bản nháp", starts_at=time(9))

    story = told(scene)

    by_name = {link.name: link for link in story.links}
    assert by_name["slot"].facts["title"] == "Gương thoát nghèo"
    assert story.rule.starts_at == time(5)
    assert by_name["release"].who == "Editor"
    assert "timetable_released" in [entry.what for entry in story.ledger]
