"""A station's day as files: what a foreign player plays in the order of its names."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from scheduler.errors import DataNotWritable, InputInvalid, NotFound, RenditionMissing
from scheduler.export import export_day
from tests.builders import programme
from tests.unit.scheduler.scene import MONDAY, Scene


@pytest.fixture
def day(scene: Scene) -> Scene:
    """A folder station with the same news twice and a report between."""
    scene.stations("13579", kind="folder")
    news = programme(scene.base, "Bản tin: Đổi mới / số 1", ms=60_000)
    scene.slot(programme(scene.base, "Gương thoát nghèo", ms=60_000), at=time(11))
    for at in (time(5), time(17)):
        scene.slot(news, at=at)
    scene.plan()
    return scene


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_sort_by_time_and_hold_what_airs(day: Scene, tmp_path: Path) -> None:
    """Plain letters, no folder in a title, whole files; what is there is not copied again."""
    into = tmp_path / "usb" / "loa"

    files = export_day(day.base, "s13579", MONDAY, into)

    assert names(into) == [
        "20221017-0500-Ban-tin-Doi-moi-so-1.mp3",
        "20221017-1100-Guong-thoat-ngheo.mp3",
        "20221017-1700-Ban-tin-Doi-moi-so-1.mp3",
    ]
    assert all((into / one.name).read_bytes() == one.source.read_bytes() for one in files)
    before = [path.stat().st_mtime_ns for path in sorted(into.iterdir())]
    (into / "20221017-1700-Ban-tin-Doi-moi-so-1.mp3.part").write_bytes(b"of a stick pulled out")
    export_day(day.base, "s13579", MONDAY, into)
    assert [path.stat().st_mtime_ns for path in sorted(into.glob("*.mp3"))] == before


def test_a_profile_names_the_files_and_no_two_share_a_name(day: Scene, tmp_path: Path) -> None:
    """One file that airs twice is there once; two of one name are told apart."""
    profiles = {"loa-48": {"file_name": "{date}.{extension}"}}
    settings = day.base.settings.model_copy(update={"profiles": profiles})
    hub = replace(day.base, settings=settings)

    files = export_day(hub, "s13579", MONDAY, tmp_path / "usb")

    assert [one.name for one in files] == ["20221017.mp3", "20221017-02.mp3", "20221017.mp3"]
    assert names(tmp_path / "usb") == ["20221017-02.mp3", "20221017.mp3"]


def test_what_cannot_be_exported_is_said_and_leaves_nothing(day: Scene, tmp_path: Path) -> None:
    """No half day on a stick."""
    (tmp_path / "file").touch()
    with pytest.raises(NotFound):
        export_day(day.base, "nowhere", MONDAY, tmp_path / "usb")
    with pytest.raises(InputInvalid, match="nothing is ready"):
        export_day(day.base, "s13579", MONDAY - timedelta(days=30), tmp_path / "usb")
    with pytest.raises(InputInvalid, match="not a folder"):
        export_day(day.base, "s13579", MONDAY, tmp_path / "file")
    next(day.base.renditions.glob("*.mp3")).unlink()
    with pytest.raises(RenditionMissing):
        export_day(day.base, "s13579", MONDAY, tmp_path / "usb")
    assert not (tmp_path / "usb").exists()


def test_a_folder_that_may_not_be_written_is_said(day: Scene) -> None:
    """A stick with its switch on, or full."""
    with pytest.raises(DataNotWritable, match="/proc/usb"):
        export_day(day.base, "s13579", MONDAY, Path("/proc/usb"))
