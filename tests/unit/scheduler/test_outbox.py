"""Notices leave by real SMTP and real HTTP, and what does not arrive is tried again or told."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api.i18n import translator
from api.noticewords import wording_of
from scheduler import outbox
from scheduler.clock import ManualClock
from scheduler.config import MailSettings, NoticeSettings, Recipient
from scheduler.hub import Hub
from scheduler.store.models import Notice
from scheduler.store.states import NoticeState
from tests.sinks import PASSWORD, MailSink, WebSink, mail_sink, web_sink

ADDRESS = "lan@hanam.example"
FACTS = {"at": "2022-10-16T13:00:00Z", "by": "lan"}


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailSink]:
    with mail_sink(tmp_path) as sink:
        yield sink


@pytest.fixture
def web() -> Iterator[WebSink]:
    with web_sink() as sink:
        yield sink


def by_mail(hub: Hub, sink: MailSink, **changes: Any) -> Hub:
    """The hub with a mail server that wants STARTTLS and a password."""
    password = secret(hub, "mail.password", PASSWORD)
    mail = MailSettings(
        host="127.0.0.1", port=sink.port, username="loa", password_file=password,
        sender="loa@hanam.example", ca_file=sink.ca_file,
    ).model_copy(update=changes)  # fmt: skip
    notice = NoticeSettings(recipients=(Recipient(address=ADDRESS),), max_tries=3, timeout_s=5)
    settings = hub.settings.model_copy(update={"mail": mail, "notice": notice})
    return replace(hub, settings=settings)


def by_webhook(hub: Hub, sink: WebSink) -> Hub:
    notice = NoticeSettings(
        webhook_url=SecretStr(f"http://127.0.0.1:{sink.port}/hook?token=rat-mat"),
        webhook_secret_file=secret(hub, "webhook.secret", "khoa"), max_tries=3,
    )  # fmt: skip
    return replace(hub, settings=hub.settings.model_copy(update={"notice": notice}))


def secret(hub: Hub, name: str, text: str) -> Path:
    path = hub.data / "secret" / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def put(hub: Hub, key: str = "ready/60/x") -> bool:
    return outbox.tell(hub, key, "missed", lambda stations: MISSED)


MISSED = {
    "count": 1,
    "stations": [
        {
            "station": "dao-ly", "name": "Đài Đạo Lý", "phone": "0912 345 678",
            "planned_at": "2022-10-16T22:00:00Z", "title": "Tin sáng", "reason": "device_failed",
        }
    ],
}  # fmt: skip


def send(hub: Hub) -> list[outbox.Outcome]:
    return outbox.send_due(hub, wording_of(translator("vi", hub.settings.zone)))


def rows(hub: Hub) -> list[Notice]:
    with hub.database.read() as session:
        return session.query(Notice).order_by(Notice.id).all()


def test_a_notice_arrives_encrypted_in_vietnamese_with_the_phone(hub: Hub, mail: MailSink) -> None:
    """Signed in over STARTTLS, to the one who wants it, with every letter whole."""
    hub = by_mail(hub, mail)
    put(hub)

    send(hub)

    [message] = mail.messages
    assert message["To"] == ADDRESS
    assert message["Subject"] == "Loa: không phát: 1"
    line = "- Đài Đạo Lý, 0912 345 678: 05:00 17/10/2022, Tin sáng: "
    assert line in message.get_content()
    assert (mail.was_encrypted, mail.sign_ins) == ([True], ["loa"])
    assert [(one.state, one.attempts) for one in rows(hub)] == [(NoticeState.SENT, 1)]
    send(hub)
    assert len(mail.messages) == 1


def test_a_busy_server_is_tried_again_later_and_later(
    hub: Hub, mail: MailSink, clock: ManualClock
) -> None:
    """Greylisting answers 451 first; the second letter has the same Message-ID."""
    hub = by_mail(hub, mail)
    put(hub)
    mail.answers.append(b"451 come back later")
    send(hub)
    [one] = rows(hub)
    assert (one.state, one.error_code) == (NoticeState.DUE, "mail_server_down")
    assert send(hub) == []  # not before its time

    clock.advance(timedelta(seconds=60))
    send(hub)

    assert [one.state for one in rows(hub)] == [NoticeState.SENT]
    assert len(mail.messages) == 1


def test_a_notice_dies_with_its_reason_and_a_person_revives_it(
    hub: Hub, clock: ManualClock, mail: MailSink
) -> None:
    """Nothing is listening: dead after so many tries, never forgotten in silence."""
    hub = by_mail(hub, mail, port=1)
    put(hub)
    for _ in range(5):
        send(hub)
        clock.advance(timedelta(hours=1))
    [dead] = rows(hub)
    assert (dead.state, dead.attempts, dead.error_code) == (NoticeState.DEAD, 3, "mail_server_down")

    outbox.revive(hub, dead.id, by="lan")
    send(by_mail(hub, mail))

    assert [one.state for one in rows(hub)] == [NoticeState.SENT]


def test_a_refusal_for_good_is_not_tried_again(hub: Hub, mail: MailSink) -> None:
    """No such mailbox: eight more tries would only annoy the server."""
    hub = by_mail(hub, mail)
    put(hub)
    mail.answers.append(b"550 no such mailbox")

    [outcome] = send(hub)

    assert outcome.error is not None
    assert "550 no such mailbox" in str(outcome.error)
    assert [one.state for one in rows(hub)] == [NoticeState.DEAD]


def test_a_stranger_in_the_servers_place_gets_neither_password_nor_letter(
    hub: Hub, mail: MailSink
) -> None:
    """A certificate that nobody signed ends the talk before the sign-in."""
    hub = by_mail(hub, mail, ca_file=None)
    put(hub)

    [outcome] = send(hub)

    assert outcome.error is not None
    assert "CERTIFICATE_VERIFY_FAILED" in str(outcome.error)
    assert (mail.messages, mail.sign_ins) == ([], [])


def test_tls_from_the_first_byte_works_too(hub: Hub, tmp_path: Path) -> None:
    """Port 465."""
    with mail_sink(tmp_path, is_tls=True) as sink:
        hub = by_mail(hub, sink, security="tls")
        put(hub)
        send(hub)

        assert (len(sink.messages), sink.was_encrypted) == (1, [True])


def test_a_wrong_password_is_told_without_saying_it(
    hub: Hub, mail: MailSink, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in the row, not in the log."""
    hub = by_mail(hub, mail)
    secret(hub, "mail.password", "sai-mat-khau")
    put(hub)

    [outcome] = send(hub)

    [one] = rows(hub)
    assert one.state is NoticeState.DEAD
    assert "535" in str(outcome.error)
    printed = capsys.readouterr()
    assert "sai-mat-khau" not in f"{one.error_fields} {outcome.error} {printed.out} {printed.err}"


