"""What the operating system says, told in Vietnamese; the row keeps what it said."""

from __future__ import annotations

import errno
import os
import socket
from zoneinfo import ZoneInfo

import pytest

from api.i18n import Translator
from stations.errors import Unreachable

VI, EN = (Translator(one, ZoneInfo("Asia/Ho_Chi_Minh")) for one in ("vi", "en"))


@pytest.mark.parametrize(
    "number",
    [
        errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH,
        errno.ENETUNREACH, errno.EHOSTDOWN, errno.EPIPE, errno.EACCES, errno.EPERM, errno.ENOENT,
        errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.EADDRINUSE,
    ],
)  # fmt: skip
def test_what_this_system_really_says_is_told_in_vietnamese(number: int) -> None:
    """A system that words it otherwise fails here."""
    said = os.strerror(number)
    error = Unreachable(host="10.20.0.15", port=22, detail=said)

    assert said not in VI.error(error)
    assert said in EN.error(error)
    assert error.fields["detail"] == said


def test_a_real_refusal_is_told_with_and_without_its_number() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError) as refused:
            socket.create_connection(free.getsockname(), timeout=5)

    for detail in (refused.value.strerror, str(refused.value)):
        assert "máy ở đó từ chối kết nối" in VI.coded(
            "unreachable", {"host": "x", "port": 1, "detail": detail}
        )


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("silent for 15 s", "im lặng suốt 15 giây"),
        ("jump-1 says: Connection refused", "jump-1 báo: máy ở đó từ chối kết nối"),
        ("nobody ever said this", "nobody ever said this"),
    ],
)
def test_what_we_add_is_told_too_and_the_unknown_is_kept(detail: str, told: str) -> None:
    fields = {"host": "x", "port": 1, "detail": detail}
    assert told in VI.coded("unreachable", fields)
    assert detail in EN.coded("unreachable", fields)
