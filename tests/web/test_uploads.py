"""Resumable uploads as a client of tus sees them: cut, resumed, refused, somebody else's."""

from __future__ import annotations

import base64
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import httpx
import pytest

from scheduler import uploads
from scheduler.store.models import PartialUpload, Programme
from scheduler.store.states import ProgrammeState
from tests.conftest import need
from tests.web.conftest import MAX_UPLOAD
from tests.web.data import tone
from tests.web.site import Client, Site
from tests.web.test_programmes import checked
from tests.web.test_tokens import issued

TUS = {"tus-resumable": "1.0.0"}
SOUND = tone(523, 6)


def begin(
    client: Client, size: int = len(SOUND), name: str = "bài.wav", *, at: str = "/uploads",
    tells: Mapping[str, str] = MappingProxyType({}), more: Mapping[str, str] = MappingProxyType({}),
) -> httpx.Response:  # fmt: skip
    told = f"filename {base64.b64encode(name.encode()).decode()},filetype YXVkaW8vd2F2"
    told += "".join(f",{key} {value}" for key, value in tells.items())
    return client.post(
        at, headers={**TUS, "upload-length": str(size), "upload-metadata": told, **more}
    )


def send(
    client: Client, path: str, offset: int, body: bytes | Iterator[bytes],
    more: Mapping[str, str] = MappingProxyType({}),
) -> httpx.Response:  # fmt: skip
    headers = {**TUS, "upload-offset": str(offset),
               "content-type": "application/offset+octet-stream", **more}  # fmt: skip
    return client.patch(path, headers=headers, content=body)


def offset(client: Client, path: str) -> int:
    return int(client.head(path, headers=TUS).headers["upload-offset"])


def rows(site: Site) -> int:
    with site.hub.database.read() as session:
        return session.query(PartialUpload).count()


def test_anonymous_is_refused_before_a_byte_is_read(site: Site) -> None:
    """A stranger's upload makes no file, and his bytes are not written."""
    with site.client("huong") as client:
        path = begin(client).headers["location"]
    with site.client() as client:
        assert begin(client).status_code == 401
        assert send(client, path, 0, b"x" * 1000).status_code == 401
    with site.client("huong") as client:
        assert offset(client, path) == 0


def test_somebody_elses_upload_is_not_there(site: Site) -> None:
    """Neither seen nor continued nor thrown away by a colleague."""
    with site.client("huong") as client:
        path = begin(client).headers["location"]
    with site.client("dung") as client:
        assert client.head(path, headers=TUS).status_code == 404
        assert send(client, path, 0, b"x").status_code == 404
        assert client.delete(path, headers=TUS).status_code == 404
        token = path.split("/")[-1]
        assert client.submit(f"/programmes/uploads/{token}/discard").status_code == 404
    assert rows(site) == 1


def test_upload_in_pieces_becomes_one_programme(site: Site) -> None:
    """Three pieces, a form that is sent twice: one programme, and nothing is left on the way."""
    need("ffmpeg", shutil.which("ffmpeg"))
    with site.client("huong") as client:
        path = begin(client).headers["location"]
        for first in range(0, len(SOUND), 80_000):
            answer = send(client, path, first, SOUND[first : first + 80_000])
            assert answer.status_code == 204, answer.text
        form = {"upload": path.split("/")[-1], "title": "Ba mảnh"}
        made = [posted(client, form) for _ in range(2)]

    assert [one.status_code for one in made] == [303, 303]
    assert made[0].headers["location"] == made[1].headers["location"]
    programme = checked(site)
    assert (programme.title, programme.file_name) == ("Ba mảnh", "bài.wav")
    assert programme.state is ProgrammeState.READY
    assert site.hub.master_path(programme).read_bytes() == SOUND
    assert (rows(site), list(site.hub.uploads.iterdir())) == (0, [])


def posted(client: Client, fields: dict[str, str]) -> httpx.Response:
    from api.auth import form_token

    assert client.viewer is not None
    fields = {"form_token": form_token(client.viewer), **fields}
    return client.post("/programmes", files={name: (None, text) for name, text in fields.items()})


def test_the_same_file_goes_on_from_another_browser(site: Site) -> None:
    """Name, size and last change tell it; changed since, or somebody else's, it begins anew."""
    when, later = ({"modified": base64.b64encode(text).decode()} for text in (b"16", b"17"))
    with site.client("huong") as client, site.client("dung") as other:
        first = begin(client, tells=when).headers["location"]
        send(client, first, 0, SOUND[:50_000])
        assert begin(client, tells=when).headers["location"] == first
        assert begin(client, tells=when, name="ba\u0300i.wav").headers["location"] == first
        assert offset(client, first) == 50_000
        others = [
            begin(client, tells=later), begin(client, len(SOUND) + 1, tells=when),
            begin(client, name="khác.wav", tells=when), begin(other, tells=when), begin(client),
            begin(client),
        ]  # fmt: skip
        places = {one.headers["location"] for one in others}
        assert (len(places), first in places, rows(site)) == (6, False, 7)

        client.delete(first, headers=TUS)
        assert begin(client, tells=when).headers["location"] != first


