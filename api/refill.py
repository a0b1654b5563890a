"""A drawn page whose form is filled in again with what somebody had typed.

Works on the page's text, so that every form can do it and none has to know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

Fields = Sequence[tuple[str, str]]

# Chosen anew on every page, and no part of what a form is about.
_DRAWN_ANEW = frozenset({"form_token", "upload"})
# What the person had before their eyes while they typed: told again as it was, so that whoever
# changed the same thing meanwhile is still noticed.
_SEEN = re.compile("version|seen|was_.*")
_NOT_TYPED = frozenset({"hidden", "password", "file", "submit", "button", "image", "reset"})
_TICKED = frozenset({"checkbox", "radio"})


@dataclass(frozen=True)
class Edit:
    """A stretch of the page that becomes another text."""

    start: int
    end: int
    text: str


@dataclass
class FoundForm:
    """A form of the page: what it is about, and what has to change to show what was typed."""

    action: str
    start: int
    folds: list[Edit]  # what it is folded away in, opened
    hidden: list[tuple[str, str]] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    seen: list[Edit] = field(default_factory=list)
    keeps: list[tuple[int, str, str]] = field(default_factory=list)  # where, name, type
    ticks: set[tuple[str, str]] = field(default_factory=set)  # name and value


def refill(
    html: str, action: str, fields: Fields, note: str, *, is_told: bool = False
) -> str | None:
    """
    The page with one form filled in and ``note`` above it.

    Of several forms with that action it is the one with the same hidden fields: a note about one
    airing never lands in the form of another. Gives nothing when the page has no such form, or
    when it shows already what was typed, unless that has to be told (``is_told``).
    """
    reader = _Reader(html, fields)
    for form in reader.forms:
        is_it = form.action == action and all(pair in fields for pair in form.hidden)
        if is_it and (form.edits or is_told):
            before = Edit(form.start, form.start, note)
            return _edited(html, [before, *form.folds, *form.edits, *form.seen])
    return None


def _edited(html: str, edits: list[Edit]) -> str:
    for edit in sorted(edits, key=lambda one: one.start, reverse=True):
        html = html[: edit.start] + edit.text + html[edit.end :]
    return html


class _Reader(HTMLParser):
    """Reads a page of ours once, and notes for each form what would change in it."""

    def __init__(self, html: str, fields: Fields) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[FoundForm] = []
        self._html = html
        self._lines = [0, *(end.end() for end in re.finditer("\n", html))]  # as the parser counts
        self._typed: dict[str, list[str]] = {}
        for name, value in fields:
            self._typed.setdefault(name, []).append(value)
        self._form: FoundForm | None = None
        self._left: dict[str, list[str]] = {}
        self._folds: list[Edit | None] = []
        self._select = ""
        self._textarea: tuple[int, str] | None = None
        self._is_focused = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "details":
            self._folds.append(None if "open" in values else self._tag("details", values, open=""))
        elif tag == "form":
            opened = [one for one in self._folds if one]
            action = values.get("action", "") if values.get("method") == "post" else ""
            self._form = FoundForm(action, self._start(), opened)  # a search is no such form
            self._left = {name: list(given) for name, given in self._typed.items()}
            self._is_focused = False
            self.forms.append(self._form)
        elif self._form is not None:
            self._field(self._form, tag, values)

    def handle_endtag(self, tag: str) -> None:
        if tag == "details" and self._folds:
            self._folds.pop()
        elif tag == "form":
            if self._form is not None:
                self._bring_back(self._form)
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._textarea and self._form:
            start, wanted = self._textarea
            self._change(self._form, Edit(start, self._start(), escape(wanted)))
            self._textarea = None

    def _field(self, form: FoundForm, tag: str, values: dict[str, str]) -> None:
        name = values.get("name", "")
        if "data-keeps" in values:
            where = self._start() + len(self._text())
            form.keeps.append((where, values["data-keeps"], values.get("data-type", "radio")))
        if tag == "input" and values.get("type") == "hidden":
            if _SEEN.fullmatch(name) and self._left.get(name):
                form.seen.append(self._tag("input", values, value=self._left[name].pop(0)))
            elif name and name not in _DRAWN_ANEW:
                form.hidden.append((name, values.get("value", "")))
        elif tag == "input" and values.get("type", "text") not in _NOT_TYPED:
            self._input(form, name, values)
        elif tag == "select" and name in self._left:
            self._select = name
        elif tag == "option" and self._select and "value" in values:
            self._mark(form, tag, values, "selected", values["value"] in self._left[self._select])
        elif tag == "textarea" and self._left.get(name):
            self._textarea = self._start() + len(self._text()), self._left[name].pop(0)

    def _input(self, form: FoundForm, name: str, values: dict[str, str]) -> None:
        if values.get("type") in _TICKED:
            is_on = values.get("value", "on") in self._left.get(name, ())
            form.ticks.add((name, values.get("value", "on")))
            self._mark(form, "input", values, "checked", is_on)
        elif self._left.get(name):
            wanted = self._left[name].pop(0)
            if wanted != values.get("value", ""):
                # The reader's eye goes where the cursor is, also far down on a long page.
                first = {} if self._is_focused else {"autofocus": ""}
                self._is_focused = True
                self._change(form, self._tag("input", values, value=wanted, **first))

    def _bring_back(self, form: FoundForm) -> None:
        """What was chosen from a list that the page does not show at first (a picker's)."""
        for where, name, kind in form.keeps:
            for value in self._left.get(name, ()):
                if value and (name, value) not in form.ticks:
                    self._change(form, Edit(where, where, _tick(name, kind, value)))

    def _mark(
        self, form: FoundForm, tag: str, values: dict[str, str], attribute: str, is_on: bool
    ) -> None:
        if is_on == (attribute in values):
            return
        others = {name: value for name, value in values.items() if name != attribute}
        self._change(form, self._tag(tag, others, **({attribute: ""} if is_on else {})))

    def _change(self, form: FoundForm, edit: Edit) -> None:
        if self._html[edit.start : edit.end] != edit.text:
            form.edits.append(edit)
            form.edits += [one for one in self._folds if one and one not in form.edits + form.folds]

    def _tag(self, tag: str, values: dict[str, str], **changed: str) -> Edit:
        attributes = "".join(
            f' {name}="{escape(value)}"' if value or name in ("value", "action") else f" {name}"
            for name, value in {**values, **changed}.items()
        )
        start = self._start()
        return Edit(start, start + len(self._text()), f"<{tag}{attributes}>")

    def _start(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _text(self) -> str:
        return self.get_starttag_text() or ""


def _tick(name: str, kind: str, value: str) -> str:
    field = f'<input type="{kind}" name="{escape(name)}" value="{escape(value)}" checked>'
    return f'<label class="tick">{field}<span>{escape(value)}</span></label>'
