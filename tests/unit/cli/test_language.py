"""Results and errors in the language of who reads them; help texts are English."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Loa

_VIETNAMESE, _ENGLISH = "Chưa có", "There is no Loa"


@pytest.mark.parametrize(
    ("loa_lang", "lang", "words"),
    [
        ("vi", "en_US.UTF-8", _VIETNAMESE),
        ("", "vi_VN.UTF-8", _VIETNAMESE),
        ("", "C.UTF-8", _VIETNAMESE),
        ("", "en_US.UTF-8", _ENGLISH),
        ("en", "vi_VN.UTF-8", _ENGLISH),
        ("xx", "C.UTF-8", _VIETNAMESE),
    ],
)
def test_language_of_errors(bare: Loa, loa_lang: str, lang: str, words: str) -> None:
    """Vietnamese, unless the person or the machine speaks English."""
    assert words in bare("station", "list", code=1, LOA_LANG=loa_lang, LANG=lang).stderr


def test_option_wins_over_the_environment(bare: Loa) -> None:
    """``--lang`` is the last word."""
    assert _VIETNAMESE in bare("--lang", "vi", "station", "list", code=1, LOA_LANG="en").stderr


def test_results_are_vietnamese_too(people: Loa) -> None:
    """Tables have Vietnamese headings and Vietnamese dates."""
    shown = people("today", LOA_LANG="vi").stdout
    assert "16/10/2022" in shown
    assert "Chủ nhật" in shown
    assert "quản trị" in people("person", "list", LOA_LANG="vi").stdout
