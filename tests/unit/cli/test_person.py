"""``loa person``: invited by a link, given another role, helped after a lost telephone."""

from __future__ import annotations

import re

from tests.unit.cli.conftest import Loa


def test_an_invitation_is_a_link_that_is_shown_once(people: Loa) -> None:
    """Earlier ones end; with the public address in the settings it is whole."""
    people("person", "add", "hoa", "--name", "Lê Thị Hoa", "--role", "editor")
    first = people.json("person", "invite", "hoa")
    assert re.fullmatch(r"/welcome/[\w-]{32}", first["path"])
    assert first["address"] is None
    shown = people("person", "invite", "hoa").stdout
    assert "/welcome/" in shown and first["path"] not in shown
    assert people.json("person", "invite", "khong-ai", code=1)["error"]["code"] == "not_found"


def test_a_role_is_changed_but_not_that_of_the_last_administrator(people: Loa) -> None:
    """A role of a unit needs its unit."""
    people("person", "add", "hoa", "--name", "Lê Thị Hoa", "--role", "editor")
    changed = people.json("person", "role", "hoa", "--role", "approver")
    assert changed["person"]["role"] == "approver"
    assert people.json("person", "role", "hoa", "--role", "commune", code=1)["error"]
    alone = people.json("person", "role", "admin", "--role", "editor", code=1)
    assert alone["error"]["code"] == "input_invalid"


def test_a_lost_second_factor_is_removed_only_when_somebody_says_so(people: Loa) -> None:
    """Without a terminal nothing is removed unasked."""
    people("person", "factor-off", "admin", code=1)
    told = people.json("person", "factor-off", "admin", "--yes")
    assert told == {"username": "admin", "has_second_factor": False}
