"""How a notice leaves this machine: by SMTP, to a webhook, as a ping. Knows no rows."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from urllib.parse import urlsplit

from scheduler.config import MailSettings
from scheduler.errors import MailRefused, MailServerDown, WebhookDown, WebhookRefused
from scheduler.hub import Hub
from scheduler.secrets import read_secret
from scheduler.store.models import Notice

# Answers that a later try may change: too much at once, or the server's own trouble.
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Letter:
    """What a person reads."""

    subject: str
    text: str


def deliver(hub: Hub, notice: Notice, letter: Letter) -> None:
    """
    Send one notice the way its row says.

    Raises:
        MailServerDown, WebhookDown: try again later.
        MailRefused, WebhookRefused: a person must look at the settings.
        SecretMissing, SecretExposed: the file with the password cannot be used.
    """
    if notice.channel == "mail":
        _mail(hub, notice, letter)
    elif notice.channel == "webhook":
        _webhook(hub, notice, letter)
    else:
        url = hub.settings.notice.ping_url.get_secret_value()
        _call(hub, url, letter.text.encode(), {"content-type": "text/plain; charset=utf-8"})


# ── E-mail ─────────────────────────────────────────────────────────────────────────────────────


def _mail(hub: Hub, notice: Notice, letter: Letter) -> None:
    mail = hub.settings.mail
    message = _message(mail, notice, letter)
    where = {"host": mail.host, "port": mail.port}
    try:
        with _smtp(mail, hub.settings.notice.timeout_s) as server:
            if mail.username:
                assert mail.password_file is not None, "the settings ask for both"
                server.login(mail.username, read_secret(mail.password_file).decode())
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _refused(where, code, said) from error
    except smtplib.SMTPResponseException as error:
        raise _refused(where, error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailRefused(**where, detail=str(error)) from error
    except (smtplib.SMTPException, OSError) as error:  # a wrong certificate is an OSError too
        raise MailServerDown(**where, detail=_plain(error)) from error


def _message(mail: MailSettings, notice: Notice, letter: Letter) -> MIMEText:
    # Not EmailMessage: Python 3.11 loses a space where it folds a long Vietnamese subject.
    message = MIMEText(letter.text, "plain", "utf-8")
    message["From"] = formataddr(("Loa", mail.sender))
    message["To"] = notice.target
    # Named, so that the first line leaves room for "Subject: " and is not folded right behind it.
    message["Subject"] = Header(letter.subject, "utf-8", header_name="Subject").encode()
    message["Date"] = format_datetime(notice.made_at)
    # The same at every try: a mail program shows one that came twice only once.
    digest = hashlib.sha256(f"{notice.key}/{notice.target}".encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{digest}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    return message


@contextmanager
def _smtp(mail: MailSettings, timeout_s: float) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if mail.ca_file is not None:
        context.load_verify_locations(cafile=mail.ca_file)
    if mail.security == "tls":
        with smtplib.SMTP_SSL(mail.host, mail.port, timeout=timeout_s, context=context) as server:
            yield server
        return
    with smtplib.SMTP(mail.host, mail.port, timeout=timeout_s) as server:
        if mail.security == "starttls":
            server.starttls(context=context)
        yield server


def _refused(
    where: dict[str, object], code: int, said: bytes | str
) -> MailRefused | MailServerDown:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    detail = f"{code} {text}"[:200]
    # 4xx: greylisting, a full queue. 5xx: no such mailbox, a wrong password.
    kind = MailServerDown if 400 <= code < 500 or code < 0 else MailRefused
    return kind(**where, detail=detail)


# ── Webhook and ping ───────────────────────────────────────────────────────────────────────────


def _webhook(hub: Hub, notice: Notice, letter: Letter) -> None:
    rules = hub.settings.notice
    assert rules.webhook_secret_file is not None, "the settings ask for both"
    body = json.dumps(
        {
            "id": notice.key,
            "kind": notice.kind,
            "made_at": notice.made_at.isoformat(timespec="seconds"),
            "subject": letter.subject,
            "text": letter.text,
            "facts": notice.facts,
        },
        ensure_ascii=False,
    ).encode()
    headers = signed_headers(body, read_secret(rules.webhook_secret_file), hub.clock.now())
    headers["content-type"] = "application/json"
    _call(hub, rules.webhook_url.get_secret_value(), body, headers)


def signed_headers(body: bytes, secret: bytes, at: datetime) -> dict[str, str]:
    """``X-Loa-Signature: sha256=…`` over ``<X-Loa-Timestamp>.<body>``: no old call can be played
    again for a new one."""
    stamp = str(int(at.timestamp()))
    mac = hmac.digest(secret, stamp.encode() + b"." + body, hashlib.sha256).hex()
    return {"x-loa-timestamp": stamp, "x-loa-signature": f"sha256={mac}"}


def _call(hub: Hub, url: str, body: bytes, headers: dict[str, str]) -> None:
    import httpx  # 4 MB, for a hub that has a webhook

    # Of the address only the host is told anywhere: the rest of it is often the secret.
    host = urlsplit(url).hostname or ""
    try:
        with (
            httpx.Client(timeout=hub.settings.notice.timeout_s, trust_env=False) as client,
            # Streamed: only the status counts, and a stranger's endless answer is not read.
            client.stream(
                "POST", url, content=body, headers=headers, follow_redirects=False
            ) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise WebhookDown(host=host, detail=type(error).__name__) from error
    if status in _LATER or status >= 500:
        raise WebhookDown(host=host, detail=str(status))
    if not 200 <= status < 300:
        raise WebhookRefused(host=host, status=status)


def _plain(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:200]