def test_the_webhook_is_signed_and_its_address_stays_secret(
    hub: Hub, web: WebSink, capsys: pytest.CaptureFixture[str]
) -> None:
    """The receiver can prove that it was us, and when."""
    hub = by_webhook(hub, web)
    put(hub)

    send(hub)

    [(path, headers, body)] = web.calls
    stamp = headers["x-loa-timestamp"]
    expected = hmac.new(b"khoa", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["x-loa-signature"] == f"sha256={expected}"
    assert int(stamp) == int(hub.clock.now().timestamp())
    assert path == "/hook?token=rat-mat"
    told = json.loads(body)
    assert told["facts"]["stations"][0]["phone"] == "0912 345 678"
    assert (told["id"], told["kind"]) == ("ready/60/x", "missed")
    printed = capsys.readouterr()
    assert "rat-mat" not in printed.out + printed.err + repr(hub.settings)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (500, NoticeState.DUE), (429, NoticeState.DUE),
        (302, NoticeState.DEAD), (404, NoticeState.DEAD),
    ],
)  # fmt: skip
def test_no_redirect_is_followed_and_trouble_is_tried_again(
    hub: Hub, web: WebSink, status: int, state: NoticeState
) -> None:
    """A redirect would carry the signed facts to whoever answers."""
    hub = by_webhook(hub, web)
    put(hub)
    web.statuses.append(status)

    send(hub)

    assert [one.state for one in rows(hub)] == [state]
    assert [path for path, *_ in web.calls] == ["/hook?token=rat-mat"]


def test_what_was_told_is_not_told_again(hub: Hub, web: WebSink) -> None:
    """The key is a row: a restart neither loses nor doubles."""
    hub = by_webhook(hub, web)

    assert [put(hub), put(hub), put(hub, "ready/15/x")] == [True, False, True]
    assert len(rows(hub)) == 2


def test_a_sender_that_died_is_replaced_when_its_lease_ends(
    hub: Hub, web: WebSink, clock: ManualClock
) -> None:
    """Claimed and never finished: due again, not lost."""
    hub = by_webhook(hub, web)
    put(hub)
    assert len(outbox._claim(hub)) == 1
    assert send(hub) == []

    clock.advance(timedelta(hours=2))

    assert len(send(hub)) == 1
    assert [one.state for one in rows(hub)] == [NoticeState.SENT]


def test_the_ping_is_called(hub: Hub, web: WebSink) -> None:
    """A watcher outside that misses it calls somebody."""
    notice = NoticeSettings(ping_url=SecretStr(f"http://127.0.0.1:{web.port}/ping/3f2a"))
    hub = replace(hub, settings=hub.settings.model_copy(update={"notice": notice}))
    facts = {"on": "2022-10-17", "total": 115, "ready": 113, "by_hand": 0}
    outbox.tell(hub, "night/2022-10-17", "night", lambda stations: facts)

    send(hub)

    [(path, _, body)] = web.calls
    assert path == "/ping/3f2a"
    assert "113/115 đài sẵn sàng" in body.decode()


def test_a_test_goes_out_at_once_and_says_how_it_went(
    hub: Hub, mail: MailSink, web: WebSink
) -> None:
    """Before the first night: does it arrive at all?"""
    hub = by_mail(hub, mail)
    hook = by_webhook(hub, web).settings.notice
    both = hub.settings.notice.model_copy(
        update={"webhook_url": hook.webhook_url, "webhook_secret_file": hook.webhook_secret_file}
    )
    hub = replace(hub, settings=hub.settings.model_copy(update={"notice": both}))
    web.statuses.append(404)

    outcomes = outbox.send_test(hub, wording_of(translator("vi", hub.settings.zone)), by="lan")

    assert [(one.channel, one.error is None) for one in outcomes] == [
        ("mail", True), ("webhook", False),
    ]  # fmt: skip
    assert mail.messages[0]["Subject"] == "Loa: thử thông báo, không có sự cố gì"


def test_many_processes_that_find_the_same_tell_it_once(hub: Hub, web: WebSink) -> None:
    """Ten at the same moment, on either database: one notice, and nobody fails."""
    hub = by_webhook(hub, web)
    with ThreadPoolExecutor(10) as pool:
        told = list(pool.map(lambda _: put(hub), range(10)))
        sent = list(pool.map(lambda _: send(hub), range(10)))

    assert told.count(True) == 1
    assert sum(len(one) for one in sent) == 1
    assert len(web.calls) == 1
