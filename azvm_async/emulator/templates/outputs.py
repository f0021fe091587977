"""Outputs: what a deployment shows of itself when it has succeeded."""

from typing import Any

from azvm_async.emulator.templates.errors import ExpressionError, TemplateError, within
from azvm_async.emulator.templates.evaluation import copy_count, evaluate
from azvm_async.emulator.templates.functions_lambdas import truth
from azvm_async.emulator.templates.members import members, required
from azvm_async.emulator.templates.model import Document
from azvm_async.emulator.templates.scope import RESOURCE_LOOP, Scope
from azvm_async.emulator.templates.types import resolved, type_named

_MEMBERS = (
    "type",
    "value",
    "copy",
    "condition",
    "metadata",
    "nullable",
    "$ref",
    "items",
    "prefixItems",
    "properties",
    "additionalProperties",
    "discriminator",
    "minLength",
    "maxLength",
    "minValue",
    "maxValue",
    "allowedValues",
)


def output(name: str, raw: object, types: Document, scope: Scope) -> Document | None:
    """Return what ARM shows of an output, ``None`` when its condition doesn't hold.

    Raises
    ------
    TemplateError
        When it has no value, or one of another type than it says.
    RuntimeNeeded
        When it can't be told before the deployment runs.
    """
    place = f"output '{name}'"
    definition = resolved(members(raw, _MEMBERS, place), types, place)
    type_ = type_named(definition.get("type"), place)
    with within(place):
        if not truth("condition", evaluate(definition.get("condition", True), scope)):
            return None
        value = _value(definition, scope)
        if value is None and definition.get("nullable") is True:
            return None
        if (why := type_.mismatch(value)) is not None:
            raise ExpressionError(f"Template output {why}.")
    return type_.shown(value)


def failed(errors: dict[str, TemplateError]) -> TemplateError:
    """Return the failure of a deployment whose outputs have no value."""
    names = ",".join(errors)
    message = (
        f"Unable to evaluate template outputs: '{names}'. Please see error details and deployment operations. "
        "Please see https://aka.ms/arm-common-errors for usage details."
    )
    return TemplateError("DeploymentOutputEvaluationFailed", message, tuple(errors.values()))


def _value(definition: Document, scope: Scope) -> Any:
    if (raw := definition.get("copy")) is None:
        return evaluate(definition.get("value"), scope)
    loop = members(raw, ("count", "input", "mode", "batchSize", "name"), "output copy")
    required(loop, "count")
    rounds = copy_count(loop["count"], scope)
    return [evaluate(loop.get("input"), scope.looped(index, RESOURCE_LOOP)) for index in range(rounds)]
