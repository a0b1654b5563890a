"""The host key of a station: seen on the wire, compared by a person, pinned."""

from __future__ import annotations

from scheduler.errors import InputInvalid, OtherFingerprint
from scheduler.hub import Hub
from scheduler.reach import patience_of, way_to
from scheduler.registry import accept_host_key, find_station
from scheduler.store.models import Station
from stations.hostkey import HostKey


def seen_host_key(hub: Hub, station: Station) -> HostKey:
    """
    The key that answers now; nothing else is said to the server.

    Raises:
        InputInvalid: the station has no address.
        StationError: nobody answers.
    """
    if station.host is None:
        raise InputInvalid(problem="this station has no address to ask")
    # Imported here: a process that only serves pages does without the 10 MB of paramiko.
    from stations.login import scan_host_key

    return scan_host_key(
        station.host, station.port, patience_of(hub), via=way_to(hub, station).via,
        private_key=hub.ssh_key_path,
    )  # fmt: skip


def pin_host_key(hub: Hub, station: Station, seen: HostKey, *, expected: str, by: str) -> Station:
    """
    Pin the key that was seen, if it is the one that a person read from the box.

    Raises:
        OtherFingerprint: it is another one; nothing was changed.
    """
    if expected.strip() != seen.fingerprint:
        raise OtherFingerprint(station=station.name, seen=seen.fingerprint)
    with hub.database.write() as session:
        mine = find_station(session, station.code)
        if mine.host_key != seen.text:
            accept_host_key(session, mine, seen.text, by=by, now=hub.clock.now())
    return mine
