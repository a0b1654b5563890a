"""Finds every sentence that Loa may say to a person: in templates, in code, in error classes."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

from jinja2 import nodes

from api.i18n import error_msgid
from api.pages.render import environment
from audio.errors import AudioError
from audio.findings import SENTENCES
from scheduler import board
from scheduler.errors import CoreError
from stations.errors import StationError

ROOT = Path(__file__).parents[3]
# The modules that define error classes; importing them makes every subclass known.
ERROR_MODULES = (
    "audio.errors",
    "stations.errors",
    "scheduler.errors",
    "api.errors",
    "api.cli.errors",
    "api.json.problems",
)
# Base classes are never raised, and the sentence of a row problem or of an input is its reason.
NOT_SHOWN = {"AudioError", "StationError", "CoreError"}
# Calls whose constant arguments are sentences, and from which argument on.
_SPEAKING = {"_": 0, "mark": 0, "said": 0, "text": 0, "count": 1}
_SPEAKING_NAMES = ("_", "mark", "said")


def all_messages() -> dict[str, str]:
    """Every message with the place where it stands."""
    found: dict[str, str] = {}
    for source in (_in_templates, _in_code, _in_errors, _in_findings, _on_the_board):
        for msgid, where in source():
            found.setdefault(msgid, where)
    return found


def _in_templates() -> Iterator[tuple[str, str]]:
    templates = environment()
    for name in templates.list_templates():
        assert templates.loader is not None
        tree = templates.parse(templates.loader.get_source(templates, name)[0])
        for call in tree.find_all(nodes.Call):
            spoken = call.node.name if isinstance(call.node, nodes.Name) else None
            if isinstance(call.node, nodes.Getattr):
                spoken = call.node.attr
            if spoken in _SPEAKING:
                for argument in call.args[_SPEAKING[spoken] :]:
                    if isinstance(argument, nodes.Const) and isinstance(argument.value, str):
                        yield argument.value, f"templates/{name}:{call.lineno}"


def _in_code() -> Iterator[tuple[str, str]]:
    for folder in ("api", "scheduler"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    for msgid in (*_spoken(node), *_problem(node)):
                        yield msgid, f"{path.relative_to(ROOT)}:{node.lineno}"


def _spoken(call: ast.Call) -> Iterator[str]:
    yield from _translated(call)
    if isinstance(call.func, ast.Attribute):
        # What a command says on the screen: sentences, table headings, names of facts, phases.
        if call.func.attr in ("say", "note", "confirm", "tell"):
            yield from _constants(call.args[:1])
        elif call.func.attr == "table":
            yield from (heading.removesuffix("#") for heading in _listed(call))
        elif call.func.attr == "facts":
            yield from _listed(call)


def _translated(call: ast.Call) -> Iterator[str]:
    function = call.func
    if isinstance(function, ast.Name) and function.id in _SPEAKING_NAMES:
        name = function.id
    elif isinstance(function, ast.Attribute) and _owner(function) in ("tr", "self", "translator"):
        name = function.attr
    else:
        return
    if name in _SPEAKING:
        yield from _constants(call.args[_SPEAKING[name] :])


def _listed(call: ast.Call) -> Iterator[str]:
    """The texts of a list of texts, or the first text of each pair."""
    for argument in call.args[:1]:
        if isinstance(argument, ast.List):
            firsts = [e.elts[0] if isinstance(e, ast.Tuple) else e for e in argument.elts]
            yield from _constants(firsts)


def _constants(arguments: Iterable[ast.expr]) -> Iterator[str]:
    for argument in arguments:
        for node in ast.walk(argument) if isinstance(argument, ast.IfExp) else [argument]:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _owner(function: ast.Attribute) -> str:
    return function.value.id if isinstance(function.value, ast.Name) else ""


def _problem(call: ast.Call) -> Iterator[str]:
    """``InputInvalid(problem="…")``, ``CapRefused(problem="…")``: the field is the sentence."""
    if isinstance(call.func, ast.Name) and call.func.id in ("InputInvalid", "CapRefused"):
        for keyword in call.keywords:
            if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                yield keyword.value.value


def _in_errors() -> Iterator[tuple[str, str]]:
    for name in ERROR_MODULES:
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if not issubclass(kind, AudioError | CoreError | StationError):
                continue
            if kind.__module__ == name and kind.__name__ not in NOT_SHOWN:
                yield error_msgid(kind), f"{name}.{kind.__name__}"


def _on_the_board() -> Iterator[tuple[str, str]]:
    for name, value in vars(board).items():
        if name.isupper() and not name.startswith("_") and isinstance(value, str):
            yield value, f"scheduler.board.{name}"


def _in_findings() -> Iterator[tuple[str, str]]:
    for code, sentence in SENTENCES.items():
        yield sentence, f"audio.findings:{code}"
