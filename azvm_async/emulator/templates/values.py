"""JSON values as the template language sees them: their types, their text, when two of them are the same.

Python takes ``True`` for 1; the template language doesn't, so types are asked for here and nowhere else.
"""

import json
from collections.abc import Mapping
from typing import Any

from azvm_async.emulator.templates.errors import ExpressionError

LONGEST_TEXT = 131_072
"""ARM's limit for a string that an expression makes."""

_KINDS = {type(None): "null", bool: "bool", int: "int", float: "float", str: "string", list: "array", dict: "object"}
_NAMES = {"bool": "Boolean", "int": "Integer"}


def kind_of(value: object) -> str:
    """Return a value's type in the words of templates."""
    return _KINDS.get(type(value), "lambda")


def type_name(value: object) -> str:
    """Return a value's type in the words of ARM's messages."""
    kind = kind_of(value)
    return _NAMES.get(kind, kind.capitalize())


def fingerprint(value: object) -> str:
    """Return a text that only the same values have."""
    return json.dumps(value, sort_keys=True, default=id)


def same(one: object, other: object) -> bool:
    """Tell whether two values are the same; strings are compared with regard to case."""
    return kind_of(one) == kind_of(other) and fingerprint(one) == fingerprint(other)


def text_of(value: object) -> str:
    """Return a value as a string: ``True`` for true, compact JSON for arrays and objects."""
    match value:
        case None:
            return ""
        case str():
            return value
        case list() | dict():
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
        case _:
            return str(value)


def encoded(text: str) -> bytes:
    """Return a string in UTF-8; halves of surrogate pairs, which JSON can have, are replaced."""
    return text.encode("utf-8", "replace")


def joined(parts: list[str], separator: str = "") -> str:
    """Join strings, or refuse what would be too long before it is made."""
    check_length(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def check_length(length: int) -> None:
    """Refuse a string that is longer than expressions may make them."""
    if length > LONGEST_TEXT:
        limit = f"Limit: '{LONGEST_TEXT}' and actual: '{length}'"
        raise ExpressionError(f"The language expression literal limit exceeded. {limit}.")


def find_key(mapping: Mapping[str, Any], name: str) -> str | None:
    """Return the key that ``name`` means: the same, or else one that differs in case only."""
    if name in mapping:
        return name
    lower = name.lower()
    return next((key for key in mapping if key.lower() == lower), None)
