"""What a person finds without a manual, and how fast."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator, Mapping

import click
import pytest
from click.testing import CliRunner

from api.cli import root
from api.cli.commands import COMMANDS
from api.cli.lazy import Lazy, LazyGroup, imported
from tests.unit.cli.conftest import ROOT, Program
from tests.unit.cli.documented import sections

_LOADED = """
import sys
import api.cli
api.cli.root.main({words}, standalone_mode=False)
print(sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
"""
_HEAVY = {"sqlalchemy", "pydantic", "paramiko", "fastapi", "rich", "scheduler", "stations", "audio"}


def _commands(
    table: Mapping[str, Lazy | LazyGroup] = COMMANDS, above: str = ""
) -> Iterator[tuple[str, Lazy, click.Command]]:
    for name, entry in table.items():
        if isinstance(entry, LazyGroup):
            yield from _commands(entry.lazy, f"{above}{name} ")
        else:
            command = LazyGroup(lazy=table).get_command(click.Context(root), name)
            assert command is not None
            yield f"{above}{name}", entry, command


COMMANDS_BY_NAME = {name: (entry, command) for name, entry, command in _commands()}


@pytest.mark.parametrize("name", COMMANDS_BY_NAME)
def test_every_command_explains_itself(name: str) -> None:
    """``--help`` says what a command does, with examples; the list above it says the same."""
    entry, command = COMMANDS_BY_NAME[name]

    shown = CliRunner().invoke(root, [*name.split(), "--help"])

    assert shown.exit_code == 0
    assert "Examples:" in shown.stdout
    assert f"loa {name}" in shown.stdout
    assert "--json" in shown.stdout
    first_line = (command.help or "").strip().splitlines()[0]
    assert first_line.startswith(entry.help.rstrip("."))


@pytest.mark.parametrize("name", COMMANDS_BY_NAME)
def test_every_option_is_documented(name: str) -> None:
    """docs/commands.md has each command with each of its options."""
    _, command = COMMANDS_BY_NAME[name]
    options = {
        parameter.opts[-1]
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.is_eager
    }
    assert {option for option in options if f"`{option}" not in sections()[name]} == set()


def test_nothing_is_documented_that_is_not_there() -> None:
    """A command that was renamed does not live on in the documentation."""
    assert {name for name in sections() if not name.startswith(("a-", "an-"))} == set(
        COMMANDS_BY_NAME
    )


@pytest.mark.parametrize("words", [["--help"], ["station", "--help"], ["--version"]])
def test_a_list_of_commands_loads_nothing_else(words: list[str]) -> None:
    """What takes half a second to load waits until a command needs it."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED.format(words=words)],
        cwd=ROOT, capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    assert "click" in done.stderr
    assert {name for name in _HEAVY if f"'{name}'" in done.stderr} == set()


def test_a_wrong_call_is_exit_code_2(program: Program) -> None:
    """A mistyped command or option never looks like a failure of the work."""
    assert "No such command" in program("pusch", code=2).stderr
    assert "No such option" in program("push", "--al", code=2).stderr
    assert "not a date" in program("plan", "--from", "31/02/2022", code=2).stderr
    assert "--by" in program("slot", "remove", "3", code=2).stderr


def test_the_collector_of_garbage_works_again_whatever_an_import_did() -> None:
    """A command whose module cannot be imported does not leave a process that only grows."""
    sys.modules.pop("colorsys", None)
    assert imported("colorsys") is sys.modules["colorsys"]
    assert gc.isenabled()

    with pytest.raises(ModuleNotFoundError):
        imported("api.cli.nowhere")
    assert gc.isenabled()
