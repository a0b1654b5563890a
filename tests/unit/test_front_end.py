"""The foreign scripts of the pages: named exactly, fetched whole or not at all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[2]


def test_no_registry_address_stands_in_the_lock() -> None:
    """Whoever builds takes the packages from their own registry; the hash says what they are."""
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}

    assert all("resolved" not in one for one in packages.values())
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())


def test_every_version_is_exact() -> None:
    """The same commit brings the same scripts, next year too."""
    named = json.loads((ROOT / "web" / "package.json").read_text())["dependencies"]

    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in named.values())


def test_failed_fetch_is_told_and_leaves_the_old_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a network the pages go on with what is there, and the launcher goes on."""
    lib = tmp_path / "static" / "lib"
    lib.mkdir(parents=True)
    (lib / "tus.min.js").write_text("old")
    monkeypatch.setattr(hatch_build, "LIB", lib)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retry_mintimeout", "10")

    assert hatch_build.main() == 1

    assert (lib / "tus.min.js").read_text() == "old"
    assert [path.name for path in lib.parent.iterdir()] == ["lib"]
    assert "Pages work without them" in capsys.readouterr().err


def test_files_of_the_lock_are_not_fetched_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every start looks, and only a changed lock costs anything."""
    lib = tmp_path / "lib"
    lib.mkdir()
    for name in ("package.json", hatch_build.LOCK):
        (lib / name).write_bytes((ROOT / "web" / name).read_bytes())
    monkeypatch.setattr(hatch_build, "LIB", lib)
    monkeypatch.setattr(subprocess, "run", None)  # would fail if anything was started

    assert hatch_build.main() == 0


def test_hook_of_an_editable_install_waits_for_the_launcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The launcher installs with LOA_WEB=later, and fetches itself, where it can be told."""
    monkeypatch.setenv("LOA_WEB", "later")
    monkeypatch.setattr(hatch_build, "build", None)
    hook = object.__new__(hatch_build.FrontEndHook)

    hook.initialize("editable", {})

    assert sys.modules["hatch_build"] is hatch_build
