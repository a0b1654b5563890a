"""From what a probe found to how files are brought there."""

from __future__ import annotations

import dataclasses
import json

import pytest

from stations.limits import VisitLimits
from stations.probe import ServerFacts
from stations.strategy import Check, Flush, Replace, choose

GOOD = ServerFacts(
    server="SSH-2.0-OpenSSH_9.2p1",
    cipher="aes128-gcm@openssh.com",
    host_key="ssh-ed25519 SHA256:x",
    extensions=("fsync@openssh.com",),
    largest_packet_bytes="262144",
    renames_over=True,
    flushes=True,
    flushes_folders=True,
    free_bytes=1 << 30,
    clock_skew_s=0.1,
    longest_name=255,
    keeps_parts=True,
)


def test_a_good_server_with_a_player_is_believed_by_its_receipt() -> None:
    """Samples at once; the rest is the player's own reading, so no line carries a file twice."""
    strategy = choose(GOOD, sends_receipts=True, kbps=256)

    assert strategy.check is Check.RECEIPT
    assert strategy.flush is Flush.NAMES
    assert strategy.replace is Replace.AT_ONCE
    assert strategy.resumes
    limits = strategy.limits(VisitLimits(idle_s=7))
    assert (limits.reads_back_all, limits.idle_s) == (False, 7)


@pytest.mark.parametrize(
    ("kbps", "check"), [(None, Check.WHOLE), (4000, Check.WHOLE), (256, Check.SAMPLES)]
)
def test_without_a_player_the_line_decides_how_much_is_read_back(
    kbps: int | None, check: Check
) -> None:
    """Nobody signs for the bytes there, so we read them: all of them where the line allows it."""
    strategy = choose(GOOD, sends_receipts=False, kbps=kbps)

    assert strategy.check is check
    assert strategy.limits(VisitLimits()).reads_back_all is (check is Check.WHOLE)


def test_every_weakness_of_a_server_has_its_answer() -> None:
    """What it cannot do is not asked of it, and is told."""
    weak = dataclasses.replace(
        GOOD, renames_over=False, flushes_folders=False, free_bytes=None, keeps_parts=False
    )

    strategy = choose(weak, sends_receipts=True)

    assert strategy.replace is Replace.STEP_ASIDE
    assert strategy.flush is Flush.BYTES
    assert not strategy.resumes
    assert not strategy.asks_for_room
    assert not strategy.limits(VisitLimits()).flushes_folders
    assert choose(dataclasses.replace(weak, flushes=False), sends_receipts=True).flush is (
        Flush.NOTHING
    )


def test_what_was_stored_is_read_again_and_older_facts_are_not() -> None:
    """A probe by an older Loa knew less: it is repeated, not guessed at."""
    stored = json.loads(GOOD.to_json())

    assert ServerFacts.from_stored(stored) == GOOD
    del stored["keeps_parts"]
    assert ServerFacts.from_stored(stored) is None
    assert ServerFacts.from_stored(None) is None
