"""Files on their way in, on both databases: resumed, refused, swept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler import people, uploads
from scheduler.clock import ManualClock
from scheduler.errors import InputInvalid, NoRoomForUpload, NotFound, TooManyUploads
from scheduler.hub import Hub
from scheduler.store.models import PartialUpload, Person


@pytest.fixture
def editor(empty_hub: Hub) -> Person:
    return added(empty_hub, "huong")


def added(hub: Hub, username: str, role: str = "editor") -> Person:
    with hub.database.write() as session:
        people.add_person(
            session, username=username, full_name=username, role=role, unit=None,
            now=hub.clock.now(), by="test",
        )  # fmt: skip
        return people.find_person(session, username)


def rows(hub: Hub) -> int:
    with hub.database.read() as session:
        return session.query(PartialUpload).count()


def test_only_its_owner_finds_an_upload(empty_hub: Hub, editor: Person) -> None:
    """Whoever guesses the address of somebody else's file finds nothing."""
    begun = uploads.begin(empty_hub, by=editor, file_name="a.wav", size_bytes=10)

    assert uploads.find(empty_hub, begun.id, by=editor).size_bytes == 10
    with pytest.raises(NotFound):
        uploads.find(empty_hub, begun.id, by=added(empty_hub, "dung"))


@pytest.mark.parametrize("size", [0, -1, (2 << 30) + 1])
def test_impossible_size_makes_nothing(empty_hub: Hub, editor: Person, size: int) -> None:
    """Nothing at all, and one byte more than the settings allow."""
    with pytest.raises(InputInvalid):
        uploads.begin(empty_hub, by=editor, file_name="a.wav", size_bytes=size)

    assert rows(empty_hub) == 0
    assert list(empty_hub.uploads.iterdir()) == []


def test_eleventh_unfinished_upload_is_refused(empty_hub: Hub, editor: Person) -> None:
    """One person cannot fill the disk with beginnings; another may still begin."""
    for _ in range(uploads.MOST_AT_ONCE):
        uploads.begin(empty_hub, by=editor, file_name="a.wav", size_bytes=10)
    with pytest.raises(TooManyUploads):
        uploads.begin(empty_hub, by=editor, file_name="a.wav", size_bytes=10)

    uploads.begin(empty_hub, by=added(empty_hub, "dung"), file_name="a.wav", size_bytes=10)


def test_room_that_is_promised_is_not_promised_twice(
    empty_hub: Hub, editor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two large files and room for one: the second is told before a byte is sent."""
    room = uploads.RESERVE_BYTES + (1 << 30) + (100 << 20)
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda path: Usage(room))
    uploads.begin(empty_hub, by=editor, file_name="a.wav", size_bytes=1 << 30)

    with pytest.raises(NoRoomForUpload) as refused:
        uploads.begin(empty_hub, by=editor, file_name="b.wav", size_bytes=1 << 30)

    assert refused.value.fields == {"free_mib": 100, "needed_mib": 1024}
    assert rows(empty_hub) == 1


class Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_upload_that_stopped_for_ever_is_swept(
    empty_hub: Hub, editor: Person, clock: ManualClock
) -> None:
    """After three days its room is free again; one that went on meanwhile stays."""
    stopped = uploads.begin(empty_hub, by=editor, file_name="a.wav", size_bytes=10)
    goes_on = uploads.begin(empty_hub, by=editor, file_name="b.wav", size_bytes=10)
    (empty_hub.uploads / ("f" * 32 + ".part")).write_bytes(b"nobody's")
    clock.advance(timedelta(hours=73))
    uploads.touched(empty_hub, goes_on)

    assert uploads.sweep(empty_hub) == 2

    assert [path.stem for path in empty_hub.uploads.iterdir()] == [goes_on.id]
    with pytest.raises(NotFound):
        uploads.find(empty_hub, stopped.id, by=editor)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("C:\\Bản thu\\bài 1.wav", "bài 1.wav"),
        ("../../etc/passwd", "passwd"),
        ("bài\r\n1.wav", "bài1.wav"),
        ("", "file"),
        ("Ba\u0300i.wav", "Bài.wav"),
    ],
)
def test_name_is_shown_on_one_line_and_is_no_path(
    empty_hub: Hub, editor: Person, sent: str, kept: str
) -> None:
    """What a browser calls a file is only what people read."""
    begun = uploads.begin(empty_hub, by=editor, file_name=sent, size_bytes=10)

    assert begun.file_name == kept
