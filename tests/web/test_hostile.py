"""Every form of every page with what should not stand in it: told in words, and nothing breaks."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from api.i18n import catalogue
from tests.web.crawl import PAGES, FoundForm, forms_of, redrawn, send, walk
from tests.web.site import Client, Site
from tests.web.test_twice import ENDING, MORE_PAGES

MARK = "xyzzy"
HOSTILE = {
    "html": f"<script>{MARK}()</script><b onmouseover={MARK}>\"'&amp;",
    "long": f"{MARK} " * 5000,
    "control": f"{MARK}\x00\x07\x1b[31m\r\nSet-Cookie: a=b\x7f",
    "marks": f"\u202e{MARK}\u2066\u200f\ufeff\u2028",
    "decomposed": f"{MARK} Đài truyền thanh",  # NFD: letters and tones apart
    "nothing": "",
    "past": "1999-12-31",
}
_KINDS = ("text", "search", "date", "time", "number", "select", "password")
_SKIPPED = (*ENDING, "/account/second-factor")
_TAG = re.compile(rf"<[^>]*\b{MARK}\b[^>]*>|<script>{MARK}")
_ALERT = re.compile(r'role="alert">(.*?)</div>', re.S)
_ENGLISH = frozenset(catalogue("vi"))


def hostile_fields(form: FoundForm, value: str) -> list[tuple[str, str]]:
    """The same value in everything that a person fills in, choices too: a browser is no border."""
    return form.filled({name: value for name, kind in form.typed.items() if kind in _KINDS})


def problems_of(client: Client, form: FoundForm, answer: httpx.Response, value: str) -> list[str]:
    """What is wrong with an answer; nothing where it is as it should be."""
    found = []
    if answer.status_code >= 500:
        return [f"{answer.status_code}"]
    text = answer.text
    if answer.status_code == 303:
        text = client.get(answer.headers["location"]).text
    elif answer.status_code >= 400:
        alerts = [re.sub(r"<[^>]+>", "", one).strip() for one in _ALERT.findall(text)]
        if not any(alerts):
            found.append(f"{answer.status_code} without a word")
        found += [f"in English: {one}" for one in alerts if unescape(one) in _ENGLISH]
        found += _lost(client, form, text, value)
    if _is_echoed(text):
        found.append("echoed as a tag")
    return found


def _is_echoed(text: str) -> bool:
    """What was typed stands in the page as a tag and not as text."""
    without_values = re.sub(r'(value|content|href|title|data-[a-z-]+)="[^"]*"', "", text)
    return _TAG.search(without_values) is not None


def _lost(client: Client, form: FoundForm, text: str, value: str) -> list[str]:
    """A text that was refused has to be in a form: of this answer, or of the page that it names."""
    typed = [name for name, kind in form.typed.items() if kind in ("text", "search")]
    if not typed or not value:
        return []
    shown = unescape(text)
    if MARK in shown or "1999-12-31" in shown:
        return []
    if f'href="{form.page}"' in text or f'href="{form.page.replace("&", "&amp;")}"' in text:
        back = unescape(client.get(form.page).text)
        if MARK in back or "1999-12-31" in back:
            return []
    return ["what was typed is lost"]


# The administrator and an editor have all the forms between them; the others see fewer of them.
@pytest.mark.parametrize(
    "username",
    ["admin", "huong", *(pytest.param(name, marks=pytest.mark.soak) for name in ("ky", "dao"))],
)
def test_every_form_with_every_hostile_value(site: Site, username: str) -> None:
    """No 500, no tag out of a text, a sentence in Vietnamese, and what was typed is still there."""
    starts = ["/", *MORE_PAGES.get(username, ())]
    starts += [path for name, path in PAGES if name == username]
    wrong: list[str] = []
    with site.client(username) as client:
        forms = [one for one in forms_of(client, starts) if one.typed]
        assert len(forms) > 3
        for form in forms:
            if form.action.startswith(_SKIPPED):
                continue
            for name, value in HOSTILE.items():
                fresh = redrawn(client, form)
                if fresh is None:
                    break  # it was taken: the next value would meet another form
                answer = send(client, fresh, hostile_fields(fresh, value))
                wrong += [
                    f"{form.action} {name}: {one}"
                    for one in problems_of(client, fresh, answer, value)
                ]
        for path, text in walk(client, starts):  # what was taken is shown as text everywhere
            if _is_echoed(text):
                wrong.append(f"{path}: shown as a tag")
    assert not wrong, "\n".join(wrong)
