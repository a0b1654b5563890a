"""``loa station probe``: who answers there, may we trust it, and what can it do?"""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from api.cli.errors import NoComputer
from api.cli.options import command, recorded
from api.cli.run import Run
from api.cli.screen import Screen
from api.i18n import mark as _
from api.stationwords import strategy_words
from scheduler.errors import OtherFingerprint
from scheduler.hub import Hub
from scheduler.pinning import pin_host_key, seen_host_key
from scheduler.probing import strategy_for
from scheduler.reach import reach
from scheduler.registry import find_station
from scheduler.store.models import Station
from stations.errors import HostKeyUnknown
from stations.hostkey import HostKey
from stations.probe import ServerFacts
from stations.probe import probe as try_out


@command(
    "probe",
    "loa station probe dao-ly",
    "loa station probe dao-ly --accept-host-key SHA256:uNiVztksCsDhcc0u9e8BrwXVnXfdTXXXXXXXXXXXXXX",
)
@click.argument("code")
@click.option("--accept-host-key", "accepted", metavar="FINGERPRINT",
              help="As it stands on the box; ssh-keygen -l prints it there.")  # fmt: skip
@recorded
@click.pass_obj
def probe(run: Run, code: str, accepted: str | None, by: str | None) -> None:
    """
    Pin the host key, sign in, see what it can do.

    Shows the fingerprint of the server that answers. Compare it with the one on the box (by
    telephone, or the label): only a fingerprint that you give or type is accepted, and from then
    on nothing is sent to a server that shows another one.
    """
    with run.hub() as hub:
        who = run.actor(hub, by)
        station = _station(hub, code)
        if _is_remote(station):
            station = _pinned(run, hub, station, accepted, who)
        station = _try(run, hub, station)
    facts = ServerFacts.from_stored(station.server)
    assert facts is not None, "it was probed a moment ago"
    strategy = strategy_for(hub, station)
    document = {
        "station": station.code,
        "host_key": HostKey.parse(station.host_key).fingerprint if station.host_key else None,
        "server": asdict(facts),
        "strategy": asdict(strategy),
    }

    def show(screen: Screen) -> None:
        _show(screen, facts)
        screen.line()
        screen.facts((name, screen.translator.text(why)) for name, why in strategy_words(strategy))

    run.tell(document, show)


def _station(hub: Hub, code: str) -> Station:
    with hub.database.read() as session:
        station = find_station(session, code)
    if station.kind == "person":
        raise NoComputer(station=station.name)
    return station


def _is_remote(station: Station) -> bool:
    return not (station.kind == "folder" and not station.username)


def _pinned(run: Run, hub: Hub, station: Station, accepted: str | None, who: str) -> Station:
    """
    The station with a host key that a person compared.

    Raises:
        HostKeyUnknown: nobody was there to compare it.
        OtherFingerprint: it is not the one that the person expects.
    """
    if accepted is None and station.host_key is not None:
        return station  # whether it is still the same is looked at when we sign in
    seen = seen_host_key(hub, station)
    compared(run, station.name, station.host or "", station.port, seen, accepted)
    mine = pin_host_key(hub, station, seen, expected=seen.fingerprint, by=who)
    run.note(_("The host key {seen} is accepted."), seen=seen.fingerprint)
    return mine


def compared(
    run: Run, name: str, host: str, port: int, seen: HostKey, accepted: str | None
) -> None:
    """
    Have a person compare the key that a server shows.

    Raises:
        HostKeyUnknown: nobody was there to compare it.
        OtherFingerprint: it is not the one that the person expects.
    """
    expected = accepted or _typed(run, name, host, port, seen)
    if expected.strip() != seen.fingerprint:
        raise OtherFingerprint(station=name, seen=seen.fingerprint)


def _typed(run: Run, name: str, host: str, port: int, seen: HostKey) -> str:
    """What the person types after comparing it with the box."""
    unknown = HostKeyUnknown(host=host, port=port, seen=seen.fingerprint)
    if run.as_json or not sys.stdin.isatty():
        raise unknown
    run.note(_("{station} shows the host key {seen} ({type})."), station=name,
             seen=seen.fingerprint, type=seen.type)  # fmt: skip
    typed: str = click.prompt(
        run.translator.text(_("If the box says the same, type it here")),
        default="", show_default=False, err=True,
    )  # fmt: skip
    if not typed.strip():
        raise unknown
    return typed


def _try(run: Run, hub: Hub, station: Station) -> Station:
    """Sign in, try what the server can do, and remember it."""
    now = run.clock.now()
    with reach(hub, station) as visit:
        facts = try_out(visit, now.timestamp())
    with hub.database.write() as session:
        mine = find_station(session, station.code)
        mine.server = asdict(facts)
        mine.last_seen_at = now
        mine.clock_skew_s, mine.free_bytes = facts.clock_skew_s, facts.free_bytes
    return mine


def _show(screen: Screen, facts: ServerFacts) -> None:
    tr = screen.translator
    screen.facts(
        [
            (_("Server"), facts.server),
            (_("Host key"), facts.host_key),
            (_("Cipher"), facts.cipher),
            (_("Free space"), None if facts.free_bytes is None else tr.size(facts.free_bytes)),
            (_("Clock off by (s)"), None if facts.clock_skew_s is None
             else tr.number(facts.clock_skew_s, 1)),
            (_("Replaces a file at once"), _word(facts.renames_over)),
            (_("Survives a power cut"), _word(facts.flushes and facts.flushes_folders)),
            (_("Longest file name"), str(facts.longest_name)),
        ]
    )  # fmt: skip


def _word(is_so: bool) -> str:
    return "✓" if is_so else "✗"
