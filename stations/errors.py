"""What can go wrong at a station, sorted by who must act next.

The docstring of a class is the sentence that an operator reads; its ``{fields}`` are filled from
the keyword arguments, and the message catalogues translate it whole.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar


class StationError(Exception):
    """Something went wrong at the station."""

    code: ClassVar[str] = "station_error"
    retry: ClassVar[bool] = True

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        super().__init__(fields)

    def __str__(self) -> str:
        told = {name: _with_unit(name, value) for name, value in self.fields.items()}
        return (inspect.getdoc(type(self)) or "").format_map(told)


def _with_unit(name: str, value: Any) -> Any:
    return f"{value} bytes" if name.endswith("_bytes") else value


class Unreachable(StationError):
    """Nothing answers at {host}:{port}: {detail}. Check the power and the line of the station."""

    code = "unreachable"


class LinkDown(StationError):
    """The link went silent for {idle_s} s after {acknowledged_bytes}. It is tried again."""

    code = "link_down"


class LoginRefused(StationError):
    """The station at {host}:{port} refused the login of {username}: {detail}. Check its key."""

    code = "auth"


class HostKeyChanged(StationError):
    """The station at {host}:{port} shows another host key ({seen}) than the pinned one ({pinned}).

    Nothing was sent. A person must find out why before the new key is accepted.
    """

    code = "host_key_changed"
    retry = False


class HostKeyUnknown(StationError):
    """No host key is pinned for {host}:{port}; it shows {seen}. Compare it and accept it first."""

    code = "host_key_unknown"
    retry = False


class NoCommonCipher(StationError):
    """The server at {host}:{port} ({server}) has only old, unsafe methods ({detail}).

    Nothing was sent. Install OpenSSH 7.2, Dropbear 2020.79 or something newer at the station.
    """

    code = "server_too_old"
    retry = False


class StationFull(StationError):
    """The station needs {needed_bytes} and has {free_bytes} free. Make room first."""

    code = "disk_full"


class NotWritable(StationError):
    """The station refuses to write {path}: {detail}. Check its folder and its rights."""

    code = "not_writable"
    retry = False


class WrongBytes(StationError):
    """What lies at the station as {path} is not what was sent. It is sent again."""

    code = "checksum"


class ClockSkewed(StationError):
    """The clock of the station is off by {skew_s} s. Set it before it airs the wrong thing."""

    code = "clock_skew"


class BadReceipt(StationError):
    """The receipt of the station cannot be read: {detail}."""

    code = "bad_receipt"


class ManifestRefused(StationError):
    """The manifest is not valid: {reason}."""

    code = "manifest_refused"
    retry = False


# --- met on the way to a station (stations/visit.py) ---


class LinkCut(LinkDown):
    """The link broke after {acknowledged_bytes}. It is tried again."""


class BadAnswer(StationError):
    """The server of the station answers against the rules of SFTP: {detail}."""

    code = "bad_answer"


class FileTooLong(StationError):
    """The file {path} at the station is longer than the {max_bytes} that are read of it."""

    code = "file_too_long"
    retry = False


class InstallFailed(StationError):
    """The box at {host} was not set up: {detail}"""

    code = "install_failed"
    retry = False


class RenditionDamaged(StationError):
    """The rendition {name} on this machine is not what its name says. Make it again."""

    code = "rendition_damaged"
    retry = False
