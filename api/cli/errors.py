"""What the command line itself refuses; as everywhere, the docstring is what a person reads."""

from __future__ import annotations

from scheduler.errors import CoreError


class FileTrouble(CoreError):
    """{path} cannot be used: {detail}."""

    code = "file_trouble"


class CannotListen(CoreError):
    """The address {host}:{port} cannot be used: {detail}. Choose another with --host or --port."""

    code = "cannot_listen"


class NoComputer(CoreError):
    """{station} has no computer that could be asked. A person confirms what it airs."""

    code = "no_computer"


class SecretNotShown(CoreError):
    """The key of a station is a secret: write it to a file with --out, or look at a terminal."""

    code = "secret_not_shown"


class UnexpectedHere(CoreError):
    """Something went wrong inside Loa ({kind}). The details stand in {path}."""

    code = "unexpected_here"


class UnexpectedUnwritten(CoreError):
    """Something went wrong inside Loa ({kind}). Run it again with LOA_DEBUG=1 to see more."""

    code = "unexpected_unwritten"
