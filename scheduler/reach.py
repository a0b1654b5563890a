"""From a station's row to an open visit: the only place where the core meets the wire."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from scheduler.hub import Hub
from scheduler.store.models import Station
from stations.folder import open_folder
from stations.sftp import open_visit
from stations.visit import Address, Visit, VisitLimits


def address_of(station: Station) -> Address:
    return Address(
        host=station.host or "",
        port=station.port,
        username=station.username or "loa",
        root=station.root,
        host_key=station.host_key,
    )


def limits_of(hub: Hub) -> VisitLimits:
    push = hub.settings.push
    return VisitLimits(connect_s=push.connect_limit_s, idle_s=push.idle_limit_s)


def reach(hub: Hub, station: Station, step: Callable[[str], None]) -> AbstractContextManager[Visit]:
    """
    Open one visit.

    Raises:
        StationError: whatever the edge met; it says who acts next.
    """
    if station.kind == "folder" and not station.username:
        return open_folder(Path(station.root), step=step)
    return open_visit(address_of(station), hub.ssh_key_path, limits_of(hub), step=step)
