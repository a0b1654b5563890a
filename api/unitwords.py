"""What is said of the events of the map."""

from __future__ import annotations

from collections.abc import Mapping

from api.i18n import mark

EVENT_WORDS: Mapping[str, str] = {
    "renamed": mark("renamed"),
    "merged": mark("merged"),
    "split": mark("split"),
    "moved": mark("moved below another unit"),
    "abolished": mark("abolished"),
    "founded": mark("founded"),
}
