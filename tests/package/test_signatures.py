"""What is public changes only when somebody says so; and ``help()`` is of use."""

import inspect
import pydoc
import re
from collections.abc import Iterator
from importlib import import_module, util
from pathlib import Path

import pytest

import azvm_async

HERE = Path(__file__).parent

_spec = util.spec_from_file_location("azvm_signatures", HERE / "signatures.py")
signatures = util.module_from_spec(_spec)
_spec.loader.exec_module(signatures)


def test_signatures_are_these():
    assert signatures.snapshot() == (HERE / "signatures.txt").read_text(encoding="utf-8"), (
        "a public signature changed: if that is meant, say so in CHANGELOG.md and run"
        " 'python tests/package/signatures.py > tests/package/signatures.txt'"
    )


def test_a_changed_signature_shows(monkeypatch: pytest.MonkeyPatch):
    before = signatures.snapshot()
    monkeypatch.setattr(azvm_async.AzureVMClient, "start", azvm_async.AzureVMClient.stop)
    assert signatures.snapshot() != before


def members(cls: type) -> Iterator[tuple[str, object]]:
    """Yield what a class has of our own making: functions, properties, class methods."""
    for name, value in inspect.getmembers_static(cls):
        function = getattr(value, "fget", None) or getattr(value, "__func__", None) or value
        if not name.startswith("_") and inspect.isfunction(function) and function.__module__.startswith("azvm_async"):
            yield f"{cls.__name__}.{name}", value


def documented() -> Iterator[tuple[str, object]]:
    """Yield all public names that can have a docstring, and those of their classes."""
    for room in signatures.ROOMS:
        module = import_module(room)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
                yield f"{room}.{name}", value
            if inspect.isclass(value):
                yield from members(value)


OURS = dict(documented())


@pytest.mark.parametrize("name", OURS)
def test_first_line_is_a_sentence(name: str):
    first = (inspect.getdoc(OURS[name]) or "").partition("\n")[0]
    assert re.match(r"[A-Z`].*\.$", first), f"{name}: {first!r}"


def shown(thing: object) -> str:
    """Return what ``help()`` shows."""
    return pydoc.render_doc(thing, renderer=pydoc.plaintext)


def test_help_shows_a_methods_parameters():
    text = shown(azvm_async.AzureVMClient.start)
    assert "start(self, name: str, *, on_token:" in text
    for part in (
        "Start a VM.",
        "Parameters",
        "name : str",
        "on_token : callable, optional",
        "Raises",
        "OutcomeUnknown",
    ):
        assert part in text


def test_help_on_the_package_shows_its_names():
    text = shown(azvm_async)
    assert [name for name in azvm_async.__all__ if name not in text] == []


@pytest.mark.parametrize("name", ["start", "run_command", "provision", "resume", "outstanding", "list"])
def test_help_on_the_client_shows_what_it_has_from_its_bases(name: str):
    assert re.search(rf"^ \|  {name}\b", shown(azvm_async.AzureVMClient), re.MULTILINE)
