"""Parameters: their values, given or by default, and whether they are what the template allows."""

from functools import partial

from azvm_async.emulator.templates.errors import TemplateError, before_deployment, within
from azvm_async.emulator.templates.evaluation import evaluate
from azvm_async.emulator.templates.members import members
from azvm_async.emulator.templates.model import Document
from azvm_async.emulator.templates.scope import Names, Scope
from azvm_async.emulator.templates.types import Type, resolved, type_named
from azvm_async.emulator.templates.values import kind_of, same, text_of

_MEMBERS = (
    "type",
    "defaultValue",
    "allowedValues",
    "minValue",
    "maxValue",
    "minLength",
    "maxLength",
    "metadata",
    "nullable",
    "$ref",
    "items",
    "prefixItems",
    "properties",
    "additionalProperties",
    "sealed",
    "discriminator",
)
_USAGE = "Please see https://aka.ms/arm-pass-parameter-values for usage details."


def define(definitions: Document, types: Document, given: object, scope: Scope) -> dict[str, Type]:
    """Let the scope's parameters stand for their values, and return their types by name."""
    values = _given(given, definitions)
    shown: dict[str, Type] = {}
    for name, raw in definitions.items():
        place = f"parameter '{name}'"
        parameter = _Parameter(name, resolved(members(raw, _MEMBERS, place), types, place), scope)
        shown[name] = parameter.type
        scope.parameters.define(name, partial(parameter.value, values.get(name.lower())))
    return shown


def shown(types: dict[str, Type], parameters: Names) -> dict[str, Document]:
    """Return what ARM shows of parameters."""
    return {name: type_.shown(parameters[name]) for name, type_ in types.items()}


def _given(given: object, definitions: Document) -> Document:
    """Return the given values by lower-case name."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise TemplateError.unreadable("Expected an object for 'parameters'. Path 'parameters'")
    known = {name.lower() for name in definitions}
    if strangers := [name for name in given if name.lower() not in known]:
        listed, supported = ", ".join(strangers), ", ".join(definitions)
        raise TemplateError.invalid(
            f"The template parameters '{listed}' in the parameters file are not valid; they are not present in the "
            "original template and can therefore not be provided at deployment time. The only supported parameters "
            f"for this template are '{supported}'. {_USAGE}"
        )
    return {name.lower(): _value(name, entry) for name, entry in given.items()}


def _value(name: str, entry: object) -> object:
    found = members(entry, ("value", "reference", "metadata", "expression"), f"parameter '{name}'")
    if "reference" in found or "expression" in found:
        raise TemplateError(
            "KeyVaultParameterReferenceNotFound",
            f"The value of the template parameter '{name}' is a reference to a key vault: the emulator keeps none.",
        )
    return found.get("value")


class _Parameter:
    """A parameter's definition, which makes its value."""

    def __init__(self, name: str, definition: Document, scope: Scope) -> None:
        self.name = name
        self.type = type_named(definition.get("type"), f"parameter '{name}'")
        self._definition = definition
        self._scope = scope

    def value(self, given: object) -> object:
        """Return the given value or the default one."""
        value = self._default() if given is None else given
        if value is None and self._definition.get("nullable") is True:
            return None
        self._check(value)
        return value

    def _default(self) -> object:
        if self._definition.get("defaultValue") is None:
            if self._definition.get("nullable") is True:
                return None
            raise TemplateError.invalid(
                f"The value for the template parameter '{self.name}' at line '1' and column '0' is not provided. {_USAGE}"
            )
        with within(f"parameter '{self.name}'"), before_deployment():
            return evaluate(self._definition["defaultValue"], self._scope)

    def _check(self, value: object) -> None:
        if (why := self.type.mismatch(value)) is not None:
            raise TemplateError.invalid(f"Template parameter {why}. The parameter is '{self.name}'. {_USAGE}")
        self._check_allowed(value)
        if isinstance(value, (str, list)):
            self._check_limits(len(value), "minLength", "maxLength", "Length of the value")
        elif isinstance(value, int):
            self._check_limits(value, "minValue", "maxValue", "The value")

    def _check_allowed(self, value: object) -> None:
        allowed = self._definition.get("allowedValues")
        if allowed is None:
            return
        if not isinstance(allowed, list):
            raise TemplateError.invalid(f"The allowedValues of the template parameter '{self.name}' are no array")
        if _allows(allowed, value):
            return
        listed = ",".join(map(text_of, allowed))
        raise self._refused(value, f"The parameter value is not part of the allowed value(s): '{listed}'")

    def _check_limits(self, measure: int, least: str, most: str, what: str) -> None:
        lower, upper = self._limit(least), self._limit(most)
        if lower is not None and measure < lower:
            raise self._refused(None, f"{what} should be greater than or equal to '{lower}'")
        if upper is not None and measure > upper:
            raise self._refused(None, f"{what} should be less than or equal to '{upper}'")

    def _limit(self, name: str) -> int | None:
        limit = self._definition.get(name)
        if limit is not None and kind_of(limit) != "int":
            raise TemplateError.invalid(f"The {name} of the template parameter '{self.name}' is no integer")
        return limit

    def _refused(self, value: object, why: str) -> TemplateError:
        shown = "" if value is None or self.type.secret else f"'{text_of(value)[:200]}' "
        return TemplateError.invalid(
            f"The provided value {shown}for the template parameter '{self.name}' at line '1' and column '0' is not "
            f"valid. {why}. {_USAGE}"
        )


def _allows(allowed: list[object], value: object) -> bool:
    """Tell whether a value is allowed: an array may have any of the allowed values as its items."""
    if any(_alike(each, value) for each in allowed):
        return True
    return isinstance(value, list) and all(any(_alike(each, item) for each in allowed) for item in value)


def _alike(one: object, other: object) -> bool:
    """Tell whether two values are the same, strings without regard to case."""
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return same(one, other)
