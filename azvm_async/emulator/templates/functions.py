"""What a template function is: a name, the types of its arguments, and what it does; and the table of all of them.

The families stand in files of their own; :mod:`evaluation` has those that don't evaluate all of their arguments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from azvm_async.emulator.templates.errors import ExpressionError
from azvm_async.emulator.templates.scope import Scope
from azvm_async.emulator.templates.values import kind_of, type_name

USAGE = "Please see https://aka.ms/arm-functions for usage details."


class _Signature(NamedTuple):
    """How many arguments a function takes, and the types that each may have; the last goes for all further ones."""

    least: int
    most: int | None
    kinds: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A template function.

    Parameters
    ----------
    name : str
        As the documentation writes it.
    signature : str
        The types of its arguments, apart by blanks; ``|`` between those of one argument, and behind it ``?`` when it
        can be left out, ``*`` when there can be any number, ``+`` when there must be one.
    run : Callable
        Gets the arguments.
    scoped : bool
        Whether it gets the :class:`~azvm_async.emulator.templates.scope.Scope` before them.
    """

    name: str
    signature: str
    run: Callable[..., Any]
    scoped: bool = False

    def __call__(self, scope: Scope, values: list[Any]) -> Any:
        """Check the arguments and return the function's value."""
        self.check_count(len(values))
        self._check_types(values)
        if self.scoped:
            return self.run(scope, *values)
        scope.budget.weigh(values)
        result = self.run(*values)
        scope.budget.weigh(result)
        return result

    def check_count(self, count: int) -> None:
        """Refuse too few arguments, or too many."""
        least, most, _ = _read(self.signature)
        if count < least or (most is not None and count > most):
            wanted = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
            why = f"expects {wanted} parameter(s), {count} provided"
            raise ExpressionError(f"Unable to evaluate template language function '{self.name}': it {why}. {USAGE}")

    def _check_types(self, values: list[Any]) -> None:
        kinds = _read(self.signature).kinds
        for number, value in enumerate(values):
            wanted = kinds[min(number, len(kinds) - 1)]
            if "any" not in wanted and kind_of(value) not in wanted:
                names = ", ".join(sorted(wanted))
                why = f"parameter {number + 1} must be of type '{names}', the provided value is of type"
                raise ExpressionError(
                    f"The template language function '{self.name}' is not valid: {why} '{type_name(value)}'. {USAGE}"
                )


@lru_cache(maxsize=256)
def _read(signature: str) -> _Signature:
    words = signature.split()
    marks = [word[-1] if word[-1] in "?*+" else "" for word in words]
    least = sum(mark in {"", "+"} for mark in marks)
    most = None if marks and marks[-1] in {"*", "+"} else len(words)
    kinds = tuple(frozenset(word.rstrip("?*+").split("|")) for word in words)
    return _Signature(least, most, kinds or (frozenset(),))
