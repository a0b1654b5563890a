"""A station that was dark for two nights, over real SSH: it gets what is still worth airing."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from scheduler import collect, dispatch, planner
from scheduler.clock import ManualClock
from scheduler.hub import Hub
from scheduler.registry import list_stations
from scheduler.store.models import Airing, Delivery, Station
from scheduler.store.states import AiringState, DeliveryState
from stations.layout import AUDIO_DIR, FOLDERS, MANIFEST_DIR
from stations.manifest import open_signed, station_key
from tests.builders import ha_nam, programme, release_drafts, slot, stations
from tests.contract.conftest import need_sshd
from tests.faults.harness.sshd import Sshd

A, D = AiringState, DeliveryState
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DAYS = [date(2022, 10, 17) + timedelta(days=n) for n in range(5)]
NO_PORT = 1  # nothing listens there


def local(on: date, clock: str) -> datetime:
    return datetime.combine(on, time.fromisoformat(clock), ZONE).astimezone(UTC)


@pytest.fixture
def sshd(hub: Hub, tmp_path: Path) -> Iterator[Sshd]:
    need_sshd()
    with Sshd(tmp_path / "server", tmp_path / "root", hub.ssh_key_path) as server:
        yield server


@pytest.fixture
def dark(hub: Hub, tmp_path: Path, clock: ManualClock, sshd: Sshd) -> Hub:
    """Five days of three slots; two nights in which nobody answers; then it is 10:00."""
    ha_nam(hub)
    stations(hub, ["13579"], port=str(NO_PORT), username=getpass.getuser(), host_key=sshd.host_key)
    with hub.database.write() as session:
        for station in list_stations(session):
            station.root = str(tmp_path / "station")
            for name in FOLDERS:
                (tmp_path / "station" / name).mkdir(parents=True)
    for on in DAYS:
        for at in ("05:00", "11:00", "17:00"):
            made = programme(hub, f"{on} {at}")
            slot(hub, made, at=time.fromisoformat(at), valid_from=on, valid_to=on,
                 is_released=False)  # fmt: skip
    release_drafts(hub)
    planner.plan(hub)
    for on in DAYS[:2]:
        clock.move_to(local(on, "02:00"))
        assert [visit.error is not None for visit in dispatch.push(hub).visits] == [True]
        clock.move_to(local(on, "12:05"))
        planner.plan(hub)
        collect.settle(hub)
    clock.move_to(local(DAYS[2], "10:00"))
    with hub.database.write() as session:
        for station in list_stations(session):
            station.port = sshd.port
    return hub


def deliveries(hub: Hub) -> list[tuple[date, int, DeliveryState]]:
    with hub.database.read() as session:
        found = session.scalars(select(Delivery).order_by(Delivery.id))
        return [(one.for_date, one.seq, one.state) for one in found]


def the_station(hub: Hub) -> Station:
    with hub.database.read() as session:
        [station] = list_stations(session)
    return station


def test_it_gets_what_is_still_to_come_and_nothing_that_is_over(dark: Hub) -> None:
    """Not one byte of the two lost days, nor of the 05:00 that is over."""
    root = Path(the_station(dark).root)

    result = dispatch.push(dark)

    assert [visit.error for visit in result.visits] == [None]
    with dark.database.read() as session:
        wanted = {
            airing.programme.sha256
            for airing in session.scalars(select(Airing))
            if airing.planned_at > dark.clock.now()
        }
    assert {path.stem for path in (root / AUDIO_DIR).iterdir()} == wanted
    assert len(wanted) == 2 + 3 + 3
    key = station_key(dark.master_secret(), "s13579")
    manifests = {
        path.name: open_signed(path.read_bytes(), key)
        for path in (root / MANIFEST_DIR).glob("*.signed")
    }
    assert sorted(manifests) == [f"{on}.signed" for on in DAYS[2:]]
    assert [f"{one.starts_at.astimezone(ZONE):%H:%M}" for one in
            manifests[f"{DAYS[2]}.signed"].items] == ["11:00", "17:00"]  # fmt: skip


def test_what_was_lost_is_told_as_never_delivered_and_not_as_missed(
    dark: Hub, clock: ManualClock
) -> None:
    """Unknown with its reason; the lost days' deliveries have ended with the error."""
    dispatch.push(dark)
    clock.move_to(local(DAYS[4], "23:00"))
    collect.settle(dark)

    with dark.database.read() as session:
        told = {
            (airing.broadcast_date, f"{airing.planned_at.astimezone(ZONE):%H:%M}"): (
                airing.state, airing.reason
            )
            for airing in session.scalars(select(Airing))
        }  # fmt: skip
        lost = list(session.scalars(select(Delivery).where(Delivery.for_date.in_(DAYS[:2]))))
    never = (A.UNKNOWN, "not_delivered")
    assert [told[on, at] for on in DAYS[:2] for at in ("05:00", "11:00", "17:00")] == [never] * 6
    assert told[DAYS[2], "05:00"] == never
    assert told[DAYS[2], "11:00"] == (A.UNKNOWN, "no_proof")
    assert {(one.state, one.error_code) for one in lost} == {(D.FAILED, "unreachable")}


def test_planning_and_sending_again_change_nothing(dark: Hub) -> None:
    """The day without its morning is the day: no further seq, no further byte."""
    dispatch.push(dark)
    before = deliveries(dark)

    planner.plan(dark, first=DAYS[2])
    result = dispatch.push(dark)

    assert (result.visits, result.bytes_sent) == ((), 0)
    assert deliveries(dark) == before


def test_a_hand_that_sends_again_cannot_bring_a_day_that_is_over(dark: Hub) -> None:
    """ "Send again" goes straight to the visit, past the look that ends what is over."""
    station = the_station(dark)
    with dark.database.write() as session:
        session.query(Delivery).filter(Delivery.for_date == DAYS[1]).update(
            {"state": D.DUE, "next_try_at": dark.clock.now()}
        )

    dispatch.visit_station(dark, station.id, worker="by-hand")

    manifests = {path.name for path in (Path(station.root) / MANIFEST_DIR).iterdir()}
    assert f"{DAYS[1]}.signed" not in manifests
    assert f"{DAYS[2]}.signed" in manifests
