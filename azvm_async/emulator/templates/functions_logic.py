"""Comparisons, numbers and the logical functions that evaluate all of their arguments."""

import re
from collections.abc import Callable
from typing import Any

from azvm_async.emulator.templates.errors import ExpressionError
from azvm_async.emulator.templates.functions import Function
from azvm_async.emulator.templates.values import kind_of, same

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_INTEGER = re.compile(r"\s*[-+]?[0-9]{1,19}\s*")
_TRUTHS: dict[str, bool] = {"true": True, "1": True, "false": False, "0": False}


def _bounded(name: str, value: int) -> int:
    if not _SMALLEST <= value <= _LARGEST:
        raise ExpressionError(f"The template function '{name}' has a result beyond 64 bits.")
    return value


def _div(one: int, other: int) -> int:
    """Divide towards zero."""
    if other == 0:
        raise ExpressionError("The template function 'div' cannot divide by zero.")
    quotient = abs(one) // abs(other)
    return _bounded("div", quotient if (one < 0) == (other < 0) else -quotient)


def _mod(one: int, other: int) -> int:
    """Return the remainder, with the sign of the dividend."""
    if other == 0:
        raise ExpressionError("The template function 'mod' cannot divide by zero.")
    rest = abs(one) % abs(other)
    return -rest if one < 0 else rest


def _int(value: float | str) -> int:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ExpressionError(f"The template function 'int' cannot convert '{value[:40]}' to an integer.")
    try:
        return _bounded("int", int(value))
    except (ValueError, OverflowError) as error:
        raise ExpressionError("The template function 'int' cannot convert the value to an integer.") from error


def _float(value: float | str) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise ExpressionError("The template function 'float' cannot convert the value to a number.") from error


def _bool(value: bool | int | str) -> bool:
    if isinstance(value, str):
        if value.lower() not in _TRUTHS:
            raise ExpressionError(f"The template function 'bool' cannot convert '{value[:40]}' to a boolean.")
        return _TRUTHS[value.lower()]
    return bool(value)


def _extreme(name: str, choose: Callable[[list[int]], int]) -> Function:
    def run(*values: Any) -> int:
        numbers = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
        if not numbers or any(kind_of(each) != "int" for each in numbers):
            raise ExpressionError(f"The template function '{name}' expects integers or an array of integers.")
        return choose(numbers)

    return Function(name, "int|array+", run)


def _order(value: Any) -> Any:
    """Return what a value is ordered by: strings as in a dictionary, small letters before large ones."""
    return (value.lower(), value.swapcase()) if isinstance(value, str) else value


def _ordered(name: str, compare: Callable[[Any, Any], bool]) -> Function:
    def run(one: Any, other: Any) -> bool:
        if isinstance(one, str) != isinstance(other, str):
            raise ExpressionError(f"The template function '{name}' expects two integers or two strings.")
        return compare(_order(one), _order(other))

    return Function(name, "int|float|string int|float|string", run)


FUNCTIONS = [
    Function("add", "int int", lambda one, other: _bounded("add", one + other)),
    Function("sub", "int int", lambda one, other: _bounded("sub", one - other)),
    Function("mul", "int int", lambda one, other: _bounded("mul", one * other)),
    Function("div", "int int", _div),
    Function("mod", "int int", _mod),
    Function("int", "int|float|string", _int),
    Function("float", "int|float|string", _float),
    _extreme("min", min),
    _extreme("max", max),
    Function("equals", "any any", same),
    _ordered("less", lambda one, other: one < other),
    _ordered("lessOrEquals", lambda one, other: one <= other),
    _ordered("greater", lambda one, other: one > other),
    _ordered("greaterOrEquals", lambda one, other: one >= other),
    Function("not", "bool", lambda value: not value),
    Function("bool", "bool|int|string", _bool),
    Function("true", "", lambda: True),
    Function("false", "", lambda: False),
    Function("null", "", lambda: None),
]
