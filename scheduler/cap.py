"""A CAP 1.2 alert, read: what somebody far away wrote is hostile until it is parsed.

Nothing is fetched and nothing is expanded: a document type, an entity or a reference to another
file refuses the whole. Pure: no database, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from scheduler.errors import CapRefused, said
from scheduler.text import one_line

MAX_BYTES = 1 << 20
NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
_FAMILY = "urn:oasis:names:tc:emergency:cap:"
_MOST = 500  # areas, codes, references: more is a mistake
_NAME_LETTERS = 200
_TEXT_LETTERS = 6_000  # some six minutes read aloud

STATUSES = ("Actual", "Exercise")
TYPES = ("Alert", "Update", "Cancel")
SEVERITIES = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
URGENCIES = ("Immediate", "Expected", "Future", "Past", "Unknown")


@dataclass(frozen=True)
class CapArea:
    """A place as the sender writes it."""

    name: str
    codes: tuple[str, ...]  # of whatever list; ours are among them or not


@dataclass(frozen=True)
class CapAlert:
    """What of an alert matters here."""

    sender: str
    identifier: str
    sent_at: datetime
    status: str
    kind: str  # Alert, Update, Cancel
    references: tuple[tuple[str, str], ...]  # sender, identifier
    headline: str
    text: str  # to be read aloud
    severity: str
    urgency: str
    expires_at: datetime | None
    areas: tuple[CapArea, ...]


def parse_cap(data: bytes) -> CapAlert:
    """
    Read an alert; of several languages the Vietnamese.

    Raises:
        CapRefused: it is not one, or not of version 1.2, or not meant for the public.
    """
    if len(data) > MAX_BYTES:
        raise CapRefused(problem="the file is larger than 1 MiB")
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise CapRefused(problem="it defines entities or a document type, as attacks do") from None
    except (ParseError, ValueError, LookupError):
        raise CapRefused(problem="it is not well-formed XML") from None
    _check_version(root)
    return _alert(root)


def _check_version(root: Element) -> None:
    space, _, name = root.tag.removeprefix("{").rpartition("}")
    if space == NAMESPACE and name == "alert":
        return
    if space.startswith(_FAMILY):
        raise CapRefused(problem="it is of another version; ask the sender for CAP 1.2")
    raise CapRefused(problem="it is XML, but no CAP alert")


def _alert(root: Element) -> CapAlert:
    info = _info(root)
    kind = _choice(root, "msgType", TYPES)
    if info is None and kind != "Cancel":
        raise CapRefused(problem="it says nothing: it has no <info>")
    spoken = [_text(info, name) for name in ("headline", "description", "instruction")]
    text = "\n\n".join(part for part in spoken if part)
    if not text and kind != "Cancel":
        raise CapRefused(problem="it has neither a headline nor a description")
    return CapAlert(
        sender=_needed(root, "sender"),
        identifier=_needed(root, "identifier"),
        sent_at=_instant(_needed(root, "sent")),
        status=_choice(root, "status", STATUSES),
        kind=kind,
        references=tuple(_references(_text(root, "references"))),
        headline=one_line(spoken[0] or spoken[1], _NAME_LETTERS),
        text=text[:_TEXT_LETTERS],
        severity=_known(info, "severity", SEVERITIES),
        urgency=_known(info, "urgency", URGENCIES),
        expires_at=_instant(_text(info, "expires")) if _text(info, "expires") else None,
        areas=tuple(_areas(info)),
    )


def _info(root: Element) -> Element | None:
    """The Vietnamese block, or the first."""
    blocks = root.findall(f"{{{NAMESPACE}}}info")[:_MOST]
    ours = [one for one in blocks if _text(one, "language").casefold().startswith("vi")]
    return next(iter([*ours, *blocks]), None)


def _areas(info: Element | None) -> Iterator[CapArea]:
    if info is None:
        return
    for area in info.findall(f"{{{NAMESPACE}}}area")[:_MOST]:
        codes = area.findall(f"{{{NAMESPACE}}}geocode/{{{NAMESPACE}}}value")[:_MOST]
        named = (one_line(code.text or "", 40) for code in codes)
        yield CapArea(
            one_line(_text(area, "areaDesc"), _NAME_LETTERS), tuple(code for code in named if code)
        )


def _references(text: str) -> Iterator[tuple[str, str]]:
    """``sender,identifier,sent`` with spaces between them."""
    for one in text.split()[:_MOST]:
        parts = one.split(",")
        if len(parts) == 3:
            yield one_line(parts[0], _NAME_LETTERS), one_line(parts[1], _NAME_LETTERS)


def _text(element: Element | None, name: str) -> str:
    found = None if element is None else element.find(f"{{{NAMESPACE}}}{name}")
    text = "" if found is None else (found.text or "")
    return "\n".join(line for line in (one_line(part, 4000) for part in text.splitlines()) if line)


def _needed(root: Element, name: str) -> str:
    text = one_line(_text(root, name), _NAME_LETTERS)
    if not text:
        raise CapRefused(problem=said("<{name}> is missing", name=name))
    return text


def _choice(root: Element, name: str, known: tuple[str, ...]) -> str:
    text = _needed(root, name)
    if text not in known:
        raise CapRefused(
            problem=said(
                "<{name}> is {text}; read are only {known}",
                name=name, text=text, known=", ".join(known),
            )
        )  # fmt: skip
    return text


def _known(info: Element | None, name: str, known: tuple[str, ...]) -> str:
    text = _text(info, name)
    return text if text in known else "Unknown"


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CapRefused(
            problem=said("{text} is not a time with its zone", text=one_line(text, 40))
        )
    return at.astimezone(UTC)
