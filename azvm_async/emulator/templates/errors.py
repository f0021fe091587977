"""How a template is refused: in the words of Azure Resource Manager, with the place named where it went wrong.

Inside an expression only the reason is known (:class:`ExpressionError`), or that it cannot be answered before something
has been deployed (:class:`RuntimeNeeded`); who knows the place turns them into a :class:`TemplateError`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

NOT_HERE = "The template function '{}' is not expected at this location."


class TemplateError(Exception):
    """A template, or its parameters, refused.

    Parameters
    ----------
    code : str
        ``error.code`` of ARM's answer.
    message : str
        ``error.message`` of it.
    details : tuple of TemplateError
        The causes, where ARM lists them.
    """

    def __init__(self, code: str, message: str, details: "tuple[TemplateError, ...]" = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details

    @classmethod
    def invalid(cls, why: str) -> "TemplateError":
        """Return the refusal of a template that doesn't pass validation."""
        return cls("InvalidTemplate", f"Deployment template validation failed: '{why}'.")

    @classmethod
    def unreadable(cls, why: str) -> "TemplateError":
        """Return the refusal of what isn't a template."""
        return cls("InvalidTemplate", f"Deployment template parse failed: '{why}'.")

    @classmethod
    def in_resource(cls, resource: str, why: str) -> "TemplateError":
        """Return the refusal of a resource whose expressions don't hold; where it stands in the text isn't known."""
        place = f"resource '{resource}' at line '1' and column '0'"
        return cls("InvalidTemplate", f"Unable to process template language expressions for {place}. '{why}'")


class ExpressionError(Exception):
    """Why an expression has no value.

    Parameters
    ----------
    reason : str
        A sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expression: str | None = None

    def __str__(self) -> str:
        return self.reason if self.expression is None else f"{self.reason} The expression is '{self.expression}'."


class RuntimeNeeded(Exception):
    """An expression asks for the state of what is deployed, at a time when nothing is.

    Parameters
    ----------
    function : str
        The template function that asks.
    """

    def __init__(self, function: str) -> None:
        super().__init__(function)
        self.function = function


@contextmanager
def within_resource(resource: str) -> Iterator[None]:
    """Name the resource in what goes wrong with its expressions."""
    try:
        yield
    except ExpressionError as error:
        raise TemplateError.in_resource(resource, str(error)) from error


@contextmanager
def within(place: str) -> Iterator[None]:
    """Name the place, such as ``variable 'x'``, in what goes wrong with its expressions."""
    try:
        yield
    except ExpressionError as error:
        raise TemplateError.invalid(f"The template {place} is not valid: {error}") from error


@contextmanager
def before_deployment() -> Iterator[None]:
    """Refuse functions that ask for run-time state where there can't be any yet."""
    try:
        yield
    except RuntimeNeeded as error:
        raise ExpressionError(NOT_HERE.format(error.function)) from error


def bounded(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function refuse a template that is nested more deeply than Python can follow."""

    @wraps(function)
    def guarded(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return function(*arguments, **named)
        except RecursionError:
            raise TemplateError.invalid("The template or an expression in it is nested too deeply") from None

    return guarded
