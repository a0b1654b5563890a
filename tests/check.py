"""``./loa check``: format, lint, types, and the rules that would air the wrong thing if broken."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("api", "scheduler", "audio", "stations")

# api → scheduler → {audio, stations}: who may import whom.
MAY_IMPORT = {
    "api": {"api", "scheduler", "audio", "stations"},
    "scheduler": {"scheduler", "audio", "stations"},
    "audio": {"audio"},
    "stations": {"stations"},
}
# A library behind one file (or one folder) and nowhere else.
ONLY_IN = {
    "apscheduler": ("scheduler/ticks.py",),
    "huey": ("scheduler/engine.py",),
    "paramiko": ("stations/",),
    "pydub": ("audio/",),
    "sqlalchemy": ("scheduler/", "api/"),
    "subprocess": (
        "audio/",
        "stations/player.py",
        "stations/rendezvous.py",
        "stations/install.py",
        "stations/lineprocess.py",
    ),
}
# What a service that only serves pages and waits does without: some 20 MB of memory. Whoever needs
# one of these imports it where it is needed.
SERVED_FROM = (
    "api.app", "api.cli.web", "api.pages.", "api.json.", "scheduler.ticks", "scheduler.engine",
)  # fmt: skip
TOO_HEAVY_TO_SERVE = {
    "alembic", "cryptography", "docx", "httpx", "icalendar", "lxml", "paramiko", "xlsxwriter",
}  # fmt: skip
# Reading the clock: the clock, and what must measure a silence on a wire or a process of its own.
CLOCK_READERS = ("scheduler/clock.py", "stations/", "audio/", "api/demo/", "api/cli/")
CLOCK_CALLS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}


def main() -> int:
    commands = [
        [sys.executable, "-m", "ruff", "format", "--check", "--quiet", "."],
        [sys.executable, "-m", "ruff", "check", "--quiet", "."],
        [sys.executable, "-m", "mypy"],
    ]
    failed = 0
    for command in commands:
        failed += subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    problems = sorted(problem for path in sources() for problem in house_rules(path))
    problems += [*circles(), *heavy_imports(), *docs_problems()]
    for problem in problems:
        print(problem)
    print(f"{len(commands) - failed} tools content, {len(problems)} house rules broken")
    return 1 if failed or problems else 0


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def house_rules(path: Path) -> Iterator[str]:
    """What this file does that its room may not do."""
    name = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        where = f"{name}:{getattr(node, 'lineno', 0)}"
        for module in _imported(node):
            top = module.split(".")[0]
            if top in ROOMS and top not in MAY_IMPORT[name.split("/")[0]]:
                yield f"{where}: {name.split('/')[0]} must not import {module}"
            if top in ONLY_IN and not name.startswith(ONLY_IN[top]):
                yield f"{where}: {top} is used only in {', '.join(ONLY_IN[top])}"
        yield from _calls(node, name, where)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


def circles() -> Iterator[str]:
    """Files that import each other, wherever in the file the import stands."""
    arrows = {_module(path): set(_arrows(path)) for path in sources()}
    try:
        graphlib.TopologicalSorter(
            {module: targets & arrows.keys() - {module} for module, targets in arrows.items()}
        ).prepare()
    except graphlib.CycleError as error:
        yield f"imports run in a circle: {' ← '.join(error.args[1])}"


def heavy_imports() -> Iterator[str]:
    """What the service would load when it starts, and most of its life never need."""
    bodies = {_module(path).removesuffix(".__init__"): path for path in sources()}
    reached = {name for name in bodies if name.startswith(SERVED_FROM)}
    coming = sorted(reached)
    while coming:
        name = coming.pop()
        body = ast.parse(bodies[name].read_text(encoding="utf-8")).body
        for module in (one for node in body for one in _targets(node)):
            if module in bodies and module not in reached:
                reached.add(module)
                coming.append(module)
            if module in TOO_HEAVY_TO_SERVE:
                yield f"{name}: {module} is imported where it is needed, not when Loa starts"


def _targets(node: ast.AST) -> Iterator[str]:
    """The modules that an import may mean, and the packages around them."""
    for module in _imported(node):
        parts = module.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
        if isinstance(node, ast.ImportFrom):
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _module(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")


def _arrows(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for module in _imported(node):
            yield from (module, f"{module}.__init__")
            if isinstance(node, ast.ImportFrom):
                yield from (f"{module}.{alias.name}" for alias in node.names)


def _calls(node: ast.AST, name: str, where: str) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        if (owner, node.func.attr) in CLOCK_CALLS and not name.startswith(CLOCK_READERS):
            yield f"{where}: only scheduler/clock.py reads the time"
        if node.func.attr == "put" and "sftp" in owner:
            yield f"{where}: sftp.put() confirms nothing"
    if isinstance(node, ast.Attribute | ast.Name):
        word = node.attr if isinstance(node, ast.Attribute) else node.id
        if word in ("AutoAddPolicy", "WarningPolicy"):
            yield f"{where}: a host key is accepted by a person, never by itself"
    if isinstance(node, ast.keyword) and node.arg == "shell" and _is_true(node.value):
        yield f"{where}: no shell strings"
    if isinstance(node, ast.Assign) and name != "scheduler/store/states.py":
        for target in node.targets:
            if name.startswith("scheduler/") and _is_state(target):
                yield f"{where}: states change in scheduler/store/states.py only"


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_state(target: ast.expr) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == "state"


def docs_problems() -> list[str]:
    """Pages that point at files which are not there."""
    return [
        f"{page.relative_to(ROOT)}: {link} is not there"
        for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
        for link in _links(page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]


def _links(text: str) -> Iterator[str]:
    for part in text.split("](")[1:]:
        target = part.split(")")[0].split("#")[0]
        if target and "://" not in target:
            yield target


if __name__ == "__main__":
    sys.exit(main())
