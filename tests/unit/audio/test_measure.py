"""A master is judged by what can be heard in it."""

from __future__ import annotations

import json
import os
import threading

import pytest

from audio.errors import (
    Cancelled,
    EmptyFile,
    FormatRefused,
    IsPlaylist,
    NotAFile,
    NotAudio,
    SilentFile,
)
from audio.facts import Facts
from audio.findings import SENTENCES
from audio.measure import measure


def codes(facts: Facts) -> dict[str, str]:
    return {finding.code: finding.severity for finding in facts.findings}


def test_good_speech_has_nothing_to_complain_about(speech_facts):
    """A clean recording passes without a finding, with its true length."""
    assert speech_facts.findings == ()
    assert not speech_facts.is_refused
    assert speech_facts.ms == 12_000
    assert (speech_facts.container, speech_facts.codec) == ("wav", "pcm_s16le")
    assert speech_facts.lufs is not None and -30 < speech_facts.lufs < -10


def test_known_tone_has_the_loudness_of_the_standard(generate):
    """EBU Tech 3341: 1 kHz in both channels at -23 dBFS is -23 LUFS, its true peak -23 dBTP."""
    graph = "aevalsrc='0.0708*sin(2*PI*1000*t)|0.0708*sin(2*PI*1000*t)':s=48000:d=10"
    facts = measure(generate("tone.wav", graph))

    assert facts.lufs == pytest.approx(-23.0, abs=0.1)
    assert facts.peak_dbtp == pytest.approx(-23.0, abs=0.2)


def test_peak_between_samples_is_seen(generate):
    """A quarter-rate tone whose samples miss its crests by 3 dB is measured at its crest."""
    graph = "aevalsrc='0.5*sin(2*PI*12000*t+PI/4)':s=48000:d=5,afade=d=1,areverse,afade=d=1"
    facts = measure(generate("between.wav", graph))

    assert facts.peak_dbtp == pytest.approx(-6.0, abs=0.3)


def test_peak_above_full_scale_of_a_float_file_is_seen(generate):
    """A float master 4 dB too hot is not quietly read as 0 dBFS."""
    graph = "aevalsrc='1.6*sin(2*PI*500*t)':s=48000:d=3"
    facts = measure(generate("hot.wav", graph, "-c:a", "pcm_f32le"))

    assert facts.peak_dbtp == pytest.approx(4.1, abs=0.2)
    assert "clipped" in codes(facts)


def test_facts_survive_a_json_column(make):
    """What the database gives back is what was measured."""
    facts = measure(make("quiet.wav", "-af", "volume=-40dB,apad=pad_dur=3"))

    assert facts.silences and facts.findings
    assert Facts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_same_sound_in_another_file_is_recognised(make, speech_facts):
    """A FLAC of a WAV is the same sound and another file."""
    flac = measure(make("copy.flac"))

    assert flac.pcm_sha256 == speech_facts.pcm_sha256
    assert flac.sha256 != speech_facts.sha256


