"""Renditions are exactly what their profile says, or they do not exist."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from audio.errors import (
    BadProfile,
    Cancelled,
    LoudnessMissed,
    MasterChanged,
    MasterRefused,
    RenderFailed,
)
from audio.facts import Facts
from audio.folder import workshop
from audio.measure import measure, probe
from audio.profiles import PROFILES, Profile
from audio.render import render, sweep
from audio.source import open_source
from tests.sounds import hum

SHIPPED = list(PROFILES.values())
SPEECH_MS = 6_000


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half as long as elsewhere: it is rendered some fifty times."""
    return hum(tmp_path_factory.mktemp("speech") / "speech.wav", seconds=SPEECH_MS / 1000, seed=5)


@pytest.fixture(scope="module")
def speech_facts(speech: Path) -> Facts:
    return measure(speech)


def test_every_shipped_profile_comes_out_as_it_promises(tmp_path, speech, speech_facts):
    """Codec, rate, channels, length, loudness and peak, read back from the file itself."""
    made = render(speech, SHIPPED, tmp_path, facts=speech_facts)

    for profile, rendition in zip(SHIPPED, made, strict=True):
        heard = measure(rendition.path)
        assert rendition.profile == profile.name
        assert heard.channels == profile.channels
        assert heard.ms == pytest.approx(speech_facts.ms, abs=120)
        assert heard.sha256 == rendition.sha256
        if profile.codec != "opus":  # always decodes at 48 kHz
            assert heard.sample_rate_hz == profile.sample_rate_hz
        if profile.target_lufs is not None:
            assert heard.lufs == pytest.approx(profile.target_lufs, abs=0.3)
            assert heard.peak_dbtp is not None and heard.peak_dbtp <= profile.ceiling_dbtp
            assert rendition.lufs_before == speech_facts.lufs


def test_files_are_named_by_their_content_and_nothing_else_is_left(tmp_path, speech, speech_facts):
    """A rendition's name is the hash of its bytes."""
    made = render(speech, SHIPPED[:2], tmp_path, facts=speech_facts)

    names = {path.name for path in tmp_path.iterdir()}
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    assert names == {f"{r.sha256}.{r.extension}" for r in made}
    assert digests == {r.sha256 for r in made}
    assert all(r.size_bytes == r.path.stat().st_size for r in made)


def test_same_master_gives_the_same_bytes(tmp_path, speech, speech_facts):
    """Rendering again anywhere gives the same names, so that nothing is sent twice."""
    first = render(speech, SHIPPED, tmp_path / "a", facts=speech_facts)
    second = render(speech, SHIPPED, tmp_path / "b", facts=speech_facts)

    assert [r.sha256 for r in first] == [r.sha256 for r in second]


def test_no_date_no_tag_and_no_version_is_in_a_rendition(tmp_path, make):
    """Nothing of the reporter's machine travels to a station."""
    tagged = make("tagged.mp3", "-metadata", "title=SECRET-TITLE", "-metadata", "date=2021")

    made = render(tagged, SHIPPED, tmp_path, facts=measure(tagged))

    assert not any(b"SECRET" in r.path.read_bytes() for r in made)


def test_quiet_and_peaky_speech_still_reaches_its_loudness(tmp_path, make):
    """The limiter's own loss is part of the gain."""
    peaky = make("peaky.wav", "-af", "volume=-22dB,aeval=val(0)+0.3*lt(mod(t\\,1.9)\\,0.0004)")

    (rendition,) = render(peaky, [PROFILES["loa-48"]], tmp_path, facts=measure(peaky))

    assert rendition.lufs == pytest.approx(-16, abs=0.3)


def test_ident_and_sign_off_are_joined_at_the_loudness_of_the_body(tmp_path, speech, generate):
    """A quiet jingle does not stay quiet, and the lengths add up."""
    ident = generate("ident.wav", "sine=f=500:d=2,volume=-20dB")
    facts = measure(speech)

    (rendition,) = render(
        speech, [PROFILES["wav"]], tmp_path / "o", facts=facts, ident=ident, sign_off=ident
    )

    assert rendition.ms == pytest.approx(facts.ms + 2 * (2000 + 2 * 300 - 200), abs=5)
    head = measure_head(rendition.path, tmp_path, seconds=2)
    assert head == pytest.approx(-16, abs=1.5)


def measure_head(path: Path, folder: Path, seconds: int) -> float | None:
    from tests.unit.audio.conftest import ffmpeg

    ffmpeg("-i", path, "-t", str(seconds), folder / "head.wav")
    return measure(folder / "head.wav").lufs


def test_silence_at_both_ends_is_cut_off(tmp_path, make):
    """Dead air before the first word costs a slot its seconds."""
    padded = make("padded.wav", "-af", "adelay=4000,apad=pad_dur=5")

    (rendition,) = render(padded, [PROFILES["wav"]], tmp_path / "o", facts=measure(padded))

    assert rendition.ms == pytest.approx(SPEECH_MS + 600, abs=500)


def test_opposed_channels_are_not_silent_in_mono(tmp_path, make):
    """What cancels is made from one channel."""
    opposed = make("opposed.wav", "-af", "pan=stereo|c0=c0|c1=-1*c0")

    made = render(
        opposed, [PROFILES["loa-48"], PROFILES["fm-128"]], tmp_path / "o", facts=measure(opposed)
    )

    assert [r.lufs for r in made] == [pytest.approx(-16, abs=0.3)] * 2


