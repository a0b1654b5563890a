"""What operating systems and foreign programs say, in the words of the reader.

Rows, logs and JSON keep the original: it is what a technician searches for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# ``mark`` is not within reach: the module that has it imports this one.
from scheduler.errors import said

_KNOWN = tuple(
    one.msgid
    for one in (
        # errno, as Linux says it
        said("Connection refused"),
        said("Connection reset by peer"),
        said("Connection timed out"),
        said("No route to host"),
        said("Network is unreachable"),
        said("Network is down"),
        said("Host is down"),
        said("Broken pipe"),
        said("Address already in use"),
        said("Cannot assign requested address"),
        said("Permission denied"),
        said("Operation not permitted"),
        said("No such file or directory"),
        said("Is a directory"),
        said("Not a directory"),
        said("File too large"),
        said("No space left on device"),
        said("Disk quota exceeded"),
        said("Read-only file system"),
        said("Input/output error"),
        said("Too many open files"),
        said("Cannot allocate memory"),
        # getaddrinfo
        said("Name or service not known"),
        said("Temporary failure in name resolution"),
        said("No address associated with hostname"),
        # SQLite, Python, paramiko, httpx
        said("database or disk is full"),
        said("disk I/O error"),
        said("attempt to write a readonly database"),
        said("file is not a database"),
        said("database disk image is malformed"),
        said("timed out"),
        said("no answer"),
        said("the connection was closed"),
        said("Error reading SSH protocol banner"),
        said("Authentication failed."),
        said("Connection unexpectedly closed"),
        said("ConnectError"),
        said("ConnectTimeout"),
        said("ReadTimeout"),
    )
)
_PATTERNS = (
    (re.compile(r"silent for (?P<seconds>[\d.]+) s"), said("silent for {seconds} s")),
    (re.compile(r"(?P<host>\S+) says: (?P<detail>.+)"), said("{host} says: {detail}")),
)
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")


def in_words(detail: str, text: Callable[..., str]) -> str:
    """The detail of an error in the language of ``text``; what nobody knows stays as it is."""
    plain = _NUMBER.sub("", detail).split("\n")[0]
    if plain in _KNOWN:
        return text(plain)
    for pattern, sentence in _PATTERNS:
        if found := pattern.fullmatch(plain):
            return text(sentence.msgid, **found.groupdict())
    return detail
