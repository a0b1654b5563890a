"""A drawn page whose form is filled in again: every kind of field, and never the wrong form."""

from __future__ import annotations

import pytest

from api.refill import refill

PAGE = """<main>
<form method="get" action="/confirm"><input name="note" value=""></form>
<form method="post" action="/confirm"><input type="hidden" name="form_token" value="new">
<input type="hidden" name="station" value="1"><input name="note" value=""></form>
<details class="card"><summary>Ghi chú</summary>
<form method="post" action="/confirm"><input type="hidden" name="form_token" value="new">
<input type="hidden" name="station" value="2"><input name="note" value="" maxlength="9" required>
<textarea name="why">cũ</textarea>
<select name="kind"><option value="a" selected>A</option><option value="b">B</option></select>
<label><input type="checkbox" name="days" value="MO" checked>T2</label>
<label><input type="checkbox" name="days" value="TU">T3</label>
<input type="password" name="secret" value=""></form></details></main>"""
TYPED = [("form_token", "old"), ("station", "2"), ("note", 'a"<b>'), ("why", "x & y"),
         ("kind", "b"), ("days", "TU"), ("secret", "no")]  # fmt: skip


def test_every_kind_of_field_holds_what_was_typed() -> None:
    """Texts, long texts, choices and ticks; what was typed stays text and becomes no tag."""
    shown = refill(PAGE, "/confirm", TYPED, "<p>note</p>")
    assert shown is not None
    assert 'name="note" value="a&quot;&lt;b&gt;" maxlength="9" required' in shown
    assert '<textarea name="why">x &amp; y</textarea>' in shown
    assert '<option value="a">A</option><option value="b" selected>B' in shown
    assert 'value="MO">T2' in shown
    assert 'value="TU" checked>T3' in shown
    assert "<b>" not in shown


def test_the_form_is_unfolded_and_its_note_stands_before_it() -> None:
    """Nobody has to look for what was typed."""
    shown = refill(PAGE, "/confirm", TYPED, "<p>note</p>")
    assert shown is not None
    assert '<details class="card" open>' in shown
    assert '<p>note</p><form method="post" action="/confirm"><input type="hidden"' in shown
    assert shown.count("autofocus") == 1


def test_a_note_about_one_station_never_lands_in_the_form_of_another() -> None:
    """The other form is left as it was drawn, tokens and passwords everywhere."""
    shown = refill(PAGE, "/confirm", TYPED, "")
    assert shown is not None
    assert shown.startswith(PAGE[: PAGE.index("<details")])
    assert 'value="old"' not in shown
    assert 'name="secret" value=""' in shown
    assert refill(PAGE, "/confirm", [("station", "3"), ("note", "x")], "") is None


@pytest.mark.parametrize("fields", [[("station", "1"), ("note", "")], [("note", "x")], []])
def test_a_page_that_needs_nothing_is_left_alone(fields: list[tuple[str, str]]) -> None:
    assert refill(PAGE, "/confirm", fields, "<p>note</p>") is None
    assert refill(PAGE, "/elsewhere", TYPED, "<p>note</p>") is None


def test_what_was_seen_while_typing_is_told_again() -> None:
    """A slot that somebody else changed meanwhile: the words come with the version they meant."""
    page = PAGE.replace('name="station" value="2">', 'name="version" value="8">')
    shown = refill(page, "/confirm", [("version", "7"), ("note", "x")], "")
    assert shown is not None
    assert 'name="version" value="7"' in shown


def test_what_was_chosen_in_a_search_comes_back_although_the_page_does_not_list_it() -> None:
    """A nation's units stand on no page at once; the chosen one is there again, and once."""
    page = (
        '<form method="post" action="/people"><input type="hidden" name="was_unit_find" value="">'
        '<input type="radio" name="unit" value="" checked>'
        '<div class="kept" data-keeps="unit" data-type="radio"></div>'
        '<input type="radio" name="unit" value="07"></form>'
    )
    typed = [("unit", "13579"), ("unit_find", "dao"), ("was_unit_find", "dao")]
    shown = refill(page, "/people", typed, "")
    assert shown is not None
    assert (
        'data-type="radio"><label class="tick"><input type="radio" name="unit" value="13579"'
        in shown
    )
    assert '<input type="radio" name="unit" value="">' in shown
    again = refill(page, "/people", [("unit", "07"), ("was_unit_find", "")], "")
    assert again is not None
    assert again.count('value="07"') == 1
