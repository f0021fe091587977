"""Lists of all resources of a resource group or subscription, whatever their type.

What has a location is in them: top-level resources and the extensions of VMs, not subnets and their kind.
"""

from collections.abc import Callable, Iterator

from azvm_async.emulator import registry
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.documents import machine_document
from azvm_async.emulator.filters import Facts, Filterable, condition
from azvm_async.emulator.generic import document_of
from azvm_async.emulator.ids import ResourceId
from azvm_async.emulator.model import Document, Resource, ResourceGroup, VirtualMachine, World
from azvm_async.emulator.pages import groups, order, page, start_in
from azvm_async.emulator.routing import Route
from azvm_async.wire import Response

Anything = VirtualMachine | Resource
_MACHINE = "Microsoft.Compute/virtualMachines"
_SHOWN = ("id", "name", "type", "kind", "location", "sku", "plan", "identity", "zones", "managedBy", "tags")
_EXPANSIONS = ("createdTime", "changedTime", "provisioningState")
_INNER = (
    "identity/principalId",
    "plan/publisher",
    "plan/product",
    "plan/name",
    "plan/version",
    "plan/promotionCode",
)


def list_in_group(world: World, call: Call) -> Response:
    """Answer GET on a resource group's resources."""
    return _page(world, call, _listed(call, world.group(call.name("subscription"), call.name("group"))))


def list_in_subscription(world: World, call: Call) -> Response:
    """Answer GET on a subscription's resources."""
    subscription = world.subscription(call.name("subscription"))
    outside = (each for each in subscription.resources.values() if "location" in each.document)
    inside = (each for group in groups(subscription, call) for each in _listed(call, group))
    return _page(world, call, (each for some in (outside, inside) for each in some))


def _page(world: World, call: Call, resources: Iterator[Anything]) -> Response:
    given, expansions = call.query.get("$filter", ""), _expansions(call.query.get("$expand", ""))
    holds = condition(given, _FILTERABLE)
    found = (each for each in resources if holds(_facts(each))) if given else resources
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


def _facts(resource: Anything) -> Facts:
    """Return how to learn what a ``$filter`` asks of a resource."""
    return Facts(lambda name: _LEARNED[name](resource), lambda: _tags(resource))


def _tags(resource: Anything) -> dict[str, str]:
    return (resource.document.get("tags") if isinstance(resource, Resource) else resource.tags) or {}


def _group_name(resource: Anything) -> str:
    return resource.group.name if resource.group else ""


def _inner(outer: str, inner: str) -> Callable[[Anything], str]:
    """Return how to learn a property within another one."""

    def learn(resource: Anything) -> str:
        document = resource.document if isinstance(resource, Resource) else resource.given
        found = document.get(outer)
        return str(found.get(inner, "")) if isinstance(found, dict) else ""

    return learn


_LEARNED: dict[str, Callable[[Anything], str]] = {
    "resourcetype": lambda resource: ResourceId.parse(resource.path).type,
    "name": lambda resource: ResourceId.parse(resource.path).name,
    "location": lambda resource: resource.location,
    "resourcegroup": _group_name,
    **{path.lower(): _inner(*path.split("/")) for path in _INNER},
}
_FILTERABLE = Filterable(compared=_LEARNED.keys(), searched={"name", "resourcegroup"})

_RESOURCES = "/subscriptions/{subscription}/resources"
_IN_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/resources"

ROUTES = (Route("GET", _IN_GROUP, list_in_group), Route("GET", _RESOURCES, list_in_subscription))
