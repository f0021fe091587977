"""The check of a template's expressions before anything is evaluated: that they can be read, and what they call exists.

It goes into branches that are not taken and into nested templates, whose expressions may need run-time state later.
"""

from collections.abc import Iterator
from typing import Any

from azvm_async.emulator.templates.budget import Budget
from azvm_async.emulator.templates.errors import within
from azvm_async.emulator.templates.evaluation import check_call
from azvm_async.emulator.templates.expressions import calls, is_expression, parse
from azvm_async.emulator.templates.model import Document

_SECTIONS = {"functions": "function", "parameters": "parameter", "variables": "variable", "outputs": "output"}


def check_expressions(document: Document, budget: Budget) -> None:
    """Refuse a template with an expression that can't be one."""
    for section in (*_SECTIONS, "resources"):
        for name, part in _parts(document.get(section)):
            with within(f"{_SECTIONS.get(section, 'resource')} '{name}'"):
                _check(part, budget)


def _parts(section: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a section with what they are called."""
    if isinstance(section, dict):
        yield from section.items()
    elif isinstance(section, list):
        for part in section:
            names = (part.get("name") or part.get("namespace") or "") if isinstance(part, dict) else ""
            yield str(names), part


def _check(part: Any, budget: Budget) -> None:
    pending = [part]
    while pending:
        each = pending.pop()
        budget.spend()
        if isinstance(each, str) and is_expression(each):
            for call in calls(parse(each)):
                check_call(call)
        elif isinstance(each, list):
            pending.extend(each)
        elif isinstance(each, dict):
            pending.extend(each)
            pending.extend(value for key, value in each.items() if key.lower() != "metadata")
