"""
What the last visits to a station did, step by step, as they told it themselves.

Kept of each purpose: the last visit that came to its end, and the last that did not. A station has
so few rows, whatever its line does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from scheduler.hub import Hub
from scheduler.store.models import Programme, Rendition, Station, StationVisit
from stations.diary import Diary, Entry


class Purpose(StrEnum):
    """What a visit was for."""

    SEND = "send"  # bring the coming days
    COLLECT = "collect"  # read receipt and logs
    AUDIT = "audit"  # look at what lies there
    URGENT = "urgent"  # bring what airs at once


class VisitLog:
    """Keeps the diary of one visit; ``write`` is one statement."""

    def __init__(self, hub: Hub, station: Station, purpose: Purpose) -> None:
        self._hub, self._station_id, self._purpose = hub, station.id, purpose
        self._started_at = hub.clock.now()
        self.diary = Diary(hub.clock.monotonic)

    def write(self, session: Session, error: Any = None) -> None:
        """Replace what is known of the last visit of this purpose that ended alike."""
        fields = {name: str(one)[:200] for name, one in error.fields.items()} if error else None
        session.execute(
            _UPSERT[session.get_bind().dialect.name],
            {
                "station_id": self._station_id, "purpose": self._purpose.value,
                "is_broken": error is not None, "started_at": self._started_at,
                "took_ms": _ms(self.diary.took_s), "error_code": error.code if error else None,
                "error_fields": fields, "steps": [_kept(one) for one in self.diary.entries()],
            },
        )  # fmt: skip

    def write_alone(self, error: Any = None) -> None:
        """The same where nothing else is written at the end of the visit."""
        with self._hub.database.write() as session:
            self.write(session, error)


def _kept(entry: Entry) -> dict[str, Any]:
    """An entry without what it does not have: six rows a station, in every backup."""
    kept = {
        "step": entry.step, "after_ms": _ms(entry.after_s),
        "ms": None if entry.took_s is None else _ms(entry.took_s), "facts": entry.facts,
        "error": entry.error_code, "fields": entry.error_fields,
        "count": entry.count if entry.count > 1 else None,
    }  # fmt: skip
    return {name: one for name, one in kept.items() if one is not None and one != {}}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


# ── Reading ────────────────────────────────────────────────────────────────────────────────────


def last_visits(session: Session, station: Station) -> Sequence[StationVisit]:
    """What is kept of a station's visits, the newest first."""
    return session.scalars(
        select(StationVisit)
        .where(StationVisit.station_id == station.id)
        .order_by(StationVisit.started_at.desc(), StationVisit.purpose, StationVisit.is_broken)
    ).all()


def step_began_at(visit: StationVisit, step: Mapping[str, Any]) -> datetime:
    after: int = step["after_ms"]
    return visit.started_at + timedelta(milliseconds=after)


def titles_of_files(session: Session, visits: Collection[StationVisit]) -> dict[str, str]:
    """Which programme each named file of these visits carries; a file of none is left out."""
    names = {
        name
        for visit in visits
        for step in visit.steps
        if (name := step.get("facts", {}).get("name")) is not None
    }
    by_hash = {name.partition(".")[0]: name for name in names}
    rows = session.execute(
        select(Rendition.sha256, Programme.title)
        .join(Programme)
        .where(Rendition.sha256.in_(sorted(by_hash)))
        .order_by(Rendition.sha256, Programme.id)
    ).all()
    return {by_hash[sha256]: title for sha256, title in rows}


# ── The statement ──────────────────────────────────────────────────────────────────────────────
# Prepared once: every visit runs it.

_KEY = ("station_id", "purpose", "is_broken")
_TOLD = ("started_at", "took_ms", "error_code", "error_fields", "steps")


def _upsert(module: Any) -> Any:
    named: dict[str, Any] = {name: bindparam(name) for name in (*_KEY, *_TOLD)}
    statement = module.insert(StationVisit.__table__).values(**named)
    return statement.on_conflict_do_update(
        index_elements=list(_KEY), set_={name: statement.excluded[name] for name in _TOLD}
    )


_UPSERT = {"sqlite": _upsert(sqlite), "postgresql": _upsert(postgresql)}
