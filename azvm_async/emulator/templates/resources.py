"""The resources of a template: copies made, children put behind their parents, names, conditions and ids evaluated."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from azvm_async.emulator.templates.errors import ExpressionError, TemplateError, within_resource
from azvm_async.emulator.templates.evaluation import MOST_COPIES, copy_count, evaluate_early
from azvm_async.emulator.templates.identifiers import in_place
from azvm_async.emulator.templates.members import check_limit, members, required
from azvm_async.emulator.templates.model import Document
from azvm_async.emulator.templates.scope import RESOURCE_LOOP, Scope

BODY = (
    "location",
    "tags",
    "properties",
    "sku",
    "kind",
    "plan",
    "identity",
    "zones",
    "managedBy",
    "managedByExtended",
    "extendedLocation",
    "etag",
    "placement",
    "scale",
)
_MEMBERS = (
    *BODY,
    "apiVersion",
    "asserts",
    "comments",
    "condition",
    "copy",
    "dependsOn",
    "existing",
    "metadata",
    "name",
    "resourceGroup",
    "resources",
    "scope",
    "subscriptionId",
    "type",
)
DEPLOYMENT = "microsoft.resources/deployments"
_USAGE = "Please see https://aka.ms/arm-syntax-resources for usage details."


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """A resource, or one copy of it.

    Parameters
    ----------
    symbol : str or None
        The symbolic name, where the template has them.
    loop : str or None
        The name of the loop it is a copy of.
    active : bool
        Whether it is to be deployed: its condition holds, and it isn't said to exist already.
    raw : dict
        Its members by their proper names, not evaluated.
    scope : Scope
        What its expressions can see.
    """

    id: str
    type: str
    name: str
    api_version: str
    symbol: str | None
    loop: str | None
    active: bool
    raw: Document = field(repr=False)
    scope: Scope = field(repr=False)
    subscription: str | None = None
    group: str | None = None


def declare(document: Document, scope: Scope) -> list[Declaration]:
    """Return a template's resources in order, children behind their parents."""
    resources = document["resources"]
    if isinstance(resources, dict):
        _check_symbolic(document)
        entries: list[tuple[str | None, Any]] = list(resources.items())
    elif isinstance(resources, list):
        entries = [(None, each) for each in resources]
    else:
        raise TemplateError.unreadable("Expected an array or an object for 'resources'. Path 'resources'")
    found = [each for symbol, raw in entries for each in _declared(symbol, raw, scope)]
    check_limit("resources", MOST_COPIES, sum(each.active for each in found))
    _check_unique(found)
    return found


def _check_symbolic(document: Document) -> None:
    version = document.get("languageVersion")
    if not (isinstance(version, str) and version != "1.0"):
        raise TemplateError.invalid(
            "The template resources are an object, which needs the languageVersion '2.0': symbolic names"
        )


def _check_unique(declared: list[Declaration]) -> None:
    seen: set[str] = set()
    for each in declared:
        if each.active and each.id.lower() in seen:
            shown = f"{each.type}/{each.name}"
            raise TemplateError.invalid(
                f"The resource '{shown}' at line '1' and column '0' is defined multiple times in a template. {_USAGE}"
            )
        if each.active:
            seen.add(each.id.lower())


def _declared(
    symbol: str | None, raw: object, scope: Scope, parent: Declaration | None = None
) -> Iterator[Declaration]:
    resource = members(raw, _MEMBERS, "TemplateResource")
    label = str(resource.get("name") or symbol or "")
    for name in ("name", "type", "apiVersion"):
        if resource.get(name) in (None, ""):
            raise _invalid(label, f"The {name} property cannot be null or empty")
    if parent is not None and resource.get("copy") is not None:
        raise _invalid(label, "Copying nested resources is not supported")
    with within_resource(label):
        copies = _copies(resource, scope)
    for number, (loop, inner) in enumerate(copies):
        with within_resource(label):
            copied = symbol if loop is None or symbol is None else f"{symbol}[{number}]"
            one = _one(copied, loop if symbol is None else symbol, resource, inner, parent)
        yield one
        for child in _children(resource, label):
            yield from _declared(None, child, inner, one)


def _children(resource: Document, label: str) -> list[object]:
    children = resource.get("resources")
    if children is not None and not isinstance(children, list):
        raise _invalid(label, "Its nested resources must be an array")
    return children or []


