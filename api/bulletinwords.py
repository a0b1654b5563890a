"""A bulletin as a document, and the seconds that each of its steps took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.i18n import Translator
from scheduler.store.models import Airing, Bulletin, BulletinStation


def steps_of(
    bulletin: Bulletin, row: BulletinStation
) -> tuple[float | None, float | None, float | None]:
    """Seconds from the order until it was brought, checked, and would have played in a drill."""

    def since(at: datetime | None) -> float | None:
        return None if at is None else round((at - bulletin.issued_at).total_seconds(), 1)

    return since(row.delivered_at), since(row.verified_at), since(row.drilled_at)


def bulletin_document(
    bulletin: Bulletin, airings: Mapping[int, Airing], translator: Translator
) -> dict[str, Any]:
    """How a bulletin stands at each of its stations."""
    return {
        "id": bulletin.id,
        "programme_id": bulletin.programme_id,
        "title": bulletin.title,
        "reason": bulletin.reason,
        "is_drill": bulletin.is_drill,
        "issued_by": bulletin.issuer.username,
        "issued_at": bulletin.issued_at,
        "expires_at": bulletin.expires_at,
        "withdrawn_at": bulletin.withdrawn_at,
        "stations": [
            _station(bulletin, row, airings.get(row.station_id), translator)
            for row in bulletin.stations
        ],
    }


def _station(
    bulletin: Bulletin, row: BulletinStation, airing: Airing | None, translator: Translator
) -> dict[str, Any]:
    brought, checked, drilled = steps_of(bulletin, row)
    return {
        "code": row.station.code,
        "name": row.station.name,
        "phone": row.station.phone,
        "state": row.state.value,
        "brought_after_s": brought,
        "checked_after_s": checked,
        "would_have_played_after_s": drilled,
        "airing_state": airing.state.value if airing else None,
        "started_at": airing.started_at if airing else None,
        "played_ms": airing.played_ms if airing else None,
        "error_code": row.error_code,
        "error": translator.coded(row.error_code, row.error_fields) if row.error_code else None,
    }