@pytest.mark.parametrize("name", ["cut.mp3", "cut.flac", "cut.wav"])
def test_truncated_file_is_refused_with_the_missing_seconds(make, name):
    """Half a file is never accepted as a whole one."""
    whole = make(name)
    size = whole.stat().st_size
    os.truncate(whole, size // 2)

    facts = measure(whole)

    missing = next(f for f in facts.findings if f.code == "truncated")
    assert facts.is_refused
    assert missing.number == pytest.approx(6, abs=1)


def test_empty_file_is_refused(tmp_path):
    """An empty file gets its own sentence."""
    (tmp_path / "empty.mp3").touch()

    with pytest.raises(EmptyFile, match="empty"):
        measure(tmp_path / "empty.mp3")


@pytest.mark.parametrize("content", [b"Kinh thua ba con\n" * 500, os.urandom(50_000), b"\0" * 9000])
def test_text_and_noise_called_mp3_are_refused(tmp_path, content):
    """A name makes no sound."""
    path = tmp_path / "programme.mp3"
    path.write_bytes(content)

    with pytest.raises(NotAudio):
        measure(path)


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {other}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    "dash": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet '
        'mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{other}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    ),
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_playlist_called_mp3_opens_no_other_file(tmp_path, speech, kind):
    """A list of files is refused as such, and the file it names is never sound of ours."""
    path = tmp_path / "programme.mp3"
    path.write_text(PLAYLISTS[kind].format(other=speech))

    with pytest.raises(IsPlaylist) as refused:
        measure(path)

    assert refused.value.fields["container"] == kind


def test_video_with_sound_gives_its_sound(make):
    """A telephone's video is a programme as far as it can be heard."""
    options = ["-f", "lavfi", "-i", "testsrc=d=12:s=64x64:r=5", "-map", "0:a", "-map", "1:v"]
    facts = measure(make("video.mp4", *options, "-c:a", "aac"))

    assert facts.ms == pytest.approx(12_000, abs=100)
    assert not facts.is_refused


def test_video_without_sound_is_refused(generate):
    """A silent film gets the sentence that says so."""
    with pytest.raises(SilentFile):
        measure(generate("film.mp4", "testsrc=d=1:s=64x64:r=5"))


def test_kind_of_file_that_could_be_anything_is_refused(generate):
    """A container that is not on the list is named in the refusal."""
    with pytest.raises(FormatRefused, match="nut"):
        measure(generate("x.mp3", "sine=d=2", "-f", "nut"))


@pytest.mark.parametrize("kind", ["folder", "fifo", "link"])
def test_only_a_regular_file_is_opened(tmp_path, speech, kind):
    """Folders, pipes and links are refused without being read, and without waiting."""
    path = tmp_path / "thing.mp3"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(speech)

    with pytest.raises(NotAFile):
        measure(path)


def test_silence_is_refused_and_its_length_told(generate):
    """A file without a sound is not a programme."""
    facts = measure(generate("silence.flac", "anullsrc=d=20"))

    assert codes(facts) == {"silent": "refuse"}
    assert [(s.start_ms, s.ms) for s in facts.silences] == [(0, 20_000)]
    assert facts.lufs is None and facts.peak_dbtp is None


def test_silence_in_the_middle_is_found_where_it_is(generate):
    """A hole in a programme is told with its place."""
    graph = "aevalsrc='0.2*sin(2*PI*300*t)*(lt(t,5)+gt(t,15))':s=16000:d=20"
    facts = measure(generate("hole.wav", graph))

    hole = next(f for f in facts.findings if f.code == "long_silence")
    assert hole.at_ms == pytest.approx(5000, abs=100)
    assert hole.number == pytest.approx(10, abs=0.2)
    assert "at 0:05" in hole.sentence


def test_stereo_that_cancels_in_mono_is_found_and_one_channel_chosen(generate):
    """Opposed channels would be silence on a mono loudspeaker."""
    graph = "aevalsrc='0.2*sin(2*PI*300*t)|-0.2*sin(2*PI*300*t)':s=16000:d=4"
    facts = measure(generate("opposed.wav", graph))

    assert codes(facts)["cancels_in_mono"] == "warn"
    assert facts.mono_source == "left"


def test_dead_channel_is_found_and_the_other_chosen(generate):
    """A microphone on one channel only is used for both."""
    graph = "aevalsrc='0|0.2*sin(2*PI*300*t)':s=16000:d=4"
    facts = measure(generate("dead.wav", graph))

    assert codes(facts)["dead_channel"] == "note"
    assert not facts.is_refused
    assert facts.mono_source == "right"


def test_overloaded_recording_is_found_and_a_normalised_one_is_not(make):
    """Clipping is flat tops, not a peak that touches full scale."""
    loud = measure(make("loud.wav", "-af", "volume=24dB"))
    full = measure(make("full.wav", "-af", "volume=4dB"))

    assert codes(loud).get("clipped") == "warn"
    assert "clipped" not in codes(full)


def test_too_many_channels_are_refused_before_anything_is_decoded(generate):
    """Sixty-four channels are a mistake, and nobody knows how to mix them."""
    sources = "|".join(["0.1*sin(900*t)"] * 64)
    facts = measure(generate("many.wav", f"aevalsrc='{sources}':s=16000:d=1"))

    assert codes(facts) == {"too_many_channels": "refuse"}


@pytest.mark.parametrize(
    "name", ["-v.mp3", "%03d.mp3", "http:x.mp3", "a\nb.mp3", 'it\'s "q".mp3', "Đài Hà Nam.mp3"]
)
def test_name_of_a_file_is_only_a_name(tmp_path, make, name):
    """Whatever a file is called, the file itself is measured."""
    path = tmp_path / name
    make("plain.mp3").rename(path)

    assert measure(path).ms == pytest.approx(12_000, abs=60)


def test_progress_only_grows_and_ends_at_one(make):
    """A progress bar can trust what it is told."""
    seen: list[float] = []

    measure(make("a.mp3"), progress=seen.append)

    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 5


def test_cancelled_check_stops(speech):
    """A check that nobody waits for any more ends."""
    cancel = threading.Event()
    cancel.set()

    with pytest.raises(Cancelled):
        measure(speech, cancel=cancel)


def test_every_finding_has_a_sentence_that_takes_its_fields(speech_facts):
    """No code without words, no field that is not filled."""
    from audio.findings import Finding

    for code in SENTENCES:
        sentence = Finding(code, "warn", 1.5, 61_000).sentence
        assert "{" not in sentence and sentence.endswith(".")
