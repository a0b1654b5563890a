"""A programme on its way: uploaded, checked, heard, approved by somebody else."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from api.auth import form_token
from scheduler import checks
from scheduler.programmes import resubmit
from scheduler.store.models import Programme
from scheduler.store.states import ProgrammeState, RenditionState
from tests.conftest import need
from tests.web.data import tone
from tests.web.site import Client, Site


@pytest.fixture(autouse=True)
def _ffmpeg() -> None:
    import shutil

    need("ffmpeg", shutil.which("ffmpeg"))


def upload(client: Client, content: bytes, name: str = "thử.wav", **fields: str) -> httpx.Response:
    assert client.viewer is not None
    return client.post(
        "/programmes",
        data={"form_token": form_token(client.viewer), **fields},
        files={"file": (name, content, "audio/wav")},
        headers={"sec-fetch-site": "same-origin"},
    )


def checked(site: Site) -> Programme:
    """The newest programme, once a worker has looked at it."""
    for waiting in checks.to_check(site.hub):
        assert checks.check(site.hub, waiting)
    return programmes(site)[-1]


def programmes(site: Site) -> list[Programme]:
    with site.hub.database.read() as session:
        return session.query(Programme).order_by(Programme.id).all()


def leftovers(site: Site) -> list[Path]:
    return list(site.hub.tmp.iterdir())


def test_anonymous_is_refused_before_a_byte_is_kept(site: Site) -> None:
    """A stranger's upload costs no disk and no processor."""
    with site.client() as client:
        answer = client.post("/programmes", files={"file": ("a.wav", tone(440))})

    assert answer.headers["location"].startswith("/sign-in")
    assert leftovers(site) == []


def test_uploaded_file_is_measured_and_waits_for_a_second_person(site: Site) -> None:
    """The editor's file is in the archive under its hash, and its page says what was found."""
    with site.client("huong") as client:
        answer = upload(client, tone(440), title="Bản tin thử", genre="bản tin")
        assert answer.status_code == 303
        added = checked(site)
        shown = client.get(answer.headers["location"]).text

    assert (added.title, added.file_name, added.state) == (
        "Bản tin thử", "thử.wav", ProgrammeState.READY
    )  # fmt: skip
    assert site.hub.master_path(added).read_bytes() == tone(440)
    assert "chờ duyệt" in shown
    assert "phải có người khác duyệt" not in shown  # an editor does not approve anyway
    assert leftovers(site) == []


def test_name_of_the_file_is_never_a_path(site: Site) -> None:
    """A name that climbs folders is a name, and shows as one."""
    with site.client("huong") as client:
        upload(client, tone(441), "../../etc/<b>x</b>.wav")
        shown = client.get(f"/programmes/{programmes(site)[-1].id}").text

    added = programmes(site)[-1]
    assert "/" not in added.file_name
    assert "<b>x</b>" not in shown
    assert site.hub.master_path(added).parent == site.hub.masters


def test_last_day_that_is_over_is_refused_before_anything_is_kept(site: Site) -> None:
    """It would never air, and nobody would be told; what was typed stands in the form again."""
    before = len(programmes(site))
    with site.client("huong") as client:
        brought = upload(client, tone(881), title="Hôm qua", expires_on="2022-10-15")
        changed = client.submit("/programmes/4/details", title="Hôm qua", expires_on="2022-10-15")
        for answer in (brought, changed):
            assert (answer.status_code, "Ngày cuối đã qua" in answer.text) == (422, True)
            assert 'value="Hôm qua"' in answer.text
        assert client.get("/programmes/bon").status_code == 404  # no field that anybody typed
    assert len(programmes(site)) == before
    assert leftovers(site) == []


def test_upload_over_the_limit_is_refused_while_it_comes(site: Site) -> None:
    """Announced or not, the bytes are counted: 413, nothing is kept but the words of the form."""
    before = len(programmes(site))
    with site.client("huong") as client:
        assert client.viewer is not None
        head = (
            '--b\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n'
            f"{form_token(client.viewer)}\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        )
        title = 'Content-Disposition: form-data; name="title"\r\n\r\nSau tệp'
        tail = f"\r\n--b\r\n{title}\r\n--b--\r\n"
        parts = [head.encode(), *[b"\0" * 65_536] * 20, tail.encode()]
        headers = {"content-type": "multipart/form-data; boundary=b"}
        for content in (b"".join(parts), iter(parts)):  # with a length, and in chunks without one
            answer = client.post("/programmes", content=content, headers=headers)
            assert answer.status_code == 413
            assert "lớn hơn 1,0 MB" in answer.text
            assert 'value="Sau tệp"' in answer.text
        # What never ends is not read for ever.
        endless = iter([parts[0], *parts[1:21] * 4])
        assert client.post("/programmes", content=endless, headers=headers).status_code == 413
        # A program gets its answer at once: it has no words to lose.
        answer = client.post("/api/v1/programmes", content=iter(parts), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")

    assert len(programmes(site)) == before
    assert leftovers(site) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Tệp rỗng"),
        ("đây là văn bản\n".encode() * 100, "Tệp không có âm thanh đọc được"),
        (b"#EXTM3U\n/etc/passwd\n", "Tệp"),
    ],
)
def test_what_is_no_sound_is_refused_in_plain_words_and_the_form_is_kept(
    site: Site, content: bytes, told: str
) -> None:
    """A text, a playlist, nothing at all: the page says what to do, and what was typed stays."""
    before = len(programmes(site))
    with site.client("huong") as client:
        answer = upload(client, content, "a.mp3", title='Tên "đã" gõ', theme="Vay vốn")

    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="Tên &#34;đã&#34; gõ"' in answer.text
    assert 'value="Vay vốn"' in answer.text
    assert len(programmes(site)) == before
    assert leftovers(site) == []


