"""Every page that a person can reach, and every form on it: found by walking, not from a list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

from tests.web.site import Client

# Where to begin, and as whom: a page of every kind.
PAGES = (
    (None, "/sign-in"),
    ("dao", "/"),
    ("huong", "/"),
    ("lan", "/stations"),
    ("lan", "/ready"),
    ("lan", "/why?station=dai-13573&at=06:00"),
    ("lan", "/airings/dai-13573/2022-10-15T22:00:00Z"),
    ("lan", "/airings?state=missed"),
    ("dao", "/airings/confirm"),
    ("admin", "/stations/dai-13579"),
    ("ky", "/stations/dai-13573"),
    ("ky", "/stations/dai-13579/edit"),
    ("ky", "/new-station"),
    ("ky", "/import"),
    ("ky", "/map"),
    ("dao", "/map"),
    ("ky", "/units?search=dao ly"),
    ("ky", "/units/1"),
    ("admin", "/units/import"),
    ("ky", "/links"),
    ("dao", "/stations/dai-13579/week"),
    ("dao", "/stations/dai-13579/confirm"),
    ("huong", "/programmes"),
    ("tuan", "/programmes/4"),
    ("huong", "/timetable"),
    ("huong", "/timetable/1/remove"),
    ("huong", "/timetable/new"),
    ("huong", "/timetable/import"),
    ("huong", "/timetable/2/edit?starts_at=05:05"),
    ("dao", "/clashes"),
    ("huong", "/timetable/calendar"),
    ("huong", "/timetable/calendar?station=dai-13579&view=month"),
    ("huong", "/timetable/changes"),
    ("tuan", "/urgent"),
    ("huong", "/alerts"),
    ("tuan", "/alerts/1"),
    ("huong", "/timetable/1/days/2022-10-18"),
    ("admin", "/people"),
    ("lan", "/tokens"),
    ("lan", "/feeds"),
    ("dao", "/password"),
    ("dao", "/account"),
    ("admin", "/people/lan"),
    ("admin", "/ledger"),
    ("tuan", "/approve"),
)

# No pages: files, other languages, what changes by itself, what strangers may read.
_NOT_WALKED = re.compile(
    r"^/(static|language|live|uploads|api|listen|feeds)\b|\.(csv|xlsx|ics|xml)\b|/(audio|rendition|horn)$"
)
# Two of a kind show what a hundred would: the second one may stand in another state.
_OF_A_KIND = 2
_OF_MANY_STATES = {"/programmes/…": 6, "/timetable/calendar": 4}
_MOST_PAGES = 500


@dataclass
class FoundForm:
    """A form as a browser would send it, untouched."""

    page: str
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    typed: dict[str, str] = field(default_factory=dict)  # name -> kind of what a person fills in
    options: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    has_file: bool = False
    drawn_by: str = ""  # the answer that it came in, if it stands on no page of its own

    @property
    def signature(self) -> tuple[str, ...]:
        """What makes it another kind of form than the others."""
        fixed = [f"{name}={value}" for name, value in self.fields if name in ("what", "active")]
        return (kind_of(self.action), *sorted({name for name, _ in self.fields}), *fixed)

    def filled(self, values: Mapping[str, str]) -> list[tuple[str, str]]:
        """Its fields with other values in those that a person fills in."""
        changed = [(name, values.get(name, value)) for name, value in self.fields]
        there = {name for name, _ in self.fields}
        ticked = [(name, values[name]) for name in self.typed if name in values.keys() - there]
        return changed + ticked + self.buttons[:1]

    @property
    def hidden(self) -> list[tuple[str, str]]:
        known = {"form_token", *self.typed}
        return [pair for pair in self.fields if pair[0] not in known]


class _Page(HTMLParser):
    def __init__(self, page: str, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.links: list[str] = []
        self.forms: list[FoundForm] = []
        self.alerts: list[str] = []
        self._form: FoundForm | None = None
        self._select = ""
        self._named: dict[str, FoundForm] = {}
        self._outside: list[tuple[str, dict[str, str]]] = []  # it names the form that it belongs to
        self.feed(text)
        for tag, given in self._outside:
            if form := self._named.get(given["form"]):
                self._in_form(form, tag, given)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "form":
            self._form = FoundForm(self.page, given["action"], given.get("method", "get"))
            self.forms.append(self._form)
            self._named[given.get("id", "")] = self._form
        elif tag in ("input", "button") and "form" in given:
            self._outside.append((tag, given))
        elif self._form is not None:
            self._in_form(self._form, tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""

    def _in_form(self, form: FoundForm, tag: str, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "text")
        if tag == "button" and name:
            form.buttons.append((name, given.get("value", "")))
        elif tag == "input" and kind == "file":
            form.has_file = True
        elif tag == "input" and name and "disabled" not in given:
            if kind not in ("checkbox", "radio") or "checked" in given:
                form.fields.append((name, given.get("value", "")))
            if kind != "hidden":
                form.typed.setdefault(name, kind)
        elif tag == "textarea":
            form.fields.append((name, ""))
            form.typed[name] = "text"
        elif tag == "select":
            self._select = name
            form.typed[name] = "select"
            form.options[name] = []
        elif tag == "option" and self._select:
            form.options[self._select].append(given.get("value", ""))
            known = [one for one in form.fields if one[0] == self._select]
            if "selected" in given or not known:
                form.fields = [one for one in form.fields if one[0] != self._select]
                form.fields.append((self._select, given.get("value", "")))


def kind_of(path: str) -> str:
    """An address without what only says which one: numbers, days, codes, names."""
    path = urlsplit(path).path
    return re.sub(r"/(\d[\d:TZ-]*|dai-\d+|[0-9a-f]{32}|[A-Za-z0-9_-]{40,})(?=/|$)", "/…", path)


def read_page(path: str, text: str) -> _Page:
    return _Page(path, text)


def walk(client: Client, starts: Sequence[str] = ("/",)) -> Iterator[tuple[str, str]]:
    """Each page that the links lead to from ``starts``: its address and its text."""
    waiting, seen, kinds = list(starts), set(starts), dict[str, int]()
    while waiting and len(seen) < _MOST_PAGES:
        path = waiting.pop(0)
        kind = kind_of(path)
        most = _OF_MANY_STATES.get(kind, _OF_A_KIND)
        if kinds.get(kind, 0) >= most and path not in starts:
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        answer = client.get(path)
        if answer.status_code in (302, 303):
            waiting.append(urljoin(path, answer.headers["location"]))
            continue
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        assert answer.status_code < 500, path
        yield path, answer.text
        for link in read_page(path, answer.text).links:
            target = urljoin(path, link)
            if target.startswith("/") and not _NOT_WALKED.search(target) and target not in seen:
                seen.add(target)
                waiting.append(target)


def forms_of(client: Client, starts: Sequence[str] = ("/",)) -> list[FoundForm]:
    """One of each kind of form that sends something."""
    found: dict[tuple[str, ...], FoundForm] = {}
    for path, text in walk(client, starts):
        for form in read_page(path, text).forms:
            if form.method == "post" and not form.has_file:
                found.setdefault(form.signature, form)
    return list(found.values())


def redrawn(client: Client, form: FoundForm) -> FoundForm | None:
    """The same form on a fresh draw of its page, if it is still there."""
    if form.drawn_by:
        return form
    answer = client.get(form.page)
    for one in read_page(form.page, answer.text).forms:
        if (one.action, one.hidden) == (
            form.action,
            form.hidden,
        ) and one.signature == form.signature:
            return one
    return None


def send(client: Client, form: FoundForm, fields: list[tuple[str, str]]) -> httpx.Response:
    """As a browser sends it from its page."""
    origin = str(client.base_url).rstrip("/")
    data: dict[str, list[str]] = {}
    for name, value in fields:
        data.setdefault(name, []).append(value)
    return client.post(
        form.action,
        data=data,
        headers={"origin": origin, "sec-fetch-site": "same-origin", "referer": origin + form.page},
    )
