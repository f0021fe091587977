"""What each resource waits for: what it says in ``dependsOn``, and what its expressions ask for at run time."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from azvm_async.emulator.templates.errors import ExpressionError, RuntimeNeeded, TemplateError, within_resource
from azvm_async.emulator.templates.evaluation import compute, evaluate_early
from azvm_async.emulator.templates.expressions import Call, calls, is_expression, parse
from azvm_async.emulator.templates.functions_resources import is_listing
from azvm_async.emulator.templates.index import Index
from azvm_async.emulator.templates.nested import seen_by_parent
from azvm_async.emulator.templates.resources import BODY, Declaration


def dependencies(one: Declaration, index: Index) -> frozenset[str]:
    """Return the lower-case ids of the resources of the template that one of them waits for."""
    with within_resource(one.id):
        found = [*_explicit(one, index), *_implied(one, index)]
    return frozenset(each.id.lower() for each in found if each.active)


def check_acyclic(graph: Mapping[str, frozenset[str]], names: Mapping[str, str]) -> None:
    """Refuse resources that wait for each other.

    Parameters
    ----------
    graph : Mapping
        The dependencies by lower-case id.
    names : Mapping
        The ids as they are written.
    """
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        resource = names[error.args[1][0]]
        raise TemplateError.invalid(
            f"Circular dependency detected on resource: '{resource}'. "
            "Please see https://aka.ms/arm-syntax-resources for usage details."
        ) from error


def _explicit(one: Declaration, index: Index) -> Iterator[Declaration]:
    entries = evaluate_early(one.raw.get("dependsOn"), one.scope)
    if not isinstance(entries, (list, type(None))) or not all(isinstance(each, str) for each in entries or []):
        raise ExpressionError("The property 'dependsOn' must be an array of strings.")
    for entry in entries or []:
        try:
            yield from index.dependencies(entry)
        except ExpressionError as error:
            raise TemplateError.invalid(error.reason) from error


def _implied(one: Declaration, index: Index) -> Iterator[Declaration]:
    document = seen_by_parent(one, {key: one.raw[key] for key in BODY if key in one.raw})
    for text in _expressions(document):
        for call in calls(parse(text)):
            if call.arguments and (call.name.lower() == "reference" or is_listing(call.name)):
                yield from _asked(one, call, index)


def _asked(one: Declaration, call: Call, index: Index) -> list[Declaration]:
    """Return the resource that a call asks for, as far as it can be told now."""
    try:
        name = compute(call.arguments[0], one.scope.static())
    except (ExpressionError, RuntimeNeeded):
        return []
    versioned = is_listing(call.name) or len(call.arguments) > 1
    return index.implied(name, versioned=versioned) if isinstance(name, str) else []


def _expressions(document: Any) -> Iterator[str]:
    pending = [document]
    while pending:
        each = pending.pop()
        if isinstance(each, str) and is_expression(each):
            yield each
        elif isinstance(each, list):
            pending.extend(each)
        elif isinstance(each, dict):
            pending.extend(each)
            pending.extend(each.values())