def test_half_an_upload_becomes_no_programme(site: Site) -> None:
    """A form that comes too early says how much is here; nothing is lost."""
    with site.client("huong") as client:
        path = begin(client).headers["location"]
        send(client, path, 0, SOUND[: len(SOUND) // 2])
        answer = posted(client, {"upload": path.split("/")[-1], "title": "Gõ rồi"})
        assert answer.status_code == 409
        assert "mới đến 50 %" in answer.text
        assert 'value="Gõ rồi"' in answer.text
        assert "Tải lên dở dang" in answer.text
        assert offset(client, path) == len(SOUND) // 2


def test_what_will_never_do_is_no_unfinished_upload(site: Site) -> None:
    """No sound, or a file that is here already: nothing waits to go on; what was typed stays."""
    letter = "xin chào bà con ".encode() * 500
    with site.client("huong") as client:
        for body, told in (
            (letter, "không có âm thanh"),
            (SOUND, None),
            (SOUND, "Không thay đổi gì"),
        ):
            path = begin(client, len(body)).headers["location"]
            send(client, path, 0, body)
            answer = posted(client, {"upload": path.split("/")[-1], "title": "Gõ rồi"})
            if told:
                assert told in answer.text and 'value="Gõ rồi"' in answer.text
                assert "Tải lên dở dang" not in answer.text
            assert rows(site) == 0


def test_form_of_another_page_takes_no_upload(site: Site) -> None:
    """Without its token the form is refused, also when no file comes with it."""
    with site.client("huong") as client:
        path = begin(client).headers["location"]
        send(client, path, 0, SOUND)
        answer = client.post("/programmes", files={"upload": (None, path.split("/")[-1])})
        assert answer.status_code == 403
    assert rows(site) == 1


def test_what_came_before_a_cut_stays(site: Site) -> None:
    """The line dies in the middle of a piece: the client asks, and goes on from there."""
    with site.client("huong") as client:
        path = begin(client).headers["location"]
        cut(site, path, SOUND[:60_000], promised=len(SOUND))
        come = arrived(site, path, 60_000)
        answer = send(client, path, come, SOUND[come:])

    assert (answer.status_code, int(answer.headers["upload-offset"])) == (204, len(SOUND))


def cut(site: Site, path: str, body: bytes, *, promised: int) -> None:
    with hanging(site, path, body, promised=promised):
        pass


def hanging(site: Site, path: str, body: bytes, *, promised: int) -> socket.socket:
    """A client that sent a part and says nothing more."""
    host, port = site.url.removeprefix("http://").split(":")
    wire = socket.create_connection((host, int(port)), timeout=10)
    wire.sendall(
        (
            f"PATCH {path} HTTP/1.1\r\nHost: {host}\r\nCookie: loa={site.token('huong')}\r\n"
            f"Content-Length: {promised}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            "Content-Type: application/offset+octet-stream\r\n\r\n"
        ).encode()
        + body
    )
    return wire


def arrived(site: Site, path: str, at_least: int) -> int:
    """Wait until the server has written so much; how much is there."""
    file = uploads.path_of(site.hub, path.split("/")[-1])
    for _ in range(200):
        if file.stat().st_size >= at_least:
            break
        time.sleep(0.02)
    return file.stat().st_size


def test_newer_request_takes_over_from_one_that_hangs(site: Site) -> None:
    """A half-open line must not lock an editor out of an upload for minutes."""
    with site.client("huong") as client:
        path = begin(client).headers["location"]
        with hanging(site, path, SOUND[:50_000], promised=len(SOUND)):
            for _ in range(50):
                # One that overtakes it on the way is told where the server stands, and tries again.
                answer = send(client, path, 50_000, SOUND[50_000:])
                if answer.status_code != 409:
                    break
                time.sleep(0.1)

        # What the hanging one brought was written when it gave way.
        assert answer.status_code == 204
        assert offset(client, path) == len(SOUND)


@pytest.mark.parametrize("at", [1, 100_000, -5])
def test_bytes_that_do_not_follow_are_refused(site: Site, at: int) -> None:
    """A gap or an overlap would be a sound with a hole in it."""
    with site.client("huong") as client:
        path = begin(client).headers["location"]
        assert send(client, path, at, b"x" * 10).status_code == 409
        assert offset(client, path) == 0


@pytest.mark.parametrize("is_counted", [True, False], ids=["length", "chunked"])
def test_more_than_was_announced_is_refused(site: Site, is_counted: bool) -> None:
    """The promised size is the limit of the file, with and without a Content-Length."""
    promised = 3 << 19
    with site.client("huong") as client:
        path = begin(client, size=MAX_UPLOAD).headers["location"]
        pieces = [b"x" * 65_536] * (promised >> 16)
        answer = send(client, path, 0, b"".join(pieces) if is_counted else iter(pieces))
        assert (answer.status_code, answer.json()["code"]) == (400, "form_unreadable")
        assert offset(client, path) <= MAX_UPLOAD
        assert posted(client, {"upload": path.split("/")[-1]}).status_code == 409
        assert client.delete(path, headers=TUS).status_code == 204
    assert (rows(site), list(site.hub.uploads.iterdir())) == (0, [])


def test_a_program_sends_its_file_by_the_same_protocol(site: Site) -> None:
    """With a token for uploads alone, resumed, and made a programme by one that may do that."""
    path = "/api/v1/uploads"
    sends, reads = issued(site, "huong", "uploads:write"), issued(site, "huong", "uploads:read")
    makes, other = issued(site, "huong", "programmes:write"), issued(site, "dung", "*:write")
    with site.client() as client:
        assert client.post(path, headers={**TUS, **reads}).json()["code"] == "token_scope"
        too_much = {**TUS, **sends, "upload-length": str(MAX_UPLOAD + 1)}
        assert client.post(path, headers=too_much).status_code == 413
        once = {**sends, "idempotency-key": "tệp 1".encode().hex()}
        begun = [begin(client, at=path, more=once) for _ in range(2)]
        where = begun[0].headers["location"]
        assert [one.status_code for one in begun] == [201, 201]
        assert begun[1].headers["location"] == where == f"{path}/{begun[0].json()['id']}"
        assert rows(site) == 1

        assert send(client, where, 0, SOUND[:80_000], more=reads).status_code == 403
        assert send(client, where, 0, SOUND[:80_000], more=other).status_code == 404
        assert send(client, where, 0, SOUND[:80_000], more=sends).status_code == 204
        come = client.head(where, headers={**TUS, **reads})
        assert come.headers["upload-offset"] == "80000"
        assert send(client, where, 0, SOUND, more=sends).status_code == 409
        assert send(client, where, 80_000, SOUND[80_000:], more=sends).status_code == 204
        assert send(client, where[7:], 0, b"", more=sends).status_code == 401  # no page for tokens

        form = {"upload": (None, begun[0].json()["id"]), "title": (None, "Từ chương trình khác")}
        assert client.post("/api/v1/programmes", files=form, headers=sends).status_code == 403
        made = client.post("/api/v1/programmes", files=form, headers=makes)
        assert made.status_code == 201, made.text
    with site.hub.database.read() as session:
        programme = session.get_one(Programme, made.json()["id"])
    assert site.hub.master_path(programme).read_bytes() == SOUND
    assert (rows(site), list(site.hub.uploads.iterdir())) == (0, [])


@pytest.mark.parametrize("size", ["", "0", "-1", "abc", str(MAX_UPLOAD + 1), "9" * 30])
def test_impossible_size_is_refused_before_the_first_byte(site: Site, size: str) -> None:
    """A 3 GB file over the limit is told at once, in plain words."""
    with site.client("huong") as client:
        answer = client.post("/uploads", headers={**TUS, "upload-length": size})
        assert answer.status_code in (413, 422)
        assert answer.headers["content-type"] == "application/problem+json"
    assert rows(site) == 0


def test_other_version_of_the_protocol_is_told(site: Site) -> None:
    """A client of tomorrow learns what is spoken here."""
    with site.client("huong") as client:
        answer = client.post("/uploads", headers={"tus-resumable": "2.0.0", "upload-length": "9"})
        assert (answer.status_code, answer.json()["code"]) == (412, "upload_version_unknown")


def test_unfinished_upload_is_discarded_without_a_script(site: Site) -> None:
    """The page lists what stopped; one button frees its room."""
    with site.client("huong") as client:
        path = begin(client, name="bỏ đi.wav").headers["location"]
        assert "bỏ đi.wav" in client.get("/programmes").text
        answer = client.submit(f"/programmes/uploads/{path.split('/')[-1]}/discard")
        assert answer.headers["location"].endswith("done=discarded")
        assert "bỏ đi.wav" not in client.get("/programmes").text
    assert (rows(site), list(site.hub.uploads.iterdir())) == (0, [])


def test_upload_with_a_foreign_origin_is_refused(site: Site) -> None:
    """Another site's page cannot write into an editor's upload."""
    with site.client("huong") as client:
        path = begin(client).headers["location"]
        headers = {**TUS, "sec-fetch-site": "cross-site", "upload-offset": "0"}
        assert client.patch(path, headers=headers, content=b"x").status_code == 403


def test_title_comes_from_the_name_when_nothing_was_typed(site: Site) -> None:
    """A guess that can be corrected is better than an empty line."""
    with site.client("huong") as client:
        path = begin(client, name="chi_Lan_nuoi_bo.wav").headers["location"]
        send(client, path, 0, SOUND)
        posted(client, {"upload": path.split("/")[-1]})

    with site.hub.database.read() as session:
        assert session.query(Programme).order_by(Programme.id.desc()).first().title == (  # type: ignore[union-attr]
            "chi Lan nuoi bo"
        )