def test_refused_master_is_not_rendered(tmp_path, generate):
    """What did not pass the check cannot air."""
    silence = generate("silence.wav", "anullsrc=d=5")

    with pytest.raises(MasterRefused, match="silent"):
        render(silence, SHIPPED, tmp_path / "out", facts=measure(silence))

    assert not (tmp_path / "out").exists()


def test_other_file_than_the_one_checked_is_not_rendered(tmp_path, speech, speech_facts):
    """Facts belong to one file."""
    with pytest.raises(MasterChanged):
        render(speech, SHIPPED, tmp_path, facts=replace(speech_facts, size_bytes=1))


def test_loudness_that_cannot_be_reached_is_an_error_and_leaves_nothing(tmp_path, generate):
    """A click in silence cannot be made loud; it is not kept as if it were."""
    clicks = generate("clicks.wav", "aevalsrc='0.5*lt(mod(t,1.5),0.0005)':s=24000:d=9")
    wish = Profile("loud", "wav", None, 24_000, 1, target_lufs=-9.0, ceiling_dbtp=-9.0)

    with pytest.raises(LoudnessMissed, match="loud"):
        render(clicks, [wish], tmp_path / "out", facts=measure(clicks))

    assert list((tmp_path / "out").iterdir()) == []


def test_error_text_of_the_encoder_reaches_the_operator(tmp_path, speech, speech_facts):
    """An encoder that refuses is quoted, and the other profiles leave nothing either."""
    impossible = replace(PROFILES["opus-24"], bitrate_kbps=320, name="impossible")

    with pytest.raises(RenderFailed, match=r"impossible.*320000"):
        render(speech, [PROFILES["loa-48"], impossible], tmp_path / "out", facts=speech_facts)

    assert list((tmp_path / "out").iterdir()) == []


def test_cancelled_render_leaves_nothing(tmp_path, speech, speech_facts):
    """Cancel in the middle: no file, no temporary, no process."""
    cancel = threading.Event()

    with pytest.raises(Cancelled):
        render(
            speech,
            SHIPPED,
            tmp_path,
            facts=speech_facts,
            cancel=cancel,
            progress=lambda done: cancel.set() if done > 0.1 else None,
        )

    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from audio.measure import measure
from audio.profiles import PROFILES
from audio.render import render
master, into = map(Path, sys.argv[1:])
def die(done):
    if done > 0.15:
        os.kill(os.getpid(), signal.SIGKILL)
render(master, [PROFILES["loa-48"], PROFILES["wav"]], into, facts=measure(master), progress=die)
"""


def test_killed_render_leaves_only_what_is_swept(tmp_path, speech):
    """SIGKILL in the middle: no final name, and a temporary that the next sweep removes."""
    argv = [sys.executable, "-W", "ignore", "-c", KILLED, str(speech), str(tmp_path)]

    ended = subprocess.run(argv, timeout=60)

    assert ended.returncode == -signal.SIGKILL
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_sweep_leaves_a_render_at_work_alone(tmp_path):
    """Only what belongs to nobody is removed."""
    (tmp_path / "keep.mp3").touch()
    with workshop(tmp_path) as folder:
        assert sweep(tmp_path) == 0
        assert folder.exists()

    assert os.listdir(tmp_path) == ["keep.mp3"]


def test_progress_only_grows_and_ends_at_one(tmp_path, speech, speech_facts):
    """A progress bar can trust what it is told."""
    seen: list[float] = []

    render(speech, [PROFILES["wav"]], tmp_path, facts=speech_facts, progress=seen.append)

    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_tags_stand_in_the_files_of_profiles_that_want_them(tmp_path, speech, speech_facts):
    """A player with a display shows the title; no other file carries a word."""
    shown = [replace(PROFILES[name], name=f"{name}-t", tags=True) for name in ("loa-48", "opus-24",
             "wav", "archive")]  # fmt: skip
    words = {"title": 'Gương "thoát nghèo" -i %d', "language": "vi", "genre": ""}

    made = render(speech, [*shown, PROFILES["loa-64"]], tmp_path, facts=speech_facts, tags=words)

    for rendition in made[:-1]:
        with open_source(rendition.path) as source:
            assert probe(source)[1]["title"] == words["title"], rendition.profile
        assert rendition.ms == pytest.approx(SPEECH_MS, abs=150)
    with open_source(made[-1].path) as source:
        assert probe(source)[1] == {}


def test_ident_that_cannot_be_used_is_said_with_its_path(tmp_path, speech, speech_facts, generate):
    """Who installed Loa acts, not the editor of the programme."""
    empty = tmp_path / "empty.wav"
    empty.touch()
    for ident in (tmp_path / "missing.wav", empty, generate("a.wav", "anullsrc=d=3")):
        with pytest.raises(BadProfile, match=f"ident.*{ident.name}"):
            render(speech, [PROFILES["wav"]], tmp_path / "o", facts=speech_facts, ident=ident)
    assert not list((tmp_path / "o").glob("*"))


def test_gong_of_half_a_second_is_an_ident(tmp_path, speech, speech_facts, generate):
    """What is too short for a programme is long enough to open one."""
    gong = generate("gong.wav", "sine=d=0.6:f=660:r=48000")

    (rendition,) = render(speech, [PROFILES["wav"]], tmp_path / "o", facts=speech_facts, ident=gong)

    assert rendition.ms == pytest.approx(SPEECH_MS + 600 + 400, abs=100)