def test_same_file_twice_is_told_and_kept_once(site: Site) -> None:
    """A double click brings one programme."""
    with site.client("huong") as client:
        upload(client, tone(500), title="Một lần")
        again = upload(client, tone(500), title="Hai lần")

    assert again.status_code == 409
    assert "Đã có chương trình" in again.text
    assert [one.title for one in programmes(site)].count("Hai lần") == 0


def test_form_without_its_token_is_refused_before_the_file(site: Site) -> None:
    """Another page cannot make an editor's browser bring a file."""
    with site.client("huong") as client:
        answer = client.post("/programmes", files={"file": ("a.wav", tone(440))})

    assert answer.status_code == 403
    assert leftovers(site) == []


def test_upload_that_breaks_off_leaves_nothing_behind(site: Site) -> None:
    """A phone that loses its link in the middle of a file costs no disk."""
    before = len(programmes(site))
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(
            (
                f"POST /api/v1/programmes HTTP/1.1\r\nHost: {host}\r\n"
                f"Cookie: loa={site.token('huong')}\r\nContent-Length: 500000\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
                '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
            ).encode()
            + b"\0" * 100_000
        )
    with site.client("huong") as client:  # answered after the broken one was noticed
        assert client.get("/programmes").status_code == 200

    assert len(programmes(site)) == before
    for _ in range(100):
        if not leftovers(site):
            break
        with site.client() as client:
            client.get("/health")
    assert leftovers(site) == []


def test_second_person_approves_and_renditions_are_due(site: Site) -> None:
    """The approver's word makes it ready to be encoded."""
    programme = site.province.programmes["ready"]
    with site.client("tuan") as client:
        assert "Duyệt</button>" in client.get(f"/programmes/{programme.id}").text
        answer = client.submit(f"/programmes/{programme.id}/approve")
        assert answer.headers["location"] == f"/programmes/{programme.id}?done=approved"
        twice = client.submit(f"/programmes/{programme.id}/approve")
        assert twice.status_code == 409

    with site.hub.database.read() as session:
        kept = session.get_one(Programme, programme.id)
        assert kept.state is ProgrammeState.APPROVED
        assert kept.approved_by == site.province.people["tuan"].id
        assert {one.state for one in kept.renditions} == {RenditionState.DUE}


def test_nobody_approves_what_they_brought_themselves(site: Site) -> None:
    """Four eyes, also for the administrator, also by hand-made request."""
    with site.client("admin") as client:
        answer = upload(client, tone(600), title="Của tôi")
        path = answer.headers["location"].split("?")[0]
        checked(site)
        assert "phải có người khác duyệt" in client.get(path).text
        for refused in (client.submit(f"{path}/approve"), client.post(f"/api/v1{path}/approve")):
            assert refused.status_code == 403

    assert programmes(site)[-1].state is ProgrammeState.READY


def test_returned_programme_needs_a_reason(site: Site) -> None:
    """The editor reads why, and whoever approves it the next time; without one nothing happens."""
    programme = site.province.programmes["ready"]
    with site.client("tuan") as client:
        assert client.submit(f"/programmes/{programme.id}/reject", reason=" ").status_code == 422
        answer = client.submit(f"/programmes/{programme.id}/reject", reason="Tiếng quá nhỏ")
        assert answer.headers["location"].endswith("done=rejected")

    with site.hub.database.read() as session:
        returned = session.get_one(Programme, programme.id)
        assert returned.state is ProgrammeState.REJECTED
    resubmit(site.hub, programme.id, by=site.province.people["huong"])
    with site.client("tuan") as client:
        assert "đã trả lại trước đó:</strong> Tiếng quá nhỏ" in client.get("/approve").text
        client.submit(f"/programmes/{programme.id}/approve")
        assert "Tiếng quá nhỏ" not in client.get(f"/programmes/{programme.id}").text


def test_master_is_heard_in_ranges_by_those_who_are_signed_in(shared_site: Site) -> None:
    """A phone jumps to the middle of a programme without fetching its beginning."""
    programme = shared_site.province.programmes["ready"]
    path = f"/programmes/{programme.id}/audio"
    with shared_site.client("tuan") as client:
        whole = client.get(path)
        part = client.get(path, headers={"range": "bytes=1000-1999"})
    with shared_site.client() as client:
        assert client.get(path).status_code == 303

    assert whole.headers["content-type"] in ("audio/x-wav", "audio/wav", "audio/vnd.wave")
    assert "content-encoding" not in whole.headers
    assert (part.status_code, part.content) == (206, whole.content[1000:2000])


def test_findings_are_plain_words_with_what_to_do(shared_site: Site) -> None:
    """The check speaks Vietnamese, with the figures and places as people write them."""
    with shared_site.client("huong") as client:
        ready = client.get(f"/programmes/{shared_site.province.programmes['ready'].id}").text
        refused = client.get(f"/programmes/{shared_site.province.programmes['rejected'].id}").text

    assert "Bản thu rất nhỏ (-37,5 LUFS)" in ready
    assert "khoảng lặng 11 giây ở 6:12" in ready
    assert "sớm 211 giây" in refused


def test_search_ignores_tones(shared_site: Site) -> None:
    """``ngan hang`` finds Ngân hàng."""
    with shared_site.client("huong") as client:
        shown = client.get("/programmes?search=ngan hang").text
        empty = client.get("/programmes?search=khong co gi ca").text

    assert "Ngân hàng Chính sách" in shown
    assert "chị Lan" not in shown
    assert "Không có chương trình nào theo lựa chọn này" in empty
