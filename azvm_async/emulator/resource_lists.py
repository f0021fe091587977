"""Lists of all resources of a resource group or subscription, whatever their type.

What has a location is in them: top-level resources and the extensions of VMs, not subnets and their kind.
"""

import re
from collections.abc import Callable, Iterator

from azvm_async.emulator import registry
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.documents import machine_document
from azvm_async.emulator.generic import document_of
from azvm_async.emulator.ids import ResourceId
from azvm_async.emulator.model import Document, Resource, ResourceGroup, VirtualMachine, World
from azvm_async.emulator.pages import order, page, start_in
from azvm_async.emulator.routing import Route
from azvm_async.wire import Response

Anything = VirtualMachine | Resource
_MACHINE = "Microsoft.Compute/virtualMachines"
_SHOWN = ("id", "name", "type", "kind", "location", "sku", "plan", "identity", "zones", "managedBy", "tags")
_EXPANSIONS = ("createdTime", "changedTime", "provisioningState")
_COMPARISON = re.compile(r"\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)


def list_in_group(world: World, call: Call) -> Response:
    """Answer GET on a resource group's resources."""
    return _page(world, call, _listed(call, world.group(call.name("subscription"), call.name("group"))))


def list_in_subscription(world: World, call: Call) -> Response:
    """Answer GET on a subscription's resources."""
    subscription = world.subscription(call.name("subscription"))
    outside = (each for each in subscription.resources.values() if "location" in each.document)
    inside = (each for group in subscription.groups.values() for each in _listed(call, group))
    return _page(world, call, (each for some in (outside, inside) for each in some))


def _page(world: World, call: Call, resources: Iterator[Anything]) -> Response:
    matches, expansions = _filter(call.query.get("$filter", "")), _expansions(call.query.get("$expand", ""))
    found = (each for each in resources if matches(each))
    return page(world, call, found, order, lambda each: _document(world, each, expansions))


def _listed(call: Call, group: ResourceGroup) -> Iterator[Anything]:
    """Return a group's resources that have a location, in the order of their creation."""
    found = registry.in_order(group, start_in(group, call))
    return (each for each in found if isinstance(each, VirtualMachine) or "location" in each.document)


def _document(world: World, resource: Anything, expansions: list[str]) -> Document:
    full = machine_document(world, resource) if isinstance(resource, VirtualMachine) else document_of(world, resource)
    document = {name: full[name] for name in _SHOWN if full.get(name) is not None}
    document["name"] = ResourceId.parse(resource.path).name
    more = {
        "createdTime": world.date(resource.created),
        "changedTime": world.date(_changed(resource)),
        "provisioningState": resource.provisioning_state,
    }
    return document | {name: more[name] for name in expansions}


def _changed(resource: Anything) -> float:
    if isinstance(resource, Resource):
        return resource.changed
    return resource.operation.started if resource.operation else resource.created


def _expansions(given: str) -> list[str]:
    wanted = {each.strip().lower() for each in given.split(",")} - {""}
    if unknown := wanted - {each.lower() for each in _EXPANSIONS}:
        raise Refusal(400, "InvalidExpandParameter", f"The value '{min(unknown)}' of $expand is not supported.")
    return [each for each in _EXPANSIONS if each.lower() in wanted]


def _filter(given: str) -> Callable[[Anything], bool]:
    """Return the condition that a $filter says: comparisons with ``eq``, joined by ``and``."""
    wanted = dict(map(_comparison, re.split(r"\s+and\s+", given, flags=re.IGNORECASE))) if given else {}
    name, value = wanted.pop("tagname", None), wanted.pop("tagvalue", None)
    if name is None and value is not None:
        raise _bad_filter(given)
    return lambda resource: (
        _facts(resource).items() >= wanted.items() and (name is None or _has_tag(resource, name, value))
    )


def _comparison(given: str) -> tuple[str, str]:
    found = _COMPARISON.fullmatch(given)
    if found is None or found[1].lower() not in _COMPARED:
        raise _bad_filter(given)
    return found[1].lower(), found[2].replace("''", "'").lower()


def _bad_filter(given: str) -> Refusal:
    return Refusal(400, "InvalidFilterInQueryString", f"Invalid $filter '{given}' specified in the query string.")


def _facts(resource: Anything) -> dict[str, str]:
    """Return what a $filter can compare beside tags."""
    name = ResourceId.parse(resource.path)
    facts = {"resourcetype": name.type, "name": name.name, "location": resource.location}
    return {each: value.lower() for each, value in facts.items()}


def _has_tag(resource: Anything, name: str, value: str | None) -> bool:
    tags = resource.tags if isinstance(resource, VirtualMachine) else resource.document.get("tags")
    return any(each.lower() == name and value in {None, own.lower()} for each, own in (tags or {}).items())


_COMPARED = {"resourcetype", "name", "location", "tagname", "tagvalue"}

_RESOURCES = "/subscriptions/{subscription}/resources"
_IN_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/resources"

ROUTES = (Route("GET", _IN_GROUP, list_in_group), Route("GET", _RESOURCES, list_in_subscription))
