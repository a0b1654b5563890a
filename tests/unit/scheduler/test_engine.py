"""Messages say "look again": each is taken once, the nearest first, however many come at once."""

from __future__ import annotations

from scheduler.audit import DueAudit
from scheduler.engine import Engine
from scheduler.hub import Hub

MANY = 600  # more than go into the queue together


def test_many_messages_are_each_taken_once_in_their_order(empty_hub: Hub) -> None:
    """What is put in together is behind what somebody waits for, and before what has time."""
    engine = Engine(empty_hub)
    queue = engine.huey
    engine.audit_all([DueAudit(1, is_near=False), DueAudit(2, is_near=True)])
    engine.collect_all(range(MANY))
    engine.visit(7)

    taken = []
    while (task := queue.dequeue()) is not None:
        taken.append((task.name, *task.args))
    assert taken == [
        ("visit", 7),
        ("audit", 2),
        *(("collect", number) for number in range(MANY)),
        ("audit", 1),
    ]
