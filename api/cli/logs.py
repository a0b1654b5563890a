"""Where the log of a command goes: the standard error, so that results stay clean."""

from __future__ import annotations

import logging
import sys

import structlog

_LIBRARIES = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def only_errors() -> None:
    """For a command that a person waits for: its result says what happened."""
    _configure(logging.ERROR, _console(colors=False))


def everything() -> None:
    """For a service: a line each event; readable at a terminal, JSON for a collector of logs."""
    at_terminal = sys.stderr.isatty()
    _configure(
        logging.INFO,
        _console(colors=True) if at_terminal else structlog.processors.JSONRenderer(),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=_LIBRARIES)


def _console(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    # The rich tracebacks of the default show local variables: a password may be among them.
    return structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback
    )


def _configure(level: int, renderer: structlog.typing.Processor) -> None:
    shown = isinstance(renderer, structlog.dev.ConsoleRenderer)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # The console renderer draws tracebacks itself.
            *([] if shown else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
