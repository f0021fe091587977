"""What the public names look like from outside, as text: their bases, fields, and the signatures of what they do.

    python tests/package/signatures.py > tests/package/signatures.txt

writes the snapshot that a test compares with. Signatures are taken from the source, as they are written, so that they are the
same on every version of Python.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import get_overloads

ROOMS = ("azvm_async", "azvm_async.facade", "azvm_async.emulator", "azvm_async.mlos")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _parsed(thing: object) -> ast.stmt:
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]  # type: ignore[arg-type]


def _signature(node: Function, name: str) -> str:
    kind = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    told = " -> " + ast.unparse(node.returns) if node.returns else ""
    if decorators & {"property", "cached_property"}:
        return f"{name}{told}"
    special = "classmethod " if "classmethod" in decorators else "staticmethod " if "staticmethod" in decorators else ""
    return f"{special}{kind}{name}({ast.unparse(node.args)}){told}"


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """Yield a class's fields, and what an enumeration counts."""
    for statement in node.body:
        field = isinstance(statement, ast.AnnAssign) and not ast.unparse(statement.target).startswith("_")
        if field or (isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]).isupper()):
            yield ast.unparse(statement)


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name in {
        "__init__",
        "__call__",
        "__len__",
        "__getitem__",
        "__await__",
        "__aiter__",
    }


def _members(cls: type) -> Iterator[str]:
    """Yield what a class does, with what it has of our own bases; the overloads of a name each."""
    names = {name for base in cls.__mro__ if base.__module__.startswith("azvm_async") for name in vars(base)}
    for name in sorted(filter(_is_public, names)):
        member = inspect.getattr_static(cls, name)
        function = getattr(member, "fget", None) or getattr(member, "__func__", None) or member
        if not inspect.isfunction(function) or not function.__module__.startswith("azvm_async"):
            continue
        for each in get_overloads(function) or [function]:
            try:
                node = _parsed(each)
            except (OSError, TypeError, SyntaxError):  # a dataclass made it
                continue
            assert isinstance(node, Function)
            yield _signature(node, name)


def _described(name: str, value: object) -> Iterator[str]:
    if isinstance(value, ModuleType):
        yield f"module {name}"
    elif inspect.isclass(value):
        node = _parsed(value)
        assert isinstance(node, ast.ClassDef)
        yield f"class {name}({', '.join(map(ast.unparse, node.bases))})"
        yield from (f"    {line}" for line in [*_fields(node), *_members(value)])
    elif inspect.isfunction(value):
        node = _parsed(value)
        assert isinstance(node, Function)
        yield _signature(node, name)
    else:
        yield name


def snapshot() -> str:
    """Return it."""
    lines: list[str] = []
    for room in ROOMS:
        module = import_module(room)
        lines.append(f"# {room}")
        for name in sorted(module.__all__):
            lines += _described(name, getattr(module, name))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(snapshot())
