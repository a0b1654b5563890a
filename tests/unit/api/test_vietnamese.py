"""Sorting and searching as people here expect it."""

from __future__ import annotations

import unicodedata

from api.vietnamese import sort_key
from scheduler.text import has_words


def test_d_with_stroke_sorts_after_d() -> None:
    """Đ is a letter of its own, between D and E."""
    names = ["Ên", "Đạo Lý", "Duy Tiên", "Dz", "Đại Cương", "Em"]

    assert sorted(names, key=sort_key) == ["Duy Tiên", "Dz", "Đại Cương", "Đạo Lý", "Em", "Ên"]


def test_tones_decide_only_between_the_same_letters() -> None:
    """Không dấu, huyền, hỏi, ngã, sắc, nặng; but letters first."""
    assert sorted(["mạ", "má", "mã", "mả", "mà", "ma"], key=sort_key) == [
        "ma", "mà", "mả", "mã", "má", "mạ"
    ]  # fmt: skip
    assert sorted(["Lý Nhân", "Lỳ An"], key=sort_key) == ["Lỳ An", "Lý Nhân"]


def test_composed_and_decomposed_names_are_the_same() -> None:
    """A name from an old phone sorts and is found like any other."""
    name = "Trần Hưng Đạo"
    decomposed = unicodedata.normalize("NFD", name)

    assert sort_key(decomposed) == sort_key(name)
    assert has_words([decomposed], "tran hung dao")


def test_search_ignores_tones_capitals_and_order() -> None:
    """``ha nam`` finds Hà Nam, and so does ``nam ha``; ``hà nội`` does not."""
    assert has_words(["Tỉnh Hà Nam"], "ha nam")
    assert has_words(["Tỉnh Hà Nam"], "NAM  hà")
    assert not has_words(["Tỉnh Hà Nam"], "hà nội")
