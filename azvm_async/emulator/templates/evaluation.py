"""Evaluation: of an expression's tree to its value, and of a document with expressions in it to one without.

Every function gets its arguments evaluated, but for those of :data:`_FORMS`: ``if()`` evaluates one branch only, as
Azure does, and a lambda is evaluated when it is called.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

from azvm_async.emulator.templates import (
    functions_collections,
    functions_dates,
    functions_deployment,
    functions_encodings,
    functions_lambdas,
    functions_logic,
    functions_resources,
    functions_strings,
)
from azvm_async.emulator.templates.errors import ExpressionError, before_deployment
from azvm_async.emulator.templates.expressions import Access, Call, Literal, Node, is_expression, parse, unescaped
from azvm_async.emulator.templates.functions import USAGE, Function
from azvm_async.emulator.templates.functions_lambdas import truth
from azvm_async.emulator.templates.functions_resources import is_listing, listing
from azvm_async.emulator.templates.scope import Names, Scope
from azvm_async.emulator.templates.values import check_length, find_key, kind_of, type_name

MOST_COPIES = 800
_TABLE: Mapping[str, Function] = {
    function.name.lower(): function
    for function in chain(
        functions_collections.FUNCTIONS,
        functions_dates.FUNCTIONS,
        functions_deployment.FUNCTIONS,
        functions_encodings.FUNCTIONS,
        functions_lambdas.FUNCTIONS,
        functions_logic.FUNCTIONS,
        functions_resources.FUNCTIONS,
        functions_strings.FUNCTIONS,
    )
}
_SHOWN = 200


def evaluate(value: Any, scope: Scope) -> Any:
    """Return a document with all its expressions evaluated; it shares nothing with other values.

    Raises
    ------
    ExpressionError
        When one of them has no value.
    RuntimeNeeded
        When one of them asks for what doesn't exist yet.
    """
    if isinstance(value, str):
        return scope.budget.copied(_text(value, scope))
    scope.budget.spend()
    if isinstance(value, list):
        return [evaluate(each, scope) for each in value]
    if isinstance(value, dict):
        return _object(value, scope)
    return value


def evaluate_early(value: Any, scope: Scope) -> Any:
    """Evaluate where run-time functions aren't allowed: names, conditions, counts, dependencies."""
    with before_deployment():
        return evaluate(value, scope.static())


def copy_count(value: Any, scope: Scope) -> int:
    """Return how many rounds a loop makes."""
    count = evaluate_early(value, scope)
    if kind_of(count) != "int" or not 0 <= count <= MOST_COPIES:
        shown = str(count)[:_SHOWN]
        raise ExpressionError(
            f"The value of the copy count '{shown}' is not valid: it must be an integer from 0 to {MOST_COPIES}. "
            "Please see https://aka.ms/arm-copy for usage details."
        )
    return int(count)


def check_call(call: Call) -> None:
    """Refuse the call of a function that doesn't exist, or with the wrong number of arguments."""
    if "." not in call.name:
        (_FORMS.get(call.name.lower()) or _function(call.name)).check_count(len(call.arguments))


def _text(text: str, scope: Scope) -> Any:
    if not is_expression(text):
        return unescaped(text)
    try:
        value = compute(parse(text), scope)
    except ExpressionError as error:
        error.expression = error.expression or text[:_SHOWN]
        raise
    if kind_of(value) == "lambda":
        raise ExpressionError("A lambda is no value.")
    return value


def compute(node: Node, scope: Scope) -> Any:
    """Return the value of an expression's tree."""
    scope.budget.spend()
    match node:
        case Literal(value):
            return value
        case Access(base, key):
            return _access(compute(base, scope), compute(key, scope), scope)
        case Call(name, arguments):
            return _called(name, arguments, scope)


def _called(name: str, arguments: tuple[Node, ...], scope: Scope) -> Any:
    if (form := _FORMS.get(name.lower())) is not None:
        form.check_count(len(arguments))
        return form.run(scope, *arguments)
    values = [compute(each, scope) for each in arguments]
    value = _user_called(name, values, scope) if "." in name else _function(name)(scope, values)
    if isinstance(value, str):
        check_length(len(value))
    return value


def _function(name: str) -> Function:
    if (found := _TABLE.get(name.lower())) is not None:
        return found
    if is_listing(name):
        return listing(name)
    raise ExpressionError(f"The template function '{name}' is not valid. {USAGE}")


