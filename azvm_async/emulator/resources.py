"""Subscriptions and resource groups, and the lists of what is in them."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from azvm_async.emulator import registry
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call, location_of, plain_location, string_map
from azvm_async.emulator.documents import group_document, machine_document, machine_text, subscription_document
from azvm_async.emulator.filters import Facts, Filterable, bad_filter, condition
from azvm_async.emulator.in_use import permit_group
from azvm_async.emulator.model import Kind, Operation, Resource, ResourceGroup, VirtualMachine, World
from azvm_async.emulator.operations import accepted, begin, nothing, preempt
from azvm_async.emulator.pages import groups, order, page, page_of_texts, start_in
from azvm_async.emulator.routing import Route
from azvm_async.emulator.run_commands import interrupt
from azvm_async.wire import Response

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUPS = f"{_SUBSCRIPTION}/resourceGroups"
_GROUP = f"{_GROUPS}/{{group}}"
_COMPUTE = "providers/Microsoft.Compute"
_OF_SCALE_SET = re.compile(r"'?virtualMachineScaleSet/id'?\s+eq\s+'?([^\s']+)'?", re.IGNORECASE)


def list_subscriptions(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """Answer GET on all subscriptions."""
    return Response.with_json(200, {"value": [subscription_document(each) for each in world.subscriptions.values()]})


def get_subscription(world: World, call: Call) -> Response:
    """Answer GET on a subscription."""
    return Response.with_json(200, subscription_document(world.subscription(call.name("subscription"))))


def list_groups(world: World, call: Call) -> Response:
    """Answer GET on a subscription's resource groups."""
    holds = condition(call.query.get("$filter", ""), Filterable())
    found = (group for group in groups(world.subscription(call.name("subscription")), call) if holds(_facts(group)))
    return page(world, call, found, lambda group: (group.serial, 0), group_document)


def get_group(world: World, call: Call) -> Response:
    """Answer GET on a resource group."""
    return Response.with_json(200, group_document(_named(world, call)))


def put_group(world: World, call: Call) -> Response:
    """Create a resource group, or change its tags: done at once."""
    subscription = world.subscription(call.name("subscription"))
    document = call.document()
    known = subscription.groups.get(call.name("group").lower())
    if known is not None and known.provisioning_state == "Deleting":
        raise Refusal.being_deleted(known.name)
    location = location_of(document, known.location if known else None)
    tags = string_map(document, "tags")
    group = world.add_group(subscription, call.name("group"), location)
    group.tags = tags
    world.chronicle.note("update" if known else "create", group.path)
    return Response.with_json(200 if known else 201, group_document(group))


def head_group(world: World, call: Call) -> Response:
    """Tell whether there is a resource group."""
    return Response(204 if call.name("group").lower() in world.subscription(call.name("subscription")).groups else 404)


def patch_group(world: World, call: Call) -> Response:
    """Change a resource group's tags: done at once."""
    group = _named(world, call)
    document = call.document()
    if "tags" in document:
        group.tags = string_map(document, "tags")
        world.chronicle.note("update", group.path)
    return Response.with_json(200, group_document(group))


def delete_group(world: World, call: Call) -> Response:
    """Delete a resource group with all that is in it."""
    group = _named(world, call)
    operation = remove_group(world, group, call.now.monotonic)
    answer = accepted(world, call, operation)
    return Response(202, {name: value for name, value in answer.headers.items() if name != "azure-asyncoperation"})


def remove_group(world: World, group: ResourceGroup, now: float) -> Operation:
    """Let the deletion of a resource group begin, or return the one under way."""
    if group.operation is None:
        permit_group(world, group.path)
        group.provisioning_state = "Deleting"
        group.operation = begin(world, now, _DELETION, group, world.settings.durations.delete_group)
        everything: list[VirtualMachine | Resource] = [*group.machines.values(), *group.resources.values()]
        for each in everything:
            _include(world, each, group.operation)
    return group.operation


def list_in_group(world: World, call: Call) -> Response:
    """Answer GET on a resource group's VMs."""
    group = _named(world, call)
    return _page(world, call, _chosen(call, group.machines.after(start_in(group, call))), expanded=_expands(call))


