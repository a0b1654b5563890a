"""What killed work has left on this machine: found, told from work that goes on, and removed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from audio.render import sweep
from scheduler.hub import Hub

log = structlog.get_logger()

# No upload, check or announcement takes so long; what is older belongs to a process that is gone.
_OLDEST = timedelta(days=1)


def remove_leftovers(hub: Hub) -> int:
    """
    Half-made renditions whose process died, and temporary files that nobody has touched for a day.

    Safe beside any other process: a render at work holds the lock of its folder.
    """
    count = sweep(hub.renditions) + sum(_remove(path) for path in _old(hub))
    if count:
        log.info("leftovers_removed", count=count)
    return count


def _old(hub: Hub) -> list[Path]:
    before = hub.clock.now() - _OLDEST
    return [path for path in hub.tmp.iterdir() if _touched_at(path) < before]


def _touched_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except FileNotFoundError:  # its owner was quicker
        return datetime.max.replace(tzinfo=UTC)


def _remove(path: Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return True
