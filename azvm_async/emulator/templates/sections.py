"""The sections of a template that give names to values: what is in scope for the expressions of the others."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from azvm_async.emulator.templates import parameters
from azvm_async.emulator.templates.budget import Budget
from azvm_async.emulator.templates.errors import TemplateError, within
from azvm_async.emulator.templates.evaluation import copy_count, evaluate_early
from azvm_async.emulator.templates.members import check_limit, members, required, section
from azvm_async.emulator.templates.model import Document, Site
from azvm_async.emulator.templates.scope import Scope, UserFunction
from azvm_async.emulator.templates.types import Type

_TEMPLATE = (
    "$schema",
    "contentVersion",
    "apiProfile",
    "languageVersion",
    "metadata",
    "definitions",
    "functions",
    "parameters",
    "variables",
    "resources",
    "outputs",
)
_LIMITS = {"parameters": 256, "variables": 512, "outputs": 64}


def read(template: object) -> Document:
    """Return a template's sections under their proper names."""
    document = members(template, _TEMPLATE, "Template")
    required(document, "$schema", "contentVersion", "resources")
    for name, limit in _LIMITS.items():
        check_limit(name, limit, len(section(document, name)))
    return document


def open_scope(document: Document, given: object, site: Site, budget: Budget) -> tuple[Scope, dict[str, Type]]:
    """Return the scope of a template's resources, and its parameters' types; all values have been made."""
    scope = Scope(site=site, template=document, budget=budget, functions=_functions(document.get("functions")))
    definitions, types = section(document, "parameters"), section(document, "definitions")
    shown = parameters.define(definitions, types, given, replace(scope, in_default=True))
    _define_variables(section(document, "variables"), scope)
    for name in scope.parameters:
        scope.parameters[name]
    for name in scope.variables:
        scope.variables[name]
    return scope, shown


def _define_variables(variables: Document, scope: Scope) -> None:
    for name, value in variables.items():
        if name.lower() == "copy" and isinstance(value, list):
            for loop in value:
                _define_loop(loop, scope)
        else:
            scope.variables.define(name, partial(_variable, name, value, scope))


def _variable(name: str, value: object, scope: Scope) -> object:
    with within(f"variable '{name}'"):
        return evaluate_early(value, scope)


def _define_loop(raw: object, scope: Scope) -> None:
    loop = members(raw, ("name", "count", "input", "mode", "batchSize"), "variable copy")
    required(loop, "name", "count")
    name = loop["name"]
    if not isinstance(name, str):
        raise TemplateError.invalid("The name of a variable's copy must be a string")
    scope.variables.define(name, partial(_loop, name, loop, scope))


def _loop(name: str, loop: Document, scope: Scope) -> list[Any]:
    with within(f"variable '{name}'"):
        rounds = copy_count(loop["count"], scope)
        return [evaluate_early(loop.get("input"), scope.looped(index, name)) for index in range(rounds)]


def _functions(namespaces: object) -> Mapping[str, UserFunction]:
    """Return the user's functions by lower-case name."""
    if namespaces is None:
        return {}
    if not isinstance(namespaces, list):
        raise TemplateError.unreadable("Expected an array for 'functions'. Path 'functions'")
    found: dict[str, UserFunction] = {}
    for raw in namespaces:
        namespace = members(raw, ("namespace", "members", "metadata"), "function namespace")
        for name, member in section(namespace, "members").items():
            found[f"{namespace.get('namespace')}.{name}".lower()] = _function(name, member)
    return found


def _function(name: str, raw: object) -> UserFunction:
    function = members(raw, ("parameters", "output", "metadata"), f"function '{name}'")
    declared = function.get("parameters") or []
    names = [each.get("name") for each in declared if isinstance(each, dict)] if isinstance(declared, list) else [None]
    if not all(isinstance(each, str) for each in names):
        raise TemplateError.invalid(f"The parameters of the template function '{name}' need names")
    output = members(function.get("output"), ("type", "value", "metadata", "$ref", "items"), "function output")
    return UserFunction(tuple(map(str, names)), output.get("value"))
