"""Ordered on air at once: who may, where it goes, what is left behind when something fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from sqlalchemy import select

from scheduler import bulletins, collect, dispatch, planner, urgent
from scheduler.bulletins import Order
from scheduler.config import ProgrammeSettings, UrgentSettings
from scheduler.errors import FourEyes, InputInvalid, NotAllowed, NotFound, OutsideUnit, WrongState
from scheduler.store.models import Bulletin, LedgerEntry, Programme, Station
from scheduler.store.states import AiringState, DeliveryState, Grade, ProgrammeState
from scheduler.units import find_unit
from stations.errors import HostKeyChanged, Unreachable
from stations.layout import URGENT_MANIFEST, manifest_path
from stations.manifest import open_signed
from tests.builders import person, programme, someone
from tests.unit.scheduler.scene import MONDAY, Scene, local

A, D = AiringState, DeliveryState
MINUTE = timedelta(minutes=1)


@pytest.fixture
def alarm(scene: Scene) -> Programme:
    """Two stations with tonight's plan, and a recording that is approved."""
    scene.night("13579", "13588")
    dispatch.push(scene.hub)
    return programme(scene.base, "Lũ về, di dời ngay", ms=60_000)


def issued(scene: Scene, made: Programme, *units: str, **more: object) -> Bulletin:
    order = Order(made.id, units or ("35",), "Lũ lên nhanh", **more)  # type: ignore[arg-type]
    return bulletins.issue(scene.hub, order, by=someone(scene.base, "approver"))


def rows(scene: Scene, bulletin: Bulletin) -> dict[str, tuple[DeliveryState, str | None]]:
    with scene.base.database.read() as session:
        found = bulletins.get_bulletin(session, bulletin.id).stations
    return {row.station.code: (row.state, row.error_code) for row in found}


def urgent_airings(scene: Scene) -> dict[str, tuple[AiringState, Grade]]:
    codes = {scene.station(code).id: code for code in ("s13579", "s13588")}
    return {
        codes[one.station_id]: (one.state, one.grade)
        for one in scene.airings()
        if one.bulletin_id is not None
    }


def ledger_of(scene: Scene, what: str) -> list[LedgerEntry]:
    with scene.base.database.read() as session:
        return list(session.scalars(select(LedgerEntry).where(LedgerEntry.what == what)))


def played(scene: Scene, code: str, minutes: int = 5) -> None:
    scene.play(code, scene.clock.now(), scene.clock.now() + minutes * MINUTE)


# ── The main way ───────────────────────────────────────────────────────────────────────────────


def test_ordered_brought_checked_heard_and_proved(scene: Scene, alarm: Programme) -> None:
    """Every step has its source: the rename, the receipt, the log."""
    bulletin = issued(scene, alarm)
    assert urgent_airings(scene) == dict.fromkeys(("s13579", "s13588"), (A.PLANNED, Grade.D))

    visits = urgent.push(scene.hub)

    assert {visit.station_code: visit.error for visit in visits} == {"s13579": None, "s13588": None}
    assert rows(scene, bulletin) == dict.fromkeys(("s13579", "s13588"), (D.DELIVERED, None))

    played(scene, "s13579")
    scene.clock.advance(30 * MINUTE)
    collect.collect(scene.hub)

    assert rows(scene, bulletin) == {"s13579": (D.VERIFIED, None), "s13588": (D.DELIVERED, None)}
    assert urgent_airings(scene) == {"s13579": (A.AIRED, Grade.A), "s13588": (A.PLANNED, Grade.D)}


def test_todays_manifest_is_not_touched(scene: Scene, alarm: Programme) -> None:
    """Not its bytes, not its row; and planning and sending again does not take it in."""
    scene.clock.move_to(local("04:00"))
    path = scene.root("s13579") / manifest_path(MONDAY)
    before, deliveries = path.read_bytes(), [(d.id, d.seq, d.state) for d in scene.deliveries()]

    issued(scene, alarm)
    urgent.push(scene.hub)
    planner.plan(scene.hub, first=MONDAY)
    dispatch.push(scene.hub)

    assert path.read_bytes() == before
    assert [(d.id, d.seq, d.state) for d in scene.deliveries()] == deliveries
    assert len(urgent_airings(scene)) == 2
    assert {state for state, _ in urgent_airings(scene).values()} == {A.PLANNED}


