"""One run of a command: its settings, its language, its hub, and where its words go."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:  # each of these costs a list of commands or a refusal up to half a second
    from rich.progress import Progress, ProgressColumn

    from api.cli.screen import Screen
    from api.i18n import Translator
    from scheduler.clock import Clock
    from scheduler.config import Settings
    from scheduler.hub import Hub
    from scheduler.store.models import Person

DONE, FAILED, PARTLY = 0, 1, 3


class Run:
    """What every command is given."""

    def __init__(self, *, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self.config: Path | None = None
        self.data: Path | None = None
        self.language_wanted: str | None = None
        self.as_json = False
        self.words: tuple[str, ...] = ()  # as they were typed after "loa"
        self._settings_given = settings
        self._clock = clock

    # ── What is in force ───────────────────────────────────────────────────────────────────────

    @cached_property
    def config_path(self) -> Path:
        from scheduler.config import default_path

        return self.config or default_path()

    @cached_property
    def settings(self) -> Settings:
        """
        The settings, with the data folder of the command line.

        Raises:
            ConfigInvalid: with every problem at once.
        """
        from scheduler.config import PathSettings, load_settings

        settings = self._settings_given or load_settings(self.config_path)
        if self.data is None:
            return settings
        paths = PathSettings(data=self.data.expanduser().resolve())
        return settings.model_copy(update={"paths": paths})

    @cached_property
    def clock(self) -> Clock:
        from scheduler.clock import SystemClock

        return self._clock or SystemClock()

    @cached_property
    def translator(self) -> Translator:
        from api.i18n import translator

        return translator(language_of(self), self.settings.zone)

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        """
        The Loa that the settings name, for as long as the command runs.

        Raises:
            CoreError: it cannot be worked with; the sentence says what to do.
        """
        from api.cli.logs import only_errors
        from scheduler.hub import open_hub

        only_errors()
        hub = open_hub(self.settings, clock=self.clock)
        try:
            yield hub
        finally:
            hub.database.close()

    def person(self, hub: Hub, username: str) -> Person:
        """
        The person who acts.

        Raises:
            NotFound: nobody has that user name, or the person's access was closed.
        """
        from scheduler.errors import NotFound
        from scheduler.people import find_person

        with hub.database.read() as session:
            person = find_person(session, username)
        if not person.active:
            raise NotFound(what="person", key=username)
        return person

    def actor(self, hub: Hub, username: str | None) -> str:
        """The name for the records: a known person, or the login name of this machine."""
        return self.person(hub, username).username if username else _login_name()

    # ── What is said ───────────────────────────────────────────────────────────────────────────

    def tell(self, document: Mapping[str, Any], show: Callable[[Screen], None]) -> None:
        """The result: one JSON document for programs, or what ``show`` draws for people."""
        if self.as_json:
            print_json(document)
        else:
            show(self.screen)
            sys.stdout.flush()  # here a closed pipe is still quiet; at exit it is not

    @cached_property
    def screen(self) -> Screen:
        from api.cli.screen import Screen

        return Screen(self.translator)

    def note(self, msgid: str, **fields: Any) -> None:
        """A remark beside the result; never on the standard output."""
        click.echo(self.translator.text(msgid, **fields), err=True)

    @contextmanager
    def progress(self, *columns: ProgressColumn | str) -> Iterator[Progress]:
        """Bars on the standard error; nothing where that is no terminal."""
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        with Progress(
            *columns, console=console, transient=True, disable=not sys.stderr.isatty()
        ) as bars:
            yield bars

    def confirm(self, msgid: str, *, yes: bool, **fields: Any) -> None:
        """Ask before something is destroyed; ``--yes`` answers for a script."""
        from api.i18n import mark

        if yes:
            return
        if not sys.stdin.isatty():
            self.note(mark("This needs your word: run it again with --yes."))
            self.end(FAILED)
        if not click.confirm(self.translator.text(msgid, **fields), err=True):
            self.note(mark("Nothing was changed."))
            self.end(FAILED)

    def end(self, code: int) -> NoReturn:
        raise click.exceptions.Exit(code)


def print_json(document: Mapping[str, Any]) -> None:
    """Exactly one document; where the output is not UTF-8, letters are escaped, never lost."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(document, ensure_ascii=not is_utf8, indent=2, default=_plain))
    sys.stdout.flush()


def language_of(run: Run) -> str:
    """``--lang``, then $LOA_LANG, then an English $LANG, then the settings."""
    from scheduler.errors import ConfigInvalid

    wanted = run.language_wanted or os.environ.get("LOA_LANG", "")
    if wanted in ("vi", "en"):
        return wanted
    if os.environ.get("LANG", "").startswith("en"):
        return "en"
    try:
        return run.settings.ui.language
    except ConfigInvalid:
        return "vi"  # the sentence that says so wants a language too


def _login_name() -> str:
    from getpass import getuser

    try:
        return f"os:{getuser()}"[:80]
    except (KeyError, OSError):  # a container without a name for this number
        return f"os:{os.getuid()}"


def _plain(value: object) -> str:
    from api.cli.documents import plain

    return plain(value)
