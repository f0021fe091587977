"""What an expression can see: the names of its template, the loops it is in, and at run time what exists."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, Self

from azvm_async.emulator.templates.budget import Budget
from azvm_async.emulator.templates.errors import ExpressionError
from azvm_async.emulator.templates.model import Document, References, Site

RESOURCE_LOOP = ""
"""The name in :attr:`Scope.loops` of the loop that ``copyIndex()`` without a name means."""


class Names:
    """Values by name without regard to case, each made when it is first asked for.

    Parameters
    ----------
    kind : str
        What they are, ``parameter`` or ``variable``.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._makers: dict[str, tuple[str, Callable[[], Any]]] = {}
        self._values: dict[str, Any] = {}
        self._under_way: set[str] = set()

    def define(self, name: str, make: Callable[[], Any]) -> None:
        """Let ``name`` stand for what ``make`` returns."""
        self._makers[name.lower()] = name, make

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._makers.values())

    def __getitem__(self, name: str) -> Any:
        key = name.lower()
        if key not in self._values:
            self._values[key] = self._made(name, key)
        return self._values[key]

    def _made(self, name: str, key: str) -> Any:
        if key not in self._makers:
            usage = f"Please see https://aka.ms/arm-syntax-{self._kind}s for usage details."
            raise ExpressionError(f"The template {self._kind} '{name}' is not found. {usage}")
        if key in self._under_way:
            raise ExpressionError(f"Circular reference detected on {self._kind} '{name}'.")
        self._under_way.add(key)
        try:
            return self._makers[key][1]()
        finally:
            self._under_way.discard(key)


class UserFunction(NamedTuple):
    """A function of the template's ``functions`` section."""

    parameters: tuple[str, ...]
    output: object


class Target(NamedTuple):
    """A resource that an expression names."""

    id: str
    api_version: str | None


class Targets(Protocol):
    """Finds the resources that expressions name."""

    def target(self, name: str, api_version: str | None) -> Target:
        """Return the resource of a name, a symbolic name or an id; raise ``ExpressionError`` when it can't be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an expression can see.

    Parameters
    ----------
    template : dict
        The template it stands in.
    functions : Mapping
        The user's functions, by lower-case ``namespace.member``.
    loops : Mapping
        Where each of the loops around it is, by lower-case name.
    captured : Mapping
        The variables of the lambdas around it, by lower-case name.
    targets : Targets or None
        ``None`` where run-time functions aren't allowed.
    references : References or None
        ``None`` before the deployment runs.
    in_default : bool
        Whether it is a parameter's default value, the one place for ``newGuid()`` and ``utcNow()``.
    """

    site: Site
    template: Document
    budget: Budget
    parameters: Names = field(default_factory=lambda: Names("parameter"))
    variables: Names = field(default_factory=lambda: Names("variable"))
    functions: Mapping[str, UserFunction] = field(default_factory=dict)
    loops: Mapping[str, int] = field(default_factory=dict)
    captured: Mapping[str, Any] = field(default_factory=dict)
    targets: Targets | None = None
    references: References | None = None
    in_default: bool = False

    def looped(self, index: int, *names: str) -> Self:
        """Return the scope within the round ``index`` of a loop."""
        return replace(self, loops={**self.loops, **{name.lower(): index for name in names}})

    def static(self) -> Self:
        """Return the scope without run-time functions."""
        return replace(self, targets=None, references=None)
