"""What ffmpeg prints is half written by the file: no text may break or fool a parser."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.errors import NotAudio
from audio.ffmpeg_log import (
    complaints,
    is_codec_refused,
    parse_loudness,
    parse_not_numbers,
    parse_stream,
)
from audio.loudness import interpolate
from audio.meter import read_hum, read_meter
from audio.tags import KEPT, VALUE_MAX_CHARS, parse_tags

LOG = """\
[mp3 @ 0x55d] Estimating duration from bitrate, this may be inaccurate
Input #0, mp3, from 'file:/dev/fd/7':
  Metadata:
    title           : {title}
  Duration: 00:00:12.85, start: 0.050113, bitrate: 32 kb/s
  Stream #0:0: Audio: mp3, 22050 Hz, mono, fltp, 32 kb/s
  Stream #0:1: Video: png, rgb24(pc), 100x100, 90k tbr (attached pic)
"""
SUMMARY = """\
[ebur128@lufs @ 0x1] Summary:

  Integrated loudness:
    I:         -70.0 LUFS
    Threshold:   0.0 LUFS

[ebur128@lufs @ 0x2] Summary:

  Integrated loudness:
    I:         -18.8 LUFS
    Threshold: -28.9 LUFS

  Loudness range:
    LRA:         2.2 LU
    Threshold: -38.8 LUFS
[volumedetect@peak @ 0x3] max_volume: -7.2 dB
"""


def test_stream_is_read_from_its_own_line():
    """Container, codec, rate, channels; a guessed length is no claim."""
    stream = parse_stream(LOG.format(title="x"))

    assert (stream.container, stream.codec, stream.sample_rate_hz) == ("mp3", "mp3", 22050)
    assert stream.channels == 1
    assert stream.has_video
    assert stream.claimed_ms is None


def test_tag_that_imitates_a_stream_line_is_not_believed():
    """ffmpeg indents what a file says; the line of the stream stands further left."""
    fake = "x\n                  :   Stream #0:0: Audio: pcm_s16le, 8000 Hz, 64 channels"

    assert parse_stream(LOG.format(title=fake)).sample_rate_hz == 22050


def test_last_summary_of_a_meter_counts():
    """ffmpeg prints an empty summary first when it sets the graph up again."""
    loudness = read_meter(SUMMARY)

    assert (loudness.lufs, loudness.range_lu, loudness.peak_dbtp) == (-18.8, 2.2, -1.2)


@given(st.text())
def test_no_text_breaks_the_stream_parser(text):
    """Garbage is 'not audio', never a crash."""
    with pytest.raises(NotAudio):
        parse_stream(text)


@given(
    st.text(alphabet=st.sampled_from("Input Stream#0:,Audio: Hz\n[]@x'file/dev1.-"), max_size=300)
)
def test_text_that_looks_like_a_log_does_not_break_it_either(text):
    """A header cut off anywhere is refused or read, nothing else."""
    try:
        stream = parse_stream("Input #0, mp3, from 'file:/dev/fd/7':\n" + text)
    except NotAudio:
        return
    assert stream.sample_rate_hz >= 0


@given(st.text(), st.integers(0, len(SUMMARY)))
def test_no_text_breaks_the_meter(text, cut):
    """Numbers come out finite or not at all."""
    for loudness in [*parse_loudness(SUMMARY[:cut] + text).values(), read_meter(text)]:
        values = [loudness.lufs, loudness.range_lu, loudness.peak_dbtp]
        assert all(v is None or math.isfinite(v) for v in values)
    assert read_hum(text) is None or len(text) > 20


COMPLAINED = """\
[h264 @ 0x55d] Codec (h264) not on whitelist 'mp3,wavpack'
    Last message repeated 1 times
[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d] Failed to open codec in avformat_find_stream_info
[mp3float @ 0x55d] Header missing
Error while decoding stream #0:0: Invalid data found when processing input
"""
COUNTED = """\
[Parsed_astats_0 @ 0x55c2] Overall
[Parsed_astats_0 @ 0x55c2] Number of NaNs: 8000.000000
[Parsed_astats_0 @ 0x55c2] Number of Infs: 12.000000
"""


def test_only_what_a_decoder_of_sound_complains_of_counts():
    """A picture that is not looked at is no damage."""
    assert [line.split()[-1] for line in complaints(COMPLAINED)] == ["missing", "input"]
    assert is_codec_refused(COMPLAINED)
    assert not is_codec_refused("title: [x @ 0x1] Codec (mp3) not on whitelist")


@given(st.text(), st.integers(0, len(COMPLAINED)))
def test_no_text_breaks_the_count_of_complaints(text, cut):
    """As many as there are lines, at the most."""
    log = COMPLAINED[:cut] + text
    assert len(complaints(log)) <= len(log.splitlines())
    assert is_codec_refused(log) in (True, False)


@given(st.text(), st.integers(0, len(COUNTED)))
def test_no_text_breaks_the_count_of_what_is_no_number(text, cut):
    """A number from nought on, whatever stands there."""
    assert parse_not_numbers(COUNTED) == 8012
    assert parse_not_numbers(COUNTED[:cut] + text) >= 0


@given(st.text())
def test_no_tag_is_long_or_holds_control_characters(text):
    """A tag is one short line, whatever the file says."""
    escaped = text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\\n")

    tags = parse_tags(f";FFMETADATA1\ntitle={escaped}\nencoder=x\n" + text)

    assert set(tags) <= set(KEPT)
    for value in tags.values():
        assert 0 < len(value) <= VALUE_MAX_CHARS
        assert value.isprintable()


@given(
    st.lists(st.tuples(st.floats(-40, 40), st.floats(-70, 0)), min_size=1, max_size=6, unique=True),
    st.floats(-31, -9),
)
def test_gain_is_always_a_sane_number(heard, target):
    """Whatever was heard, nobody is driven by more than forty decibels."""
    gain, _, _ = interpolate(heard, target)

    assert -40 <= gain <= 40


def test_gain_lies_on_the_line_between_two_trials():
    """Between -18 at 0 dB and -14 at 5 dB, -16 needs 2.5 dB."""
    assert interpolate([(0.0, -18.0), (5.0, -14.0)], -16.0) == (2.5, 0.8, True)


def test_gain_outside_the_trials_is_tried_again():
    """A target that no trial reached is only a better guess."""
    gain, _, is_close = interpolate([(0.0, -30.0), (5.0, -25.0)], -16.0)

    assert gain == 14.0
    assert not is_close
