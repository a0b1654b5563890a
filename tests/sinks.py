"""A real SMTP server and a real HTTP server on loopback that keep what they are given."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PASSWORD = "bi-mat-cua-thu"
Served = TypeVar("Served", bound=socketserver.TCPServer)


@dataclass
class MailSink:
    """Speaks SMTP (RFC 5321) as far as a client needs it, with STARTTLS and AUTH PLAIN."""

    ca_file: Path
    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)  # to the next recipients, instead of 250
    sign_ins: list[str] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)


@dataclass
class WebSink:
    """Answers POST with the next of its statuses, then 204."""

    port: int = 0
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@contextmanager
def mail_sink(folder: Path, *, is_tls: bool = False) -> Iterator[MailSink]:
    """An SMTP server; ``is_tls``: encrypted from the first byte, as on port 465."""
    certificate, key = _certificate(folder)
    sink = MailSink(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(socketserver.StreamRequestHandler):
        timeout = 10

        def setup(self) -> None:
            if is_tls:
                self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            _Conversation(sink, context, self, is_encrypted=is_tls).run()

    with _serving(_Server(("127.0.0.1", 0), Handler)) as server:
        sink.port = server.server_address[1]
        yield sink


@contextmanager
def web_sink() -> Iterator[WebSink]:
    sink = WebSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            sink.calls.append((self.path, headers, body))
            status = sink.statuses.pop(0) if sink.statuses else 204
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("location", f"http://127.0.0.1:{sink.port}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_request(self, *args: object) -> None:
            pass

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        sink.port = server.server_address[1]
        yield sink


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that does not trust the certificate hangs up


@contextmanager
def _serving(server: Served) -> Iterator[Served]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Conversation:
    def __init__(
        self,
        sink: MailSink,
        context: ssl.SSLContext,
        handler: socketserver.StreamRequestHandler,
        *,
        is_encrypted: bool,
    ) -> None:
        self.sink, self.context, self.handler = sink, context, handler
        self.is_encrypted = is_encrypted
        self.read, self.wrote = handler.rfile, handler.wfile

    def run(self) -> None:
        self._say(b"220 sink ESMTP")
        while line := self.read.readline(1000):
            word = line.split(b" ")[0].strip().upper()
            if word == b"QUIT":
                self._say(b"221 bye")
                return
            self._answer(word, line.strip())

    def _answer(self, word: bytes, line: bytes) -> None:
        match word:
            case b"EHLO":
                more = [b"AUTH PLAIN"] if self.is_encrypted else [b"STARTTLS"]
                self._say(b"\r\n".join([b"250-sink", *(b"250 " + one for one in more)]))
            case b"STARTTLS":
                self._say(b"220 go on")
                tls = self.context.wrap_socket(self.handler.connection, server_side=True)
                self.read, self.wrote = tls.makefile("rb"), tls.makefile("wb", 0)
                self.is_encrypted = True
            case b"AUTH":
                _, name, password = base64.b64decode(line.split()[2]).split(b"\0")
                self.sink.sign_ins.append(name.decode())
                good = password.decode() == PASSWORD
                self._say(b"235 welcome" if good else b"535 wrong name or password")
            case b"RCPT":
                self._say(self.sink.answers.pop(0) if self.sink.answers else b"250 fine")
            case b"DATA":
                self._say(b"354 go on")
                self._take()
                self._say(b"250 kept")
            case _:
                self._say(b"250 fine")

    def _take(self) -> None:
        lines = []
        while (line := self.read.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.sink.messages.append(message)
        self.sink.was_encrypted.append(self.is_encrypted)

    def _say(self, answer: bytes) -> None:
        self.wrote.write(answer + b"\r\n")


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody but a test trusts."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    certificate, private = folder / "sink.pem", folder / "sink.key"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private
