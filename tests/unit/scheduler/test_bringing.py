"""What a programme is when it comes in: its title, and whether its sound is there already."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from audio.errors import BadProfile
from audio.ffmpeg import find_ffmpeg
from scheduler import programmes, renditions
from scheduler.config import load_settings
from scheduler.errors import AlreadyExists
from scheduler.hub import Hub
from scheduler.programmes import ProgrammeDetails
from scheduler.store.models import Programme
from scheduler.store.states import ProgrammeState, RenditionState
from tests.builders import someone
from tests.sounds import hum


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Sound is at stake, not the database: both only where a test says so."""
    kind: str = request.param
    return kind


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return hum(tmp_path / "speech.wav", seconds=5, seed=3)


def convert(source: Path, name: str, *options: str) -> Path:
    path = source.parent / name
    argv = [find_ffmpeg(), "-v", "error", "-nostdin", "-i", source, *options, f"file:{path}"]
    subprocess.run([str(word) for word in argv], check=True, timeout=60)
    return path


def bring(hub: Hub, file: Path, title: str = "") -> Programme:
    by = someone(hub, "editor")
    return programmes.add_programme(hub, file, ProgrammeDetails(title), by=by)


def same_as(programme: Programme) -> list[float]:
    assert programme.facts is not None
    return [f["number"] for f in programme.facts["findings"] if f["code"] == "same_sound"]


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_the_same_sound_in_another_file_is_told_with_its_number(hub: Hub, speech: Path) -> None:
    """A WAV that comes again as FLAC airs twice in a week, unless the editor is told."""
    first = bring(hub, speech, "Tin sáng")

    again = bring(hub, convert(speech, "again.flac"), "Tin chiều")

    assert same_as(first) == []
    assert same_as(again) == [first.id]
    assert again.state is ProgrammeState.READY


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_the_same_file_is_refused_and_another_sound_is_not_told(hub: Hub, speech: Path) -> None:
    """Same bytes: nothing is kept. Other sound: nothing to say."""
    bring(hub, speech, "Tin sáng")

    with pytest.raises(AlreadyExists, match="Tin sáng"):
        bring(hub, speech, "Tin chiều")

    other = bring(hub, hum(speech.parent / "other.wav", seconds=5, seed=4))
    assert same_as(other) == []


def test_sound_that_was_withdrawn_may_come_again(hub: Hub, speech: Path) -> None:
    """What is off the air stands in nobody's way."""
    first = bring(hub, speech, "Tin sáng")
    programmes.withdraw(hub, first.id, by=someone(hub, "editor"), reason="sai số liệu")

    assert same_as(bring(hub, convert(speech, "again.flac"))) == []


@pytest.mark.parametrize(
    ("name", "options", "title"),
    [
        ("ban_tin_sang.flac", (), "ban tin sang"),
        ("a.mp3", ("-metadata", "title=Gương thoát nghèo"), "Gương thoát nghèo"),
        ("b.mp3", ("-metadata", "title=Hµ Nam h«m nay"), "Hà Nam hôm nay"),
        ("Haø Noäi hoâm nay.flac", (), "Hà Nội hôm nay"),
    ],
)
def test_without_a_title_the_file_is_asked(
    hub: Hub, speech: Path, name: str, options: tuple[str, ...], title: str
) -> None:
    """Its tag first, then its name, in today's letters whatever they were written in."""
    assert bring(hub, convert(speech, name, *options)).title == title


def test_what_a_person_typed_wins_over_the_tag(hub: Hub, speech: Path) -> None:
    """A tag is a guess."""
    file = convert(speech, "a.mp3", "-metadata", "title=Track 01")

    assert bring(hub, file, "Bản tin sáng").title == "Bản tin sáng"


def with_settings(hub: Hub, folder: Path, text: str) -> Hub:
    """The hub with a configuration beside its sound files, as an operator writes it."""
    config = folder / "config.toml"
    config.write_text(text, encoding="utf-8")
    theirs = load_settings(config)
    update = {"programmes": theirs.programmes, "profiles": theirs.profiles}
    return replace(hub, settings=hub.settings.model_copy(update=update))


JINGLES = """
[programmes]
profiles = ["loa-48", "wav", "archive"]
ident = "jingles/ident.wav"
[profiles.wav]
ident = ""
sign_off = "jingles/end.wav"
"""


def test_every_profile_begins_and_ends_as_its_settings_say(hub: Hub, speech: Path) -> None:
    """The common ident, a sign-off of its own, and an archive that is nothing but the programme."""
    (speech.parent / "jingles").mkdir()
    hum(speech.parent / "jingles/ident.wav", seconds=3, seed=8)
    hum(speech.parent / "jingles/end.wav", seconds=2, seed=9)
    hub = with_settings(hub, speech.parent, JINGLES)
    programme = bring(hub, speech, "Tin sáng")
    programmes.approve(hub, programme.id, by=someone(hub, "approver"))

    built = {one.profile: one for one in renditions.render_due(hub)}

    assert {one.state for one in built.values()} == {RenditionState.READY}
    assert built["archive"].ms == pytest.approx(5000, abs=100)
    assert built["loa-48"].ms == pytest.approx(5000 + 3000 + 400, abs=250)
    assert built["wav"].ms == pytest.approx(5000 + 2000 + 400, abs=250)


def test_an_ident_that_is_not_there_is_said_at_the_approval(hub: Hub, speech: Path) -> None:
    """Not at night in a log: nothing was approved."""
    hub = with_settings(hub, speech.parent, JINGLES)
    programme = bring(hub, speech, "Tin sáng")

    with pytest.raises(BadProfile, match=r"ident .*jingles/ident\.wav"):
        programmes.approve(hub, programme.id, by=someone(hub, "approver"))

    with hub.database.read() as session:
        found = programmes.get_programme(session, programme.id)
    assert found.state is ProgrammeState.READY


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_a_render_that_a_person_ends_is_due_again_at_once(hub: Hub, speech: Path) -> None:
    """Ctrl-C in the middle: no claim that must first run out, no file, no process."""
    programme = bring(hub, speech, "Tin sáng")
    programmes.approve(hub, programme.id, by=someone(hub, "approver"))

    def end(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        renditions.render_due(hub, programme.id, progress=end)

    assert list(hub.renditions.iterdir()) == []
    assert renditions.to_render(hub) == [programme.id]
    assert {one.state for one in renditions.render_due(hub)} == {RenditionState.READY}


def test_what_ffmpeg_says_reaches_whoever_asks(
    hub: Hub, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own words stand in the row, and the next try is asked for, not hidden."""
    programme = bring(hub, speech, "Tin sáng")
    programmes.approve(hub, programme.id, by=someone(hub, "approver"))
    lame = tmp_path / "ffmpeg"
    real = find_ffmpeg()
    lame.write_text(
        '#!/bin/sh\ncase "$*" in *libmp3lame*) echo "Unknown encoder \'libmp3lame\'" >&2;'
        f' exit 1;; esac\nexec {real} "$@"\n'
    )
    lame.chmod(0o755)
    monkeypatch.setenv("LOA_FFMPEG", str(lame))

    built = renditions.render_due(hub, programme.id)

    assert {one.state for one in built} == {RenditionState.FAILED}
    assert all("Unknown encoder 'libmp3lame'" in (one.error or "") for one in built)
