"""Finds the resources of a template by what its expressions and dependencies call them.

That may be an id, a symbolic name, a name, the type with the name, or the name of a loop.
"""

import re
from collections.abc import Iterable

from azvm_async.emulator.templates.errors import ExpressionError
from azvm_async.emulator.templates.resources import Declaration
from azvm_async.emulator.templates.scope import Target

_TYPED = re.compile(r"[^/.]+\.[^/]+(/[^/]+/[^/]+)+")


class Index:
    """The resources of a template, those included that are not to be deployed.

    Parameters
    ----------
    declared : Iterable of Declaration
        The resources.
    place : str
        The id of the group they are in: there a type with a name may stand for what the template doesn't have.
    """

    def __init__(self, declared: Iterable[Declaration], place: str) -> None:
        self._place = place
        self._by_id: dict[str, Declaration] = {}
        self._by_symbol: dict[str, Declaration] = {}
        self._by_name: dict[str, dict[str, Declaration]] = {}
        self._by_loop: dict[str, list[Declaration]] = {}
        for each in sorted(declared, key=lambda one: one.active):
            self._add(each)

    def _add(self, one: Declaration) -> None:
        """Take a resource in; of two with the same id the active one comes last and wins."""
        key = one.id.lower()
        self._by_id[key] = one
        if one.symbol is not None:
            self._by_symbol[one.symbol.lower()] = one
        for name in (one.name, f"{one.type}/{one.name}", key.rpartition("/providers/")[2]):
            self._by_name.setdefault(name.lower(), {})[key] = one
        if one.loop is not None:
            self._by_loop.setdefault(one.loop.lower(), []).append(one)

    def target(self, name: str, api_version: str | None) -> Target:
        """Return the resource that an expression names."""
        if name.startswith("/"):
            known = self._by_id.get(name.rstrip("/").lower())
            if known is None and api_version is None:
                raise _undefined(name)
            return Target(known.id if known else name, known.api_version if known else None)
        if (found := self._named(name)) is None:
            if api_version is not None and _TYPED.fullmatch(name):
                return Target(f"{self._place}/providers/{name}", None)
            raise ExpressionError(
                f"The template reference '{name}' is not valid: could not find template resource or resource copy with "
                "this name. Please see https://aka.ms/arm-function-reference for usage details."
            )
        return Target(found.id, found.api_version)

    def dependencies(self, name: str) -> list[Declaration]:
        """Return the resources that an entry of ``dependsOn`` names: one, or all of a loop."""
        if (known := self._by_id.get(name.rstrip("/").lower())) is not None:
            return [known]
        if (loop := self._by_loop.get(name.lower())) is not None:
            return loop
        if (found := self._named(name)) is None:
            raise _undefined(name)
        return [found]

    def implied(self, name: str, *, versioned: bool) -> list[Declaration]:
        """Return the resource that a run-time function makes a dependency: by its id only where no version is said."""
        if name.startswith("/"):
            found = None if versioned else self._by_id.get(name.rstrip("/").lower())
        else:
            found = self._named(name)
        return [found] if found is not None else []

    def _named(self, name: str) -> Declaration | None:
        if (symbolic := self._by_symbol.get(name.lower())) is not None:
            return symbolic
        found = list(self._by_name.get(name.strip("/").lower(), {}).values())
        if len(found) > 1:
            listed = ", ".join(each.id for each in found[:5])
            raise ExpressionError(f"The resource name '{name}' is ambiguous, it stands for '{listed}': use the id.")
        return found[0] if found else None


def _undefined(name: str) -> ExpressionError:
    return ExpressionError(
        f"The resource '{name}' is not defined in the template. Please see https://aka.ms/arm-syntax for usage details."
    )