def test_it_waits_for_no_window_no_quiet_hour_and_no_other_visit(
    scene: Scene, alarm: Programme
) -> None:
    """At two in the afternoon, while a worker holds the station for its night."""
    scene.clock.move_to(local("14:00"))
    scene.slot(programme(scene.base, "Tin tối"), at=time(19))
    planner.plan(scene.base, first=MONDAY, days=1)
    during: list[str] = []

    def bring_beside(step: str) -> None:
        if step == "part_opened" and not during:
            during.append(step)
            issued(scene, alarm, "13579")
            during.extend(v.station_code for v in urgent.push(scene.hub) if v.error is None)

    scene.on_step = bring_beside
    result = dispatch.visit_station(scene.hub, scene.station("s13579").id, worker="w")

    assert during == ["part_opened", "s13579"]
    assert result is not None
    assert result.error is None
    assert (scene.root("s13579") / URGENT_MANIFEST).exists()


def test_two_alarms_stand_in_one_manifest_and_neither_hides_the_other(
    scene: Scene, alarm: Programme
) -> None:
    """The second does not take the first back."""
    issued(scene, alarm)
    urgent.push(scene.hub)
    scene.clock.advance(MINUTE)
    issued(scene, programme(scene.base, "Vỡ đê"), "13579")
    urgent.push(scene.hub)

    data = (scene.root("s13579") / URGENT_MANIFEST).read_bytes()
    manifest = open_signed(data, scene.key("s13579"))
    assert [one.title for one in manifest.items] == ["Lũ về, di dời ngay", "Vỡ đê"]
    played(scene, "s13579", minutes=10)
    scene.clock.advance(30 * MINUTE)
    collect.collect(scene.hub)
    states = [one.state for one in scene.airings("s13579") if one.bulletin_id]
    assert states == [A.AIRED, A.AIRED]


def test_two_alarms_in_one_second_have_two_names(scene: Scene, alarm: Programme) -> None:
    """An airing is named by its instant; the second one is ordered a second earlier, not later."""
    issued(scene, alarm)
    issued(scene, programme(scene.base, "Vỡ đê"))

    assert len(urgent_airings(scene)) == 2
    assert len([one for one in scene.airings("s13579") if one.bulletin_id]) == 2
    urgent.push(scene.hub)


# ── Taken back ─────────────────────────────────────────────────────────────────────────────────


def test_withdrawn_it_is_gone_from_the_station_and_cancelled(
    scene: Scene, alarm: Programme
) -> None:
    """A newer manifest without it; a station that never heard of it is not told at all."""
    bulletin = issued(scene, alarm)
    urgent.bring(scene.hub, scene.station("s13579").id)

    by = someone(scene.base, "approver")
    bulletins.withdraw(scene.hub, bulletin.id, by=by, reason="Nước đã rút")
    urgent.push(scene.hub)

    data = (scene.root("s13579") / URGENT_MANIFEST).read_bytes()
    assert open_signed(data, scene.key("s13579")).items == ()
    assert not (scene.root("s13588") / URGENT_MANIFEST).exists()
    assert {state for state, _ in urgent_airings(scene).values()} == {A.CANCELLED}
    played(scene, "s13579")
    collect.collect(scene.hub)
    assert rows(scene, bulletin)["s13579"] == (D.VERIFIED, None)
    assert {state for state, _ in urgent_airings(scene).values()} == {A.CANCELLED}


def test_what_was_heard_before_it_was_taken_back_is_told(scene: Scene, alarm: Programme) -> None:
    """Cancelled is what we wanted; the log says what happened."""
    bulletin = issued(scene, alarm)
    urgent.push(scene.hub)
    played(scene, "s13579")
    scene.clock.advance(20 * MINUTE)
    by = someone(scene.base, "approver")
    bulletins.withdraw(scene.hub, bulletin.id, by=by, reason="Nhầm")
    collect.collect(scene.hub)

    assert urgent_airings(scene)["s13579"] == (A.AIRED, Grade.A)


