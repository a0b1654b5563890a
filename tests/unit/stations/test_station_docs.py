"""What is written about the protocol is what the player does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stations import player, rendezvous

ROOT = Path(player.__file__).parents[1]
SOURCE = Path(player.__file__).read_text()
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
SETUP = (ROOT / "docs/station-setup.md").read_text()


@pytest.mark.parametrize("field", sorted(player.FIELDS))
def test_every_field_of_the_manifest_is_explained(field: str) -> None:
    """Somebody who writes another player needs no other source."""
    assert re.search(rf"`(items\[\]|files\[\])?\.?{field}`", PROTOCOL)


@pytest.mark.parametrize("word", sorted(set(re.findall(r'Refused\("(\w+)"\)', SOURCE))))
def test_every_reason_for_a_refusal_is_explained(word: str) -> None:
    """A technician on the telephone can look the word up."""
    assert f"`{word}`" in PROTOCOL


@pytest.mark.parametrize("option", sorted(set(re.findall(r'add_argument\("(--[a-z-]+)"', SOURCE))))
def test_every_option_of_the_player_is_explained(option: str) -> None:
    """Nothing about a box is folklore."""
    assert f"`{option}`" in SETUP


def test_the_options_file_of_the_manual_is_accepted(tmp_path: Path) -> None:
    """What the manual says to type is what works, down to the amplifier's command."""
    pattern = r"^    (--(?:root|station|poll-s|amplifier-o\w+)=.*)$"
    wanted = re.findall(pattern, SETUP.split("rendezvous.args")[0], re.MULTILINE)
    file = tmp_path / "player.args"
    file.write_text("\n".join(wanted) + "\n")

    options = player.parse_arguments([f"@{file}"])

    assert len(wanted) == 5
    assert options.station == "HN-13579"
    assert options.amplifier_on == ["gpioset", "gpiochip0", "17=1"]


def test_the_service_starts_what_the_manual_installs() -> None:
    """Unit, manual and player name the same places."""
    unit = (ROOT / "deploy/loa-player.service").read_text()

    start = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert start is not None
    for place in start[1].split()[2:]:
        assert place.lstrip("@") in SETUP
    for folder in re.findall(r"/srv/loa/\w+", unit):
        assert folder in SETUP


def test_the_options_of_the_rendezvous_in_the_manual_are_accepted(tmp_path: Path) -> None:
    """A box that only dials out is set up by copying the lines, too."""
    section = SETUP.split("rendezvous.args`:")[1]
    wanted = re.findall(r"^    (--[a-z-]+=.*)$", section, re.MULTILINE)[:7]
    file = tmp_path / "rendezvous.args"
    file.write_text("\n".join(wanted) + "\n")

    options = rendezvous.parse_arguments([f"@{file}"])

    assert (options.root, options.every_s) == ("/srv/loa", 60)
    unit = (ROOT / "deploy/loa-rendezvous.service").read_text()
    assert "@/etc/loa/rendezvous.args" in unit
    assert Path(options.memory).parent.name in unit


def test_the_player_speaks_for_itself() -> None:
    """--help shows how to use it, and every option has its place there."""
    told = subprocess.run(
        [sys.executable, str(player.__file__), "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert "examples:" in told.stdout
