"""The hub's disk is full while a file comes in: said in words; nothing is lost or half there."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.store.models import Programme
from tests.conftest import need
from tests.web.conftest import Filled, site_of
from tests.web.data import PASSWORD
from tests.web.site import Site
from tests.web.test_programmes import upload
from tests.web.test_uploads import SOUND, TUS, begin, offset, posted, send


@pytest.fixture
def site(filled: Filled, tmp_path: Path) -> Iterator[Site]:
    """All of its data on a disk of its own, with room for the reserve and a little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=560m", "tmpfs", str(disk)]
    may = os.geteuid() == 0 and subprocess.run(mount, timeout=20, check=False).returncode == 0
    need("the right to mount a small disk (root)", found=may)
    try:
        yield from site_of(filled, disk)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True, timeout=20)


@contextlib.contextmanager
def full(site: Site) -> Iterator[None]:
    """Not a byte more goes onto the disk."""
    filler = site.hub.data / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass
    try:
        yield
    finally:
        filler.unlink()


def programmes(site: Site) -> int:
    with site.hub.database.read() as session:
        return session.query(Programme).count()


def test_an_upload_waits_for_room_and_goes_on(site: Site) -> None:
    """What came stays; when somebody made room, the same upload goes on where it stopped."""
    had = programmes(site)
    with site.client("huong") as client:
        path = begin(client).headers["location"]
        send(client, path, 0, SOUND[:100_000])
        with full(site):
            for refused in (send(client, path, 100_000, SOUND[100_000:]), begin(client)):
                assert refused.status_code in (503, 507), refused.text
                assert "đĩa" in refused.text
            assert client.get("/programmes").status_code == 200

        come = offset(client, path)
        assert 100_000 <= come < len(SOUND)
        assert send(client, path, come, SOUND[come:]).status_code == 204
        assert posted(client, {"upload": path.split("/")[-1]}).status_code == 303
        assert client.head(path, headers=TUS).status_code == 404

    assert programmes(site) == had + 1


def test_who_is_signed_in_reads_on_and_who_is_not_is_told_why(site: Site) -> None:
    """The name stays in the form; the word is there also for a wrong password, and for a code."""
    sent = {"username": "huong", "password": PASSWORD, "next": "/airings"}
    with site.client() as new, site.client("huong") as reader, site.client(language="en") as other:
        drawn = re.search(r'name="form_token" value="([^"]+)"', new.get("/sign-in").text)
        assert drawn is not None
        origin = {"origin": site.url, "sec-fetch-site": "same-origin"}
        waiting = other.post("/sign-in", data={**sent, "username": "admin"}, headers=origin)
        assert waiting.headers["location"].startswith("/second")
        sent["form_token"] = drawn[1]
        with full(site):
            for path in ("/", "/airings", "/stations", "/timetable", "/programmes", "/ready"):
                assert reader.get(path).status_code == 200, path
            for password in (PASSWORD, "sai"):
                told = new.post("/sign-in", data={**sent, "password": password}, headers=origin)
                assert told.status_code == 503
                assert "Chưa đăng nhập được: đĩa đã đầy. Người đang đăng nhập" in told.text
                assert 'value="huong"' in told.text and 'value="/airings"' in told.text
                assert str(site.hub.data) not in told.text
            code = other.post("/second", data={"code": "123456"}, headers=origin)
            assert code.status_code == 503
            assert "Nobody new can sign in" in code.text
        assert new.post("/sign-in", data=sent, headers=origin).headers["location"] == "/airings"


def test_a_form_on_a_full_disk_keeps_what_was_typed(site: Site) -> None:
    """The full disk is told, to an approver too; the title stands again, and nothing is left."""
    had = programmes(site)
    with site.client("huong") as client, site.client("tuan") as approver, full(site):
        answer = upload(client, SOUND, title="Gõ rồi")
        assert answer.status_code in (503, 507), answer.text
        assert "đĩa" in answer.text
        assert 'value="Gõ rồi"' in answer.text
        assert list(site.hub.tmp.iterdir()) == []
        refused = approver.submit("/programmes/4/approve")
        assert refused.status_code in (503, 507), refused.text
        assert "đĩa đã đầy" in refused.text

    assert programmes(site) == had
    with site.client("tuan") as approver:  # nothing of it was half done
        answer = approver.submit("/programmes/4/approve")
        assert answer.headers["location"] == "/programmes/4?done=approved"
