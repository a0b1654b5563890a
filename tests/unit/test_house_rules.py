"""The check that holds the walls of the house must itself be able to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import check


@pytest.mark.parametrize(
    ("room", "line", "complaint"),
    [
        ("audio", "import scheduler.hub", "audio must not import scheduler.hub"),
        ("stations", "from audio.measure import measure", "stations must not import"),
        ("scheduler", "from api.app import create_app", "scheduler must not import api.app"),
        ("scheduler", "import apscheduler", "apscheduler is used only in"),
        ("api", "import paramiko", "paramiko is used only in"),
        ("scheduler", "import subprocess", "subprocess is used only in"),
        ("scheduler", "at = datetime.now(UTC)", "only scheduler/clock.py reads the time"),
        ("scheduler", "airing.state = AiringState.AIRED", "states change in"),
        ("stations", "client.set_missing_host_key_policy(paramiko.AutoAddPolicy())", "by a person"),
        ("stations", "sftp.put('a', 'b')", "confirms nothing"),
        ("audio", "run('ffmpeg ' + name, shell=True)", "no shell strings"),
    ],
)
def test_each_rule_finds_its_offence(
    room: str, line: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line in the wrong room is named, with the rule that it breaks."""
    monkeypatch.setattr(check, "ROOT", tmp_path)
    file = tmp_path / room / "offence.py"
    file.parent.mkdir()
    file.write_text(f"{line}\n")

    assert any(complaint in problem for problem in check.house_rules(file))


def test_files_that_import_each_other_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import inside a function closes a circle as well."""
    monkeypatch.setattr(check, "ROOT", tmp_path)
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "one.py").write_text("from audio import two\n")
    (tmp_path / "audio" / "two.py").write_text("def f():\n    from audio.one import x\n")

    (problem,) = check.circles()

    assert "audio.one" in problem and "audio.two" in problem


def test_what_a_service_needs_seldom_is_not_loaded_when_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through however many files; an import inside a function waits until it is needed."""
    monkeypatch.setattr(check, "ROOT", tmp_path)
    (tmp_path / "api").mkdir()
    (tmp_path / "stations").mkdir()
    (tmp_path / "api" / "app.py").write_text("from stations import login\n")
    (tmp_path / "stations" / "login.py").write_text("from paramiko.message import Message\n")

    (problem,) = check.heavy_imports()

    assert problem.startswith("stations.login: paramiko")
    (tmp_path / "stations" / "login.py").write_text("def f():\n    import paramiko\n")
    assert list(check.heavy_imports()) == []


def test_the_house_as_it_stands_breaks_no_rule() -> None:
    """What lies in the rooms now is in its place."""
    assert [problem for path in check.sources() for problem in check.house_rules(path)] == []
    assert list(check.circles()) == []
    assert list(check.heavy_imports()) == []


def test_a_page_that_points_nowhere_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link in the documentation leads to a file that is there."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "CONTRIBUTING.md").write_text("[here](docs/gone.md)")
    (tmp_path / "README.md").write_text("[web](https://example.org) [top](#top)")
    monkeypatch.setattr(check, "ROOT", tmp_path)

    assert check.docs_problems() == ["CONTRIBUTING.md: docs/gone.md is not there"]
