"""Functions of resources: their ids, and at run time their state."""

from collections.abc import Callable
from typing import Any

from azvm_async.emulator.templates.errors import ExpressionError, RuntimeNeeded, TemplateError
from azvm_async.emulator.templates.functions import Function
from azvm_async.emulator.templates.identifiers import in_place, split_id
from azvm_async.emulator.templates.model import References
from azvm_async.emulator.templates.scope import Scope, Target

_MOST_PLACES = 2
_ZONES = 3


def is_listing(name: str) -> bool:
    """Tell whether a function is ``listKeys`` or one of its kin."""
    return name.lower().startswith("list")


def listing(name: str) -> Function:
    """Return the function of such a name: which there are is the business of the resource."""

    def run(scope: Scope, resource: str, api_version: str, body: object = None) -> Any:
        target = _target(scope, name, resource, api_version)
        return _asked(scope, name, target, lambda known: known.listed(target.id, name, api_version, body))

    return Function(name, "string string any?", run, scoped=True)


def _reference(scope: Scope, resource: str, api_version: str | None = None, full: str = "") -> Any:
    target = _target(scope, "reference", resource, api_version)
    version, whole = api_version or target.api_version, full.lower() == "full"
    return _asked(scope, "reference", target, lambda known: known.reference(target.id, version, whole))


def _target(scope: Scope, function: str, resource: str, api_version: str | None) -> Target:
    if scope.targets is None:
        raise RuntimeNeeded(function)
    return scope.targets.target(resource, api_version)


def _asked(scope: Scope, function: str, target: Target, ask: Callable[[References], object]) -> object:
    if scope.references is None:
        raise RuntimeNeeded(function)
    try:
        return ask(scope.references)
    except KeyError as error:
        raise absent(target.id) from error


def absent(resource_id: str) -> TemplateError:
    """Return the refusal of a reference to what doesn't exist."""
    group, resource = split_id(resource_id)
    message = (
        f"The Resource '{resource}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return TemplateError("ResourceNotFound", message)


def _resource_id(scope: Scope, *parts: str) -> str:
    places, type_, names = _taken_apart("resourceId", parts, _MOST_PLACES)
    group = str(scope.site.group.get("id", ""))
    subscription = str(scope.site.subscription.get("id", ""))
    if len(places) == _MOST_PLACES:
        group = f"/subscriptions/{places[0]}/resourceGroups/{places[1]}"
    elif places:
        group = f"{subscription}/resourceGroups/{places[0]}"
    return in_place(group, type_, names)


def _subscription_resource_id(scope: Scope, *parts: str) -> str:
    places, type_, names = _taken_apart("subscriptionResourceId", parts, 1)
    place = f"/subscriptions/{places[0]}" if places else str(scope.site.subscription.get("id", ""))
    return in_place(place, type_, names)


def _tenant_resource_id(*parts: str) -> str:
    _, type_, names = _taken_apart("tenantResourceId", parts, 0)
    return in_place("", type_, names)


def _management_group_resource_id(*parts: str) -> str:
    places, type_, names = _taken_apart("managementGroupResourceId", parts, 1)
    if not places:
        raise ExpressionError("The template function 'managementGroupResourceId' needs the management group's name.")
    return in_place(f"/providers/Microsoft.Management/managementGroups/{places[0]}", type_, names)


def _extension_resource_id(base: str, *parts: str) -> str:
    _, type_, names = _taken_apart("extensionResourceId", parts, 0)
    return in_place(base, type_, names)


def _taken_apart(function: str, parts: tuple[str, ...], most: int) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Return what stands before the type, the type, and the names behind it."""
    usage = f"Please see https://aka.ms/arm-functions-resource#{function.lower()} for usage details."
    at = [number for number, part in enumerate(parts) if "/" in part]
    if len(at) != 1 or at[0] > most:
        given = ",".join(parts)
        raise ExpressionError(
            f"Unable to evaluate template language function '{function}': function requires exactly one "
            "multi-segmented argument which must be resource id including resource provider namespace. "
            f"Current function arguments '{given}'. {usage}"
        )
    type_, names = parts[at[0]].strip("/"), parts[at[0] + 1 :]
    if type_.count("/") != len(names):
        raise ExpressionError(
            f"Unable to evaluate template language function '{function}': the type '{type_}' requires "
            f"'{type_.count('/')}' resource name argument(s). {usage}"
        )
    return parts[: at[0]], type_, names


def _pick_zones(namespace: str, type_: str, location: str, count: int = 1, offset: int = 0) -> list[str]:  # noqa: ARG001
    """Return availability zones: the emulator has three of them in every location."""
    if count < 0 or offset < 0 or count + offset > _ZONES:
        raise ExpressionError(f"The location '{location}' has only the zones 1 to {_ZONES} here.")
    return [str(offset + number) for number in range(1, count + 1)]


def _providers(*_: str) -> None:
    raise ExpressionError("The template function 'providers' is deprecated, and the emulator does not support it.")


FUNCTIONS = [
    Function("resourceId", "string string+", _resource_id, scoped=True),
    Function("subscriptionResourceId", "string string+", _subscription_resource_id, scoped=True),
    Function("tenantResourceId", "string string+", _tenant_resource_id),
    Function("managementGroupResourceId", "string string string+", _management_group_resource_id),
    Function("extensionResourceId", "string string string+", _extension_resource_id),
    Function("reference", "string string? string?", _reference, scoped=True),
    Function("pickZones", "string string string int? int?", _pick_zones),
    Function("providers", "string string?", _providers),
]