# ── What stands in the way ─────────────────────────────────────────────────────────────────────


def test_an_order_that_reaches_no_box_approves_nothing(scene: Scene, alarm: Programme) -> None:
    """What nobody has listened to stays unapproved when the order is refused."""
    with scene.base.database.write() as session:
        session.get_one(Programme, alarm.id).state = ProgrammeState.READY
        for code in ("s13579", "s13588"):
            session.get_one(Station, scene.station(code).id).kind = "person"

    with pytest.raises(InputInvalid):
        issued(scene, alarm)

    with scene.base.database.read() as session:
        assert session.get_one(Programme, alarm.id).state is ProgrammeState.READY


def test_an_unreachable_station_is_tried_again_until_it_expires(
    scene: Scene, alarm: Programme
) -> None:
    """Every two minutes at the latest; after its hour nobody is told of it any more."""
    bulletin = issued(scene, alarm, "13579", minutes=10)
    scene.error = Unreachable(host="h", port=22, detail="no answer")
    tries = 0
    for _ in range(20):
        tries += len(urgent.push(scene.hub))
        scene.clock.advance(MINUTE)

    assert 4 <= tries <= 10
    assert rows(scene, bulletin) == {"s13579": (D.FAILED, "unreachable")}
    scene.error = None
    assert urgent.push(scene.hub) == []
    assert not (scene.root("s13579") / URGENT_MANIFEST).exists()
    scene.clock.advance(40 * 60 * MINUTE)
    collect.settle(scene.hub)
    assert urgent_airings(scene) == {"s13579": (A.UNKNOWN, Grade.D)}


def test_another_host_key_is_never_sent_an_alarm(scene: Scene, alarm: Programme) -> None:
    """However urgent: this may not be the station. A person must decide."""
    bulletin = issued(scene, alarm, "13579")
    scene.error = HostKeyChanged(host="h", port=22, seen="a", pinned="b")
    urgent.push(scene.hub)

    assert rows(scene, bulletin) == {"s13579": (D.FAILED, "host_key_changed")}


@pytest.mark.parametrize("step", ["connected", "renamed", "manifest_part", "manifest_live"])
def test_a_worker_that_dies_leaves_it_to_the_next(
    scene: Scene, alarm: Programme, step: str
) -> None:
    """At any step: after its lease the next one brings it, and the player obeys the newest."""

    class Dead(BaseException):
        pass

    def die(name: str) -> None:
        if name == step:
            raise Dead

    bulletin = issued(scene, alarm, "13579")
    with pytest.raises(Dead):
        urgent.bring(scene.hub, scene.station("s13579").id, step=die)
    assert urgent.push(scene.hub) == []
    scene.clock.advance(16 * MINUTE)

    assert [visit.error for visit in urgent.push(scene.hub)] == [None]
    assert rows(scene, bulletin) == {"s13579": (D.DELIVERED, None)}
    played(scene, "s13579")
    scene.clock.advance(20 * MINUTE)
    collect.collect(scene.hub)
    assert urgent_airings(scene) == {"s13579": (A.AIRED, Grade.A)}


# ── A drill ────────────────────────────────────────────────────────────────────────────────────


def test_a_drill_reports_the_time_and_leaves_nothing_in_the_log(
    scene: Scene, alarm: Programme
) -> None:
    """Brought, checked, would have played; no airing, so no report counts it."""
    bulletin = issued(scene, alarm, "13579", is_drill=True)
    urgent.push(scene.hub)
    started = scene.clock.now()
    played(scene, "s13579", minutes=1)
    scene.clock.advance(MINUTE)
    collect.collect(scene.hub)

    with scene.base.database.read() as session:
        [row] = bulletins.get_bulletin(session, bulletin.id).stations
    assert row.state is D.VERIFIED
    assert row.drilled_at is not None
    assert started <= row.drilled_at <= started + MINUTE
    assert urgent_airings(scene) == {}
    assert [entry.detail["reason"] for entry in ledger_of(scene, "urgent_drilled")] == [
        "Lũ lên nhanh"
    ]