def _user_called(name: str, values: list[Any], scope: Scope) -> Any:
    """Call a function of the template, which sees nothing but its arguments."""
    if (function := scope.functions.get(name.lower())) is None:
        raise ExpressionError(f"The template function '{name}' is not valid. {USAGE}")
    if len(values) != len(function.parameters):
        wanted = f"{len(function.parameters)} parameter(s), {len(values)} provided"
        raise ExpressionError(f"The user defined template function '{name}' expects {wanted}.")
    arguments = Names("parameter")
    for parameter, value in zip(function.parameters, values, strict=True):
        arguments.define(parameter, partial(_itself, value))
    inner = Scope(site=scope.site, template=scope.template, budget=scope.budget, parameters=arguments)
    return evaluate_early(function.output, inner)


def _itself(value: Any) -> Any:
    return value


def _access(base: Any, key: Any, scope: Scope) -> Any:
    if isinstance(base, dict) and isinstance(key, str):
        if key in base:
            return base[key]
        scope.budget.spend(len(base))
        if (found := find_key(base, key)) is not None:
            return base[found]
        available = ", ".join(base)[:_SHOWN]
        raise ExpressionError(
            f"The language expression property '{key}' doesn't exist, available properties are '{available}'."
        )
    if isinstance(base, list) and kind_of(key) == "int":
        if 0 <= key < len(base):
            return base[key]
        raise ExpressionError(f"The language expression property array index '{key}' is out of bounds.")
    raise ExpressionError(
        f"The language expression property '{str(key)[:_SHOWN]}' can't be evaluated: the value is of type "
        f"'{type_name(base)}', the property name of type '{type_name(key)}'."
    )


def _object(document: dict[str, Any], scope: Scope) -> dict[str, Any]:
    evaluated: dict[str, Any] = {}
    for key, value in document.items():
        if key.lower() == "copy" and _are_loops(value):
            for loop in value:
                name = _name(loop["name"], scope)
                evaluated[name] = _repeated(name, loop, scope)
        else:
            evaluated[_name(key, scope)] = evaluate(value, scope)
    return evaluated


def _are_loops(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and {"name", "count", "input"} <= each.keys() for each in value
    )


def _repeated(name: str, loop: Mapping[str, Any], scope: Scope) -> list[Any]:
    rounds = copy_count(loop["count"], scope)
    return [evaluate(loop["input"], scope.looped(index, name)) for index in range(rounds)]


def _name(text: object, scope: Scope) -> str:
    """Return the name of a property, which may be an expression."""
    name = evaluate(text, scope)
    if not isinstance(name, str):
        raise ExpressionError(f"A property's name must be a string, not '{type_name(name)}'.")
    return name


def _if(scope: Scope, condition: Node, then: Node, otherwise: Node) -> Any:
    return compute(then if truth("if", compute(condition, scope)) else otherwise, scope)


def _and(scope: Scope, *nodes: Node) -> bool:
    return all(truth("and", compute(node, scope)) for node in nodes)


def _or(scope: Scope, *nodes: Node) -> bool:
    return any(truth("or", compute(node, scope)) for node in nodes)


def _coalesce(scope: Scope, *nodes: Node) -> Any:
    return next((value for node in nodes if (value := compute(node, scope)) is not None), None)


def _lambda(scope: Scope, *nodes: Node) -> Callable[..., Any]:
    *declared, body = nodes
    names = [node.value.lower() for node in declared if isinstance(node, Literal) and isinstance(node.value, str)]
    if len(names) != len(declared):
        raise ExpressionError("The template function 'lambda' expects the names of its variables as strings.")

    def call(*values: Any) -> Any:
        if len(values) < len(names):
            raise ExpressionError(f"The lambda has {len(names)} variable(s), it is called with {len(values)}.")
        scope.budget.spend(len(names))
        bound = dict(zip(names, values, strict=False))
        return compute(body, replace(scope, captured={**scope.captured, **bound}))

    return call


_FORMS: Mapping[str, Function] = {
    form.name: form
    for form in (
        Function("if", "any any any", _if),
        Function("and", "any any any*", _and),
        Function("or", "any any any*", _or),
        Function("coalesce", "any+", _coalesce),
        Function("lambda", "any+", _lambda),
    )
}
"""These get the trees of their arguments instead of the values."""