def _copies(resource: Document, scope: Scope) -> list[tuple[str | None, Scope]]:
    """Return the scope of each copy, or of the one resource that has none."""
    if (raw := resource.get("copy")) is None:
        return [(None, scope)]
    loop = members(raw, ("name", "count", "mode", "batchSize"), "ResourceCopy")
    required(loop, "name", "count")
    name = _text(loop["name"], scope, "copy name")
    count = copy_count(loop["count"], scope)
    return [(name, scope.looped(index, RESOURCE_LOOP, name)) for index in range(count)]


def _one(
    symbol: str | None, loop: str | None, resource: Document, scope: Scope, parent: Declaration | None
) -> Declaration:
    name, type_ = _text(resource["name"], scope, "name"), _text(resource["type"], scope, "type")
    if parent is not None and not type_.lower().startswith(f"{parent.type.lower()}/"):  # ARM takes full ones, too
        name, type_ = f"{parent.name}/{name}", f"{parent.type}/{type_}"
    names = name.split("/")
    if type_.count("/") != len(names):
        raise TemplateError.invalid(_segments(name, type_))
    subscription, group = _destination(resource, scope, type_)
    return Declaration(
        id=in_place(_place(resource, scope, parent, subscription, group), type_, names),
        type=type_,
        name=name,
        api_version=_text(resource["apiVersion"], scope, "apiVersion"),
        symbol=symbol,
        loop=loop,
        active=_holds(resource.get("condition"), scope) and not _exists(resource.get("existing")),
        raw=resource,
        scope=scope,
        subscription=subscription,
        group=group,
    )


def _segments(name: str, type_: str) -> str:
    return (
        f"The template resource '{name}' for type '{type_}' at line '1' and column '0' has incorrect segment lengths. "
        "A nested resource type must have identical number of segments as its resource name. A root resource type "
        f"must have segment length one greater than its resource name. {_USAGE}"
    )


def _destination(resource: Document, scope: Scope, type_: str) -> tuple[str | None, str | None]:
    """Return the subscription and the group that a resource names for itself."""
    given = {key: resource[key] for key in ("subscriptionId", "resourceGroup") if resource.get(key) is not None}
    if given and type_.lower() != DEPLOYMENT and not _exists(resource.get("existing")):
        raise ExpressionError(f"The property '{next(iter(given))}' is for nested deployments only.")
    where = {key: _text(value, scope, key) for key, value in given.items()}
    if "subscriptionId" in where and "resourceGroup" not in where:
        raise ExpressionError("The emulator deploys to resource groups only: 'resourceGroup' is missing.")
    return where.get("subscriptionId"), where.get("resourceGroup")


def _place(
    resource: Document, scope: Scope, parent: Declaration | None, subscription: str | None, group: str | None
) -> str:
    """Return the id of what a resource is in."""
    if parent is not None:
        return _before_type(parent)
    base = str(scope.site.group.get("id") or scope.site.subscription.get("id") or "")
    if group is not None:
        owner = f"/subscriptions/{subscription}" if subscription else str(scope.site.subscription.get("id", ""))
        base = f"{owner}/resourceGroups/{group}"
    if resource.get("scope") is None:
        return base
    extended = _text(resource["scope"], scope, "scope")
    return extended if extended.startswith("/") else f"{base}/providers/{extended}"


def _before_type(parent: Declaration) -> str:
    """Return the place of a resource: its id without what was made of its type and names."""
    return parent.id[: -len(in_place("", parent.type, parent.name.split("/")))]


def _holds(condition: object, scope: Scope) -> bool:
    value = True if condition is None else evaluate_early(condition, scope)
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ExpressionError("The condition must be a boolean.")
    return value


def _exists(existing: object) -> bool:
    if existing not in (None, True, False):
        raise ExpressionError("The property 'existing' must be a boolean.")
    return existing is True


def _text(value: object, scope: Scope, what: str) -> str:
    text = evaluate_early(value, scope)
    if not isinstance(text, str) or not text:
        raise ExpressionError(f"The {what} must be a string, and not an empty one.")
    return text


def _invalid(label: str, why: str) -> TemplateError:
    return TemplateError.invalid(
        f"The template resource '{label}' at line '1' and column '0' is not valid. {why}. {_USAGE}"
    )
