"""A fuzzer that watches which lines are reached, on everything that a station sends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = int(os.environ.get("LOA_FUZZ_S", "600"))


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("target", ["log", "receipt", "manifest", "answers"])
def test_nothing_that_a_station_sends_ends_in_anything_but_an_error_of_ours(
    target: str, tmp_path: Path
) -> None:
    """Fault 30: 0 crashes in ten minutes each; skipped where atheris is not installed."""
    pytest.importorskip("atheris", reason="pip install atheris")
    home = Path(__file__).parent.parent.parent
    command = [sys.executable, "-m", "tests.fuzz.fuzz_station", target, str(SECONDS)]
    ended = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(home)}, check=False,
        capture_output=True, text=True, timeout=SECONDS + 240,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr[-4000:]
