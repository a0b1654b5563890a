"""Rows as JSON documents, under the same keys as the HTTP API. Instants are UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from api.i18n import Translator
from api.rulewords import describe
from api.slotwords import content_in_words
from audio.facts import Facts
from audio.findings import SENTENCES
from scheduler.hearing import rule_of
from scheduler.lines import is_draft
from scheduler.logrows import AnyAiring
from scheduler.slots import is_in_quiet_hours, target_code
from scheduler.store.models import Delivery, Objection, Person, Programme, Slot, Unit

Document = dict[str, Any]


def plain(value: object) -> str:
    """Instants as ``2022-10-16T22:00:00Z``, dates as ``2022-10-17``, times of day as ``05:00``."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, time):
        return value.isoformat("minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def unit_document(unit: Unit, parent_code: str | None) -> Document:
    return {
        "code": unit.code,
        "name": unit.name,
        "level": unit.level,
        "parent": parent_code,
        "valid_from": unit.valid_from,
        "valid_to": unit.valid_to,
    }


def person_document(person: Person) -> Document:
    return {
        "username": person.username,
        "full_name": person.full_name,
        "role": person.role,
        "unit": person.unit.code if person.unit else None,
        "active": person.active,
        "must_change_password": person.must_change_password,
    }


def programme_document(programme: Programme, translator: Translator) -> Document:
    columns = (
        "id", "title", "programme_class", "language", "theme", "genre", "plan_group", "file_name",
        "sha256", "size_bytes", "ms", "lufs", "state", "uploaded_at", "approved_at", "not_before",
        "published_at", "not_before", "expires_on",
    )  # fmt: skip
    rendition_columns = ("profile", "state", "sha256", "size_bytes", "ms", "lufs", "error")
    return {
        **{name: getattr(programme, name) for name in columns},
        "findings": findings_of(programme, translator),
        "renditions": [
            {name: getattr(rendition, name) for name in rendition_columns}
            for rendition in programme.renditions
        ],
    }


def findings_of(programme: Programme, translator: Translator) -> list[Document]:
    """What the quality check found, in the reader's words."""
    facts = Facts.from_json(programme.facts) if programme.facts else None
    return [
        {
            "code": finding.code,
            "severity": finding.severity,
            "sentence": translator.text(SENTENCES[finding.code], **finding.fields),
            "at_ms": finding.at_ms,
        }
        for finding in (facts.findings if facts else ())
    ]


def slot_document(slot: Slot, translator: Translator) -> Document:
    return {
        "id": slot.id,
        "title": slot.title,
        "unit_code": slot.unit.code,
        "audience": targets_of(slot, excluded=False),
        "exclude": targets_of(slot, excluded=True),
        "programme_id": slot.programme_id,
        "programme_title": slot.programme.title if slot.programme else None,
        "content": content_in_words(slot, translator),
        "no_repeat_days": slot.no_repeat_days,
        "ident_id": slot.ident_id,
        "filler_id": slot.filler_id,
        "is_draft": is_draft(slot),
        "kind": slot.kind,
        "programme_class": slot.programme_class,
        "starts_at": slot.starts_at,
        "seconds": slot.seconds,
        "rrule": slot.rrule,
        "in_words": describe(rule_of(slot), translator),
        "late_ok_s": slot.late_ok_s,
        "stream": slot.stream,
        "valid_from": slot.valid_from,
        "valid_to": slot.valid_to,
        "in_quiet_hours": is_in_quiet_hours(slot),
    }


def targets_of(slot: Slot, *, excluded: bool) -> list[str]:
    return [target_code(target) for target in slot.targets if target.excluded is excluded]


def delivery_document(delivery: Delivery, translator: Translator) -> Document:
    code = delivery.error_code
    return {
        "for_date": delivery.for_date,
        "seq": delivery.seq,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_try_at": delivery.next_try_at,
        "error_code": code,
        "error": translator.coded(code, delivery.error_fields) if code else None,
    }


def airing_document(airing: AnyAiring) -> Document:
    columns = (
        "planned_at", "broadcast_date", "slot_id", "programme_id", "programme_class", "ms", "state",
        "grade", "started_at", "played_ms", "reason",
    )  # fmt: skip
    return {
        "station": airing.station.code,
        "programme_title": airing.programme.title,
        "theme": airing.programme.theme,
        **{name: getattr(airing, name) for name in columns},
        "objection": _objection_document(airing.objection),
    }


def _objection_document(one: Objection | None) -> Document | None:
    if one is None:
        return None
    return {"heard": one.heard, "who": one.person.full_name, "at": one.at, "reason": one.reason}
