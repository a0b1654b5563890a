"""What a programme sounds like on the pole: made when somebody asks, kept for the next who does."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scheduler.errors import DatabaseBusy
from scheduler.hub import Hub
from scheduler.preview import horn_preview
from scheduler.store.models import Programme

STEP_S = 5  # where a preview may begin: a new one for every second would fill the disk
_KEPT = timedelta(days=3)
_AT_ONCE = threading.BoundedSemaphore(2)  # 1.5 s of a processor each
_WAIT_S = 20.0


def horn(hub: Hub, programme: Programme, at_s: int | None = None) -> Path:
    """
    Twenty seconds as a horn makes them, from about ``at_s``, else from where the programme begins.

    Raises:
        NotFound, AudioError: as :func:`scheduler.preview.horn_preview`.
        DatabaseBusy: too many listen at this moment.
    """
    latest = max(0, (programme.ms or 0) // 1000 - STEP_S)
    start = None if at_s is None else min(at_s, latest) // STEP_S * STEP_S
    named = f"start-{programme.trim_start_ms or 0}" if start is None else f"{start}"
    path = hub.previews / f"{programme.sha256}-{named}.mp3"
    if path.exists():
        return path
    if not _AT_ONCE.acquire(timeout=_WAIT_S):
        raise DatabaseBusy()
    try:
        return horn_preview(hub, programme.id, path, start_s=start)
    finally:
        _AT_ONCE.release()


def sweep(hub: Hub) -> None:
    """Remove what nobody asked for lately."""
    oldest = hub.clock.now() - _KEPT
    for path in hub.previews.glob("*.mp3"):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < oldest:
            path.unlink(missing_ok=True)
