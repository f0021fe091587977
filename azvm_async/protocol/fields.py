"""Typed reading of what comes from outside: a token's fields are what they should be, or a ValueError."""

from collections.abc import Mapping
from typing import Any


def text(token: Mapping[str, Any], name: str) -> str:
    """Return a field that is a text on one line, with something in it."""
    value = token[name]
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(f"{name} is no text")
    return value


def optional_text(token: Mapping[str, Any], name: str) -> str | None:
    """Return a field that is a text with something in it, or null."""
    return None if token[name] is None else text(token, name)


def flag(token: Mapping[str, Any], name: str) -> bool:
    """Return a field that is true or false."""
    value = token[name]
    if not isinstance(value, bool):
        raise ValueError(f"{name} is neither true nor false")  # noqa: TRY004 - the callers know one kind of damage
    return value


def count(token: Mapping[str, Any], name: str) -> int:
    """Return a field that is a whole number from 0 on."""
    value = token[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is no count")
    return value
