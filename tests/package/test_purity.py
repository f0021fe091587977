"""The pure rooms are pure: what import contracts can't see (parts of the standard library), read off the source."""

import ast
from pathlib import Path

import pytest

import azvm_async

ROOMS = Path(azvm_async.__file__).parent
PURE = [
    *sorted((ROOMS / "protocol").glob("*.py")),
    *sorted((ROOMS / "fleet" / "timeline").glob("*.py")),
    *(ROOMS / f"{room}.py" for room in ("wire", "errors", "facade/answers", "facade/settings")),
]
ALLOWED = {
    "azvm_async",
    "bisect",
    "collections.abc",
    "copy",
    "dataclasses",
    "datetime",
    "email.utils",
    "enum",
    "functools",
    "hashlib",
    "http",
    "ipaddress",
    "json",
    "math",
    "re",
    "typing",
    "urllib.parse",
    "xml.etree",
}
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input"}


def imported(tree: ast.AST) -> set[str]:
    """Return the modules that a source imports; those of this package by its name alone."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {"azvm_async" if name.startswith("azvm_async") else name for name in found}


def called(tree: ast.AST) -> set[str]:
    """Return the names of all that a source calls."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}


@pytest.mark.parametrize("source", PURE, ids=lambda path: path.name)
def test_pure_room_imports_only_what_is_pure(source: Path):
    assert imported(ast.parse(source.read_text(encoding="utf-8"))) <= ALLOWED


@pytest.mark.parametrize("source", PURE, ids=lambda path: path.name)
def test_pure_room_asks_nobody_for_the_time(source: Path):
    assert not called(ast.parse(source.read_text(encoding="utf-8"))) & IMPURE_CALLS
