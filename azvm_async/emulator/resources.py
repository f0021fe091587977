"""Subscriptions and resource groups, and the lists of what is in them."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from urllib.parse import quote

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call, location_of, string_map
from azvm_async.emulator.documents import group_document, machine_document, subscription_document
from azvm_async.emulator.model import Kind, Operation, ResourceGroup, VirtualMachine, World
from azvm_async.emulator.operations import accepted, begin, nothing, preempt
from azvm_async.emulator.routing import Route
from azvm_async.emulator.run_commands import interrupt
from azvm_async.wire import Response

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUPS = f"{_SUBSCRIPTION}/resourceGroups"
_GROUP = f"{_GROUPS}/{{group}}"
_COMPUTE = "providers/Microsoft.Compute"


def list_subscriptions(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """Answer GET on all subscriptions."""
    return Response.with_json(200, {"value": [subscription_document(each) for each in world.subscriptions.values()]})


def get_subscription(world: World, call: Call) -> Response:
    """Answer GET on a subscription."""
    return Response.with_json(200, subscription_document(world.subscription(call.name("subscription"))))


def list_groups(world: World, call: Call) -> Response:
    """Answer GET on a subscription's resource groups."""
    groups = world.subscription(call.name("subscription")).groups.values()
    return Response.with_json(200, {"value": [group_document(group) for group in groups]})


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
    return Response.with_json(200 if known else 201, group_document(group))


def delete_group(world: World, call: Call) -> Response:
    """Delete a resource group with all that is in it."""
    group = _named(world, call)
    if group.operation is None:
        group.provisioning_state = "Deleting"
        group.operation = begin(world, call, _DELETION, group, world.settings.durations.delete_group)
        for machine in group.machines.values():
            _include(world, machine, group.operation)
    answer = accepted(world, call, group.operation)
    return Response(202, {name: value for name, value in answer.headers.items() if name != "azure-asyncoperation"})


def list_in_group(world: World, call: Call) -> Response:
    """Answer GET on a resource group's VMs."""
    return _page(world, call, _named(world, call).machines.values())


def list_in_subscription(world: World, call: Call) -> Response:
    """Answer GET on a subscription's VMs; ``statusOnly=true`` adds their run-time status."""
    return _page(world, call, _all_machines(world, call), expanded=call.asks("statusOnly"))


def list_in_location(world: World, call: Call) -> Response:
    """Answer GET on a subscription's VMs in one location."""
    wanted = call.name("location").lower()
    machines = (each for each in _all_machines(world, call) if each.location == wanted)
    return _page(world, call, machines)


def _named(world: World, call: Call) -> ResourceGroup:
    return world.group(call.name("subscription"), call.name("group"))


def _include(world: World, machine: VirtualMachine, deletion: Operation) -> None:
    """Let the deletion of its group be the deletion of a VM."""
    if machine.provisioning_state != "Deleting":
        preempt(machine.operation, deletion.started)
        interrupt(world, machine, deletion.started)
        machine.provisioning_state, machine.operation = "Deleting", deletion


def _all_machines(world: World, call: Call) -> Iterator[VirtualMachine]:
    groups = world.subscription(call.name("subscription")).groups.values()
    return chain.from_iterable(group.machines.values() for group in groups)


def _page(world: World, call: Call, machines: Iterable[VirtualMachine], *, expanded: bool = False) -> Response:
    """Return a page of a list of VMs, with the link to the next one when there are more."""
    after = _place(call.query.get("$skiptoken", ""))
    size = world.settings.page_size
    found = list(islice((each for each in machines if _order(each) > after), size + 1))
    value = [machine_document(world, each, expanded=expanded) for each in found[:size]]
    if len(found) <= size:
        return Response.with_json(200, {"value": value})
    return Response.with_json(200, {"value": value, "nextLink": _next_link(call, found[size - 1])})


def _order(machine: VirtualMachine) -> tuple[int, int]:
    """Return a VM's place in lists, which stays when others come and go."""
    return machine.group.serial, machine.serial


def _place(token: str) -> tuple[int, int]:
    if not token:
        return (0, 0)
    group, _, machine = token.partition(".")
    if not (group.isdecimal() and machine.isdecimal()):
        raise Refusal(400, "InvalidSkipToken", "The value of $skiptoken is not one that a list gave.")
    return int(group), int(machine)


def _next_link(call: Call, last: VirtualMachine) -> str:
    kept = {name: value for name, value in call.query.items() if name != "$skiptoken"}
    group, machine = _order(last)
    query = "&".join(f"{name}={quote(value)}" for name, value in kept.items())
    return f"{call.base}{call.path}?{query}&$skiptoken={group}.{machine}"


def _end_deletion(world: World, operation: Operation) -> None:  # noqa: ARG001  # one of Kind's ends
    group: ResourceGroup = operation.target
    group.machines.clear()
    group.subscription.groups.pop(group.name.lower(), None)


_DELETION = Kind("deleteResourceGroup", _end_deletion, nothing)

ROUTES = (
    Route("GET", "/subscriptions", list_subscriptions),
    Route("GET", _SUBSCRIPTION, get_subscription),
    Route("GET", _GROUPS, list_groups),
    Route("GET", _GROUP, get_group),
    Route("PUT", _GROUP, put_group),
    Route("DELETE", _GROUP, delete_group),
    Route("GET", f"{_GROUP}/{_COMPUTE}/virtualMachines", list_in_group, "HighCostGet"),
    Route("GET", f"{_SUBSCRIPTION}/{_COMPUTE}/virtualMachines", list_in_subscription, "HighCostGet"),
    Route("GET", f"{_SUBSCRIPTION}/{_COMPUTE}/locations/{{location}}/virtualMachines", list_in_location, "HighCostGet"),
)
