"""``loa ready``, ``loa why`` and ``loa notice`` as a person types them."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from scheduler import planner
from scheduler.config import MailSettings, NoticeSettings, Recipient
from scheduler.hub import open_hub
from tests import builders
from tests.sinks import mail_sink
from tests.unit.cli.conftest import Loa
from tests.unit.cli.documented import documented_keys, keys_of


@pytest.fixture
def planned(people: Loa) -> Loa:
    """One station, one airing a day at 06:00, planned; nothing is sent."""
    hub = open_hub(people.settings, clock=people.clock)
    builders.stations(hub, ["13579"], phone="0912345678")
    builders.slot(hub, builders.programme(hub, "Tin sáng"), at=time(6))
    planner.plan(hub)
    hub.database.close()
    return people


def test_what_is_not_ready_is_listed_with_reason_step_and_phone(planned: Loa) -> None:
    """Exit code 3: a script can ring a bell."""
    shown = planned.json("ready", "--at", "06:00", code=3)

    [moment] = shown["moments"]
    assert (moment["ready"], moment["total"]) == (0, 1)
    [station] = moment["stations"]
    assert station["phone"] == "0912345678"
    assert set(keys_of(shown)) <= documented_keys("ready")
    text = planned("ready", code=3, LOA_LANG="vi").output
    assert "Đài 13579 (s13579), 0912345678" in text
    assert "→ " in text


def test_sending_again_says_how_it_stands_afterwards(planned: Loa) -> None:
    """Nothing listens on the station's port: the error stands in the list."""
    shown = planned("ready", "--resend", "--by", "lan", code=3).output

    assert "0912345678" in shown


def test_nothing_to_come_is_no_failure(people: Loa) -> None:
    """An empty province is ready."""
    assert people.json("ready") == {"moments": []}
    assert "hôm qua" in people("ready", "--at", "sớm", code=1).output


def test_why_tells_the_chain_and_offers_the_nearest(planned: Loa) -> None:
    """The time as people say it; one word or several."""
    shown = planned.json("why", "s13579", "mai", "06:00")

    assert shown["broken"] == "delivery"
    keys = set(keys_of({**shown, "links": [{**one, "facts": {}, "details": []}
                                           for one in shown["links"]]}))  # fmt: skip
    assert keys <= documented_keys("why")
    text = planned("why", "s13579", "mai 06:00", LOA_LANG="vi").output
    assert "Đã có trong kế hoạch phát." in text
    assert "Hằng ngày lúc 06:00" in text
    offered = planned.json("why", "s13579", "17/10/2022 07:00", code=1)
    assert len(offered["nearest"]) == 4
    assert set(keys_of(offered)) <= documented_keys("why")
    assert "nearest" in planned("why", "s13579", "17/10/2022 07:00", code=1).output


def test_a_test_notice_arrives_or_says_why_not(people: Loa, tmp_path: Path) -> None:
    """Before anybody relies on it; and the list shows both."""
    assert "[notice]" in people("notice", "test", code=1).output
    with mail_sink(tmp_path) as sink:
        mail = MailSettings(host="127.0.0.1", port=sink.port, sender="loa@hanam.example",
                            ca_file=sink.ca_file)  # fmt: skip
        notice = NoticeSettings(recipients=(Recipient(address="lan@hanam.example"),))
        people.settings = people.settings.model_copy(update={"mail": mail, "notice": notice})
        sink.answers.append(b"550 no such mailbox")
        refused = people.json("notice", "test", code=1)
        people.json("notice", "test", "--to", "hung@hanam.example")

    assert "550" in refused["tests"][0]["error"]
    assert set(keys_of(refused)) <= documented_keys("notice test")
    assert sink.messages[0]["To"] == "hung@hanam.example"
    listed = people.json("notice", "list")
    assert [one["state"] for one in listed["notices"]] == ["sent", "dead"]
    assert set(keys_of(listed)) <= documented_keys("notice list")
    again = people.json("notice", "retry", str(listed["notices"][1]["id"]), "--by", "lan")
    assert again["notice"]["state"] == "due"
    people("notice", "retry", "999", code=1)


def test_addresses_that_are_secrets_are_hidden(people: Loa, tmp_path: Path) -> None:
    """A webhook's address and a ping's are passwords in another coat."""
    secret = tmp_path / "s"
    secret.write_text("x")
    notice = NoticeSettings.model_validate(
        {"webhook_url": "https://hook.example/T0/abc", "webhook_secret_file": secret,
         "ping_url": "https://ping.example/3f2a"}
    )  # fmt: skip
    people.settings = people.settings.model_copy(update={"notice": notice})

    shown = people("config").output + people("config", "--json").output

    assert "T0/abc" not in shown
    assert "3f2a" not in shown
    assert "••••" in shown
