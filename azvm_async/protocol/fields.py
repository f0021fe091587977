"""Typed reading of what comes from outside.

A token's fields are what they should be, or a ValueError. What Azure answers is read leniently: what is not there, or not
of the kind that it should be, is as good as empty.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
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


def date(value: object) -> datetime | None:
    """Read an ISO date, with up to seven digits of a second as Azure writes them; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def within(document: object, *names: str) -> Mapping[str, Any]:
    """Return an inner object, an empty one where it is missing."""
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a JSON array; none where it is not one."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def word(value: object) -> str:
    """Return a text as it is, an empty one for what is none."""
    return value if isinstance(value, str) else ""


def line(value: object) -> str:
    """Return a text on one line, such as an id, which a token and a URL can hold; an empty one for what is none."""
    return value if isinstance(value, str) and value.isprintable() else ""
