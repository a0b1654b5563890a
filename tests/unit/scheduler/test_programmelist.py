"""Programmes in parts: nothing twice, nothing left out, and never one's own to approve."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scheduler.hub import Hub
from scheduler.programmelist import approval_queue, programme_page
from scheduler.store.models import Programme
from scheduler.store.states import ProgrammeState
from tests.builders import person, someone


@pytest.fixture
def brought(hub: Hub) -> list[int]:
    """Nine that wait: every third brought by the approver, the others by an editor."""
    who = (someone(hub, "approver").id, *(person(hub, name, "editor").id for name in ("ed", "em")))
    with hub.database.write() as session:
        made = [
            Programme(
                title=f"{'Tin sáng' if n % 2 else 'Gương sáng'} {n}", file_name="a.wav",
                sha256=f"{n:064}", size_bytes=1, ms=1000, state=ProgrammeState.READY,
                uploaded_by=who[n % 3], uploaded_at=hub.clock.now(),
            )
            for n in range(9)
        ]  # fmt: skip
        session.add_all(made)
    return [one.id for one in made]


@pytest.mark.parametrize(
    ("words", "numbers"), [("", range(9)), ("guong", range(0, 9, 2)), ("GUONG 4", [4])]
)
def test_pages_follow_one_another_newest_first(
    hub: Hub, brought: list[int], words: str, numbers: Sequence[int]
) -> None:
    """Two at a time, by words without tones or all of them."""
    wanted = [brought[n] for n in reversed(numbers)]
    found: list[int] = []
    before, has_more = None, True
    while has_more and len(found) < 9:
        with hub.database.read() as session:
            part, has_more = programme_page(
                session, state=ProgrammeState.READY, words=words, before=before, limit=2
            )
        assert 0 < len(part) <= 2
        found += [one.id for one in part]
        before = found[-1]
    assert found == wanted and not has_more


def test_the_queue_is_what_others_brought_oldest_first(hub: Hub, brought: list[int]) -> None:
    """Counted whole, named in parts; one's own stand apart and never come first."""
    approver = someone(hub, "approver").id
    others = [one for n, one in enumerate(brought) if n % 3]
    with hub.database.read() as session:
        queue = approval_queue(session, approver, limit=2)
        then = approval_queue(session, approver, after=queue.rest[-1].id, limit=2)
        last = approval_queue(session, approver, after=others[-1], limit=2)
    assert (queue.first, queue.total) == (then.first, then.total) == (others[0], 6)
    assert [one.id for one in (*queue.rest, *then.rest)] == others[1:5]
    assert queue.has_more and then.has_more and not (last.has_more or last.rest)
    assert [one.id for one in queue.own] == brought[0:6:3] and queue.own_total == 3
