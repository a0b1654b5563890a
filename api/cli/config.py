"""``loa config``: the settings in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from api.cli.options import command
from api.cli.run import Run
from api.cli.screen import Screen
from scheduler.config import Settings

HIDDEN = "••••"
# Paths to secrets, and addresses that are one themselves.
_SECRETS = (
    ("database", "password_file"),
    ("mail", "password_file"),
    ("notice", "webhook_secret_file"),
    ("notice", "webhook_url"),
    ("notice", "ping_url"),
)


@command("config", "loa config", "loa --config /etc/loa/config.toml config --json")
@click.pass_obj
def config(run: Run) -> None:
    """
    Show the settings in force.

    Every setting with its value, whether it stands in the file or not. Secrets are hidden.
    """
    settings = _shown(run.settings)
    document = {"config": run.config_path.resolve(), "settings": settings}
    run.tell(document, lambda screen: _show(screen, run, settings))


def _shown(settings: Settings) -> dict[str, Any]:
    values = settings.model_dump(mode="json")
    for section, name in _SECRETS:
        if values[section][name]:
            values[section][name] = HIDDEN
    return values


def _show(screen: Screen, run: Run, settings: dict[str, Any]) -> None:
    screen.line(f"# {run.config_path.resolve()}")
    for section, values in settings.items():
        screen.line(f"\n[{section}]")
        for line in _lines(values):
            screen.line(line)


def _lines(values: dict[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        yield f"# {key} =" if value is None else f"{key} = {_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    return str(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False)
