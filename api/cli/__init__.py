"""The command line: one file a noun, loaded only when it is called."""

from __future__ import annotations


def main() -> None: ...