def list_in_subscription(world: World, call: Call) -> Response:
    """Answer GET on a subscription's VMs; ``statusOnly=true`` adds their run-time status."""
    machines = _chosen(call, _all_machines(world, call))
    return _page(world, call, machines, expanded=call.asks("statusOnly") or _expands(call))


def list_in_location(world: World, call: Call) -> Response:
    """Answer GET on a subscription's VMs in one location."""
    wanted = plain_location(call.name("location"))
    machines = (each for each in _all_machines(world, call) if each.location == wanted)
    return _page(world, call, machines)


def _named(world: World, call: Call) -> ResourceGroup:
    return world.group(call.name("subscription"), call.name("group"))


def _facts(group: ResourceGroup) -> Facts:
    """Return how to learn what a ``$filter`` asks of a resource group: its tags alone."""
    return Facts(str, lambda: group.tags or {})


def _include(world: World, resource: VirtualMachine | Resource, deletion: Operation) -> None:
    """Let the deletion of its group be the deletion of a resource."""
    if resource.provisioning_state != "Deleting":
        preempt(world, resource.operation, deletion.started)
        if isinstance(resource, VirtualMachine):
            interrupt(world, resource, deletion.started)
        resource.provisioning_state, resource.operation = "Deleting", deletion


def _all_machines(world: World, call: Call) -> Iterator[VirtualMachine]:
    found = groups(world.subscription(call.name("subscription")), call)
    return chain.from_iterable(group.machines.after(start_in(group, call)) for group in found)


def _chosen(call: Call, machines: Iterable[VirtualMachine]) -> Iterable[VirtualMachine]:
    """Return the VMs that a ``$filter`` asks for, which can be those of a scale set only."""
    given = call.query.get("$filter", "")
    if not given:
        return machines
    if (found := _OF_SCALE_SET.fullmatch(given.strip())) is None:
        raise bad_filter(given)
    wanted = found[1].lower()
    return (each for each in machines if _scale_set(each) == wanted)


def _scale_set(machine: VirtualMachine) -> str:
    found = (machine.given.get("properties") or {}).get("virtualMachineScaleSet")
    return str(found.get("id")).lower() if isinstance(found, dict) else ""


def _expands(call: Call) -> bool:
    """Tell whether a list shall contain the instance views: only together with a ``$filter``."""
    return call.expands_instance_view() and bool(call.query.get("$filter"))


def _page(world: World, call: Call, machines: Iterable[VirtualMachine], *, expanded: bool = False) -> Response:
    if expanded:
        return page_of_texts(world, call, machines, order, lambda each: machine_text(world, each))
    return page(world, call, machines, order, lambda each: machine_document(world, each))


def _end_deletion(world: World, operation: Operation) -> None:
    group: ResourceGroup = operation.target
    for resource in list(group.resources.values()):
        registry.drop(world, resource)
    for machine in group.machines.values():
        world.links.drop(machine.path)
        registry.note_gone(world, machine)
    group.machines.clear()
    group.subscription.groups.pop(group.name.lower(), None)
    world.chronicle.note("delete", group.path)


_DELETION = Kind("deleteResourceGroup", _end_deletion, nothing)

ROUTES = (
    Route("GET", "/subscriptions", list_subscriptions),
    Route("GET", _SUBSCRIPTION, get_subscription),
    Route("GET", _GROUPS, list_groups),
    Route("GET", _GROUP, get_group),
    Route("HEAD", _GROUP, head_group),
    Route("PUT", _GROUP, put_group),
    Route("PATCH", _GROUP, patch_group),
    Route("DELETE", _GROUP, delete_group),
    Route("GET", f"{_GROUP}/{_COMPUTE}/virtualMachines", list_in_group, "HighCostGet"),
    Route("GET", f"{_SUBSCRIPTION}/{_COMPUTE}/virtualMachines", list_in_subscription, "HighCostGet"),
    Route("GET", f"{_SUBSCRIPTION}/{_COMPUTE}/locations/{{location}}/virtualMachines", list_in_location, "HighCostGet"),
)
