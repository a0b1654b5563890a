"""The command line in this process, on a clock that stands, and as the program that people run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.cli import root
from api.cli.run import Run
from audio.speech import hum
from scheduler.clock import ManualClock
from scheduler.config import PathSettings, Settings
from tests.builders import HA_NAM
from tests.conftest import Templates

ROOT = Path(__file__).parents[3]


@dataclass
class Loa:
    """Runs commands on one Loa; a wrong exit code fails with what was said."""

    settings: Settings
    clock: ManualClock

    def __call__(self, *words: str | Path, code: int = 0, **env: str) -> Result:
        result = CliRunner().invoke(
            root,
            [str(word) for word in words],
            obj=Run(settings=self.settings, clock=self.clock),
            env={"LOA_LANG": "en", "LOA_USER": None, "LOA_DEBUG": None, **env},
        )
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.output}"
        return result

    def json(self, *words: str | Path, code: int = 0, **env: str) -> dict[str, Any]:
        """What ``--json`` prints: one document and nothing else."""
        document: dict[str, Any] = json.loads(self(*words, "--json", code=code, **env).stdout)
        return document


@pytest.fixture
def bare(tmp_path: Path, clock: ManualClock) -> Loa:
    """The command line before ``loa init``."""
    return Loa(Settings(paths=PathSettings(data=tmp_path / "data")), clock)


@pytest.fixture
def loa(templates: Templates, tmp_path: Path, clock: ManualClock) -> Loa:
    """A new Loa; the players of these tests sound for nobody."""
    settings = templates("sqlite", False).copy(tmp_path / "data")
    rehearsal = settings.collect.model_copy(update={"null_device_counts": True})
    return Loa(settings.model_copy(update={"collect": rehearsal}), clock)


@pytest.fixture
def people(loa: Loa) -> Loa:
    """With an editor (lan), an approver (hung) and the map of the province."""
    loa("unit", "import", HA_NAM)
    loa("person", "add", "lan", "--name", "Trần Thị Lan", "--role", "editor")
    loa("person", "add", "hung", "--name", "Lê Văn Hùng", "--role", "approver")
    return loa


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of something like speech."""
    return hum(tmp_path_factory.mktemp("sound") / "phong-su.wav", seconds=6, seed=7)


@dataclass(frozen=True)
class Program:
    """``loa`` as a process of its own, on a configuration of its own."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def configure(self, text: str = "") -> None:
        self.config.write_text(f'[paths]\ndata = "data"\n{text}', encoding="utf-8")

    def command(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "api.cli", "--config", str(self.config), *map(str, words)]

    def env(self, **changes: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOA_")}
        return {**kept, "LOA_LANG": "en", **changes}

    def __call__(
        self, *words: str | Path, code: int = 0, **env: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words), cwd=ROOT, env=self.env(**env), capture_output=True, text=True,
            timeout=180, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done


@pytest.fixture
def program(tmp_path: Path) -> Program:
    made = Program(tmp_path)
    made.configure()
    return made


@pytest.fixture(scope="module")
def shared_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One Loa for several tests that change nothing."""
    made = Program(tmp_path_factory.mktemp("loa"))
    made.configure()
    made("init")
    yield made
