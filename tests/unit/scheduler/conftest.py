"""For the core: a Loa that knows the province, and stations that are folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.clock import ManualClock
from scheduler.hub import Hub
from tests.conftest import Templates
from tests.unit.scheduler.scene import Scene


@pytest.fixture
def hub(
    database_kind: str, templates: Templates, tmp_path: Path, clock: ManualClock
) -> Iterator[Hub]:
    """A Loa with the maps of Hà Nam, on either database."""
    with templates(database_kind, True).opened(tmp_path / "data", clock) as opened:
        yield opened


@pytest.fixture
def empty_hub(
    database_kind: str, templates: Templates, tmp_path: Path, clock: ManualClock
) -> Iterator[Hub]:
    """A Loa with its first administrator and nothing else, on either database."""
    with templates(database_kind, False).opened(tmp_path / "data", clock) as opened:
        yield opened


@pytest.fixture
def scene(hub: Hub, tmp_path: Path, clock: ManualClock) -> Scene:
    """The same Loa with stations that are folders of this machine."""
    return Scene(hub, tmp_path / "stations", clock)
