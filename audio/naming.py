"""File names for players that are not ours: plain letters that every old file system takes."""

from __future__ import annotations

import re
import string
import unicodedata
from datetime import date, time

FIELDS = frozenset({"sha256", "extension", "title", "date", "time", "position"})
TEMPLATE_RULE = f"may hold {', '.join(sorted(FIELDS))} in braces, letters, digits and - _ ."
NAME_MAX_CHARS = 60  # FAT and old firmware count in bytes, and show 8 to 64
_PLAIN = re.compile(r"[A-Za-z0-9._-]*")


def is_template(template: str) -> bool:
    """Whether a template has only known fields, and no folder in it."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return False
    fields = [(name, spec, how) for _, name, spec, how in parts if name is not None]
    is_known = all(name in FIELDS and not spec and not how for name, spec, how in fields)
    is_plain = all(_PLAIN.fullmatch(text) for text, *_ in parts)
    return bool(parts) and is_known and is_plain and template.endswith(".{extension}")


def file_name(
    template: str,
    *,
    sha256: str,
    extension: str,
    title: str,
    on: date,
    at: time,
    position: int,
) -> str:
    """One name; the same title, day and place always give the same."""
    fields = {
        "sha256": sha256,
        "title": plain(title) or sha256[:12],
        "date": on.strftime("%Y%m%d"),
        "time": at.strftime("%H%M"),
        "position": f"{position:02d}",
    }
    stem = template.removesuffix(".{extension}").format_map(fields)
    limit = max(NAME_MAX_CHARS, len(sha256))
    return f"{stem[:limit].strip('.-_') or sha256[:12]}.{extension}"


def plain(text: str) -> str:
    """``Gương điển hình`` becomes ``Guong-dien-hinh``."""
    bare = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    ascii_only = bare.encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", ascii_only).strip("-")
