"""One station that hangs, or talks for ever, never holds a worker beyond its limit."""

from __future__ import annotations

import getpass
import hashlib
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler import collect, dispatch, planner
from scheduler.config import CollectSettings
from scheduler.hub import Hub
from scheduler.registry import find_station
from scheduler.store.models import Attempt, Delivery
from scheduler.store.states import DeliveryState
from stations.layout import ASRUN_DIR
from tests.builders import ON, ha_nam, programme, slot, stations
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.sshd import Sshd

MONDAY = ON + timedelta(days=1)


@pytest.fixture
def database_kind() -> str:
    """What differs between the databases is tested where nothing is sent."""
    return "sqlite"


@pytest.fixture
def hub_of_one(hub: Hub, sshd: Sshd) -> Iterator[tuple[Hub, Proxy]]:
    """One station behind a line that may be made thin."""
    (sshd.folder / "authorized_keys").write_text(hub.ssh_key_path.with_suffix(".pub").read_text())
    ha_nam(hub)
    with Proxy(sshd.port) as proxy:
        stations(
            hub, ["13579"], port=str(proxy.port), username=getpass.getuser(),
            host_key=sshd.host_key, root=str(sshd.root),
        )  # fmt: skip
        content = hashlib.shake_128(b"sound").digest(900_000)
        slot(hub, programme(hub, "Tin", content=content), valid_from=MONDAY, valid_to=MONDAY)
        planner.plan(hub)
        yield hub, proxy


def test_a_log_that_drips_is_given_up_when_the_look_has_taken_long_enough(
    hub_of_one: tuple[Hub, Proxy], sshd: Sshd
) -> None:
    """Never silent for the idle limit, and over all the same: the next tick asks again."""
    hub, proxy = hub_of_one
    hub.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    (sshd.root / ASRUN_DIR / f"{MONDAY}.jsonl").write_bytes(b"x" * 3_000_000)
    proxy.bytes_per_s = 40_000  # 75 s for the log, a word every second
    settings = hub.settings.model_copy(update={"collect": CollectSettings(limit_s=10)})
    object.__setattr__(hub, "settings", settings)
    with hub.database.read() as session:
        station_id = find_station(session, "s13579").id

    begun = time.monotonic()
    result = collect.collect_station(hub, station_id)

    assert result.error is not None
    assert result.error.code in ("link_down", "unreachable")
    assert 9 < time.monotonic() - begun < 40  # of the 75 s that the log would take


def test_a_day_that_is_over_is_not_sent_to_its_end(hub_of_one: tuple[Hub, Proxy]) -> None:
    """Its last airing can no longer be met: the worker is free for the days that can."""
    hub, _ = hub_of_one
    with hub.database.write() as session:
        delivery = session.scalars(select(Delivery)).one()
    dispatch.admit(hub, ignore_windows=True)

    def progress(code: str, acknowledged: int) -> None:
        if hub.clock.now() <= delivery.last_air_at:
            hub.clock.move_to(delivery.last_air_at + timedelta(seconds=1))  # type: ignore[attr-defined]

    result = dispatch.visit_station(hub, delivery.station_id, worker="t", progress=progress)

    assert result is not None
    assert result.error is not None
    assert result.error.code == "day_over"
    assert result.bytes_sent < 900_000
    assert dispatch.admit(hub, ignore_windows=True) == []
    with hub.database.read() as session:
        ended = session.scalars(select(Delivery)).one()
        assert ended.state is DeliveryState.FAILED
        assert session.scalars(select(Attempt.outcome)).one() == "day_over"