# ── Who may ────────────────────────────────────────────────────────────────────────────────────


def test_only_the_named_roles_may(scene: Scene, alarm: Programme) -> None:
    """An approver, unless the settings name others."""
    by = person(scene.base, "khac", "editor")
    order = Order(alarm.id, ("35",), "Lũ")

    with pytest.raises(NotAllowed):
        bulletins.issue(scene.hub, order, by=by)
    assert urgent.push(scene.hub) == []

    roles = {"urgent": UrgentSettings(roles=("editor",))}
    widened = scene.hub.settings.model_copy(update=roles)
    assert bulletins.issue(replace(scene.hub, settings=widened), order, by=by)


def test_whoever_brought_the_recording_may_not_order_it(scene: Scene, alarm: Programme) -> None:
    """Four eyes, however urgent: also for the administrator."""
    both = person(scene.base, "mot-minh", "approver")
    own = programme(scene.base, "Của tôi", by=both)

    with pytest.raises(FourEyes):
        bulletins.issue(scene.hub, Order(own.id, ("35",), "Lũ"), by=both)


def test_a_person_of_one_unit_does_not_speak_in_another(scene: Scene, alarm: Programme) -> None:
    """The role counts below the person's unit."""
    with scene.base.database.write() as session:
        by = someone(scene.base, "approver")
        unit = find_unit(session, "13579", MONDAY)
        session.merge(by).unit_id = unit.id
    by = someone(scene.base, "approver")

    with pytest.raises(OutsideUnit):
        bulletins.issue(scene.hub, Order(alarm.id, ("35",), "Lũ"), by=by)
    assert bulletins.issue(scene.hub, Order(alarm.id, ("13579",), "Lũ"), by=by)


def test_an_order_is_the_approval_that_was_missing(scene: Scene, alarm: Programme) -> None:
    """A recording that waits for its approver is approved by the order, and the ledger says so."""
    with scene.base.database.write() as session:
        session.get_one(Programme, alarm.id).state = ProgrammeState.READY
    one_profile = {"programmes": ProgrammeSettings(profiles=("loa-48",))}
    hub = replace(scene.hub, settings=scene.hub.settings.model_copy(update=one_profile))

    bulletins.issue(hub, Order(alarm.id, ("35",), "Lũ"), by=someone(scene.base, "approver"))

    assert [entry.who for entry in ledger_of(scene, "programme_approved")] == ["approver"]


def test_what_was_returned_or_withdrawn_is_never_ordered(scene: Scene, alarm: Programme) -> None:
    with scene.base.database.write() as session:
        session.get_one(Programme, alarm.id).state = ProgrammeState.WITHDRAWN

    with pytest.raises(WrongState):
        issued(scene, alarm)


def test_bad_orders_are_told_what_is_missing(scene: Scene, alarm: Programme) -> None:
    """And nothing is written."""
    for wrong in (("reason", ("35",), " "), ("unit", (), "Lũ")):
        with pytest.raises(InputInvalid, match=wrong[0]):
            Order(alarm.id, *wrong[1:])
    with pytest.raises(InputInvalid):
        Order(alarm.id, ("35",), "Lũ", minutes=0)
    with pytest.raises(NotFound):
        issued(scene, alarm, "99999")
    with pytest.raises(InputInvalid, match="station"):
        issued(scene, alarm, "13285")
    assert ledger_of(scene, "urgent_issued") == []


def test_the_ledger_says_who_ordered_what_where_and_why(scene: Scene, alarm: Programme) -> None:
    bulletin = issued(scene, alarm)

    [entry] = ledger_of(scene, "urgent_issued")
    assert (entry.who, entry.subject) == ("approver", f"bulletin {bulletin.id}")
    assert entry.detail["reason"] == "Lũ lên nhanh"
    assert entry.detail["stations"] == ["s13579", "s13588"]
