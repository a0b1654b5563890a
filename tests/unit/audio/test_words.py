"""Names and tags: Vietnamese stays Vietnamese, and old code pages become readable."""

from __future__ import annotations

import unicodedata
from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.errors import BadProfile
from audio.measure import measure
from audio.naming import file_name, is_template, plain
from audio.profiles import PROFILES, Profile
from audio.spelling import _TCVN3, repair

SENTENCE = "Đài Truyền thanh huyện Bình Lục: gương điển hình thoát nghèo ở xã Bắc Lý"

SPELLINGS = {
    "Unicode": SENTENCE,
    "decomposed": unicodedata.normalize("NFD", SENTENCE),
    "TCVN3": "§µi TruyÒn thanh huyÖn B×nh Lôc: g\xad¬ng ®iÓn h×nh tho¸t nghÌo ë x· B¾c Lý",
    "VNI": "Ñaøi Truyeàn thanh huyeän Bình Luïc: göông ñieån hình thoaùt ngheøo ôû xaõ Baéc Lyù",
    "UTF-8 read as Latin-1": SENTENCE.encode().decode("latin-1"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_old_spelling_becomes_the_same_sentence(spelling):
    """NFC, NFD, TCVN3, VNI and mojibake are one sentence."""
    assert repair(SPELLINGS[spelling]) == SENTENCE


LONGER = (
    "Có một hộ nghèo nuôi lợn, trồng nấm, vay vốn của ngân hàng chính sách; nay con cái đã được đi "
    "học ở thị trấn. Kỹ thuật, mỹ nghệ, tỉ lệ, bĩ cực, ủy ban, thuở xưa, lũ lụt, cứu trợ, giữ gìn, "
    "tằn tiện, bẵng đi, cẩn thận, cũ kỹ, đổi đời, hỗ trợ, mở cửa, bỡ ngỡ, bữa ăn, kỵ, ý kiến, ỷ lại"
)


def in_vni(text: str) -> str:
    """As a VNI keyboard wrote it: each letter, then its mark as a letter of its own."""
    alone = {"ơ": "ô", "ư": "ö", "đ": "ñ", "ỉ": "æ", "ĩ": "ó", "ị": "ò", "ỵ": "î"}
    alone |= {"í": "í", "ì": "ì"}
    marks = {"\u0300": "ø", "\u0301": "ù", "\u0309": "û", "\u0303": "õ", "\u0323": "ï"}
    marks |= {"\u0302": "â", "\u0302\u0300": "à", "\u0302\u0301": "á", "\u0302\u0309": "å"}
    marks |= {"\u0302\u0303": "ã", "\u0302\u0323": "ä", "\u0306": "ê", "\u0306\u0300": "è"}
    marks |= {"\u0306\u0301": "é", "\u0306\u0309": "ú", "\u0306\u0303": "ü", "\u0306\u0323": "ë"}
    written = []
    for letter in text:
        base, *over = unicodedata.normalize("NFD", letter)
        if letter in alone or not over:
            written.append(alone.get(letter, letter))
        elif "\u031b" in over:
            rest = "".join(mark for mark in over if mark != "\u031b")
            written.append(alone[unicodedata.normalize("NFC", base + "\u031b")] + marks[rest])
        else:
            over.sort(key=lambda mark: mark not in "\u0302\u0306")
            written.append(base + marks["".join(over)])
    return "".join(written)


def test_every_letter_of_vni_comes_back():
    """Among them those whose mark looks like another letter: coù is có, hoâm is hôm."""
    assert in_vni("có hôm") == "coù hoâm"
    for sentence in (LONGER, SENTENCE.lower()):
        assert repair(in_vni(sentence)) == sentence


def test_every_letter_of_tcvn3_comes_back():
    """One byte a letter."""
    back = {unicode: old for old, unicode in _TCVN3.items()}
    for sentence in (LONGER.replace("K", "k"), SENTENCE.lower()):
        old = "".join(chr(back.get(letter, ord(letter))) for letter in sentence)
        assert repair(old) == sentence


def test_capitals_of_the_old_capital_fonts_stay_capitals():
    """TCVN3 drew capital vowels with another font on small letters."""
    assert repair("CH¦¥NG TR×NH") == "CHƯƠNG TRÌNH"
    assert repair("Hµ Nam") == "Hà Nam"


@pytest.mark.parametrize("text", ["HÀ NAM", "Bài 3 (2021).mp3", "Café très bon", "Hello", "", "🎵"])
def test_what_is_fine_is_left_alone(text):
    """Repair only changes what reads better afterwards."""
    assert repair(text) == text


@given(st.text())
def test_repair_never_fails_and_settles(text):
    """Any text can be given, and a second repair of a repaired title changes nothing much."""
    assert isinstance(repair(repair(text)), str)


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.wav", "a.m4a", "a.opus", "a.ogg", "a.wma"])
def test_tags_of_a_file_are_read_and_repaired(make, name):
    """A TCVN3 title in whatever file is readable in the facts; what is not wanted is left out."""
    tagged = make(name, "-metadata", "title=Gi¶m nghÌo ë Hµ Nam", "-metadata", "foo=bar")

    assert measure(tagged).tags == {"title": "Giảm nghèo ở Hà Nam"}  # and not "language: und"


def test_title_with_line_breaks_is_one_line(make):
    """A title cannot write a second line into a list or a log."""
    tagged = make("a.mp3", "-metadata", "title=a\nb\x1b[31m; c=d\\")

    assert measure(tagged).tags["title"] == "a b [31m; c=d\\"


NAMED = {"sha256": "ab" * 32, "on": date(2022, 10, 17), "at": time(5, 0), "position": 3}


def test_foreign_player_gets_plain_letters():
    """Accents in file names break transfers, so there are none."""
    template = "{date}_{time}_{position}_{title}.{extension}"

    name = file_name(template, extension="mp3", title="Gương điển hình: Đỗ Thị Năm", **NAMED)

    assert name == "20221017_0500_03_Guong-dien-hinh-Do-Thi-Nam.mp3"


@given(st.text())
def test_no_title_makes_a_dangerous_name(title):
    """No folder, no leading dash or dot, no empty name."""
    name = file_name("{title}.{extension}", extension="mp3", title=title, **NAMED)

    assert name.isascii() and "/" not in name
    assert name[0].isalnum() and name.endswith(".mp3") and len(name) > 4
    assert len(name) <= 68


@pytest.mark.parametrize(
    "template",
    ["../{title}.{extension}", "{title}", "{0}.{extension}", "{title.__class__}.{extension}",
     "{title!r}.{extension}", "{title:>99}.{extension}", "{", ""],
)  # fmt: skip
def test_template_that_could_do_harm_is_refused(template):
    """Only known fields, plainly, and an extension."""
    assert not is_template(template)
    with pytest.raises(BadProfile, match="file_name"):
        Profile("x", "wav", None, 22050, 1, file_name=template)


def test_plain_keeps_the_letters_of_vietnamese():
    """Đ is a D, not nothing."""
    assert plain("Đạo Lý") == "Dao-Ly"


def test_profile_comes_from_a_table_of_the_configuration():
    """The shipped default can be written in the configuration and is the same."""
    table = {"codec": "mp3", "bitrate_kbps": 48, "sample_rate_hz": 24000, "channels": 1}
    table |= {"low_hz": 150, "high_hz": 10_000}

    assert Profile.from_config("loa-48", table) == PROFILES["loa-48"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"codec": "aac"}, "codec"),
        ({"sample_rate_hz": 12345}, "sample_rate_hz"),
        ({"bitrate_kbps": 5}, "bitrate_kbps"),
        ({"channels": 3}, "channels"),
        ({"target_lufs": -3.0}, "target_lufs"),
        ({"ceiling_dbtp": 1.0}, "ceiling_dbtp"),
        ({"low_hz": 9000, "high_hz": 300}, "low_hz"),
        ({"high_hz": 20_000}, "high_hz"),
        ({"presence_db": 20.0}, "presence_db"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_profile_out_of_bounds_is_refused_by_its_field(change, field):
    """A wrong number is told with its name, when the configuration is read."""
    table = {"codec": "mp3", "bitrate_kbps": 48, "sample_rate_hz": 24000, "channels": 1}

    with pytest.raises(BadProfile) as refused:
        Profile.from_config("mine", table | change)

    assert refused.value.fields["field"] == field
    assert "mine" in str(refused.value)


def test_profile_without_a_codec_is_refused():
    """What is missing is named too."""
    with pytest.raises(BadProfile, match="codec is missing"):
        Profile.from_config("mine", {})
