"""What was drawn for many holds nothing of one person until it is filled in."""

from __future__ import annotations

import pytest

from api.blanks import FORM_TOKEN, NAME, WAITING, Sheet

PAGE = f"<p>{NAME}</p>{WAITING}<input value='{FORM_TOKEN}'><input value='{FORM_TOKEN}'>"


def test_each_blank_is_filled_wherever_it_stands() -> None:
    filled = Sheet.of(PAGE).filled({NAME: "Lan", WAITING: "", FORM_TOKEN: "a.b"})
    assert filled == "<p>Lan</p><input value='a.b'><input value='a.b'>"


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    """Somebody whose name is that of a blank gets no second thing put into it."""
    filled = Sheet.of(NAME).filled({NAME: FORM_TOKEN, FORM_TOKEN: "secret", WAITING: ""})
    assert filled == FORM_TOKEN


def test_page_with_a_blank_that_nobody_fills_is_not_given() -> None:
    with pytest.raises(KeyError):
        Sheet.of(PAGE).filled({NAME: "Lan"})
