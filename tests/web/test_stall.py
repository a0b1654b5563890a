"""A form or a file whose sender falls silent: told, and nothing of it is left."""

from __future__ import annotations

import socket

import pytest

from api import uploads
from scheduler.store.models import Programme
from tests.web.site import Site

_FILE = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nDung\r\n'


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/programmes", "multipart/form-data; boundary=x"),
     ("/timetable", "application/x-www-form-urlencoded")],
)  # fmt: skip
def test_what_stops_for_ever_is_given_up(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str, kind: str
) -> None:
    """An answer in words instead of a place that is held for ever; no file, no row."""
    monkeypatch.setattr(uploads, "STALL_LIMIT_S", 0.3)
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as wire:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nSec-Fetch-Site: same-origin\r\n"
            f"Cookie: loa={site.token('huong')}; loa_language=vi\r\n"
            f"Content-Type: {kind}\r\nContent-Length: 900000\r\n\r\n"
        )
        wire.sendall(head.encode() + _FILE)
        answer = b""
        while b"</html>" not in answer:
            piece = wire.recv(65_536)
            assert piece, "the line was closed without a word"
            answer += piece
    assert answer.startswith(b"HTTP/1.1 400")
    assert "dữ liệu ngừng giữa chừng" in answer.decode()
    assert list(site.hub.tmp.glob("upload-*")) == []
    with site.hub.database.read() as session:
        assert session.query(Programme).filter_by(title="Dung").count() == 0
