"""Live relays: which addresses a slot may name, and what the settings allow of that today."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from scheduler.config import Settings
from scheduler.errors import InputInvalid, RelayHostUnknown

# As the player takes it (stations/player.py): a plain host, no login, nothing that a shell or a
# playlist could read as more than one word.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:\d{1,5})?(/[!-~]{0,400})?")


def checked_address(address: str, settings: Settings) -> str:
    """
    The address of a live stream that a slot may name.

    Raises:
        InputInvalid: it is no plain http or https address.
        RelayHostUnknown: its host does not stand in the settings.
    """
    if _ADDRESS.fullmatch(address) is None:
        raise InputInvalid(
            problem="a live relay is an address like http://live.example.vn:8000/fm, without login"
        )
    if not is_allowed(address, settings):
        raise RelayHostUnknown(host=host_of(address))
    return address


def is_allowed(address: str, settings: Settings) -> bool:
    """Looked at when the slot is made and again at each planning: a host may be taken out."""
    return host_of(address) in settings.relay.hosts


def host_of(address: str) -> str:
    return urlsplit(address).hostname or ""
