"""Our own copy of a rendition, checked before it is sent anywhere."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from stations.errors import RenditionDamaged
from stations.layout import RenditionFile


def check_rendition(file: RenditionFile) -> None:
    """
    Make sure that a rendition is what its name says.

    Raises:
        RenditionDamaged: it is missing, or has other bytes. It must be made again.
    """
    try:
        stat = file.path.stat()
    except OSError as error:
        raise RenditionDamaged(name=file.name) from error
    is_right = stat.st_size == file.size_bytes and file.sha256 == _hash_of(
        file.path, stat.st_size, stat.st_mtime_ns, stat.st_ino
    )
    if not is_right:
        raise RenditionDamaged(name=file.name)


# One rendition goes to a hundred stations a night: its hash is taken once, not once a station.
@lru_cache(maxsize=1024)
def _hash_of(path: Path, size_bytes: int, modified_ns: int, inode: int) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
