"""Functions that take a lambda. A lambda is a Python callable here, which charges what it does by itself."""

from collections.abc import Callable
from functools import cmp_to_key, reduce
from typing import Any

from azvm_async.emulator.templates.errors import ExpressionError
from azvm_async.emulator.templates.functions import Function

Lambda = Callable[..., Any]


def truth(function: str, value: object) -> bool:
    """Return a value that must be a boolean."""
    if not isinstance(value, bool):
        raise ExpressionError(f"The template function '{function}' expects a boolean.")
    return value


def _map(values: list[Any], each: Lambda) -> list[Any]:
    return [each(value, number) for number, value in enumerate(values)]


def _filter(values: list[Any], keep: Lambda) -> list[Any]:
    return [value for number, value in enumerate(values) if truth("filter", keep(value, number))]


def _reduce(values: list[Any], start: Any, step: Lambda) -> Any:
    return reduce(lambda so_far, numbered: step(so_far, numbered[1], numbered[0]), enumerate(values), start)


def _sort(values: list[Any], before: Lambda) -> list[Any]:
    def compare(one: Any, other: Any) -> int:
        if truth("sort", before(one, other)):
            return -1
        return 1 if truth("sort", before(other, one)) else 0

    return sorted(values, key=cmp_to_key(compare))


def _to_object(values: list[Any], key: Lambda, value: Lambda = lambda item: item) -> dict[str, Any]:
    return {_key("toObject", key(each)): value(each) for each in values}


def _group_by(values: list[Any], key: Lambda) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for each in values:
        groups.setdefault(_key("groupBy", key(each)), []).append(each)
    return groups


def _map_values(value: dict[str, Any], each: Lambda) -> dict[str, Any]:
    return {key: each(item) for key, item in value.items()}


def _key(function: str, key: object) -> str:
    if not isinstance(key, str):
        raise ExpressionError(f"The template function '{function}' expects its lambda to return a string.")
    return key


FUNCTIONS = [
    Function("map", "array lambda", _map),
    Function("filter", "array lambda", _filter),
    Function("reduce", "array any lambda", _reduce),
    Function("sort", "array lambda", _sort),
    Function("toObject", "array lambda lambda?", _to_object),
    Function("groupBy", "array lambda", _group_by),
    Function("mapValues", "object lambda", _map_values),
]
