"""Reading the sections of a template: their members have known names, written in whatever case.

What ARM's deserializer wouldn't take is refused in its words: an unknown member, one of the wrong type.
"""

from collections.abc import Iterable
from typing import Any

from azvm_async.emulator.templates.errors import TemplateError
from azvm_async.emulator.templates.model import Document
from azvm_async.emulator.templates.values import type_name


def members(document: object, known: Iterable[str], what: str) -> Document:
    """Return an object's members under their proper names.

    Parameters
    ----------
    document : object
        What should be an object.
    known : Iterable of str
        The proper names.
    what : str
        What it is called in a message.
    """
    if not isinstance(document, dict):
        raise TemplateError.unreadable(f"Expected an object for {what}, not '{type_name(document)}'")
    proper = {name.lower(): name for name in known}
    found: Document = {}
    for name, value in document.items():
        if name.lower() not in proper:
            raise TemplateError.unreadable(f"Could not find member '{name}' on object of type '{what}'. Path '{name}'")
        found[proper[name.lower()]] = value
    return found


def required(document: Document, *names: str) -> None:
    """Refuse an object without members that it must have."""
    for name in names:
        if document.get(name) is None:
            raise TemplateError.unreadable(f"Required property '{name}' not found in JSON. Path ''")


def section(document: Document, name: str) -> dict[str, Any]:
    """Return the object under ``name``, empty when there is none."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TemplateError.unreadable(f"Expected an object for '{name}', not '{type_name(value)}'. Path '{name}'")
    return value


def check_limit(name: str, limit: int, actual: int) -> None:
    """Refuse a template that has more of something than ARM takes."""
    if actual > limit:
        raise TemplateError.invalid(
            f"The number of template {name} limit exceeded. Limit: '{limit}' and actual: '{actual}'. "
            "Please see https://aka.ms/arm-limits for usage details."
        )
