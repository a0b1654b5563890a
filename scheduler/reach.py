"""From a station's row to an open visit: the only place where the core meets the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from scheduler.hub import Hub
from scheduler.jumps import address_of_jump, jump_of
from scheduler.links import on_the_line
from scheduler.probing import strategy_for
from scheduler.store.models import Jump, Station
from stations.diary import Diary
from stations.folder import open_folder
from stations.visit import Address, Visit, VisitLimits


def address_of(station: Station, jump: Jump | None = None) -> Address:
    return Address(
        host=station.host or "",
        port=station.port,
        username=station.username or "loa",
        root=station.root,
        host_key=station.host_key,
        via=address_of_jump(jump) if jump is not None else None,
    )


def way_to(hub: Hub, station: Station) -> Address:
    """The address of a station, with the jump host that stands before it, if one does."""
    with hub.database.read() as session:
        return address_of(station, jump_of(session, station))


def patience_of(hub: Hub) -> VisitLimits:
    push = hub.settings.push
    return VisitLimits(connect_s=push.connect_limit_s, idle_s=push.idle_limit_s)


def limits_of(hub: Hub, station: Station) -> VisitLimits:
    """The patience of the settings; thoroughness by strategy, with other samples every day."""
    limits = strategy_for(hub, station).limits(patience_of(hub))
    return replace(limits, sample_seed=hub.today().toordinal())


def reach(
    hub: Hub,
    station: Station,
    step: Callable[[str], None] = lambda name: None,
    diary: Diary | None = None,
) -> AbstractContextManager[Visit]:
    """
    Open one visit: over SFTP, or by a folder of this machine, as the station's row says.

    It keeps the pace of the link that the station shares with others; ``step`` is called after
    each named step, and ``diary`` keeps what was done, and how long it took.

    Raises:
        StationError: whatever the edge met; it says who acts next.
    """
    return (hub.connect or _as_the_row_says)(hub, station, step, diary or Diary())


@contextmanager
def _as_the_row_says(
    hub: Hub, station: Station, step: Callable[[str], None], diary: Diary
) -> Iterator[Visit]:
    if station.kind == "folder" and not station.username:
        with open_folder(Path(station.root), step=step, diary=diary) as visit:
            yield visit
        return
    # Imported here: paramiko costs 0.2 s that most commands do not need.
    from stations.sftp import open_visit

    limits, key = limits_of(hub, station), hub.ssh_key_path
    with (
        on_the_line(hub, station) as pace,
        open_visit(way_to(hub, station), key, limits, step=step, pace=pace, diary=diary) as visit,
    ):
        yield visit
