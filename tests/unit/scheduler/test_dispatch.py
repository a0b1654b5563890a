"""What is due goes out, in its order and its window, and what happened is written down."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from scheduler import dispatch, registry, retries
from scheduler.errors import RenditionMissing
from scheduler.store.models import LedgerEntry, Station
from scheduler.store.states import DeliveryState
from stations.errors import HostKeyChanged, LinkDown, Unreachable
from stations.layout import AUDIO_DIR, manifest_path
from stations.manifest import file_sha256, open_signed
from stations.simulator import Fleet
from tests.builders import programme
from tests.unit.scheduler.scene import MONDAY, Scene, local
from tests.unit.scheduler.test_leases import at_once

D = DeliveryState
TUESDAY = MONDAY + timedelta(days=1)


def visit(scene: Scene, code: str = "s13579") -> dispatch.VisitResult:
    dispatch.admit(scene.hub, ignore_windows=True)
    result = dispatch.visit_station(scene.hub, scene.station(code).id, worker="w")
    assert result is not None
    return result


def test_a_station_gets_its_days_its_files_and_a_manifest_of_them(scene: Scene) -> None:
    """Delivered means that it lies there, whole and signed."""
    scene.night("13579", valid_to=TUESDAY)

    result = visit(scene)

    assert (result.delivered, result.failed, result.error) == (2, 0, None)
    for delivery in scene.deliveries():
        data = (scene.root("s13579") / manifest_path(delivery.for_date)).read_bytes()
        manifest = open_signed(data, scene.key("s13579"))
        assert delivery.state is D.DELIVERED
        assert delivery.manifest_sha256 == file_sha256(data)
        assert (manifest.seq, manifest.station) == (delivery.seq, "s13579")
        for file in manifest.files:
            path = scene.root("s13579") / AUDIO_DIR / file.name
            assert path.stat().st_size == file.size_bytes
    assert [attempt.outcome for attempt in scene.attempts()] == ["delivered"] * 2
    [size] = {path.stat().st_size for path in (scene.root("s13579") / AUDIO_DIR).iterdir()}
    assert [attempt.bytes_sent for attempt in scene.attempts()] == [size, 0]
    assert scene.station("s13579").last_seen_at == scene.clock.now()


def test_the_printed_page_tells_of_all_the_days_that_went_out(scene: Scene) -> None:
    """Of seven pages of one name only the last would survive."""
    scene.night("13579", valid_to=TUESDAY)

    visit(scene)

    page = (scene.root("s13579") / "in/LICH_PHAT.txt").read_text(encoding="utf-8-sig")
    assert "17/10/2022" in page
    assert "18/10/2022" in page


def test_pushing_the_same_night_again_sends_nothing(scene: Scene) -> None:
    """Nothing is due, nobody is dialled."""
    scene.night("13579", "13285")
    first = dispatch.push(scene.hub)

    again = dispatch.push(scene.hub)

    assert len(first.visits) == 2
    assert again.visits == ()


@pytest.mark.parametrize(
    ("begin", "end", "now", "is_open"),
    [
        ("18:00", "04:30", "18:00", True),
        ("18:00", "04:30", "23:59", True),
        ("18:00", "04:30", "04:29", True),
        ("18:00", "04:30", "04:30", False),
        ("18:00", "04:30", "12:00", False),
        ("08:00", "11:00", "08:00", True),
        ("08:00", "11:00", "11:00", False),
        ("08:00", "11:00", "23:00", False),
        ("00:00", "00:00", "12:00", True),
    ],
)
def test_a_window_may_run_over_midnight(
    scene: Scene, begin: str, end: str, now: str, is_open: bool
) -> None:
    """Visits happen when the line is free; the end itself is outside."""
    scene.stations("13579", push_from=begin, push_until=end)
    scene.slot(programme(scene.base, "Tin"), valid_from=TUESDAY, valid_to=TUESDAY)
    scene.plan()

    scene.clock.move_to(local(now, MONDAY))

    assert (dispatch.admit(scene.hub) != []) is is_open


def test_the_nearest_airing_goes_first(scene: Scene) -> None:
    """Fault 22: when the night is too short, the morning is there."""
    scene.stations("13579", "13285", "13288")
    for unit, at in (("13579", time(11)), ("13285", time(17)), ("13288", time(5))):
        scene.slot(programme(scene.base, unit), at=at, audience=(f"station:s{unit}",))
    scene.plan()

    ids = dispatch.admit(scene.hub)

    assert ids == [scene.station(code).id for code in ("s13288", "s13579", "s13285")]


def test_what_can_be_tried_again_is_and_ends_well(scene: Scene) -> None:
    """A dead line costs its night nothing but time; the row says what is wrong meanwhile."""
    scene.night("13579")
    scene.error = Unreachable(host="10.0.0.1", port=22, detail="timed out")
    failed = visit(scene)
    scene.error = None

    [delivery] = scene.deliveries()
    assert (failed.delivered, failed.failed) == (0, 1)
    assert (delivery.state, delivery.error_code) == (D.DUE, "unreachable")
    assert dispatch.admit(scene.hub) == []
    scene.clock.advance(timedelta(minutes=1))
    assert visit(scene).delivered == 1
    [delivery] = scene.deliveries()
    assert (delivery.state, delivery.error_code) == (D.DELIVERED, None)
    assert [one.outcome for one in scene.attempts()] == ["unreachable", "delivered"]
    first, second = scene.attempts()
    assert first.error_fields == {"host": "10.0.0.1", "port": "22", "detail": "timed out"}
    assert second.error_fields is None


def test_what_only_a_person_can_mend_waits_for_a_person(scene: Scene) -> None:
    """A changed host key is nobody's to accept but a person's; then it goes out at once."""
    scene.night("13579")
    scene.error = HostKeyChanged(host="h", port=22, seen="b", pinned="a")
    visit(scene)
    scene.error = None
    scene.clock.advance(timedelta(hours=2))
    assert dispatch.admit(scene.hub) == []

    with scene.base.database.write() as session:
        station = registry.find_station(session, "s13579")
        registry.accept_host_key(
            session, station, "ssh-ed25519 BBBB", by="kỹ thuật", now=scene.clock.now()
        )

    assert visit(scene).delivered == 1
    with scene.base.database.read() as session:
        book = session.scalars(select(LedgerEntry.what).order_by(LedgerEntry.seq)).all()
    assert book[-2:] == ["host_key_accepted", "delivery_retried"]


def test_a_person_who_says_again_does_not_wait_for_the_back_off(scene: Scene) -> None:
    """Somebody has just mended the line and stands beside the box."""
    scene.night("13579")
    scene.error = Unreachable(host="h", port=22, detail="-")
    visit(scene)
    scene.error = None

    with scene.base.database.write() as session:
        station = registry.find_station(session, "s13579")
        assert retries.retry(session, station, by="kỹ thuật", now=scene.clock.now()) == 1

    assert visit(scene).delivered == 1


def test_a_cut_in_the_middle_keeps_the_days_that_were_done(scene: Scene) -> None:
    """What was recorded stays; only the rest is tried again."""
    scene.night("13579", valid_to=TUESDAY)
    done: list[str] = []

    def cut(name: str) -> None:
        done.append(name)
        if done.count("manifest_part") == 2:
            raise LinkDown(idle_s=30, acknowledged_bytes=1)

    scene.on_step = cut
    result = visit(scene)

    assert (result.delivered, result.failed) == (1, 1)
    assert [one.state for one in scene.deliveries()] == [D.DELIVERED, D.DUE]


def test_a_missing_file_here_is_said_and_nothing_is_committed(scene: Scene) -> None:
    """A day without its file is not a day."""
    scene.night("13579")
    for path in scene.base.renditions.iterdir():
        path.unlink()

    result = visit(scene)

    assert isinstance(result.error, RenditionMissing)
    assert not (scene.root("s13579") / manifest_path(MONDAY)).exists()


def test_a_plan_that_changes_under_way_sends_the_newer_day(scene: Scene) -> None:
    """The old day is not committed any more once a newer one stands in the rows."""
    scene.night("13579")
    other = programme(scene.base, "Tin trưa")

    def change(name: str) -> None:
        if name == "renamed":
            scene.on_step = lambda step: None
            scene.slot(other, at=time(11))
            scene.plan()

    scene.on_step = change
    first = visit(scene)

    assert (first.delivered, first.error.code if first.error else "") == (0, "lease_lost")
    assert not (scene.root("s13579") / manifest_path(MONDAY)).exists()
    assert visit(scene).delivered == 1
    data = (scene.root("s13579") / manifest_path(MONDAY)).read_bytes()
    assert len(open_signed(data, scene.key("s13579")).items) == 2


def test_doubled_messages_make_one_visit(scene: Scene) -> None:
    """A message is a hint: four of them at once send each byte once."""
    scene.night("13579")
    dispatch.admit(scene.hub)
    station_id = scene.station("s13579").id

    results = at_once(4, lambda n: dispatch.visit_station(scene.hub, station_id, worker=f"w{n}"))

    [done] = [one for one in results if one is not None]
    assert isinstance(done, dispatch.VisitResult)
    assert done.delivered == 1
    assert len(scene.attempts()) == 1


def test_a_real_sftp_station_is_reached_by_its_row(scene: Scene, tmp_path: Path) -> None:
    """Address, pinned key and our own key come from the rows and the data folder."""
    public = scene.base.ssh_key_path.with_suffix(".pub").read_text()
    with Fleet(tmp_path / "fleet", ["s13579"], public) as fleet:
        station = fleet["s13579"]
        scene.stations("13579", port=str(station.port), root="/", host_key=station.host_key)
        scene.slot(programme(scene.base, "Tin sáng", content=b"x" * 200_000))
        scene.plan()

        result = dispatch.push(scene.base)

        assert [one.delivered for one in result.visits] == [1]
        assert result.bytes_sent == 200_000
        assert (station.root / manifest_path(MONDAY)).exists()


def test_more_deliveries_than_one_statement_can_carry_are_admitted(scene: Scene) -> None:
    """A nation's week is 74,200 of them."""
    scene.night("13579")
    [one] = scene.deliveries()
    columns = {c.name: getattr(one, c.name) for c in type(one).__table__.columns}
    rows = [
        {**columns, "id": 100 + n, "seq": 100 + n, "for_date": date(2023, 1, 1), "state": "due"}
        for n in range(1_100)
    ]
    with scene.base.database.write() as session:
        session.execute(type(one).__table__.insert(), rows)

    assert dispatch.admit(scene.hub) == [one.station_id]

    assert {found.state for found in scene.deliveries()} == {D.QUEUED}


def test_what_is_put_off_is_not_tried_before_its_time(scene: Scene) -> None:
    """A person's pause holds for every day that waits, and for a message that is under way."""
    scene.night("13579")
    one = scene.station("s13579").id
    dispatch.admit(scene.hub, ignore_windows=True)  # queued: a worker may take it any moment
    until = scene.clock.now() + timedelta(hours=2)
    with scene.base.database.write() as session:
        station = session.get_one(Station, one)
        found = retries.postpone(session, station, until=until, by="huong", now=scene.clock.now())

    assert (found.postponed, found.late) == (1, 0)
    assert dispatch.visit_station(scene.hub, one, worker="t") is None
    assert dispatch.push(scene.hub).visits == ()
    scene.clock.move_to(until)
    assert dispatch.push(scene.hub).visits[0].delivered == 1
