"""What a station's server can do: stored, tried anew when its version changes, and acted upon."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import structlog

from scheduler.hub import Hub
from scheduler.store.models import Link, Station
from stations.errors import StationError
from stations.probe import ServerFacts, probe
from stations.strategy import Strategy, choose
from stations.visit import Visit

log = structlog.get_logger()


def strategy_of(station: Station, kbps: int | None) -> Strategy:
    """How files are brought to this station, after what its last probe found and its line bears."""
    facts = ServerFacts.from_stored(station.server)
    return choose(facts, sends_receipts=station.kind == "player", kbps=kbps)


def strategy_for(hub: Hub, station: Station) -> Strategy:
    """The same, with its link looked up."""
    if station.link_id is None:
        return strategy_of(station, None)
    with hub.database.read() as session:
        link = session.get(Link, station.link_id)
    return strategy_of(station, link.kbps if link else None)


def probed_anew(hub: Hub, station: Station, visit: Visit) -> dict[str, Any]:
    """
    Try what the server can do if it was never tried, or greets with another version since.

    Gives what to store. At the end of a visit: what goes wrong here takes nothing back of it.
    """
    facts = ServerFacts.from_stored(station.server)
    if facts is not None and facts.server == visit.server:
        return {}
    try:
        with visit.diary.doing("probe"):
            found = probe(visit, hub.clock.now().timestamp())
    except StationError as error:
        log.warning("probe_failed", station=station.code, error=error.code)
        return {}
    log.info("station_probed", station=station.code, server=found.server)
    return {"server": asdict(found)}
